"""The networks of a checkpoint as ONNX files: plain, simplified and in half precision."""
