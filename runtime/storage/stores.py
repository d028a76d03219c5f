"""The choice of the store for a location."""

from __future__ import annotations

from .local import LOCAL
from .location import Location
from .store import Store


def store_of(location: Location) -> Store:
    """The store of a location; fsspec is imported at the first use of a remote one."""
    if location.is_remote:
        from .remote import REMOTE

        return REMOTE
    return LOCAL
