"""The split into training and held-out faces."""

from __future__ import annotations

import hashlib
from pathlib import Path


def is_held_out(name: str) -> bool:
    """Whether a face is in the held-out tenth, by a hash of its file name."""
    return hashlib.sha256(Path(name).stem.encode()).digest()[0] % 10 == 0
