"""Parity: proof that the files of a bundle compute what PyTorch computes."""
