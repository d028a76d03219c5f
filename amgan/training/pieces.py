"""Splitting of files into parts of limited size, for transfers that do not support large files."""

from __future__ import annotations

import hashlib
from pathlib import Path

from amgan.runtime.errors import UsageError
from amgan.runtime.files import whole_file

PIECE_BYTES = 15_000_000


def split_file(path: Path, folder: Path, piece_bytes: int = PIECE_BYTES) -> list[Path]:
    """Split a file into ``NAME.000``, ``NAME.001``… and ``NAME.sha256`` in a folder; returns all."""
    content = path.read_bytes()
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(f"{path.name}.[0-9][0-9][0-9]"):
        old.unlink()
    pieces = []
    for number, start in enumerate(range(0, len(content), piece_bytes)):
        piece = folder / f"{path.name}.{number:03}"
        piece.write_bytes(content[start : start + piece_bytes])
        pieces.append(piece)
    digest = folder / f"{path.name}.sha256"
    digest.write_text(hashlib.sha256(content).hexdigest() + "\n")
    return [*pieces, digest]


def join_pieces(folder: Path, name: str, output: Path) -> Path:
    """Join the parts of the file ``name`` in a folder.

    Raises UsageError if parts are missing or the checksum differs.
    """
    digest = folder / f"{name}.sha256"
    if not digest.is_file():
        raise UsageError(f"'{folder}' holds no pieces of {name}: '{digest.name}' is missing")
    content = b"".join(piece.read_bytes() for piece in sorted(folder.glob(f"{name}.[0-9][0-9][0-9]")))
    if hashlib.sha256(content).hexdigest() != digest.read_text().strip():
        raise UsageError(f"the pieces of {name} in '{folder}' do not fit together: copy all of them again")
    with whole_file(output) as temporary:
        temporary.write_bytes(content)
    return output
