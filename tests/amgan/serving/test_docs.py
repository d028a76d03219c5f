"""What docs/serve.md and the Dockerfile say is run as it stands, but for the port."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from support.command_line import run
from support.helpers import HOPPER, ROOT
from support.live_server import PATIENCE_S, LiveServer, wait_until

TEXT = (ROOT / "docs" / "serve.md").read_text(encoding="utf-8")


def block(name: str) -> str:
    found = re.search(rf"<!-- run: {name} -->\n```\w+\n(.*?)```", TEXT, re.DOTALL)
    assert found, f"docs/serve.md has no block {name!r}"
    return found[1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(HOPPER, tmp_path / "me.jpg")
    return tmp_path


def test_the_python_client(server: LiveServer, folder: Path) -> None:
    code = block("python").replace(":8000", f":{server.port}")
    assert len(code.strip().splitlines()) <= 10
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], cwd=folder, capture_output=True, text=True, check=True,
        env={**os.environ, "no_proxy": "127.0.0.1"},
    )  # fmt: skip
    assert len(json.loads(done.stdout)) == 1
    assert (folder / "me_aged.jpg").read_bytes().startswith(b"\xff\xd8")


def test_the_curl_lines(server: LiveServer, folder: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("there is no curl here: apt-get install curl")
    code = block("curl").replace(":8000", f":{server.port}")
    subprocess.run(
        ["bash", "-euo", "pipefail", "-c", code],
        cwd=folder,
        check=True,
        env={**os.environ, "no_proxy": "127.0.0.1"},
    )
    assert (folder / "me_aged.jpg").read_bytes().startswith(b"\xff\xd8")


def test_the_command_that_opens_the_page(tmp_path: Path) -> None:
    install, serve = block("open").strip().splitlines()
    assert install == "pip install '.[serve]'"
    program, *arguments = serve.split()
    assert program == "amgan"
    opened = tmp_path / "opened"
    opener = tmp_path / "xdg-open"
    opener.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
    opener.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    with subprocess.Popen(
        [sys.executable, "-m", "amgan", *arguments],
        cwd=tmp_path,  # in a checkout the folder amgan would hide the installed package
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline()]
        while not lines[-1].startswith("AMGAN is at"):
            assert lines[-1], "it ended"
            lines.append(process.stdout.readline())
        wait_until(lambda: opened.exists() and opened.read_text().endswith("\n"))
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    address = lines[-1].split()[3]
    assert opened.read_text().strip() == address


def test_the_dockerfile_starts_this_server() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    command = json.loads(re.search(r"^CMD (.*)$", text, re.MULTILINE)[1])  # type: ignore[index]
    assert command[:2] == ["amgan", "serve"]
    refused = run(*command[1:], env={"AMGAN_TOKEN": ""})
    assert refused.exit_code == 2 and "give a secret" in refused.output
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    asked = re.search(r"/src\[([\w,]+)\]", text)[1].split(",")  # type: ignore[index]
    assert set(asked) <= set(extras)


@pytest.mark.slow
def test_the_dockerfile_s_command_and_health_check(tmp_path: Path) -> None:
    lines = dict(
        re.findall(r"^([A-Z]+) (.*)$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    )
    command = json.loads(lines["CMD"])
    python, *check = json.loads(lines["HEALTHCHECK"].partition("CMD ")[2])
    place = command.index("--port") + 1
    assert (python, command[place]) == ("python", lines["EXPOSE"])
    assert f"127.0.0.1:{lines['EXPOSE']}/healthz" in check[-1]
    command[place] = "0"
    environment = {**os.environ, "AMGAN_TOKEN": "secret", "no_proxy": "127.0.0.1"}
    with subprocess.Popen(
        [sys.executable, "-P", "-m", *command],
        cwd=tmp_path,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
    ) as server:
        assert server.stdout is not None
        said = next(line for line in server.stdout if line.startswith("AMGAN is at"))
        check[-1] = check[-1].replace(f":{lines['EXPOSE']}", re.search(r":\d+", said)[0])  # type: ignore[index]
        healthy = subprocess.run([sys.executable, *check], env=environment, check=False)
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=PATIENCE_S)
    assert (healthy.returncode, server.returncode) == (0, 0)
    assert subprocess.run(
        [sys.executable, *check], env=environment, capture_output=True, check=False
    ).returncode


def test_what_the_docs_say_of_limits_is_so() -> None:
    from amgan.serving.settings import MIB, ServeSettings
    from amgan.serving.uploads import STEP_BYTES

    limits = ServeSettings()
    assert f"| {limits.max_upload_bytes // MIB} MiB (`--max-upload`); four times" in TEXT
    assert limits.max_uploading_bytes == 4 * limits.max_upload_bytes
    assert f"at most {limits.max_photos} photos and {limits.max_photo_bytes // 2**30} GiB" in TEXT
    assert f"for {limits.keep_s / 60:g} minutes" in TEXT
    assert (
        f"sends less than {STEP_BYTES // 1024} KiB of a body | {limits.idle_s:g} s |" in TEXT
        and f"reads nothing | {limits.send_s:g} s |" in TEXT
    )
    assert f"head of a request | {limits.idle_s:g} s |" in TEXT
    assert f"between two requests | {limits.keep_alive_s} s |" in TEXT
    assert f"| {limits.max_waiting}; further ones" in TEXT
