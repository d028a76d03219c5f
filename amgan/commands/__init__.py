"""The commands of `amgan`, one module each.

A command module imports click and the light parts of amgan.runtime only; NumPy, OpenVINO, PyTorch and
rich are imported inside its functions, so that `amgan --help` stays quick.
"""
