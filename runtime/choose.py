"""Which engine runs a bundle on this machine, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .devices import HostTileDevice, TileDevice
from .engine import open_engine

if TYPE_CHECKING:
    from .bundle import Bundle


def choose_devices(bundle: Bundle, device: str, precision: str | None) -> list[TileDevice]:
    """Devices with the bundle's generator; arguments and errors as in open_scheduler."""
    return [HostTileDevice(open_engine(bundle, device, precision), bundle.manifest.halo_px)]
