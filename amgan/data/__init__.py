"""Training data: bare skin masks, the mean face, the prepared set, its packed form and its patches."""
