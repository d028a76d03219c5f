"""Files on other file systems, in the cases that no real store shows."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.dirfs import DirFileSystem
from fsspec.implementations.local import LocalFileSystem

from amgan.runtime.batch.remote_ledger import RemoteLedger
from amgan.runtime.errors import MissingDependencyError, PhotoError, UsageError
from amgan.runtime.files import temporary_name
from amgan.runtime.storage import location as storage


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


def test_what_is_a_url() -> None:
    for text in ("s3://b/a", "memory://a", "abfss://c@a/x", "s3+x://a"):
        assert storage.is_url(text)
    for text in ("a", "/a", "file:///a", "local:///a", "C:\\a", "a:b", "://a", "a//b", "s3:/b"):
        assert not storage.is_url(text)
    assert storage.local_path("file:///a/b") == "/a/b"
    assert storage.local_path("a/b") == "a/b"
    assert storage.join_url("s3://b/in//", "a.png") == "s3://b/in/a.png"
    assert storage.join_url("memory://", "a.png") == "memory://a.png"
    assert storage.fixed_part("s3://b/in/x*/[ab].png") == "s3://b/in"
    assert storage.fixed_part("memory://*.png") == "memory://"


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
    storage.put("hosted://one/in/sub/a.png", b"1")
    (found,) = storage.files_below("hosted://one/in/")
    assert found == storage.Listed("hosted://one/in/sub/a.png", "sub/a.png", 1)
    (found,) = storage.matches("hosted://one/in/*/a.png")
    assert (found.url, found.name) == ("hosted://one/in/sub/a.png", "sub/a.png")
    assert storage.place_of("hosted://one/in/") == storage.place_of("hosted://one/in")
    assert storage.place_of("hosted://one/in") != storage.place_of("hosted://two/in")
    assert storage.place_of("memory:///in") == storage.place_of("memory://in")


@pytest.mark.parametrize("replaces", [True, False])
def test_a_plain_file_system_gets_a_temporary_name_first(
    disk: type[Disk], tmp_path: Path, replaces: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Disk, "replaces", replaces)
    for content in (b"one", b"two"):
        storage.put("plain://new/sub/a.txt", content)
        assert (tmp_path / "new" / "sub" / "a.txt").read_bytes() == content
    assert storage.put_new("plain://new/b.txt", b"b")
    assert not storage.put_new("plain://new/b.txt", b"c")
    assert [one.name for one in storage.files_below("plain://new")] == ["b.txt", "sub/a.txt"]
    assert storage.read("plain://new/b.txt") == b"b"
    storage.remove("plain://new/b.txt")
    storage.remove("plain://new/b.txt")
    assert storage.read("plain://new/b.txt") is None


def test_what_fails_half_way_is_removed(
    disk: type[Disk], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Disk, source: str, target: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Disk, "mv", refuse)
    with pytest.raises(PhotoError, match=r"'plain://a.txt' cannot be written \(Permission denied\): check"):
        storage.put("plain://a.txt", b"1")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_what_a_killed_run_left_half_written_is_removed(disk: type[Disk], tmp_path: Path) -> None:
    left = tmp_path / "out" / "sub" / temporary_name("a.png")
    left.parent.mkdir(parents=True)
    left.write_text("half")
    (tmp_path / "out" / "a.png").write_text("whole")
    assert RemoteLedger("plain://out", "s").clean(()) == 1
    assert not left.exists()
    assert RemoteLedger("memory://out", "s").clean(()) == 0


def test_what_cannot_be_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="on no known file system"):
        storage.is_file("nope://a")
    with pytest.raises(UsageError, match="is a chain of file systems"):
        storage.is_file("zip://a::memory://b")
    with pytest.raises(
        PhotoError, match=r"'memory://none' cannot be read \(.*\): there is nothing of that name"
    ):
        storage.fetch("memory://none", tmp_path / "x")
    assert storage.look_up("memory://none") is None

    class Broken(Disk):
        def __init__(self, **options: Any) -> None:
            raise RuntimeError("\n no answer\nmore")

    fsspec.register_implementation("broken", Broken, clobber=True)
    with pytest.raises(PhotoError, match=r"'broken://a' cannot be reached \(no answer\): check its name"):
        storage.is_folder("broken://a")
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(MissingDependencyError, match="needs a package that is not installed"):
        storage.is_file("gs://a/b")
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(
        MissingDependencyError, match=r"needs the package fsspec.*pip install 'amgan\[remote\]'"
    ):
        storage.is_file("memory://a")


def test_a_weak_tag_is_none(disk: type[Disk], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_text("abc")
    info = Disk.info
    for tags, expected in (({}, ""), ({"ETag": 'W/"1"'}, ""), ({"ETag": 'W/"1"', "md5Hash": "2"}, "2")):
        monkeypatch.setattr(Disk, "info", lambda self, path, tags=tags: info(self, path) | tags)
        assert storage.look_up("plain://a") == storage.Facts(3, expected)
    assert storage.look_up("plain://") is None
