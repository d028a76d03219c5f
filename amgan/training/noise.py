"""Noise on activations: a network that learns with it does not hang on their last bits."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn


@contextlib.contextmanager
def noisy(network: nn.Module, share: float) -> Iterator[None]:
    """Multiply what every convolution of the network gives by 1 + ``share`` times normal noise, while inside.

    Rounding to bf16 is off by 2^-9 of a value at most, in every layer; noise of that kind makes the network
    choose what survives it. With a ``share`` of 0 nothing happens. The noise is PyTorch's own random one.
    """

    def disturb(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        return output * (1.0 + share * torch.randn_like(output))

    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d)] if share else []
    handles = [one.register_forward_hook(disturb) for one in convolutions]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
