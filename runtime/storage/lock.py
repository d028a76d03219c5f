"""One run at a time in an output folder."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import time
from pathlib import Path
from types import TracebackType

from ..errors import PhotoError, UsageError

_log = logging.getLogger(__name__)

RUN_FOLDER = ".amgan"
"""Folder inside an output folder where a run keeps its lock and its record."""


def this_process() -> str:
    """Who holds a lock that is taken now, in words for whoever meets it."""
    return f"process {os.getpid()} on {socket.gethostname()} since {time.strftime('%Y-%m-%d %H:%M:%S')}"


def in_use(output: Path | str, holder: str) -> UsageError:
    """What to raise where another run has the folder ``output``; ``holder`` may be empty."""
    return UsageError(
        f"'{output}' is in use by another run ({holder or 'it just began'}): wait until that one "
        "ends, or name another output"
    )


class RunLock:
    """Holds an output folder for this process; a context manager.

    The lock is the kernel's (flock): it is gone the moment its process is, however that ended, so that no
    stale lock is ever in the way. What the file says is only for people. On a file system that has no locks
    the run goes on, with a warning.
    """

    def __init__(self, output: Path) -> None:
        """Take the lock of the folder ``output``, which is made if it is not there.

        Raises UsageError where another run has it, and PhotoError where the folder cannot be written.
        """
        import fcntl

        path = output / RUN_FOLDER / "lock"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise PhotoError(
                f"'{output}' cannot be written ({error.strerror}): name a folder that can"
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(self._file, 200).decode("utf-8", "replace").strip()
            os.close(self._file)
            raise in_use(output, holder) from error
        except OSError as error:
            # A share without locks (NFS without lockd, SMB, sshfs): as good as none, and said once.
            _log.warning(
                "'%s' lies on a file system without locks (%s): see to it that one run at a time uses it",
                output, error.strerror,
            )  # fmt: skip
        with contextlib.suppress(OSError):  # a full disk is met by the first photo, with a better sentence
            os.ftruncate(self._file, 0)
            os.write(self._file, f"{this_process()}\n".encode())

    def __enter__(self) -> RunLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the folder free."""
        os.close(self._file)
