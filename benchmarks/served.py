"""`amgan serve` as a process of its own, its memory and CPU time, for the benchmarks of the server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

MIB = 2**20


@dataclass(frozen=True)
class Served:
    """A server that runs: its address and the number of its process."""

    url: str
    pid: int

    def memory_mib(self) -> float:
        """Memory of the process now, MiB."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / MIB

    def cpu_s(self) -> float:
        """CPU time of the process so far, all its threads together, in seconds."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


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
