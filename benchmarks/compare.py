"""Compares a result of `amgan bench` with a stored one of the same hardware.

Compared are the speeds relative to PyTorch eager in the same run, so the machine's current speed does not
matter. Exit code 1 if a contender lost more than 15 %, or its pixels no longer match PyTorch's; 2 if the two
results are not comparable.

Example:  python benchmarks/compare.py new.json benchmarks/results/bench_cpu.json
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from amgan.benchmarking.baseline import MAX_LOSS, compare, read_result, require_comparable
from amgan.commands.bench import print_changes
from amgan.runtime.errors import UsageError

REGRESSED, NOT_COMPARABLE = 1, 2


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("result", type=Path, help="what was measured now")
    parser.add_argument("baseline", type=Path, help="the result to compare it with")
    parser.add_argument("--max-loss", type=float, default=MAX_LOSS, help=f"default: {MAX_LOSS}")
    arguments = parser.parse_args(argv)
    try:
        result, baseline = read_result(arguments.result), read_result(arguments.baseline)
        require_comparable(result, baseline, str(arguments.baseline))
    except UsageError as error:
        print(f"compare: {error}", file=sys.stderr)
        return NOT_COMPARABLE
    changes = compare(result, baseline, arguments.max_loss)
    print_changes(changes, baseline)
    return REGRESSED if any(one.fault for one in changes) else 0


if __name__ == "__main__":
    sys.exit(main())
