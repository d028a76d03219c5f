"""The precisions in which networks are stored and computed."""

from __future__ import annotations

from enum import StrEnum

from ..errors import UsageError


class Precision(StrEnum):
    """The floating-point type of a network: IEEE single, IEEE half, bfloat16, or 8 bits.

    FP8 is e4m3 for the inputs and weights of the trunk's 3x3 convolutions and IEEE half for the rest. The
    values are the names that manifests use.
    """

    FP32 = "fp32"
    FP16 = "fp16"
    BF16 = "bf16"
    FP8 = "fp8"

    @classmethod
    def parse(cls, text: str) -> Precision:
        """Parse fp32 (or f32), fp16 (or f16), bf16 or fp8; raises UsageError for any other name."""
        try:
            return cls({"f32": "fp32", "f16": "fp16"}.get(text, text))
        except ValueError as error:
            raise UsageError(f"{text!r} is not a precision: write {', '.join(cls)}") from error
