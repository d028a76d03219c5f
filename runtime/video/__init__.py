"""Moving pictures: the same person, older, frame after frame."""
