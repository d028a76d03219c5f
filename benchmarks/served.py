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


@contextmanager
def serve(*options: str) -> Iterator[Served]:
    """Run `amgan serve` on a free port until the block ends."""
    command = [sys.executable, "-P", "-m", "amgan", "serve", "--device", "cpu", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = ""
        while not line.startswith("AMGAN is at"):
            line = process.stdout.readline()
            if not line:
                sys.exit("amgan serve ended before it listened")
        try:
            yield Served(line.split()[3].rstrip("/"), process.pid)
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)
