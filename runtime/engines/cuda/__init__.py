"""NVIDIA GPUs: memory, streams, events and graphs through cuda-bindings, and frames that go through them."""
