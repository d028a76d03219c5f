"""The choice between bf16 and fp32."""

from __future__ import annotations

import torch

from .config import TrainConfig


def autocast(config: TrainConfig, device: torch.device) -> torch.autocast:
    """Mixed precision as configured: bf16 with fp32 weights, or fp32 throughout."""
    half = computes_bf16(device) if config.precision == "auto" else config.precision == "bf16"
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=half)


def computes_bf16(device: torch.device) -> bool:
    """Whether the device has bf16 instructions; without them bf16 is eight times slower than fp32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))
