"""Form of the documentation: standard terms, and tables that every Markdown renderer reads."""

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


def test_rows_of_tables_are_on_one_line() -> None:
    broken = []
    for page in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]):
        text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
        rows = [
            line for line in text.splitlines() if line.startswith("|") and not line.rstrip().endswith("|")
        ]
        broken += [f"{page.name}: {row}" for row in rows]
    assert not broken, "\n".join(broken)


def test_comments_of_the_c_header_have_their_star() -> None:
    inside = False
    for line in (ROOT / "runtime" / "capi" / "amgan.h").read_text(encoding="utf-8").splitlines():
        assert not inside or line.startswith(" *"), line
        inside = "*/" not in line and (inside or line.startswith("/*"))
