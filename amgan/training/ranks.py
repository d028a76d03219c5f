"""Data-parallel training in several processes, which torchrun starts.

    torchrun --nproc-per-node 2 -m amgan train --config my.toml

Every process draws its own patches; gradients and the statistics of norms are averaged, so all have the same
weights after every step. The batch size is multiplied by their number; learning rates are not changed. The
first process (rank 0) writes files and decides when to stop.
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
"""The distance between the seeds of processes, so that they draw different patches."""


@dataclass(frozen=True)
class Ranks:
    """The rank of this process, the number of processes, and its ``local`` rank on this machine."""

    number: int = 0
    count: int = 1
    local: int = 0

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files."""
        return self.number == 0

    def seed(self, seed: int) -> int:
        """The seed of this process's patches; the first process uses the run's seed."""
        return seed + SEED_STEP * self.number

    def device(self, wanted: torch.device) -> torch.device:
        """The device of this process: on a machine with GPUs, one each."""
        if self.count == 1 or wanted.type != "cuda":
            return wanted
        torch.cuda.set_device(self.local)
        return torch.device("cuda", self.local)

    def agree(self, decision: bool, device: torch.device) -> bool:
        """Broadcast the first process's decision."""
        if self.count == 1:
            return decision
        flag = torch.tensor([decision], dtype=torch.int32, device=device)
        dist.broadcast(flag, 0)
        return bool(flag.item())

    def wait(self) -> None:
        """Wait for all processes; files written by the first one are visible to all afterwards."""
        if self.count > 1:
            dist.barrier()


@contextmanager
def joined(device: torch.device) -> Iterator[Ranks]:
    """Join the process group of torchrun; without torchrun there is only this process."""
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
    """Average every gradient over the processes."""
    _average([p.grad for p in network.parameters() if p.grad is not None])


def average_statistics(network: nn.Module) -> None:
    """Average the running statistics of norms over the processes."""
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
