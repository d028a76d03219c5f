"""Training pairs: a population's aging field on the mean face, patterns of lines, and faces aged by them."""
