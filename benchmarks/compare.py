"""Holds a result of `amgan bench` against a stored one of the same hardware.

Compared is how many times faster than PyTorch eager each contender was in its own run, so a slow day of the
machine does not matter. Exit code 1 where one lost more than 15 % of that, or its pixels are no longer those
of PyTorch; 2 where the two cannot be compared.

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
    parser.add_argument("baseline", type=Path, help="what it is held against")
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
