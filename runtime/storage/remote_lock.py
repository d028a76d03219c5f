"""One run at a time in an output folder on another file system, where no kernel keeps a lock."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from types import TracebackType

from ..errors import AmganError, PhotoError
from .location import join_url, put, put_new, read, remove
from .lock import RUN_FOLDER, in_use, this_process

BEAT_S = 10.0
PATIENCE_S = 35.0


class RemoteLock:
    """Holds an output folder for this process; a context manager.

    The lock is a small object that its run writes anew every BEAT_S seconds. A run that meets one watches it
    for PATIENCE_S seconds, by its own clock: if it does not change its run is dead, and the lock is taken
    over. Where a run could not reach the store for that long, and another took over, it notices at its next
    beat, and stops.
    """

    def __init__(self, output: str, tell: Callable[[str], None] = lambda sentence: None) -> None:
        """Take the lock of the folder ``output``, a URL; ``tell`` hears why it takes long.

        Raises UsageError where another run has it, and PhotoError where the folder cannot be written.
        """
        self._output = output
        self._url = join_url(output, RUN_FOLDER + "/lock")
        self._token = secrets.token_hex(8)
        self._who = this_process()
        self._beats = 0
        self._lost = ""
        self._ended = threading.Event()
        held = read(self._url)
        if held is not None:
            tell(f"'{output}' is locked by {_holder(held)}: waiting {PATIENCE_S:.0f} s to see if it is alive")
            self._outwait(held)
        if not put_new(self._url, self._content()) or not self._is_mine():
            raise in_use(self._output, _holder(read(self._url) or b""))
        self._thread = threading.Thread(target=self._beat, name="amgan-lock", daemon=True)
        self._thread.start()

    def __enter__(self) -> RemoteLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def check(self) -> None:
        """Raise PhotoError where another run has taken the folder over."""
        if self._lost:
            raise PhotoError(
                f"'{self._output}' was taken over by {self._lost} while the store could not be reached: "
                "wait until that one ends and give the same command again"
            )

    def close(self) -> None:
        """Give the folder free."""
        self._ended.set()
        self._thread.join()
        try:
            if self._is_mine():
                remove(self._url)
        except AmganError:
            pass  # the next run sees that it does not change

    def _outwait(self, held: bytes) -> None:
        """Wait until a lock proves to be a dead run's, and remove it; raises UsageError where it is not."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            time.sleep(min(1.0, PATIENCE_S / 10))
            now = read(self._url)
            if now is None:
                return
            if now != held:
                raise in_use(self._output, _holder(now))
        remove(self._url)

    def _beat(self) -> None:
        while not self._ended.wait(BEAT_S):
            try:
                held = read(self._url)
                if held is not None and self._token.encode() not in held:
                    self._lost = _holder(held)
                    return
                self._beats += 1
                put(self._url, self._content())
            except AmganError:
                continue  # the store may answer again; nobody takes over before it does

    def _is_mine(self) -> bool:
        return self._token.encode() in (read(self._url) or b"")

    def _content(self) -> bytes:
        return f"{self._who}\n{self._token} {self._beats}\n".encode()


def _holder(content: bytes) -> str:
    return content.decode("utf-8", "replace").partition("\n")[0][:200] or "it just began"
