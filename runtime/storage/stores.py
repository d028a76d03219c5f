"""Which store a location belongs to."""

from __future__ import annotations

from .local import LOCAL
from .location import Location
from .store import Store


def store_of(location: Location) -> Store:
    """The store of a location; fsspec is loaded when one of another machine is used."""
    if location.is_remote:
        from .remote import REMOTE

        return REMOTE
    return LOCAL
