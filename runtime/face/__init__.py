"""Faces: detection, mesh, canonical frames, region masks, and pasting."""
