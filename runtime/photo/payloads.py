"""What a JPEG carries behind its picture, and an aged one does not: it would show the photo as it was."""

from __future__ import annotations

from pathlib import Path

from .jpeg_segments import after_picture

_PICTURE, _FILM = b"\xff\xd8\xff", b"ftyp"
FILM, PICTURES = "a film (motion photo)", "further pictures (a gain map, depth or previews)"


def payloads(path: Path) -> tuple[str, ...]:
    """What stands behind the picture of a JPEG, in words; nothing for other files. Raises OSError."""
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
    """What ``before`` carries behind its picture and ``after`` does not, in words. Raises OSError."""
    found = payloads(before)
    kept = payloads(after) if found else ()
    return tuple(one for one in found if one not in kept)
