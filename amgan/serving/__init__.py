"""`amgan serve`: the page, its API, and the in-memory store of photos.

Needs the extra ``amgan[serve]``.
"""
