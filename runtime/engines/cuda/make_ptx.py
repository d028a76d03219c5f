"""Compiles tile_kernels.cu to tile_kernels.ptx: ``python make_ptx.py LIBNVRTC``.

LIBNVRTC is the path of libnvrtc.so.12 of CUDA 12.0, as in the package ``nvidia-cuda-nvrtc-cu12==12.0.140``:
older drivers cannot load the PTX of newer versions.
"""

from __future__ import annotations

import ctypes
import hashlib
import sys
from pathlib import Path

SOURCE = Path(__file__).with_name("tile_kernels.cu")
PTX = SOURCE.with_suffix(".ptx")
OLDEST_GPU = "compute_70"
SOURCE_MARK = "// made of tile_kernels.cu, SHA-256 "


def fingerprint() -> str:
    """The first line of the PTX, by which a test checks that it was made of the current source."""
    return SOURCE_MARK + hashlib.sha256(SOURCE.read_bytes()).hexdigest()


def compile_ptx(library: str) -> str:
    """Compile the kernels with the NVRTC library at a path; raises RuntimeError with its log."""
    nvrtc = ctypes.CDLL(library)
    program = ctypes.c_void_p()
    nvrtc.nvrtcCreateProgram(
        ctypes.byref(program), SOURCE.read_bytes(), SOURCE.name.encode(), 0, None, None
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
    PTX.write_text(f"{fingerprint()}\n{compile_ptx(sys.argv[1]).strip()}\n")
