"""How `amgan run-batch` ends: what it prints, its exit code, and what Ctrl-C does."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from amgan.commands import say

if TYPE_CHECKING:
    from amgan.runtime.batch_outcome import Outcome

SOME_FAILED = 3
NONE_SUCCEEDED = 1
LISTED = 50


@contextmanager
def telling_interrupts() -> Iterator[None]:
    """Say at the first Ctrl-C that what is under way is written first; a second one stops as ever."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are the main thread's
        return

    def stop(number: int, frame: Any) -> None:
        signal.signal(signal.SIGINT, before)
        say("amgan: stopping as soon as the photos under way are written")
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def exit_code(outcomes: Sequence[Outcome]) -> int:
    """0 when no photo failed, 3 when some did, 1 when none was written."""
    if not any(one.status in ("aged", "unchanged", "copied") for one in outcomes):
        return NONE_SUCCEEDED
    return SOME_FAILED if any(one.status == "failed" for one in outcomes) else 0


def summarise(outcomes: Sequence[Outcome], seconds: float) -> None:
    """Print how many photos were aged, and each of the others with the reason."""
    aged = [one for one in outcomes if one.status == "aged"]
    faces = sum(one.faces for one in aged)
    rate = len(aged) / max(seconds, 1e-9)
    click.echo(
        f"aged {len(aged)} of {len(outcomes)} photos, faces: {faces}, {seconds:.1f} s, {rate:.2f} photos/s"
    )
    unchanged = sum(one.status == "unchanged" for one in outcomes)
    if unchanged:
        click.echo(f"done before: {unchanged}")
    for status, title in (("copied", "copied"), ("skipped", "left out"), ("failed", "not aged")):
        others = sorted((one for one in outcomes if one.status == status), key=lambda one: one.path)
        if others:
            click.echo(f"{title}: {len(others)}")
        for one in others[:LISTED]:
            click.echo(f"  {one.file}: {one.reason}")
        if len(others) > LISTED:
            click.echo(f"  and {len(others) - LISTED} more: --report FILE lists them all")
