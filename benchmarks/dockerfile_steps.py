"""The steps of the Dockerfile one by one, in a clean virtual environment: for machines without Docker.

The files of the last commit are laid out as COPY does, pip installs them as RUN does, the server starts as
CMD says (on a free port of this machine), and HEALTHCHECK's command asks it. The base image, the user and the
deletion of the sources are Docker's own and are left out; packages come from where pip gets them.

Run: python benchmarks/dockerfile_steps.py
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

from common import ROOT
from served import listening_at

SECRET = "a secret of this run"


def main() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    extras = _only(r'pip install .*"/src\[([\w,]+)\]"', text)
    command, check = (json.loads(_only(rf"^{name} (\[.*\])$", text)) for name in ("CMD", "HEALTHCHECK CMD"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = subprocess.run(
            ["git", "archive", "HEAD"], cwd=ROOT, check=True, stdout=subprocess.PIPE
        ).stdout
        (folder / "src").mkdir()
        subprocess.run(["tar", "-x", "-C", str(folder / "src")], input=files, check=True)
        venv.create(folder / "venv", with_pip=True)
        programs, since = folder / "venv" / "bin", time.perf_counter()
        install = [str(programs / "pip"), "install", "-q", "--no-cache-dir", f"{folder / 'src'}[{extras}]"]
        subprocess.run(install, cwd=folder, check=True, env={**os.environ, "PYTHONPATH": ""})
        print(f"installed [{extras}] in {time.perf_counter() - since:.0f} s")
        port = command.index("--port") + 1
        host = command.index("--host") + 1
        checked_port = re.search(r":(\d+)/healthz", check[-1])
        if checked_port is None or checked_port[1] != command[port]:
            sys.exit("HEALTHCHECK asks another port than CMD opens")
        command[port], command[host] = "0", "127.0.0.1"
        command[0], check[0] = (str(programs / one[0]) for one in (command, check))
        _serve_and_check(command, check, folder)
    print("every step passed")


def _serve_and_check(command: list[str], check: list[str], folder: Path) -> None:
    environment = {**os.environ, "AMGAN_TOKEN": SECRET, "no_proxy": "127.0.0.1", "PYTHONPATH": ""}
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True) as server:
        try:
            port = _only(r"127\.0\.0\.1:(\d+)", listening_at(server))
            check[-1] = re.sub(r":\d+/healthz", f":{port}/healthz", check[-1])
            subprocess.run(check, cwd=folder, env=environment, check=True)
            print("the server is well")
        finally:
            server.send_signal(signal.SIGINT)
            server.communicate(timeout=60)


def _only(pattern: str, text: str) -> str:
    found = re.search(pattern, text, re.MULTILINE)
    if found is None:
        sys.exit(f"the Dockerfile has another form than {pattern!r}")
    return found[1]


if __name__ == "__main__":
    main()
