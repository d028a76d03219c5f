"""Checks the available memory before networks are loaded, as OpenVINO would abort the process."""

from __future__ import annotations

from ..errors import EngineError
from ..machine import address_space_left, memory_left

ADDRESS_BYTES = 1400 * 2**20
"""Address space of the networks; most of it is never touched."""
OPENING_BYTES = 350 * 2**20
"""Their memory with a photo of one megapixel; measured with the shipped bundle: 276 to 314 MB."""


def require_memory_to_open() -> None:
    """Raise EngineError if there is not enough memory for the networks."""
    left = address_space_left()
    if left is not None and left < ADDRESS_BYTES:
        need, there = f"{ADDRESS_BYTES / 2**30:.1f} GiB", f"{left / 2**30:.1f}"
        raise EngineError(
            f"there is not enough memory: the networks need about {need} of address space, and the limit "
            f"leaves {there}: raise it (ulimit -v)"
        )
    left = memory_left()
    if left is not None and left < OPENING_BYTES:
        need, there = f"{OPENING_BYTES / 2**20:.0f} MiB", f"{left / 2**20:.0f}"
        raise EngineError(
            f"there is not enough memory: the networks need about {need}, and {there} are left: close other "
            "programs, or raise the limit of the container"
        )
