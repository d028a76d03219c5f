"""The smooth way from 0 to 1 that masks, fades and keyframes share."""

from __future__ import annotations

from typing import Any, TypeVar

from numpy.typing import NDArray

Share = TypeVar("Share", float, NDArray[Any])


def eased(share: Share) -> Share:
    """A share 0..1, a number or an array, from 0 to 1 with a slope of 0 at both ends."""
    return share * share * (3.0 - 2.0 * share)
