"""The command `amgan serve` as it is run: in a process of its own, ended with Ctrl-C."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from support.command_line import refuse, run
from support.helpers import HOPPER
from support.live_server import PATIENCE_S


def test_it_serves_until_ctrl_c_and_writes_nothing(tiny_bundle: Path, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "HOME": str(tmp_path),
        "TMPDIR": str(tmp_path),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [sys.executable, "-m", "amgan", "serve", "--model", str(tiny_bundle), "--device", "cpu"]
    with subprocess.Popen(
        [*command, "--token", "a b"], env=environment, cwd=tmp_path, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.fullmatch(
                r"AMGAN is at (http://127\.0\.0\.1:\d+/)\?token=… \(Ctrl-C ends it\)\n", line
            )
            assert found, line + (process.stderr.read() if process.stderr and process.poll() else "")
            bearer = {"Authorization": "Bearer a b"}
            with httpx.Client(
                base_url=found[1], headers=bearer, timeout=PATIENCE_S, trust_env=False
            ) as client:
                model = client.get("/v1/model").json()
                assert model["command_options"] == ["--model", str(tiny_bundle), "--device", "cpu"]
                sent = client.post("/v1/photos", content=HOPPER.read_bytes())
                aged = client.post(f"/v1/photos/{sent.json()['id']}/age", json={"age": 70})
                assert aged.content.startswith(b"\xff\xd8")
            process.send_signal(signal.SIGINT)
            rest, errors = process.communicate(timeout=PATIENCE_S)
        finally:
            process.kill()
    assert (process.returncode, rest, errors) == (0, "stopped\n", "")
    assert list(tmp_path.iterdir()) == []


SIGNALLED = """
import os, signal, sys
import uvicorn
from amgan.cli import main

number = int(sys.argv[1])
signal.signal(number, signal.SIG_DFL)
serve = uvicorn.Server.run

def signalled(self, sockets=None):
    os.kill(os.getpid(), number)
    serve(self, sockets)
    print("asked to end:", self.should_exit)

uvicorn.Server.run = signalled
try:
    main(sys.argv[2:], prog_name="amgan")
except SystemExit as ended:
    print("handler restored:", signal.getsignal(number) == signal.SIG_DFL)
    sys.exit(ended.code)
"""
"""A server that gets a signal just before its loop runs."""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_before_its_loop_runs_ends_it_as_well(
    tiny_bundle: Path, tmp_path: Path, number: signal.Signals
) -> None:
    options = ["serve", "--model", str(tiny_bundle), "--device", "cpu"]
    done = subprocess.run(
        [sys.executable, "-P", "-c", SIGNALLED, str(int(number)), *options],
        cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("asked to end: True\nstopped\nhandler restored: True\n")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "faces.example.org"])
def test_it_listens_beyond_this_machine_with_a_token_only(host: str) -> None:
    assert f"--host {host} lets other machines in" in refuse("serve", "--host", host)


def test_a_port_that_is_taken(tiny_bundle: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run("serve", "--port", port, "--model", str(tiny_bundle))
    assert done.exit_code == 2
    assert f"cannot listen on 127.0.0.1:{port} (Address already in use)" in done.output


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fastapi", None)
    assert "pip install 'amgan[serve]'" in refuse("serve")
