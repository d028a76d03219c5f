"""Photos: read upright into sRGB, and written back the way they came, with profile and camera data."""

from __future__ import annotations

from .photo_data import Photo
from .photo_read import read_photo
from .photo_write import encode_photo, refuse_outside, write_photo

__all__ = ["Photo", "encode_photo", "read_photo", "refuse_outside", "write_photo"]
