"""Pages from templates: one base, everything escaped, nothing missing."""

from __future__ import annotations

from pathlib import Path

import jinja2
import pytest
from markupsafe import Markup

from amgan.runtime.pages.render import data_url, render_page

TEMPLATE = """{% extends "base.html" %}{% from "tables.html" import table %}
{% block body %}{{ table(["head"], [[cell], [safe]]) }}{% endblock %}"""


@pytest.fixture
def template(tmp_path: Path) -> Path:
    (tmp_path / "page.html").write_text(TEMPLATE)
    return tmp_path / "page.html"


def test_a_page_extends_the_base_and_escapes_its_values(template: Path) -> None:
    page = render_page(template, title="a < b", cell="<script>", safe=Markup("<b>c</b>"))
    assert page.startswith('<!doctype html>\n<html lang="en">')
    assert "<title>a &lt; b</title>" in page
    assert "border-collapse" in page.partition("</style>")[0]
    assert "<td>&lt;script&gt;</td></tr><tr><td><b>c</b></td>" in page


def test_a_value_that_is_missing_is_an_error(template: Path) -> None:
    with pytest.raises(jinja2.UndefinedError, match="'safe' is undefined"):
        render_page(template, title="a", cell="b")


def test_a_picture_in_a_page() -> None:
    assert data_url(b"abc", "png") == "data:image/png;base64,YWJj"
