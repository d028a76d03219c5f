"""Faces for training and labelling: aligned frames, warps between faces, tables of ages and splits."""
