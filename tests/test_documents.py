"""The pages of the documentation as a reader's program shows them."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("benchmarks/*.md")])


def broken_rows(text: str) -> list[str]:
    """Rows of tables that do not end on their own line."""
    rows, fenced = [], False
    for line in text.splitlines():
        fenced ^= line.startswith("```")
        if not fenced and line.startswith("|") and not line.rstrip().endswith("|"):
            rows.append(line)
    return rows


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_rows_of_tables_are_whole(page: Path) -> None:
    assert broken_rows(page.read_text(encoding="utf-8")) == []


def test_a_broken_row_would_be_found() -> None:
    assert broken_rows("| a | b |\n| - | - |\n| one | two\nthree |\n") == ["| one | two"]
    assert broken_rows("```\n| tree\n```\n| a |\n") == []


def test_comments_of_the_c_header_have_their_star() -> None:
    inside = False
    for line in (ROOT / "runtime" / "capi" / "amgan.h").read_text(encoding="utf-8").splitlines():
        assert not inside or line.startswith(" *"), line
        inside = "*/" not in line and (inside or line.startswith("/*"))
