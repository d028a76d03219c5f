"""Data after a JPEG's picture (films, further pictures), which would show the unaged photo."""

from __future__ import annotations

from pathlib import Path

from .jpeg_segments import after_picture

_PICTURE, _FILM = b"\xff\xd8\xff", b"ftyp"
FILM, PICTURES = "a film (motion photo)", "further pictures (a gain map, depth or previews)"


def payloads(path: Path) -> tuple[str, ...]:
    """Descriptions of the data after a JPEG's picture; empty for other files. Raises OSError."""
    with path.open("rb") as stream:
        if stream.read(3) != _PICTURE:
            return ()
        stream.seek(0)
        content = stream.read()
    try:
        rest = after_picture(content)
    except ValueError:
        return ()
    film = rest.find(_FILM)
    pictures = rest if film < 0 else rest[:film]
    return (*((PICTURES,) if _PICTURE in pictures else ()), *((FILM,) if film >= 0 else ()))


def left_out(before: Path, after: Path) -> tuple[str, ...]:
    """Descriptions of the data after the picture of ``before`` that ``after`` lacks. Raises OSError."""
    found = payloads(before)
    kept = payloads(after) if found else ()
    return tuple(one for one in found if one not in kept)
