"""The shipped weights, with the run that made them."""
