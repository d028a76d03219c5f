"""Bundles: deployment folders with a manifest, networks and engines."""
