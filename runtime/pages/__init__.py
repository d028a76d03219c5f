"""HTML pages: a base template, and the function that renders templates that extend it."""
