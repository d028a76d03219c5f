"""Files on this machine or, through fsspec, on other file systems."""
