"""The fused SPADE kernel, compiled for GPUs that need not be here; test_spade_fused.py tests its pixels."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from amgan.runtime.engines.spade_fused import BLOCK_D, BLOCK_K, BLOCK_P

pytest.importorskip("triton")
KERNEL = "amgan.runtime.engines.spade_kernel"
HALVES = {"bias", "residual", "kept", "first", "scale", "scale_bias", "shift", "shift_bias"}
SINGLES = {"gain", "planes", "waves", "mixed"}
SIZES = {
    "C": 96, "D": 96, "HIDDEN": 32, "FEATURES": 32, "H_BLOCK": 32,
    "BLOCK_P": BLOCK_P, "BLOCK_K": BLOCK_K, "BLOCK_D": BLOCK_D,
    "CONVOLVE": True, "RESIDUAL": True, "KEEP": True, "MODULATE": True,
}  # fmt: skip
"""Those of the shipped network."""


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    monkeypatch.delitem(sys.modules, KERNEL, raising=False)
    from amgan.runtime.engines.spade_kernel import spade_convolution

    yield spade_convolution
    sys.modules.pop(KERNEL, None)


def code(kernel: Any, compute: int, eight: bool) -> str:
    """PTX of the kernel for a compute capability (89 is 8.9), in fp16, with its convolution in fp8 or not."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    def kind(name: str) -> str:
        if name in {"x", "weight", "out"}:
            return "*fp8e4nv" if eight else "*fp16"
        if name in HALVES or name in SINGLES or name == "columns":
            return "*fp16" if name in HALVES else "*fp32" if name in SINGLES else "*i32"
        return "constexpr" if name.isupper() else "fp32" if name == "out_by" else "i32"

    source = ASTSource(
        fn=kernel,
        signature={name: kind(name) for name in kernel.arg_names},
        constexprs={**SIZES, "CODES": eight, "TO_CODES": eight},
    )
    made = triton.compile(source, target=GPUTarget("cuda", compute, 32))
    assert len(made.asm["cubin"]) > 0
    return str(made.asm["ptx"])


@pytest.mark.slow
@pytest.mark.parametrize("compute", [80, 89, 90, 100, 120])
def test_it_compiles_for_every_generation_from_ampere_on(kernel: Any, compute: int) -> None:
    assert ".f16.f16" in code(kernel, compute, eight=False) or compute == 100


@pytest.mark.slow
@pytest.mark.parametrize("compute", [89, 90, 120])
def test_in_fp8_codes_are_multiplied_as_codes(kernel: Any, compute: int) -> None:
    assert ".e4m3.e4m3" in code(kernel, compute, eight=True)


@pytest.mark.slow
def test_ampere_has_no_fp8(kernel: Any) -> None:
    with pytest.raises(Exception, match="fp8e4nv not supported in this architecture"):
        code(kernel, 80, eight=True)
