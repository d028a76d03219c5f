"""Kernels, copies and memory traffic of a plan of TensorRT for RTX, from its file. Needs no GPU.

The program of the compiler (Myelin) is text in the file: descriptors of all tensors, then one instruction
per kernel, with its inputs, outputs and stream. The format is not documented, so other versions may differ.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from amgan.runtime.errors import EngineError

ELEMENT_BYTES = {
    "float": 4, "half": 2, "bfloat16": 2, "uint8": 1, "int8": 1, "int32": 4, "int64": 8, "bool": 1,
    "fp8_e4m3": 1,
}  # fmt: skip
_HEADER, _SOURCE = "header {\n", 'extern "C"'
_ITEM = re.compile(r"^  (\w+)=\{ ", re.MULTILINE)
_WAITS = frozenset({"wait", "signal"})
_DIMS, _TYPE = re.compile(r"\bdims=\{([^}]*)\}"), re.compile(r" type=(\w+)")
_NAME = re.compile(r'\bname="?([^\s"]+)')
_INPUTS, _OUTPUTS = (re.compile(rf" {kind}(?:_args)?=\{{([^}}]*)\}}") for kind in ("input", "output"))
_MOVES = re.compile(r"__myl_(?:Slic|Move|Tran|Resh|Conc|Cast)+")
"""Names of kernels that only move elements, or change their type."""


@dataclass(frozen=True)
class PlanCost:
    """Number of kernels of a plan, of those that compute nothing, and bytes read and written by all."""

    kernels: int
    copies: int
    bytes: int


def plan_cost(plan: bytes) -> PlanCost:
    """Read an engine file of TensorRT for RTX; raises EngineError if it has no program that can be read."""
    text = plan.decode("latin-1")
    start = text.find(_HEADER)
    end = text.find(_SOURCE, start)
    program = text[start:end] if start >= 0 else ""
    marks = list(_ITEM.finditer(program))
    ends = [*(mark.start() for mark in marks[1:]), len(program)]
    items = [(mark[1], program[mark.end() : end]) for mark, end in zip(marks, ends, strict=False)]
    sizes = dict(_tensor(body) for kind, body in items if kind == "tensor")
    kernels = [body for kind, body in items if kind not in _WAITS and " stream=" in body]
    if not kernels or not sizes:
        raise EngineError("the engine has no program that can be read: build it with TensorRT for RTX 1.7")
    moved = sum(sizes.get(name, 0) for body in kernels for name in _tensors_of(body))
    return PlanCost(len(kernels), sum(bool(_MOVES.fullmatch(_name(body))) for body in kernels), moved)


def _tensor(body: str) -> tuple[str, int]:
    """Name of a tensor, and its bytes."""
    dims, kind = _DIMS.search(body), _TYPE.search(body)
    if dims is None or kind is None or kind[1] not in ELEMENT_BYTES:
        raise EngineError(f"the engine has a tensor that cannot be read: {body[:200].strip()}")
    return _name(body), math.prod(int(side) for side in dims[1].split()) * ELEMENT_BYTES[kind[1]]


def _name(body: str) -> str:
    found = _NAME.search(body)
    return found[1] if found else ""


def _tensors_of(body: str) -> list[str]:
    """Names of the inputs and outputs of a kernel, each once."""
    lists = [found[1] for found in (_INPUTS.search(body), _OUTPUTS.search(body)) if found]
    names = [name.strip('"').removesuffix("^deref") for part in lists for name in part.split()]
    return list(dict.fromkeys(names))
