"""Comparison of a result with an earlier one of the same hardware."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amgan.runtime.errors import UsageError

from .machine import IDENTITY

MAX_LOSS = 0.15
"""Share of its speed relative to PyTorch that a contender may lose."""

_FIELDS = ("schema", "hardware", "size", "reference", "speeds")


@dataclass(frozen=True)
class SpeedChange:
    """A contender in two results: speeds relative to PyTorch in the same run, and its fault, if any."""

    name: str
    before: float
    now: float
    fault: str = ""

    @property
    def change(self) -> float:
        """Relative change of its speed compared with PyTorch; above 0 is faster."""
        return self.now / self.before - 1.0


def read_result(path: Path) -> dict[str, Any]:
    """Read a result of `amgan bench`; raises UsageError for any other file."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"the result '{path}' cannot be read ({error.strerror}): check its name") from error
    except ValueError as error:
        raise UsageError(f"'{path}' is no JSON: give a file that `amgan bench` wrote") from error
    if not isinstance(content, dict) or any(field not in content for field in _FIELDS):
        raise UsageError(f"'{path}' is not a result of `amgan bench`: give a file that it wrote")
    if content["schema"] != 1:
        raise UsageError(
            f"'{path}' has schema {content['schema']!r}, not 1: measure it again with this version"
        )
    return content


def require_comparable(result: Mapping[str, Any], baseline: Mapping[str, Any], name: str) -> None:
    """Raise UsageError if a baseline, called ``name``, is of other hardware or another size of run."""
    check_hardware(result["hardware"], baseline, name)
    check_size(result["size"], baseline, name)


def check_hardware(hardware: Mapping[str, Any], baseline: Mapping[str, Any], name: str) -> None:
    """Raise UsageError if a baseline was measured on another machine than ``hardware``."""
    for field in IDENTITY:
        then, now = baseline["hardware"].get(field), hardware.get(field)
        if then != now:
            raise UsageError(
                f"the baseline '{name}' is of other hardware ({field} {_words(then)}, here {_words(now)}): "
                "measure a baseline on this machine with `amgan bench -o FILE`"
            )


def check_size(size: Mapping[str, Any], baseline: Mapping[str, Any], name: str) -> None:
    """Raise UsageError if a baseline was measured on frames or folders of another size than ``size``."""
    for field in ("frame_px", "photos"):
        then, now = baseline["size"].get(field), size.get(field)
        if then != now:
            raise UsageError(
                f"the baseline '{name}' was measured with {field} {then}, and this result with {now}: "
                "give both runs of `amgan bench` the same --size"
            )


def compare(
    result: Mapping[str, Any], baseline: Mapping[str, Any], max_loss: float = MAX_LOSS
) -> list[SpeedChange]:
    """Compare every speed with the baseline's, each relative to PyTorch in its own run.

    A fault is a loss of more than ``max_loss``, a missing contender, or one that is no longer verified.
    """
    changes = []
    for name, old in baseline["speeds"].items():
        if not old["ours"] or not old["parity"]["verified"]:
            continue
        new = result["speeds"].get(name)
        before, now = old["times_faster"], new["times_faster"] if new else math.nan
        fault = ""
        if new is None:
            fault = f"missing: {result.get('absent', {}).get(name, 'it was not measured')}"
        elif not new["parity"]["verified"]:
            fault = "unverified: its pixels are too far from PyTorch's"
        elif not now >= before * (1.0 - max_loss):
            fault = f"slower by {1.0 - now / before:.0%}, and {max_loss:.0%} are allowed"
        changes.append(SpeedChange(name, before, now, fault))
    return changes


def _words(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
