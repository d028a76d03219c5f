"""Faces: found, fitted with a mesh, cut out as canonical frames, and pasted back."""
