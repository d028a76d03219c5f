"""The face: where on it a place lies, and which pattern of lines it gets."""
