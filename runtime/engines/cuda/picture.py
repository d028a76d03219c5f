"""Pictures in the memory of a GPU."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

RGB = 3
_TURNS = {2: "x", 3: "xy", 4: "y", 5: "t", 6: "tx", 7: "txy", 8: "ty"}
"""What turns a stored picture upright (EXIF 2.3, tag 274): it is (t)ransposed, then mirrored in x and y."""


@dataclass(frozen=True, eq=False)
class GpuPicture:
    """RGB samples, uint8 [height, width, 3], in the memory of a GPU, which ``held`` owns.

    Columns begin every ``across`` and rows every ``down`` bytes from ``address`` on, backwards if negative.
    """

    address: int
    width: int
    height: int
    across: int
    down: int
    held: Any = None

    @property
    def nbytes(self) -> int:
        """The size of its samples in bytes."""
        return RGB * self.width * self.height

    @property
    def has_plain_rows(self) -> bool:
        """Whether rows are contiguous and in order, as in a picture that was not turned."""
        return self.across == RGB and self.down >= RGB * self.width

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        """Its place for other libraries; all work on it is done."""
        shape, strides = (self.height, self.width, RGB), (self.down, self.across, 1)
        return {
            "shape": shape, "strides": strides, "typestr": "|u1", "data": (self.address, False), "version": 3
        }  # fmt: skip

    def part(self, x0: int, y0: int, x1: int, y1: int) -> GpuPicture:
        """The pixels from column x0 and row y0 to before x1 and y1."""
        start = self.address + x0 * self.across + y0 * self.down
        return replace(self, address=start, width=x1 - x0, height=y1 - y0)

    def upright(self, orientation: int) -> GpuPicture:
        """The same memory as a picture that was stored in an EXIF orientation, 1 to 8, and turned upright."""
        found = self
        for turn in _TURNS.get(orientation, ""):
            if turn == "t":
                found = replace(
                    found, width=found.height, height=found.width, across=found.down, down=found.across
                )
            elif turn == "x":
                last = found.address + (found.width - 1) * found.across
                found = replace(found, address=last, across=-found.across)
            else:
                last = found.address + (found.height - 1) * found.down
                found = replace(found, address=last, down=-found.down)
        return found


def picture_of(decoded: Any) -> GpuPicture | None:
    """A picture that a library decoded, if it is RGB of 8 bits and offers ``__cuda_array_interface__``."""
    try:
        offered = decoded.__cuda_array_interface__
    except (AttributeError, RuntimeError, ValueError):
        return None
    shape, strides = tuple(offered["shape"]), offered.get("strides")
    if len(shape) != 3 or shape[2] != RGB or offered["typestr"] != "|u1":
        return None
    down, across, step = strides or (RGB * shape[1], RGB, 1)
    if step != 1 or not offered["data"][0]:
        return None
    return GpuPicture(int(offered["data"][0]), int(shape[1]), int(shape[0]), int(across), int(down), decoded)
