"""Locks that allow one run at a time in an output folder."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import socket
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType

from ..errors import AmganError, PhotoError, UsageError
from .location import Location
from .remote import REMOTE

_log = logging.getLogger(__name__)

RUN_FOLDER = ".amgan"
"""Folder inside an output folder that holds the lock and the record of a run."""
HEARTBEAT_S = 10.0
STALE_AFTER_S = 35.0
_LOCKED_BYTE = 2**30
"""Windows locks byte ranges, which others cannot read then: this byte is beyond the file's text."""


class RunLock(ABC):
    """An exclusive lock on an output folder until it is closed; a context manager."""

    def __enter__(self) -> RunLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def check(self) -> None:
        """Raise PhotoError if another run has taken over the lock."""

    @abstractmethod
    def close(self) -> None:
        """Release the lock."""


def lock_folder(output: Location, tell: Callable[[str], None] = lambda sentence: None) -> RunLock:
    """Acquire the lock of the folder ``output``, which is created if it does not exist.

    ``tell`` is called with a sentence if the lock has to be waited for. Raises UsageError if another run
    holds the lock, and PhotoError if the folder cannot be written.
    """
    return HeartbeatLock(output, tell) if output.is_remote else KernelLock(output)


class KernelLock(RunLock):
    """The lock of a local folder.

    The kernel (flock) releases it when the process ends in any way, so there are no stale locks. The content
    of the file is only informative. On a file system without locks the run continues with a warning.
    """

    def __init__(self, output: Location) -> None:
        path = output.path / RUN_FOLDER / "lock"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise PhotoError(
                f"'{output}' cannot be written ({error.strerror}): name a folder that can"
            ) from error
        try:
            _take(self._file)
        except BlockingIOError as error:
            content = os.read(self._file, 200)
            os.close(self._file)
            raise _in_use(output, content) from error
        except OSError as error:
            # A share without locks (NFS without lockd, SMB, sshfs): continue without a lock.
            _log.warning(
                "'%s' lies on a file system without locks (%s): make sure that only one run uses it",
                output, error.strerror,
            )  # fmt: skip
        with contextlib.suppress(OSError):  # the first photo reports a full disk in a better sentence
            os.ftruncate(self._file, 0)
            os.write(self._file, f"{_this_process()}\n".encode())

    def check(self) -> None:
        """Do nothing: the kernel's lock cannot be taken over."""

    def close(self) -> None:
        """Release the lock."""
        os.close(self._file)


def _take(file: int) -> None:
    """Acquire the kernel's lock on an open file without blocking.

    Raises BlockingIOError if another process holds it, OSError if locks are not supported.
    """
    if sys.platform == "win32":
        import msvcrt

        os.lseek(file, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except PermissionError as error:
            raise BlockingIOError(error.errno, error.strerror) from error
        finally:
            os.lseek(file, 0, os.SEEK_SET)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


class HeartbeatLock(RunLock):
    """The lock of a remote folder, by heartbeat.

    The lock is a small object that its run rewrites every HEARTBEAT_S seconds. A run that finds one watches
    it for STALE_AFTER_S seconds on its own clock: if it does not change, its run has died, and the lock is
    taken over. A run that lost its lock because it could not reach the store notices that at its next beat
    and stops.
    """

    def __init__(self, output: Location, tell: Callable[[str], None]) -> None:
        self._output = output
        self._file = output / RUN_FOLDER / "lock"
        self._token = secrets.token_hex(8)
        self._who = _this_process()
        self._beats = 0
        self._lost = ""
        self._ended = threading.Event()
        held = REMOTE.read(self._file)
        if held is not None:
            wait = f"{STALE_AFTER_S:.0f} s"
            tell(f"'{output}' is locked by {_holder(held)}: waiting {wait} to see if it is alive")
            self._wait_until_stale(held)
        if not REMOTE.put_new(self._file, self._content()) or not self._is_mine():
            raise _in_use(output, REMOTE.read(self._file) or b"")
        self._thread = threading.Thread(target=self._keep_beating, name="amgan-lock", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raise PhotoError if another run has taken over the lock."""
        if self._lost:
            raise PhotoError(
                f"'{self._output}' was taken over by {self._lost} while the store could not be reached: "
                "wait until that run ends, and run the same command again"
            )

    def close(self) -> None:
        """Release the lock and end its thread."""
        self._ended.set()
        self._thread.join()
        try:
            if self._is_mine():
                REMOTE.remove(self._file)
        except AmganError:
            pass  # the next run finds it stale

    def _wait_until_stale(self, held: bytes) -> None:
        """Wait until a lock is known to be stale, and remove it; raises UsageError if its run is alive."""
        end = time.monotonic() + STALE_AFTER_S
        while time.monotonic() < end:
            time.sleep(min(1.0, STALE_AFTER_S / 10))
            now = REMOTE.read(self._file)
            if now is None:
                return
            if now != held:
                raise _in_use(self._output, now)
        REMOTE.remove(self._file)

    def _keep_beating(self) -> None:
        while not self._ended.wait(HEARTBEAT_S):
            try:
                held = REMOTE.read(self._file)
                if held is not None and self._token.encode() not in held:
                    self._lost = _holder(held)
                    return
                self._beats += 1
                REMOTE.put(self._file, self._content())
            except AmganError:
                continue  # the store may answer again

    def _is_mine(self) -> bool:
        return self._token.encode() in (REMOTE.read(self._file) or b"")

    def _content(self) -> bytes:
        return f"{self._who}\n{self._token} {self._beats}\n".encode()


def _this_process() -> str:
    """A description of this process for the content of a lock."""
    return f"process {os.getpid()} on {socket.gethostname()} since {time.strftime('%Y-%m-%d %H:%M:%S')}"


def _holder(content: bytes) -> str:
    return content.decode("utf-8", "replace").partition("\n")[0][:200] or "just started"


def _in_use(output: Location, content: bytes) -> UsageError:
    """The error for a folder that another run has locked; ``content`` is that of its lock."""
    return UsageError(
        f"'{output}' is in use by another run ({_holder(content)}): wait until it ends, or "
        "name another output"
    )
