"""Training data: alignment, detail transfer, the prepared set and its patches."""
