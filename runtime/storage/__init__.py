"""Where files are: on this machine or, by way of fsspec, on another file system."""
