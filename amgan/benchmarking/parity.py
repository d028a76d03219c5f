"""Parity, the precondition of a speed: the pixels must match those of PyTorch in fp32."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amgan.export.parity.difference import code_difference, psnr_db
from amgan.export.parity.report import TOLERANCES
from amgan.runtime.bundle.manifest import Manifest
from amgan.runtime.bundle.precision import Precision


def judge(
    found: NDArray[np.uint8], wanted: NDArray[np.uint8], precision: str, tolerances: Mapping[str, Any]
) -> dict[str, Any]:
    """Difference of pictures, uint8, from PyTorch's, and whether it is within the precision's tolerance.

    ``tolerances`` are those of `tolerances_of`.
    """
    allowed = tolerances[Precision.parse(precision)]
    apart, noise = int(code_difference(found, wanted).max()), psnr_db(found, wanted)
    return {
        "max_code_values": apart,
        "psnr_db": noise,
        "allowed_code_values": allowed["max_codes"],
        "least_psnr_db": allowed["min_psnr_db"],
        "verified": apart <= allowed["max_codes"] and noise >= allowed["min_psnr_db"],
    }


def tolerances_of(manifest: Manifest) -> dict[str, Any]:
    """The tolerances of the manifest, and the default ones of precisions that it does not name."""
    ours = {name: {"max_codes": t.max_codes, "min_psnr_db": t.min_psnr_db} for name, t in TOLERANCES.items()}
    return ours | dict((manifest.parity or {}).get("tolerances", {}))
