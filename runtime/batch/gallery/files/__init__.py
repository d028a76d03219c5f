"""Style sheet and script of the gallery, which are inlined into index.html."""
