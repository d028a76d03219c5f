"""`amgan serve` as a process of its own, its memory and CPU time, for the benchmarks of the server."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

MIB = 2**20


@dataclass(frozen=True)
class Served:
    """A server that runs: its address and the number of its process."""

    url: str
    pid: int

    def memory_mib(self) -> float:
        """Memory of the process now, MiB."""
        return psutil.Process(self.pid).memory_info().rss / MIB

    def cpu_s(self) -> float:
        """CPU time of the process so far, all its threads together, in seconds."""
        times = psutil.Process(self.pid).cpu_times()
        return times.user + times.system


def listening_at(process: subprocess.Popen[str]) -> str:
    """The address that a server with a pipe as its output tells; ends the run where it ends before that."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("AMGAN is at"):
            return line.split()[3].rstrip("/")
    sys.exit("amgan serve ended before it listened")


@contextmanager
def serve(*options: str) -> Iterator[Served]:
    """Run `amgan serve` on a free port until the block ends."""
    command = [sys.executable, "-P", "-m", "amgan", "serve", "--device", "cpu", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        address = listening_at(process)
        try:
            yield Served(address, process.pid)
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)
