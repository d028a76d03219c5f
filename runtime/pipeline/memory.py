"""Whether there is memory for the networks, asked before OpenVINO would end the process without a word."""

from __future__ import annotations

from ..errors import EngineError
from ..machine import address_space_left, memory_left

ADDRESS_BYTES = 1400 * 2**20
"""Address space that the networks take; most of it is never used."""
OPENING_BYTES = 350 * 2**20
"""Memory that they take, with a photo of a megapixel: a process with the shipped bundle had 276 to 314 MB."""


def require_memory_to_open() -> None:
    """Raise EngineError where a limit leaves too little for the networks."""
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
