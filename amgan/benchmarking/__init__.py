"""Measuring AMGAN side by side with PyTorch: what `amgan bench` and the scripts in benchmarks/ share.

A time by itself says little: machines differ, and so does what else they do. So every contender takes turns
with PyTorch eager on the same frame (A B C A B C ...), what counts is the ratio within a turn, and a ratio
counts only where the pixels are those of PyTorch, within the tolerances of the bundle's manifest.
"""
