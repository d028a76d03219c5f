"""Folders that checkouts share: the same content gives the same folder, and old ones go."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from support import kept
from support.kept import kept_folder, made_once


@pytest.fixture(autouse=True)
def top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of this user's folders; files of tmp_path are those of the checkout."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(kept, "ROOT", tmp_path)
    (tmp_path / "a.c").write_text("one")
    (tmp_path / "b.c").write_text("two")
    return tmp_path / f"amgan-tests-{os.getuid()}"


def test_names_go_by_content_and_facts(tmp_path: Path) -> None:
    files = [tmp_path / "b.c", tmp_path / "a.c"]
    first = kept_folder("build", files, "gcc 12")
    assert first is not None and first.is_dir() and first.name.startswith("build-")
    assert kept_folder("build", files[::-1], "gcc 12") == first
    others = {kept_folder("build", files, "gcc 13"), kept_folder("build", files[:1], "gcc 12")}
    (tmp_path / "a.c").write_text("three")
    others.add(kept_folder("build", files, "gcc 12"))
    assert len(others) == 3 and first not in others


def test_unused_folders_go(tmp_path: Path, top: Path) -> None:
    old, young = kept_folder("build", [], "old"), kept_folder("build", [], "young")
    assert old is not None and young is not None
    os.utime(old, (0, 0))
    assert kept_folder("build", [], "young") == young
    assert [one.name for one in top.iterdir()] == [young.name]


def test_a_link_is_nobody_s(tmp_path: Path, top: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    top.symlink_to(tmp_path / "elsewhere")
    assert kept_folder("build", []) is None
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_what_failed_is_made_again(tmp_path: Path) -> None:
    made: list[Path] = []

    def make(folder: Path) -> None:
        made.append(folder)
        if len(made) == 1:
            raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError, match="the disk is full"):
        made_once("build", [], ["gcc"], tmp_path, make)
    folders = {made_once("build", [], ["gcc"], tmp_path, make) for _ in range(3)}
    assert len(made) == 2 and folders == {made[0]} == {made[1]}
