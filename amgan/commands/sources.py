"""Checks of the photos, faces and tables that commands are given, before any work."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from amgan.runtime.errors import PhotoError, UsageError


def require_photo(photo: Path) -> None:
    """Raise PhotoError if the photo does not exist, UsageError if it is a folder."""
    if photo.is_dir():
        raise UsageError(f"'{photo}' is a folder: give one photo, or use `amgan run-batch` for a folder")
    if not photo.exists():
        if photo.is_symlink():
            raise PhotoError(f"'{photo}' is a link that leads to no file: check where it leads")
        raise PhotoError(f"'{photo}' does not exist: check the name of the photo")


def require_faces(folders: Iterable[Path], tables: Iterable[Path]) -> None:
    """Raise UsageError if a folder of faces or a table of ages does not exist."""
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(f"'{folder}' is no folder: give the folder of the photos")
    for table in tables:
        if not table.is_file():
            raise UsageError(f"the table of ages '{table}' does not exist: give a CSV file with --ages")
