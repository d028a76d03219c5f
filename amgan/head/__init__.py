"""The head parser, a segmentation network for a face's own skin and hair (needs PyTorch)."""
