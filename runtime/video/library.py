"""Loads PyAV when a video is first opened, and converts its errors."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import AmganError, MissingDependencyError, VideoError

NEEDED = 18
"""The first version of PyAV that can write a display matrix (rotation)."""


def load_av(path: Path | str) -> Any:
    """Import PyAV; raises MissingDependencyError, naming the video, if it is not installed or too old."""
    try:
        import av
    except ImportError as error:
        raise MissingDependencyError(
            f"'{path}' needs PyAV, which is not installed: pip install 'amgan[video]'"
        ) from error
    if int(av.__version__.partition(".")[0]) < NEEDED:
        raise MissingDependencyError(
            f"'{path}' needs PyAV {NEEDED} or newer, not {av.__version__}: pip install -U 'amgan[video]'"
        )
    return av


@contextlib.contextmanager
def reading(path: Path, where: str = "") -> Iterator[None]:
    """Convert PyAV's errors while a file is read to a VideoError that names the file."""
    av = load_av(path)
    try:
        yield
    except AmganError:
        raise
    except FileNotFoundError as error:
        raise VideoError(f"'{path}' does not exist: check the name of the video") from error
    except av.error.InvalidDataError as error:
        what = f"is damaged or cut short{where}" if where else "is no video that can be read, or is cut short"
        raise VideoError(f"'{path}' {what}: create it again with ffmpeg, or give another file") from error
    except (av.error.FFmpegError, ValueError, OSError) as error:
        raise VideoError(f"'{path}' cannot be read{where}: {reason(error)}") from error


def reason(error: BaseException) -> str:
    """The message of an error of PyAV or of the system, in one line."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())


def told(error: BaseException) -> str:
    """The message of an error of PyAV with the library's last log line, in one line."""
    words = getattr(error, "log", None)
    last = " ".join(str(words[2]).split()) if words else ""
    return f"{reason(error)}, {last}" if last else reason(error)
