"""TensorRT: building, checking and describing the engines of a bundle."""
