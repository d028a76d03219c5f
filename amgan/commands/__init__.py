"""The commands of `amgan`, one module each.

A command module imports only click and the light parts of amgan.runtime; NumPy, OpenVINO, PyTorch and rich
are imported inside its functions, so that `amgan --help` is fast.
"""
