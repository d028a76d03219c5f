"""HTML pages: one base template, and what renders the templates that extend it."""
