"""The pipeline: from a photo to the aged photo."""
