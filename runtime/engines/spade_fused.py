"""Runs the trunk of a generator with fused Triton kernels, for PyTorch on CUDA.

The kernels replace operators of the network. The unfused network is the reference with which the fused one is
compared before it is used (`fused_or_not`).
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .onnx_graph import OnnxNetwork
from .spade_trunk import NotFusable, Trunk, TrunkConvolution, find_trunk

_LOG = logging.getLogger(__name__)

BLOCK_P, BLOCK_K, BLOCK_D = 64, 32, 32
"""Block sizes of a program: pixels, input channels and output channels."""
SMALLEST = 16
"""The minimum side of a matrix product in Triton."""
TYPES = (torch.float16, torch.bfloat16, torch.float32)


class FusedTrunk:
    """The trunk as a function of input, ages, coordinates and pattern; one kernel launch per convolution."""

    def __init__(self, trunk: Trunk, network: OnnxNetwork, dtype: torch.dtype) -> None:
        """Prepare the constants of a network whose convolutions are computed in ``dtype``.

        Raises ImportError without Triton, NotFusable for sizes that the kernel does not support.
        """
        from .spade_kernel import spade_convolution

        self._kernel, self._trunk, self._dtype = spade_convolution, trunk, dtype
        held = network.constants
        weights = [held[c.constants[0]] for c in trunk.convolutions]
        channels = weights[0].shape[0]
        sizes = {m.stop - m.start for m in trunk.modulations}
        if any(w.shape != weights[0].shape or w.shape[1] != channels for w in weights) or len(sizes) != 1:
            raise NotFusable("the convolutions of its trunk are of several sizes")
        self._channels, self._hidden = channels, sizes.pop()
        self._eight = [EightBitScales.of(c, held) for c in trunk.convolutions]
        weights = [w if e is None else e.codes for w, e in zip(weights, self._eight, strict=True)]
        kinds = [dtype if e is None else e.codes.dtype for e in self._eight]
        self._weights = [_by_taps(w).to(kind) for w, kind in zip(weights, kinds, strict=True)]
        self._biases = [held[c.constants[1]].to(dtype) for c in trunk.convolutions]
        self._columns, self._waves = self._tables(network.device)
        self._mix = held[trunk.mix].float()
        self._modulations = [self._modulation(m, held) for m in trunk.modulations]

    def _tables(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """The sources of the features, padded to a power of two with the age at weight 0."""
        features = self._trunk.features
        width = _power_of_two(len(features))
        columns = torch.zeros(3, width, dtype=torch.int32)
        waves = torch.ones(width)
        for i, one in enumerate(features):
            columns[:, i] = torch.tensor([one.plane, one.wave, int(one.gated)])
            waves[i] = one.factor
        return columns.to(device), waves.to(device)

    def _modulation(self, one: Any, held: Any) -> tuple[Tensor, ...]:
        """Weights of a SPADE: first [F, HIDDEN] and its bias, then scale and shift [HIDDEN, D] and theirs."""
        part = slice(one.start, one.stop)
        weight, bias = (held[name] for name in self._trunk.first)
        first = torch.zeros(len(self._waves), self._hidden, dtype=self._dtype, device=weight.device)
        first[: len(self._trunk.features)] = weight[part, :, 0, 0].t()
        pairs = [held[name] for name in (*one.scale, *one.shift)]
        flat = [p[:, :, 0, 0].t() if p.dim() == 4 else p for p in pairs]
        return first, bias[part].float(), *(p.to(self._dtype).contiguous() for p in flat)

    def __call__(self, x: Tensor, ages: Tensor, coordinates: Tensor, pattern: Tensor) -> Tensor:
        """The trunk's output [N, D, h, w], channels last."""
        planes = torch.cat([ages.float(), coordinates.float()], dim=1).contiguous()
        mixed = pattern.float() @ self._mix
        x = x.to(self._dtype).contiguous(memory_format=torch.channels_last)
        values = {self._trunk.x: x}
        a = self._launch(x, planes, mixed, modulation=0)[0]
        for i, convolution in enumerate(self._trunk.convolutions):
            last = i + 1 == len(self._trunk.convolutions)
            residual = values.get(convolution.residual)
            later = any(c.residual == convolution.made for c in self._trunk.convolutions[i + 1 :])
            a, kept = self._launch(
                a, planes, mixed, convolution=i, modulation=None if last else i + 1, residual=residual,
                crop=convolution.crop, keep=later and not last,
            )  # fmt: skip
            if kept is not None:
                values[convolution.made] = kept
        return a

    def _launch(
        self, x: Tensor, planes: Tensor, mixed: Tensor, *, convolution: int | None = None,
        modulation: int | None, residual: Tensor | None = None, crop: int = 0, keep: bool = False,
    ) -> tuple[Tensor, Tensor | None]:  # fmt: skip
        # A SPADE writes codes where the convolution after it reads them.
        reads = None if convolution is None else self._eight[convolution]
        writes = None if modulation is None else self._eight[modulation]
        n, channels, in_height, in_width = x.shape
        less = 0 if convolution is None else 2
        height, width = in_height - less, in_width - less
        out, kept = (
            torch.empty(
                (n, channels, height, width), dtype=kind, device=x.device, memory_format=torch.channels_last,
            )
            if wanted else None
            for wanted, kind in (
                (True, self._dtype if writes is None else writes.codes.dtype), (keep, self._dtype)
            )
        )  # fmt: skip
        assert out is not None
        at = 0 if modulation is None else modulation
        first, bias, *scale_and_shift = self._modulations[at]
        one = self._trunk.modulations[at]
        own = (mixed[:, one.start : one.stop] + bias).contiguous()
        grid = (-(-height * width // BLOCK_P), -(-channels // BLOCK_D), n)
        which = convolution or 0
        factors = self._biases[which] if reads is None else reads.gain
        by = 1.0 if writes is None else 1.0 / writes.input_scale
        added = x if residual is None else residual
        self._kernel[grid](
            x, self._weights[which], self._biases[which], factors,
            added, out if kept is None else kept, out, by,
            planes, self._columns, self._waves, first, own, *scale_and_shift,
            height, width, in_height, in_width, added.shape[2], added.shape[3], crop,
            planes.shape[2], planes.shape[3], one.crop,
            C=channels, D=channels, HIDDEN=self._hidden, FEATURES=len(self._waves),
            H_BLOCK=_power_of_two(self._hidden), CONVOLVE=convolution is not None,
            RESIDUAL=residual is not None, KEEP=keep, MODULATE=modulation is not None,
            CODES=reads is not None, TO_CODES=writes is not None,
            BLOCK_P=BLOCK_P, BLOCK_K=BLOCK_K, BLOCK_D=BLOCK_D,
        )  # fmt: skip
        return out, kept


@dataclass(frozen=True, eq=False)
class EightBitScales:
    """A convolution in fp8: the codes of its weights [D, C, 3, 3], and its input's scale.

    A convolution of codes is multiplied by ``gain`` [D], the product of the scales of input and weights.
    """

    codes: Tensor
    input_scale: float
    gain: Tensor

    @classmethod
    def of(cls, convolution: TrunkConvolution, constants: Mapping[str, Tensor]) -> EightBitScales | None:
        """The constants of a convolution; None if it is not quantised."""
        names = convolution.eight
        if names is None:
            return None
        scale = float(constants[names.input_scale])
        return cls(constants[names.codes], scale, scale * constants[names.scales].float())


def _by_taps(weight: Tensor) -> Tensor:
    """Weights [D, C, 3, 3] as [9, C, D]."""
    return weight.permute(2, 3, 1, 0).reshape(9, *weight.shape[1::-1]).contiguous()


def _power_of_two(size: int) -> int:
    return max(SMALLEST, 1 << (size - 1).bit_length())


def fuse(network: OnnxNetwork) -> OnnxNetwork:
    """The network with a fused trunk. Raises NotFusable, and ImportError without Triton."""
    numbers = {name: value.tolist() for name, value in network.constants.items() if value.numel() <= SMALLEST}
    trunk = find_trunk(network.graph, numbers)
    dtype = network.convolutions or network.constants[trunk.convolutions[0].constants[0]].dtype
    if dtype not in TYPES:
        raise NotFusable(f"its convolutions are {dtype}")
    inputs = (trunk.x, trunk.ages, trunk.coordinates, trunk.pattern)
    return network.with_step(FusedTrunk(trunk, network, dtype), inputs, trunk.out)


def _on(device: torch.device) -> contextlib.AbstractContextManager[object]:
    """Make a GPU the current one, on which Triton launches kernels."""
    return torch.cuda.device(device) if device.type == "cuda" else contextlib.nullcontext()


def fused_or_not(network: OnnxNetwork, tensors: tuple[Tensor, ...], most_codes: int = 3) -> OnnxNetwork:
    """The fused network if its pixels match within ``most_codes`` code values, else the unfused one.

    ``tensors`` are inputs for the comparison. The log says why a network is not fused.
    """
    try:
        made = fuse(network)
        with torch.inference_mode(), _on(network.device):
            apart = int((made(*tensors).int() - network(*tensors).int()).abs().max())
    except Exception as error:  # a missing compiler, an unsupported GPU
        lines = [line for line in str(error).splitlines() if line.strip()]
        why = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    else:
        if apart <= most_codes:
            return made
        why = f"its pixels are {apart} code values from those of its operators"
    _LOG.warning("SPADE is not fused, %s: the operators are used one by one", why)
    return network
