"""The lock of an output folder: the kernel's on this machine, one that beats on others."""

from __future__ import annotations

import errno
import fcntl
import os
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.object_store import new_bucket

from amgan.runtime.errors import PhotoError, UsageError
from amgan.runtime.storage import lock as locks
from amgan.runtime.storage.location import Location
from amgan.runtime.storage.lock import lock_folder
from amgan.runtime.storage.remote import RemoteStore

remote_only = pytest.mark.parametrize("system", ["memory", "s3"], indirect=True, scope="module")
HANGS_AFTER_S = 600
"""When a test that waits for an event gives up: no machine is so slow."""


@pytest.fixture
def out(system: Any, monkeypatch: pytest.MonkeyPatch) -> Location:
    """An output folder, and a lock that beats quickly and is watched for long."""
    monkeypatch.setattr(locks, "HEARTBEAT_S", 0.1)
    monkeypatch.setattr(locks, "STALE_AFTER_S", 600.0)
    return Location(new_bucket(system)) / "out"


def test_two_runs_do_not_share_a_folder(out: Location) -> None:
    told: list[str] = []
    with lock_folder(out) as lock:
        with pytest.raises(UsageError, match=rf"in use by another run \(process {os.getpid()} on .*\): wait"):
            lock_folder(out, told.append)
        lock.check()
        lock_folder(out.parent / "other").close()
    assert [("is locked by process" in sentence) for sentence in told] == [True] * out.is_remote
    lock_folder(out, told.append).close()
    assert len(told) == out.is_remote


def test_a_share_without_locks_is_used_with_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with lock_folder(Location.of(tmp_path / "out")):
        pass
    assert "a file system without locks (No locks available): make sure" in caplog.text


def test_the_lock_of_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As far as it can be told elsewhere: one byte is asked for, beyond the text, without waiting."""
    asked: list[tuple[int, int, int]] = []
    taken: list[bool] = []

    def locking(file: int, mode: int, length: int) -> None:
        asked.append((os.lseek(file, 0, os.SEEK_CUR), mode, length))
        if taken:
            raise PermissionError(errno.EACCES, "Permission denied")
        taken.append(True)

    monkeypatch.setitem(sys.modules, "msvcrt", SimpleNamespace(locking=locking, LK_NBLCK=2))
    monkeypatch.setattr(sys, "platform", "win32")
    in_use = rf"in use by another run \(process {os.getpid()} on"
    with lock_folder(Location.of(tmp_path / "out")), pytest.raises(UsageError, match=in_use):
        lock_folder(Location.of(tmp_path / "out"))
    assert asked == [(2**30, 2, 1)] * 2


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PhotoError, match=r"cannot be written \(Not a directory\): name a folder"):
        lock_folder(Location.of(tmp_path / "file" / "out"))


@remote_only
def test_nothing_stays_of_a_lock(system: Any, out: Location) -> None:
    lock_folder(out).close()
    assert not system.find(out.text)


@remote_only
def test_the_lock_of_a_dead_run_is_taken_over(
    system: Any, out: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "STALE_AFTER_S", 0.4)
    system.pipe_file(f"{out}/.amgan/lock", b"process 1 on a machine that is gone\nabc 7\n")
    told: list[str] = []
    with lock_folder(out, told.append) as lock:
        lock.check()
        assert b"a machine that is gone" not in system.cat_file(f"{out}/.amgan/lock")
    assert told == [
        f"'{out}' is locked by process 1 on a machine that is gone: waiting 0 s to see if it is alive"
    ]


@remote_only
def test_a_lock_that_goes_while_it_is_watched_is_free(out: Location, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([b"process 1\nabc 7\n", None])
    read = RemoteStore.read
    monkeypatch.setattr(RemoteStore, "read", lambda self, place: next(answers, None) or read(self, place))
    lock_folder(out).close()


@remote_only
def test_a_run_whose_lock_was_taken_over_notices(
    system: Any, out: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    with lock_folder(out) as lock:
        assert isinstance(lock, locks.HeartbeatLock)
        system.pipe_file(f"{out}/.amgan/lock", b"process 2 on another machine\nabc 1\n")
        lock._thread.join(HANGS_AFTER_S)  # its thread ends when it sees that
        with pytest.raises(PhotoError, match="taken over by process 2 on another machine while"):
            lock.check()
    assert system.cat_file(f"{out}/.amgan/lock").startswith(b"process 2")


@remote_only
def test_a_store_that_does_not_answer_for_a_moment_is_no_loss(
    out: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals, twice = [0], threading.Event()

    def refuse(self: RemoteStore, place: Location, content: bytes = b"") -> bytes:
        refusals[0] += 1
        if refusals[0] == 2:
            twice.set()
        raise PhotoError("no")

    with lock_folder(out) as lock:
        monkeypatch.setattr(RemoteStore, "put", refuse)
        assert twice.wait(HANGS_AFTER_S)
        lock.check()
        monkeypatch.setattr(RemoteStore, "read", refuse)


@remote_only
def test_another_run_that_was_quicker(out: Location, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RemoteStore, "put_new", lambda self, place, content: False)
    with pytest.raises(UsageError, match=r"in use by another run \(just started\)"):
        lock_folder(out)
