"""`amgan serve` in its own process, with its memory and CPU time, for the benchmarks of the server."""

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
    """A running server: its address and process ID."""

    url: str
    pid: int

    def memory_mib(self) -> float:
        """Current memory of the process in MiB."""
        return psutil.Process(self.pid).memory_info().rss / MIB

    def cpu_s(self) -> float:
        """CPU time of the process so far, all threads together, in seconds."""
        times = psutil.Process(self.pid).cpu_times()
        return times.user + times.system


def listening_at(process: subprocess.Popen[str]) -> str:
    """Read the address from the output of a server; exits if the server ends before."""
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
