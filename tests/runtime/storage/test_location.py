"""Names of files: paths of this machine, and URLs."""

from __future__ import annotations

from pathlib import Path

import pytest

from amgan.runtime.storage.location import Location, is_url
from amgan.runtime.storage.remote import fixed_part


def test_what_is_a_url() -> None:
    for text in ("s3://b/a", "memory://a", "abfss://c@a/x", "s3+x://a"):
        assert is_url(text)
    for text in ("a", "/a", "file:///a", "local:///a", "C:\\a", "a:b", "://a", "a//b", "s3:/b"):
        assert not is_url(text)


def test_what_people_name_becomes_one_form() -> None:
    for named, text in (
        ("file:///a/b", "/a/b"), ("a//b/", "a/b"), (Path("a/b"), "a/b"), ("s3://b/in//", "s3://b/in"),
        ("memory://", "memory://"), (Location("s3://b//x"), "s3://b//x"),
    ):  # fmt: skip
        assert Location.of(named) == Location(text)
        assert str(Location.of(named)) == text


@pytest.mark.parametrize("top", ["/photos", "s3://bucket/photos"])
def test_parts_of_a_name(top: str) -> None:
    one = Location.of(top) / "sub/a.tar.JPG"
    assert one.text == f"{top}/sub/a.tar.JPG"
    assert (one.name, one.suffix, one.parent) == ("a.tar.JPG", ".JPG", Location(f"{top}/sub"))
    assert (Location.of(top) / "a").suffix == ""
    assert one.is_remote == top.startswith("s3")


def test_only_a_location_of_this_machine_has_a_path() -> None:
    assert Location.of("a/b").path == Path("a/b")
    with pytest.raises(ValueError, match="on another file system"):
        _ = Location.of("s3://a/b").path


def test_a_pattern_looks_through_its_fixed_part() -> None:
    assert fixed_part(Location("s3://b/in/x*/[ab].png")) == Location("s3://b/in")
    assert fixed_part(Location("memory://*.png")) == Location("memory://")
    assert Location("memory://") / "a.png" == Location("memory://a.png")
