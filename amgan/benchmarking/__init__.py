"""Timing of AMGAN compared with PyTorch; shared by `amgan bench` and the scripts in benchmarks/.

A time alone means little: machines differ, and so does their load. So every contender takes turns with
PyTorch eager on the same frame (A B C A B C ...), results are the ratios within a turn, and a ratio counts
only if the pixels match those of PyTorch within the tolerances of the bundle's manifest.
"""
