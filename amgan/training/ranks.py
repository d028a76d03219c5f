"""Training in several processes concurrently: torchrun starts them, here they are kept in step.

    torchrun --nproc-per-node 2 -m amgan train --config my.toml

Every process draws patches of its own; gradients and the statistics of the norms are averaged, so all of them
hold the same weights after every step. A step learns from as many times the batch; rates are not changed.
The first process (rank 0) writes files and decides when to stop.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn

SEED_STEP = 1_000_003
"""How far apart the seeds of processes are, so that none draws another one's patches."""


@dataclass(frozen=True)
class Ranks:
    """Which process this is, of how many; ``local`` is its number on this machine."""

    number: int = 0
    count: int = 1
    local: int = 0

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files."""
        return self.number == 0

    def seed(self, seed: int) -> int:
        """The seed of this process's patches; that of the first one is the run's own."""
        return seed + SEED_STEP * self.number

    def device(self, wanted: torch.device) -> torch.device:
        """The device of this process: on a machine with GPUs, one each."""
        if self.count == 1 or wanted.type != "cuda":
            return wanted
        torch.cuda.set_device(self.local)
        return torch.device("cuda", self.local)

    def agree(self, decision: bool, device: torch.device) -> bool:
        """What the first process decides."""
        if self.count == 1:
            return decision
        flag = torch.tensor([decision], dtype=torch.int32, device=device)
        dist.broadcast(flag, 0)
        return bool(flag.item())

    def wait(self) -> None:
        """Go on when all processes are here: what the first one has written before is there for all."""
        if self.count > 1:
            dist.barrier()


@contextmanager
def joined(device: torch.device) -> Iterator[Ranks]:
    """Join the processes that torchrun started; without torchrun this process is alone."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Ranks()
        return
    ours = not dist.is_initialized()
    if ours:
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Ranks(dist.get_rank(), count, int(os.environ.get("LOCAL_RANK", "0")))
    finally:
        if ours:
            dist.destroy_process_group()


def average_gradients(network: nn.Module) -> None:
    """Replace every gradient by its mean over the processes; nothing to do where there is one."""
    _average([p.grad for p in network.parameters() if p.grad is not None])


def average_statistics(network: nn.Module) -> None:
    """Replace the running statistics of norms by their mean over the processes."""
    _average([buffer for buffer in network.buffers() if buffer.is_floating_point()])


def _average(tensors: list[Tensor]) -> None:
    if not tensors or not dist.is_available() or not dist.is_initialized():
        return
    flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    at = 0
    with torch.no_grad():
        for tensor in tensors:
            tensor.copy_(flat[at : at + tensor.numel()].view_as(tensor))
            at += tensor.numel()
