"""Training of the head parser, and its export as an ONNX file."""

from __future__ import annotations

import copy
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from amgan.runtime.files import whole_file

from .network import INPUT_PX, HeadNetwork, HeadShares
from .samples import Example, HeadPictures, make_example

BATCH = 16
RATE = 2e-3
SAVED_EVERY = 50
"""Steps between two saved states."""


def train_head(
    pictures: HeadPictures,
    steps: int,
    seed: int = 0,
    start: HeadNetwork | None = None,
    save: Path | None = None,
    body_only: bool = False,
) -> HeadNetwork:
    """Train a parser on pictures; the learning rate decays to 0, and the averaged weights are returned.

    ``save`` is written every ``SAVED_EVERY`` steps; if it exists, training resumes from it. With
    ``body_only`` only the decoder of the body's skin is trained, and the other outputs stay as they are.
    """
    torch.manual_seed(seed)
    network = start or HeadNetwork()
    network.train(not body_only).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if body_only:
        network.requires_grad_(False)
        network.body.train().requires_grad_(True)
    optimizer = torch.optim.AdamW(network.parameters(), RATE, weight_decay=1e-3)
    mean = copy.deepcopy(network)
    done = _resumed(save, network, mean, optimizer)
    rng = np.random.default_rng((seed, done))
    for step in range(done, steps):
        for group in optimizer.param_groups:
            group["lr"] = (
                RATE * min(1.0, (step + 1) / 40) * (0.02 + 0.49 * (1 + math.cos(math.pi * step / steps)))
            )
        batch = [make_example(pictures, int(rng.integers(len(pictures.windows))), rng) for _ in range(BATCH)]
        loss = _loss(network, batch)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        _approach(mean, network, min(0.98, (step + 1) / (step + 10)))
        if (step + 1) % SAVED_EVERY == 0:
            print(f"step {step + 1}: loss {loss.item():.4f}, {time.process_time():.0f} s of CPU", flush=True)
            if save is not None:
                _save(save, network, mean, optimizer, step + 1)
    return mean.eval()


def _resumed(
    save: Path | None, network: HeadNetwork, mean: HeadNetwork, optimizer: torch.optim.Optimizer
) -> int:
    """Load a saved state, if any; returns the steps done."""
    if save is None or not save.is_file():
        return 0
    state = torch.load(save, weights_only=True)
    network.load_state_dict(state["network"])
    mean.load_state_dict(state["mean"])
    optimizer.load_state_dict(state["optimizer"])
    return int(state["step"])


def _save(
    path: Path, network: HeadNetwork, mean: HeadNetwork, optimizer: torch.optim.Optimizer, step: int
) -> None:
    parts = {"network": network.state_dict(), "mean": mean.state_dict(), "optimizer": optimizer.state_dict()}
    with whole_file(path) as temporary:
        torch.save({**parts, "step": step}, temporary)


@torch.no_grad()
def _approach(mean: HeadNetwork, network: HeadNetwork, keep: float) -> None:
    """Update the averaged weights."""
    others = network.state_dict()
    for name, value in mean.state_dict().items():
        if value.is_floating_point():
            value.lerp_(others[name], 1.0 - keep)
        else:
            value.copy_(others[name])


def _loss(network: HeadNetwork, batch: list[Example]) -> Tensor:
    image = torch.from_numpy(np.stack([one.image for one in batch])).permute(0, 3, 1, 2)
    face = torch.from_numpy(np.stack([one.face for one in batch]))[:, None]
    wanted = torch.from_numpy(np.stack([one.wanted for one in batch]))
    weight = torch.from_numpy(np.stack([one.weight for one in batch]))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = network(image.contiguous(memory_format=torch.channels_last), face)
    losses = F.binary_cross_entropy_with_logits(logits.float(), wanted, reduction="none")
    return (losses * weight).sum() / weight.sum()


def export_head(network: HeadNetwork, path: Path) -> None:
    """Write the parser as ONNX with its weights in half precision; it computes in single precision."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = HeadShares(network).eval()
    inputs = (torch.zeros(1, INPUT_PX, INPUT_PX, 3, dtype=torch.uint8), torch.zeros(1, 1, INPUT_PX, INPUT_PX))
    names: dict[str, Any] = {"input_names": ["image", "face"], "output_names": ["shares"]}
    torch.onnx.export(model, inputs, str(path), opset_version=17, dynamo=False, **names)
    graph = onnx.load(path)
    casts = []
    for weights in graph.graph.initializer:
        values = numpy_helper.to_array(weights)
        if values.dtype == np.float32 and values.size > 64:
            name = weights.name
            weights.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}_half"))
            casts.append(helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.graph.node]
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)
    onnx.checker.check_model(graph)
    onnx.save(graph, path)
