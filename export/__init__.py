"""Export of AMGAN: checkpoint to ONNX and bundle, with proof of parity."""
