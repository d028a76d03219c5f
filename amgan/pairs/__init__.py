"""Training pairs: a population's aging field on the mean face, patterns of lines, and versions of faces."""
