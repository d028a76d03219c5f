"""The generator for export: the same function, in modules that passes replace one by one."""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from amgan.networks import Generator
from amgan.networks.conditioning import conditioning_planes
from amgan.networks.config import DOWNSAMPLING as CELL_PX
from amgan.networks.spade import SpadeBlock


class Planes(nn.Module):
    """Engine inputs to the conditioning planes [N, D, h, w]."""

    def forward(self, aging_map: Tensor, coordinates: Tensor, pattern: Tensor) -> Tensor:
        """As amgan.networks.conditioning.conditioning_planes."""
        return conditioning_planes(aging_map, coordinates, pattern)


class ScaledInput(nn.Module):
    """Code values 0..255 to -1..1."""

    def forward(self, codes: Tensor) -> Tensor:
        """Codes [N, 3, H, W] float."""
        return codes * (1.0 / 127.5) - 1.0


class UpsampleConvolution(nn.Module):
    """Nearest-neighbour upsampling by 2, then a 3×3 convolution."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.convolution = convolution

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, h, w] to [N, D, 2h, 2w]."""
        out: Tensor = self.convolution(F.interpolate(x, scale_factor=2, mode="nearest"))
        return out


class TwoHeads(nn.Module):
    """Features to the change Δ and the attention mask α, one convolution each."""

    def __init__(self, colour: nn.Conv2d, attention: nn.Conv2d) -> None:
        super().__init__()
        self.colour, self.attention = colour, attention

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Δ [N, 3, H, W] in -1..1 and α [N, 1, H, W] in 0..1."""
        return torch.tanh(self.colour(x).float()), torch.sigmoid(self.attention(x).float())


class Blend(nn.Module):
    """I + α·Δ in -1..1, then to code values."""

    def forward(self, codes: Tensor, image: Tensor, delta: Tensor, attention: Tensor) -> Tensor:
        """``codes`` and ``image`` are the core of the tile in 0..255 and in -1..1; codes, not rounded yet."""
        return (image + attention * delta + 1.0) * 127.5


class ExportGenerator(nn.Module):
    """The deployable generator in replaceable modules; inputs and output as in DeployGenerator.

    ``cell_px`` is the side in px of the cells at full resolution: 1 until group_pixels has run.
    """

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        source = copy.deepcopy(generator).eval()
        self.halo_px = source.config.halo_px
        self.patterns = source.config.patterns
        self.cell_px = 1
        self.planes: nn.Module = Planes()
        self.atlas = source.atlas
        self.first: nn.Module = nn.Identity()
        self.scale_input: nn.Module = ScaledInput()
        self.stem, self.down1, self.down2 = source.stem, source.down1, source.down2
        self.blocks = source.blocks
        self.up1: nn.Module = UpsampleConvolution(source.up1)
        self.up2: nn.Module = UpsampleConvolution(source.up2)
        self.heads: nn.Module = TwoHeads(source.colour, source.attention)
        self.blend: nn.Module = Blend()

    def forward(self, image: Tensor, aging_map: Tensor, coordinates: Tensor, pattern: Tensor) -> Tensor:
        """Age tiles; see DeployGenerator for shapes, dtypes and ranges."""
        codes = torch.clamp(torch.round(self.core(image, aging_map, coordinates, pattern)), 0.0, 255.0)
        return codes.permute(0, 2, 3, 1).to(torch.uint8)

    def core(self, image: Tensor, aging_map: Tensor, coordinates: Tensor, pattern: Tensor) -> Tensor:
        """The aged core in code values, neither rounded nor clipped, float [N, 3, h, w]."""
        work = self.stem.weight.dtype
        codes = image.to(work).permute(0, 3, 1, 2)
        # Positions and the atlas stay in fp32 until sampling: half precision would blur positions.
        cells = self.outer_px // CELL_PX + 1 if self.is_valid else 0
        around = crop(aging_map, cells), crop(coordinates, cells)
        condition = self.first(self.planes(*around, pattern).to(work))
        scaled = self.scale_input(codes)
        seen = crop(scaled, self.outer_px)
        if self.atlas is not None:
            sample = self.atlas.inner if self.is_valid else self.atlas
            sampled = sample(aging_map, coordinates, pattern)
            seen = torch.cat([seen, sampled.to(work)], dim=1)
        fine = torch.relu(self.stem(seen))
        middle = torch.relu(self.down1(fine))
        x = self.down2(middle)
        for block in self.blocks:
            x = block(x, condition)
        x = self.up1(torch.relu(x))
        x = torch.relu(x + crop(middle, self.skip_margin("middle")))
        x = self.up2(x)
        x = torch.relu(x + crop(fine, self.skip_margin("fine")))
        delta, attention = self.heads(x)
        return self._blend_core(codes, scaled, delta, attention)

    def _blend_core(self, codes: Tensor, scaled: Tensor, delta: Tensor, attention: Tensor) -> Tensor:
        """Crop to the core and blend in fp32."""
        core = slice(self.halo_px, -self.halo_px)
        inside = (slice(None), slice(None), core, core)
        if not self.is_valid:
            delta, attention = delta[inside], attention[inside]
        aged: Tensor = self.blend(codes[inside].float(), scaled[inside].float(), delta, attention)
        return aged

    @property
    def outer_px(self) -> int:
        """Width in px of the halo's outer margin, whose coordinates are used but whose colours are not."""
        return CELL_PX if self.is_valid else 0

    @property
    def is_valid(self) -> bool:
        """Whether drop_padding has run: convolutions have no padding and the output is the core only."""
        return self.stem.padding == (0, 0)

    def skip_margin(self, name: str) -> int:
        """Rows that the skip connection loses on every side when convolutions have no padding.

        Those of the fine one are cells once pixels are grouped.
        """
        if not self.is_valid:
            return 0
        cells = 2 * len(self.blocks)
        return {"middle": 2 * cells + 2, "fine": (4 * cells + 6) // self.cell_px}[name]


def crop(x: Tensor, margin: int) -> Tensor:
    """Cut ``margin`` rows and columns off every side of x (nothing for 0)."""
    return x[:, :, margin:-margin, margin:-margin] if margin else x


def spade_blocks(network: ExportGenerator) -> list[SpadeBlock]:
    """The network's residual blocks."""
    return list(network.blocks)  # type: ignore[arg-type]
