"""Training data: bare skin, the mean face, the prepared set, its packed form and its patches."""
