"""The lock of an output folder on another file system."""

from __future__ import annotations

import time
from typing import Any

import pytest
from object_store import new_bucket

from amgan.runtime.errors import PhotoError, UsageError
from amgan.runtime.storage import remote_lock
from amgan.runtime.storage.remote_lock import RemoteLock


@pytest.fixture
def out(system: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """An output folder, and a lock that beats quickly."""
    monkeypatch.setattr(remote_lock, "BEAT_S", 0.1)
    monkeypatch.setattr(remote_lock, "PATIENCE_S", 600.0)
    return f"{new_bucket(system)}/out"


def test_two_runs_do_not_share_a_folder(system: Any, out: str) -> None:
    told: list[str] = []
    with RemoteLock(out) as lock:
        with pytest.raises(
            UsageError, match=r"in use by another run \(process \d+ on .* since .*\): wait until"
        ):
            RemoteLock(out, told.append)
        lock.check()
        RemoteLock(out + "2").close()
    assert len(told) == 1
    assert "is locked by process" in told[0]
    assert not system.find(out)
    RemoteLock(out, told.append).close()
    assert len(told) == 1


def test_the_lock_of_a_dead_run_is_taken_over(system: Any, out: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_lock, "PATIENCE_S", 0.4)
    system.pipe_file(f"{out}/.amgan/lock", b"process 1 on a machine that is gone\nabc 7\n")
    told: list[str] = []
    with RemoteLock(out, told.append) as lock:
        lock.check()
        assert b"a machine that is gone" not in system.cat_file(f"{out}/.amgan/lock")
    assert told == [
        f"'{out}' is locked by process 1 on a machine that is gone: waiting 0 s to see if it is alive"
    ]


def test_a_lock_that_goes_while_it_is_watched_is_free(
    system: Any, out: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([b"process 1\nabc 7\n", None])
    read = remote_lock.read
    monkeypatch.setattr(remote_lock, "read", lambda url: next(answers, None) or read(url))
    RemoteLock(out).close()


def test_a_run_whose_lock_was_taken_over_notices(system: Any, out: str) -> None:
    with RemoteLock(out) as lock:
        system.pipe_file(f"{out}/.amgan/lock", b"process 2 on another machine\nabc 1\n")
        end = time.monotonic() + 600
        while time.monotonic() < end and not lock._lost:
            time.sleep(0.05)
        with pytest.raises(PhotoError, match="taken over by process 2 on another machine while"):
            lock.check()
    assert system.cat_file(f"{out}/.amgan/lock").startswith(b"process 2")


def test_a_store_that_does_not_answer_for_a_moment_is_no_loss(
    system: Any, out: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[str] = []

    def refuse(url: str, content: bytes) -> None:
        refused.append(url)
        raise PhotoError("no")

    with RemoteLock(out) as lock:
        monkeypatch.setattr(remote_lock, "put", refuse)
        end = time.monotonic() + 600
        while time.monotonic() < end and len(refused) < 2:
            time.sleep(0.05)
        lock.check()

        def unreadable(url: str) -> bytes:
            raise PhotoError("no")

        monkeypatch.setattr(remote_lock, "read", unreadable)
    assert len(refused) >= 2


def test_another_run_that_was_quicker(system: Any, out: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_lock, "put_new", lambda url, content: False)
    with pytest.raises(UsageError, match=r"in use by another run \(it just began\)"):
        RemoteLock(out)
