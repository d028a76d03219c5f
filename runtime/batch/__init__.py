"""Batches of photos, unattended and resumable."""
