"""`amgan serve`: the page, its API, and the photos that are kept in memory while people work on them.

Needs the extra ``amgan[serve]``.
"""
