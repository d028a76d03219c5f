"""What a frame scheduler drives: places where frames are taken apart, aged tile by tile, and put together."""

from .device import PlacedTile, TileDevice
from .host import HostTileDevice

__all__ = ["HostTileDevice", "PlacedTile", "TileDevice"]
