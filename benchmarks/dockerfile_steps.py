"""Runs the instructions of the Dockerfile one by one, as Docker does, on machines without Docker.

An overlay over this machine's files replaces the base image and takes all writes, with a new virtual
environment as its Python and without compilers, as the slim image has none. RUN, the user, CMD and
HEALTHCHECK run unchanged, the server as the Dockerfile's user and with only a loopback device. It is then
queried as by a host such as Hugging Face Spaces: by name, with the token. Packages come from pip's index. Not
covered are Docker's own parts: the base image and its layers.

Run as root on Linux: python benchmarks/dockerfile_steps.py
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from common import ROOT
from served import listening_at

SECRET, NAME = "a secret of this run", "me-amgan.hf.space"
HOME = "/home/amgan"
PYTHON = "/opt/image"
"""The virtual environment that replaces the image's Python."""
COMPILERS = "rm -f /usr/bin/*gcc* /usr/bin/cc /usr/bin/c++ /usr/bin/*g++* /usr/bin/clang*"
ENVIRONMENT = {"PATH": f"{PYTHON}/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"}
SIOCSIFFLAGS, UP = 0x8914, 1


def main() -> None:
    if len(sys.argv) == 3:
        {"build": build, "serve": serve}[sys.argv[1]](Path(sys.argv[2]))
        return
    if os.geteuid() != 0:
        sys.exit("this mounts an overlay: run it as root")
    with tempfile.TemporaryDirectory() as name:
        again(["unshare", "--mount"], "build", Path(name))
    print("every line passed")


def again(around: list[str], stage: str, folder: Path) -> None:
    """Run this script again for one stage, in its own namespace."""
    subprocess.run([*around, sys.executable, __file__, stage, str(folder)], check=True)


def lines() -> dict[str, str]:
    """The arguments of each instruction of the Dockerfile; each occurs once."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    found = [line.split(None, 1) for line in text.splitlines() if line.strip() and line[0] != "#"]
    expected = ["FROM", "COPY", "RUN", "USER", "EXPOSE", "HEALTHCHECK", "CMD"]
    if [name for name, _ in found] != expected:
        sys.exit(f"the Dockerfile no longer has the instructions {', '.join(expected)}: change this script")
    return {name: rest for name, rest in found}


def build(folder: Path) -> None:
    """FROM, COPY and RUN, then the rest without a network."""
    root = folder / "root"
    for name in ("root", "written", "work"):
        (folder / name).mkdir()
    places = f"lowerdir=/,upperdir={folder / 'written'},workdir={folder / 'work'}"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", places, root], check=True)
    subprocess.run(["mount", "--rbind", "/dev", root / "dev"], check=True)
    subprocess.run(["mount", "-t", "proc", "proc", root / "proc"], check=True)
    inside(root, f"python3 -m venv {PYTHON} && {COMPILERS}")
    line = lines()
    print(f"FROM {line['FROM']}: in its place Python {sys.version.split()[0]} of this machine, no compilers")
    source, target = line["COPY"].split()
    if source != ".":
        sys.exit(f"COPY takes {source}, not all: change this script")
    files = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    place = root / target.lstrip("/")
    place.mkdir()
    subprocess.run(["tar", "-x", "-C", place], input=files, check=True)
    since = time.perf_counter()
    inside(root, line["RUN"])
    print(f"RUN took {time.perf_counter() - since:.0f} s")
    if place.exists():
        sys.exit(f"{target} is still there after RUN")
    again(["unshare", "--net"], "serve", folder)


def inside(root: Path, command: str) -> None:
    """A shell command as root in the image."""
    more = {name: os.environ[name] for name in os.environ if name.startswith("PIP_")}
    environment = {**ENVIRONMENT, **more, "HOME": "/root"}
    subprocess.run(["chroot", root, "/bin/sh", "-c", command], check=True, env=environment)


def serve(folder: Path) -> None:
    """USER, CMD and HEALTHCHECK with only a loopback device, and the requests of a host."""
    line, root = lines(), folder / "root"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh", b"lo", UP))
    user = line["USER"]
    as_user = ["chroot", str(root), "setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--"]
    environment = {**ENVIRONMENT, "HOME": HOME, "AMGAN_TOKEN": SECRET, "AMGAN_ALLOW_HOST": NAME}
    check = [*as_user, *json.loads(line["HEALTHCHECK"].partition("CMD ")[2])]
    started = time.time()
    command = [*as_user, *json.loads(line["CMD"])]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as server:
        try:
            listening_at(server)
            print(f"CMD runs as {user} after {time.time() - started:.1f} s")
            subprocess.run(check, env=environment, check=True)
            print("HEALTHCHECK is well")
            ask_as_a_host(f"http://127.0.0.1:{line['EXPOSE']}")
        finally:
            server.send_signal(signal.SIGTERM)  # as `docker stop` does
            server.communicate(timeout=60)
    if server.returncode != 0:
        sys.exit(f"the server ended with {server.returncode}")
    if subprocess.run(check, env=environment, stderr=subprocess.DEVNULL, check=False).returncode == 0:
        sys.exit("HEALTHCHECK is well without a server")
    written = [
        "/" + str(path.relative_to(folder / "written"))
        for path in (folder / "written").rglob("*")
        if path.is_file() and path.stat().st_mtime >= started
    ]
    print("written since it started: " + (", ".join(written) or "nothing"))
    if not all(one.startswith(f"{HOME}/.cache/amgan/networks/") for one in written):
        sys.exit("something was written outside the cache folder of networks")


def ask_as_a_host(url: str) -> None:
    """Requests by an allowed name, with and without the token: a photo is uploaded and aged."""
    sample = (ROOT / "samples" / "grace_hopper.jpg").read_bytes()
    refused = status(url + "/v1/model", {"Host": NAME}), status(url + "/v1/model", {"Host": "other.example"})
    if refused != (401, 403):
        sys.exit(f"without the token, and by another name, the answers were {refused}, not 401 and 403")
    headers = {"Host": NAME, "Authorization": f"Bearer {SECRET}"}
    sent = urllib.request.Request(f"{url}/v1/photos?name=me.jpg", sample, headers)
    photo = json.load(urllib.request.urlopen(sent))
    body = json.dumps({"age": 80}).encode()
    asked = urllib.request.Request(
        f"{url}/v1/photos/{photo['id']}/age", body, headers | {"Content-Type": "application/json"}
    )
    aged = urllib.request.urlopen(asked).read()
    if not aged.startswith(b"\xff\xd8") or aged == sample:
        sys.exit("the photo was not aged")
    print(f"as {NAME}, with the token: a photo was aged; without it 401, by another name 403")


def status(url: str, headers: dict[str, str]) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


if __name__ == "__main__":
    main()
