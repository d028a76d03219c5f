"""Bundles: the folder that a deployment consists of, its manifest, and the engines in it."""
