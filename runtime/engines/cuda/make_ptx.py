"""Compiles the kernels (*.cu) to *.ptx: ``python make_ptx.py LIBNVRTC``.

LIBNVRTC is the path of libnvrtc.so.12 of CUDA 12.0, as in the package ``nvidia-cuda-nvrtc-cu12==12.0.140``:
older drivers cannot load the PTX of newer versions.
"""

from __future__ import annotations

import ctypes
import hashlib
import sys
from pathlib import Path

SOURCES = tuple(Path(__file__).with_name(f"{name}.cu") for name in ("tile_kernels", "pixel_kernels"))
OLDEST_GPU = "compute_70"


def fingerprint(source: Path) -> str:
    """The first line of the PTX, by which a test checks that it was made of the current source."""
    return f"// made of {source.name}, SHA-256 {hashlib.sha256(source.read_bytes()).hexdigest()}"


def compile_ptx(library: str, source: Path) -> str:
    """Compile kernels with the NVRTC library at a path; raises RuntimeError with its log."""
    nvrtc = ctypes.CDLL(library)
    program = ctypes.c_void_p()
    nvrtc.nvrtcCreateProgram(
        ctypes.byref(program), source.read_bytes(), source.name.encode(), 0, None, None
    )  # fmt: skip
    options = (ctypes.c_char_p * 1)(f"--gpu-architecture={OLDEST_GPU}".encode())
    status = nvrtc.nvrtcCompileProgram(program, len(options), options)
    if status:
        raise RuntimeError(_text(nvrtc, program, "ProgramLog"))
    return _text(nvrtc, program, "PTX")


def _text(nvrtc: ctypes.CDLL, program: ctypes.c_void_p, what: str) -> str:
    size = ctypes.c_size_t()
    getattr(nvrtc, f"nvrtcGet{what}Size")(program, ctypes.byref(size))
    text = ctypes.create_string_buffer(size.value)
    getattr(nvrtc, f"nvrtcGet{what}")(program, text)
    return text.value.decode()


if __name__ == "__main__":
    for cu in SOURCES:
        made = f"{fingerprint(cu)}\n{compile_ptx(sys.argv[1], cu).strip()}\n"
        cu.with_suffix(".ptx").write_text(made)
