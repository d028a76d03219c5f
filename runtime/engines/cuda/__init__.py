"""NVIDIA GPUs: memory, streams, events and graphs through cuda-bindings, and the tile device on them."""
