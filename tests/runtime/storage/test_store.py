"""Stores: what all kinds do alike, and the cases that no real store of another machine shows."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.dirfs import DirFileSystem
from fsspec.implementations.local import LocalFileSystem

from amgan.runtime.errors import MissingDependencyError, PhotoError, UsageError
from amgan.runtime.files import temporary_name
from amgan.runtime.storage.location import Location
from amgan.runtime.storage.remote import REMOTE
from amgan.runtime.storage.store import Facts, Store
from amgan.runtime.storage.stores import store_of


def found(store: Store, folder: Location, without: str = "") -> list[str]:
    return [one.name for one in store.walk(folder, without)]


def test_what_all_stores_say_of_files(system: Any, bucket: str) -> None:
    top = Location(bucket)
    store, photo, none = store_of(top), top / "in/a.png", top / "none"
    content = system.cat_file(photo.text)
    assert (store.is_file(photo), store.is_folder(photo), store.exists(photo)) == (True, False, True)
    assert (store.is_file(top / "in"), store.is_folder(top / "in"), store.exists(top / "in")) == (
        False, True, True,
    )  # fmt: skip
    assert (store.is_file(none), store.is_folder(none), store.exists(none)) == (False, False, False)
    facts = store.facts(photo)
    assert facts is not None and facts.size == len(content)
    assert store.facts(none) is None
    assert store.sha256(photo) == hashlib.sha256(content).hexdigest()
    assert store.identity(top / "in/sub").startswith(f"{store.identity(top / 'in')}/")
    store.remove(photo)
    store.remove(photo)
    assert not store.exists(photo)


def test_what_all_stores_find(bucket: str) -> None:
    top = Location(bucket)
    store = store_of(top)
    assert found(store, top / "in") == ["a.png", "broken.png", "notes.txt", "sub/b.png", "sub/c.png"]
    assert found(store, top / "in", store.identity(top / "in/sub")) == ["a.png", "broken.png", "notes.txt"]
    assert {one.name for one in store.find(top / "in/**/*.png")} >= {"a.png", "sub/b.png", "sub/c.png"}
    assert [one.name for one in store.find(top / "in/s*")] == ["sub/b.png", "sub/c.png"]
    assert [one.name for one in store.find(top / "*/a.png", store.identity(top / "in"))] == []
    with pytest.raises(UsageError, match="matches no file: check the pattern, and quote it"):
        list(store.find(top / "in/*.gif"))


class Disk(DirFileSystem):
    """A file system that is no object store, below a folder of this machine: plain://..."""

    protocol = "plain"
    cachable = False
    root = ""
    replaces = True

    def __init__(self, **options: Any) -> None:
        super().__init__(self.root, LocalFileSystem())

    def mv(self, source: str, target: str, **options: Any) -> None:
        if not self.replaces and self.exists(target):
            raise FileExistsError(target)
        super().mv(source, target, **options)


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> type[Disk]:
    fsspec.register_implementation("plain", Disk, clobber=True)
    monkeypatch.setattr(Disk, "root", str(tmp_path))
    return Disk


def test_urls_keep_their_host(disk: type[Disk], tmp_path: Path) -> None:
    class Hosted(Disk):
        """As sftp://: the path of a URL has no host."""

        protocol = "hosted"

        @classmethod
        def _strip_protocol(cls, path: str) -> str:
            return path.partition("://")[2].partition("/")[2] if "://" in path else path

        @staticmethod
        def _get_kwargs_from_urls(path: str) -> dict[str, str]:
            return {"host": path.partition("://")[2].partition("/")[0]}

    fsspec.register_implementation("hosted", Hosted, clobber=True)
    REMOTE.put(Location("hosted://one/in/sub/a.png"), b"1")
    (one,) = REMOTE.walk(Location("hosted://one/in"))
    assert (one.location.text, one.name) == ("hosted://one/in/sub/a.png", "sub/a.png")
    (one,) = REMOTE.find(Location("hosted://one/in/*/a.png"))
    assert (one.location.text, one.name) == ("hosted://one/in/sub/a.png", "sub/a.png")
    assert REMOTE.identity(Location("hosted://one/in/")) == REMOTE.identity(Location("hosted://one/in"))
    assert REMOTE.identity(Location("hosted://one/in")) != REMOTE.identity(Location("hosted://two/in"))
    assert REMOTE.identity(Location("memory:///in")) == REMOTE.identity(Location("memory://in"))


@pytest.mark.parametrize("replaces", [True, False])
def test_a_plain_file_system_gets_a_temporary_name_first(
    disk: type[Disk], tmp_path: Path, replaces: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Disk, "replaces", replaces)
    top = Location("plain://new")
    for content in (b"one", b"two"):
        REMOTE.put(top / "sub/a.txt", content)
        assert (tmp_path / "new" / "sub" / "a.txt").read_bytes() == content
    assert REMOTE.put_new(top / "b.txt", b"b")
    assert not REMOTE.put_new(top / "b.txt", b"c")
    assert REMOTE.files_in(top) == [top / "b.txt", top / "sub/a.txt"]
    assert REMOTE.read(top / "b.txt") == b"b"
    REMOTE.remove(top / "b.txt")
    assert REMOTE.read(top / "b.txt") is None


def test_what_fails_half_way_is_removed(
    disk: type[Disk], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Disk, source: str, target: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Disk, "mv", refuse)
    with pytest.raises(PhotoError, match=r"'plain://a.txt' cannot be written \(Permission denied\): check"):
        REMOTE.put(Location("plain://a.txt"), b"1")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize("root", ["here", "plain://out"])
def test_what_a_killed_run_left_half_written_is_removed(disk: type[Disk], tmp_path: Path, root: str) -> None:
    left = tmp_path / "out" / "sub" / temporary_name("a.png")
    left.parent.mkdir(parents=True)
    left.write_text("half")
    (tmp_path / "out" / "a.png").write_text("whole")
    top = Location.of(tmp_path / "out") if root == "here" else Location(root)
    assert store_of(top).remove_leftovers(top, [top, top / "sub", top / "none"]) == 1
    assert not left.exists()
    assert (tmp_path / "out" / "a.png").exists()
    assert REMOTE.remove_leftovers(Location("memory://out"), []) == 0


def test_what_cannot_be_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="on no known file system"):
        REMOTE.is_file(Location("nope://a"))
    with pytest.raises(UsageError, match="is a chain of file systems"):
        REMOTE.is_file(Location("zip://a::memory://b"))
    with pytest.raises(
        PhotoError, match=r"'memory://none' cannot be read \(.*\): it does not exist, check the name"
    ):
        REMOTE.fetch(Location("memory://none"), tmp_path / "x")

    class Broken(Disk):
        def __init__(self, **options: Any) -> None:
            raise RuntimeError("\n no answer\nmore")

    fsspec.register_implementation("broken", Broken, clobber=True)
    with pytest.raises(PhotoError, match=r"'broken://a' cannot be reached \(no answer\): check its name"):
        REMOTE.is_folder(Location("broken://a"))
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(MissingDependencyError, match="needs a package that is not installed"):
        REMOTE.is_file(Location("gs://a/b"))
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(
        MissingDependencyError, match=r"needs the package fsspec.*pip install 'amgan\[remote\]'"
    ):
        REMOTE.is_file(Location("memory://a"))


def test_a_weak_tag_is_none(disk: type[Disk], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_text("abc")
    info = Disk.info
    for tags, expected in (({}, ""), ({"ETag": 'W/"1"'}, ""), ({"ETag": 'W/"1"', "md5Hash": "2"}, "2")):
        monkeypatch.setattr(Disk, "info", lambda self, path, tags=tags: info(self, path) | tags)
        assert REMOTE.facts(Location("plain://a")) == Facts(3, expected)
    assert REMOTE.facts(Location("plain://")) is None
