"""Parity check: compares the files of a bundle with the networks in PyTorch."""
