"""Batches: many photos, unattended and resumable."""
