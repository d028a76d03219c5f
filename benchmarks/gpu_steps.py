"""Steps of a check in sequence: each writes its own JSON at once, and a failing step does not stop others."""

from __future__ import annotations

import json
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amgan.runtime.errors import AmganError
from amgan.runtime.files import whole_file


@dataclass(frozen=True)
class Step:
    """A measurement: ``run`` returns a JSON value; ``expected_s`` is its approximate duration."""

    name: str
    run: Callable[[], Mapping[str, Any]]
    expected_s: float = 30.0


def run_steps(
    steps: Iterable[Step], folder: Path, *, only: frozenset[str] = frozenset(), budget_s: float = float("inf")
) -> dict[str, dict[str, Any]]:
    """Run steps in order and write ``folder/NN-name.json`` after each; returns all results.

    ``only`` names the steps to run (empty: all). A step longer than the rest of ``budget_s`` is skipped. An
    exception of a step, except KeyboardInterrupt, becomes its result: the message of an AmganError under
    "not_run", the traceback of others under "failed".
    """
    folder.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    found: dict[str, dict[str, Any]] = {}
    for number, step in enumerate(steps, start=1):
        if only and step.name not in only:
            continue
        left = budget_s - (time.monotonic() - start)
        if step.expected_s > left:
            result: dict[str, Any] = {
                "not_run": f"it takes about {step.expected_s:.0f} s, and {max(left, 0):.0f} s are left"
            }
        else:
            print(f"{step.name} (about {step.expected_s:.0f} s) ...", file=sys.stderr, flush=True)
            result = _run(step)
        found[step.name] = result
        write_json(result, folder / f"{number:02}-{step.name}.json")
        print(f"{step.name}: {_sentence(result)}", file=sys.stderr, flush=True)
    return found


def write_json(content: Mapping[str, Any], path: Path) -> None:
    """Write JSON atomically; values that JSON has no type for become strings."""
    with whole_file(path) as part:
        part.write_text(json.dumps(content, indent=1, default=str) + "\n", encoding="utf-8")


def _run(step: Step) -> dict[str, Any]:
    start = time.monotonic()
    try:
        found = dict(step.run())
    except AmganError as error:
        found = {"not_run": str(error)}
    except Exception as error:
        lines = [line for line in str(error).splitlines() if line.strip()]
        reason = f"{type(error).__name__}: {lines[0] if lines else 'no reason was given'}"
        found = {"failed": reason, "trace": traceback.format_exc().splitlines()}
    return {"step_seconds": round(time.monotonic() - start, 3), **found}


def _sentence(result: Mapping[str, Any]) -> str:
    if "failed" in result:
        return f"failed, {result['failed']}"
    return str(result.get("not_run", f"done in {result.get('step_seconds', 0):.1f} s"))
