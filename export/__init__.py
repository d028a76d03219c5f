"""Export of AMGAN: checkpoint to ONNX and bundle, with a parity check against PyTorch."""
