"""Makes the mean face of the runtime: points, triangles and the rectangle of the atlas.

    python -m amgan.data.mean_face TRAINING_SET -o runtime/face/models/mean_face.npz

Weights depend on this file: after a change of it they must be trained again.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from amgan.faces.mesh_warp import triangulate
from amgan.runtime.errors import UsageError
from amgan.runtime.face.finder import turn_of
from amgan.runtime.face.mean_face import MeanFace, complete
from amgan.runtime.face.mesh import FACE_OVAL, N_POINTS
from amgan.runtime.files import whole_file

MAX_TURN = 0.15
ATLAS_MARGIN = 0.08
"""The margin of the atlas around the oval's bounding box on every side, as a share of its size."""


def symmetric_mean(landmarks: NDArray[np.floating], max_turn: float = MAX_TURN) -> NDArray[np.float64]:
    """The mirror symmetric mean [468, 2] of the frontal faces among landmarks [N, 468, 2] in frame units.

    Raises UsageError if there are none.
    """
    points = np.asarray(landmarks, np.float64)[..., :2]
    ahead = [one for one in points if abs(turn_of(one)) < max_turn]
    if not ahead:
        raise UsageError(f"of {len(points)} faces none looks ahead: take a training set with frontal faces")
    mean: NDArray[np.float64] = np.mean(ahead, axis=0)
    partner = mirror_index(mean)
    return (mean + _mirrored(mean)[partner]) / 2


def mirror_index(mean: NDArray[np.float64]) -> NDArray[np.int64]:
    """The index of the mirrored counterpart of every point of a mesh [468, 2] in frame units."""
    from scipy.optimize import linear_sum_assignment

    apart = np.linalg.norm(mean[:, None] - _mirrored(mean)[None], axis=2)
    return np.asarray(linear_sum_assignment(apart**2)[1], np.int64)


def make_mean_face(mean: NDArray[np.float64]) -> MeanFace:
    """The runtime's MeanFace of points [468, 2] in frame units."""
    oval = mean[list(FACE_OVAL)]
    low, high = oval.min(axis=0), oval.max(axis=0)
    grown = ATLAS_MARGIN * (high - low)
    triangles = triangulate(mean)
    inside = _in_polygon(mean[triangles].mean(axis=1), oval)
    return complete(mean, triangles[inside], np.concatenate([low - grown, high + grown]))


def write_mean_face(path: Path, face: MeanFace) -> None:
    """Write the file atomically."""
    with whole_file(path, path.suffix) as part, part.open("wb") as stream:
        np.savez_compressed(stream, **vars(face))


def _mirrored(points: NDArray[np.float64]) -> NDArray[np.float64]:
    return points * (-1.0, 1.0) + (1.0, 0.0)


def _in_polygon(points: NDArray[np.float64], polygon: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which points [N, 2] lie inside a polygon [P, 2], by the even-odd rule."""
    inside = np.zeros(len(points), bool)
    for (x0, y0), (x1, y1) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        between = (y0 <= points[:, 1]) != (y1 <= points[:, 1])
        with np.errstate(divide="ignore", invalid="ignore"):
            crossing = x0 + (points[:, 1] - y0) * (x1 - x0) / (y1 - y0)
        inside ^= between & (points[:, 0] < crossing)
    return inside


@click.command()
@click.argument("training_set", type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="File to write.")
def command(training_set: Path, output: Path) -> None:
    """Make the mean face of the faces of TRAINING_SET, a folder with landmarks.npy, or of one .npy file."""
    file = training_set / "landmarks.npy" if training_set.is_dir() else training_set
    try:
        landmarks = np.load(file, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"'{file}' cannot be read: name a training set that 'amgan prepare' wrote"
        ) from error
    if landmarks.shape[-2:] == (N_POINTS, 2) and landmarks.ndim == 3:
        mean = symmetric_mean(landmarks)
    elif landmarks.shape == (N_POINTS, 2):
        mean = np.asarray(landmarks, np.float64)
    else:
        raise UsageError(f"'{file}' holds {landmarks.shape}, not landmarks [N, {N_POINTS}, 2]")
    write_mean_face(output, make_mean_face(mean))
    click.echo(f"mean face written to {output}")


if __name__ == "__main__":
    command()
