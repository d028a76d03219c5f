"""A few words that have a standard term: they must not return to documentation and docstrings."""

from __future__ import annotations

import re

from support.helpers import ROOT

STANDARD_TERMS = {
    r"nobody's business": "undefined",
    r"held against": "compared with",
    r"through the ages": "at several ages",
    r"drawn by lot": "drawn at random",
}
"""Expressions, and what to write instead."""
FOLDERS = {"docs": "*.md", "runtime": "*.py", "amgan": "*.py", "export": "*.py"}


def test_documentation_uses_standard_terms() -> None:
    found = []
    pages = [
        *ROOT.glob("*.md"),
        *(page for name, kind in FOLDERS.items() for page in (ROOT / name).rglob(kind)),
    ]
    for page in sorted(pages):
        if page.name == "CHANGELOG.md":
            continue
        text = page.read_text(encoding="utf-8")
        for words, instead in STANDARD_TERMS.items():
            for match in re.finditer(rf"\b{words}\b", text, re.IGNORECASE):
                line = text.count("\n", 0, match.start()) + 1
                found.append(f"{page.relative_to(ROOT)}:{line}: {match[0]!r}, write: {instead}")
    assert not found, "\n".join(found)
