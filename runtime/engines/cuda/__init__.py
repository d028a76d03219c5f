"""NVIDIA GPUs: memory, streams, events and graphs through cuda-python, and frames that go through them."""
