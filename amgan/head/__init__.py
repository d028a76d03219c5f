"""The head parser: which pixels around a face are its own skin, and which its hair (needs PyTorch)."""
