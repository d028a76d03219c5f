"""A 3x3 convolution of the trunk whose epilogue is the next SPADE, in the Triton language.

The unfused trunk writes hidden channels, scales, shifts and modulated values to memory and reads them back.
Here a program computes a block of pixels and keeps it in registers: the convolution, the residual sum, the
conditioning from the planes of the tile, scale and shift, and ReLU. With TRITON_INTERPRET=1 it runs slowly on
a CPU, as in the tests.
"""

from __future__ import annotations

import triton
import triton.language as tl

# Triton compiles this module; mypy does not know its types.
# mypy: ignore-errors


@triton.jit
def spade_convolution(  # noqa: PLR0915
    x, weight, bias, gain, residual, kept, out, out_by,
    planes, columns, waves, first, mixed, scale, scale_bias, shift, shift_bias,
    height, width, in_height, in_width, res_height, res_width, res_crop, cells_high, cells_wide, cells_crop,
    C: tl.constexpr, D: tl.constexpr, HIDDEN: tl.constexpr, FEATURES: tl.constexpr, H_BLOCK: tl.constexpr,
    CONVOLVE: tl.constexpr, RESIDUAL: tl.constexpr, KEEP: tl.constexpr, MODULATE: tl.constexpr,
    CODES: tl.constexpr, TO_CODES: tl.constexpr,
    BLOCK_P: tl.constexpr, BLOCK_K: tl.constexpr, BLOCK_D: tl.constexpr,
):  # fmt: skip
    """``out`` [N, height, width, D] = relu(y * scale + shift), with y = convolution of x + residual.

    Grid (blocks of BLOCK_P pixels, blocks of BLOCK_D channels, N). Tensors are channels last. Without
    CONVOLVE y is x; without MODULATE ``out`` is y. KEEP writes y to ``kept``, for a later residual.
    ``residual`` is cut by ``res_crop``, ``planes`` [N, 5, cells_high, cells_wide] (age, u, v, inside, scale)
    by ``cells_crop`` on every side. A feature f of a pixel is the plane columns[0, f], times waves[f] under a
    sine (columns[1, f] = 1) or cosine (2), times inside where columns[2, f] is 1. ``mixed`` [N, HIDDEN] is
    the bias of the hidden channels with what the pattern adds.

    With CODES, x and weight are e4m3 codes, whose convolution is multiplied by ``gain`` [D]. With TO_CODES,
    ``out`` holds e4m3 codes: the values times ``out_by``, at most the type's largest number.
    """
    n = tl.program_id(2)
    p = tl.program_id(0) * BLOCK_P + tl.arange(0, BLOCK_P)
    d = tl.program_id(1) * BLOCK_D + tl.arange(0, BLOCK_D)
    inside, there = p < height * width, d < D
    row, column = p // width, p % width
    both = inside[:, None] & there[None, :]
    if CONVOLVE:
        y = tl.full((BLOCK_P, BLOCK_D), 0.0, tl.float32)
        for tap in range(9):
            at = (n * in_height + row + tap // 3) * in_width + column + tap % 3
            for start in range(0, C, BLOCK_K):
                k = start + tl.arange(0, BLOCK_K)
                pixels = tl.load(
                    x + at[:, None] * C + k[None, :], mask=inside[:, None] & (k < C)[None, :], other=0.0
                )
                taps = tl.load(
                    weight + (tap * C + k)[:, None] * D + d[None, :],
                    mask=(k < C)[:, None] & there[None, :], other=0.0,
                )  # fmt: skip
                y += tl.dot(pixels, taps, input_precision="ieee")
        if CODES:
            y *= tl.load(gain + d, mask=there, other=0.0)[None, :]
        y += tl.load(bias + d, mask=there, other=0.0)[None, :].to(tl.float32)
    else:
        at = (n * in_height + row) * in_width + column
        y = tl.load(x + at[:, None] * C + d[None, :], mask=both, other=0.0).to(tl.float32)
    if RESIDUAL:
        at = (n * res_height + row + res_crop) * res_width + column + res_crop
        y += tl.load(residual + at[:, None] * D + d[None, :], mask=both, other=0.0).to(tl.float32)
    target = (n * height * width + p)[:, None] * D + d[None, :]
    kind = scale.dtype.element_ty
    if KEEP:
        tl.store(kept + target, y.to(kind), mask=both)
    if MODULATE:
        f, h = tl.arange(0, FEATURES), tl.arange(0, H_BLOCK)
        cells = cells_high * cells_wide
        cell = n * 5 * cells + (row + cells_crop) * cells_wide + column + cells_crop
        plane = tl.load(columns + f)
        wave = tl.load(columns + FEATURES + f)
        gated = tl.load(columns + 2 * FEATURES + f)
        value = tl.load(planes + cell[:, None] + plane[None, :] * cells, mask=inside[:, None], other=0.0)
        angle = value * tl.load(waves + f)[None, :]
        value = tl.where(wave[None, :] == 1, tl.sin(angle), value)
        value = tl.where(wave[None, :] == 2, tl.cos(angle), value)
        gate = tl.load(planes + cell + 3 * cells, mask=inside, other=0.0)
        value = tl.where(gated[None, :] == 1, value * gate[:, None], value)
        own = h < HIDDEN
        rows = tl.load(first + f[:, None] * HIDDEN + h[None, :], mask=own[None, :], other=0.0)
        hidden = tl.dot(value.to(kind), rows, input_precision="ieee")
        hidden += tl.load(mixed + n * HIDDEN + h, mask=own, other=0.0)[None, :].to(tl.float32)
        hidden = tl.maximum(hidden, 0.0).to(kind)
        part, wanted = h[:, None] * D + d[None, :], own[:, None] & there[None, :]
        by = tl.dot(hidden, tl.load(scale + part, mask=wanted, other=0.0), input_precision="ieee")
        by += tl.load(scale_bias + d, mask=there, other=0.0)[None, :].to(tl.float32)
        more = tl.dot(hidden, tl.load(shift + part, mask=wanted, other=0.0), input_precision="ieee")
        more += tl.load(shift_bias + d, mask=there, other=0.0)[None, :].to(tl.float32)
        y = tl.maximum(y * by + more, 0.0)
    if TO_CODES:
        y = tl.minimum(y * out_by, 448.0)
    tl.store(out + target, y.to(out.dtype.element_ty), mask=both)
