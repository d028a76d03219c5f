"""Style and script of the gallery, put into every index.html."""
