"""Flicker of the change in an aged clip, by optical flow: for real footage of unknown motion.

Flow (DIS) is computed between pictures of the original clip. It warps the change of each picture to the next;
flicker is the root mean square of the difference, relative to the change, over the changed pixels whose flow
is consistent forwards and backwards. Give one aged clip, or two to compare, such as one aged as a video and
one aged picture by picture. No pictures are stored.

With --made it runs on a portrait with known motion (made_motion.py): the distances on the face between flow,
known motion and mesh, and the flicker by flow and by known motion.

Run: python benchmarks/video_flicker.py IN OUT [OUT2]
     python benchmarks/video_flicker.py --made [-o FILE]
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import common
import cv2
import numpy as np

if TYPE_CHECKING:
    from made_motion import MadeVideo

    from amgan.runtime import Pipeline

Floats = np.ndarray
LEADS_BACK_PX = 1.0
"""Largest forward-backward error of consistent flow, in px."""


def main() -> None:
    parser = common.result_option(__doc__, common.RESULTS / "video_flicker_cpu.json")
    parser.add_argument("clips", nargs="*", type=Path, help="the clip, and one or two aged ones")
    parser.add_argument("--pictures", type=int, default=12, help="pictures of made clips (default: 12)")
    parser.add_argument("--made", action="store_true", help="try it on made clips with known motion")
    given = parser.parse_args()
    if given.made:
        result = common.heading("flicker by flow and by known motion", common.hardware(2), "openvino", "av")
        result["videos"] = _made(given.pictures)
        common.write_result(result, given.output)
        return
    if not 2 <= len(given.clips) <= 3:
        parser.error("give a clip and one or two aged ones")
    before, *aged = given.clips
    for path in aged:
        print(f"{path}: {json.dumps(of_clips(before, path))}")


def of_clips(before: Path, after: Path) -> dict[str, float]:
    """The flicker of an aged clip's change; both have the same pictures."""
    errors, change, count = 0.0, 0.0, 0
    last: tuple[Floats, Floats] | None = None
    pairs = zip(_pictures(before), _pictures(after), strict=False)
    for one, other in pairs:
        grey, moved = _grey(one), _light(other) - _light(one)
        if last is not None:
            back, trusted = flow_back(last[0], grey)
            where = trusted & (_wide(moved) | _wide(last[1]))
            errors += float(np.square(moved - carried(last[1], back))[where].sum())
            change += float(np.square(moved)[where].sum())
            count += int(where.sum())
        last = grey, moved
    if not count:
        return {"flicker": 0.0, "change_codes": 0.0}
    return {
        "flicker": round(float(np.sqrt(errors / max(change, 1e-9))), 4),
        "change_codes": round(float(np.sqrt(change / count)), 3),
    }


def flow_back(last: Floats, now: Floats) -> tuple[Floats, Floats]:
    """Positions float32 [h, w, 2] in the ``last`` picture of this one's pixels, and a mask of valid ones.

    Both are uint8 [h, w].
    """
    finder = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    back, there = (np.asarray(finder.calc(*pair, None), np.float32) for pair in ((now, last), (last, now)))
    at = _places(now.shape) + back
    returned = back + cv2.remap(there, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return at, np.hypot(returned[..., 0], returned[..., 1]) < LEADS_BACK_PX


def carried(change: Floats, back: Floats) -> Floats:
    """Warp a change of the last picture, float32 [h, w], to the current positions of its pixels."""
    return np.asarray(cv2.remap(change, back, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE))


def flicker(changes: Sequence[Floats], backs: Sequence[Floats], areas: Sequence[Floats]) -> float:
    """Root mean square of the differences of the changes [h, w], relative to the changes."""
    errors = change = 0.0
    for (last, now), back, area in zip(pairwise(changes), backs, areas, strict=True):
        errors += float(np.square(now - carried(last, back))[area].sum())
        change += float(np.square(now)[area].sum())
    return float(np.sqrt(errors / max(change, 1e-9)))


def _made(count: int) -> list[dict[str, Any]]:
    from made_motion import MOTIONS, make_video
    from video_steadiness import _portrait

    from amgan.runtime import Pipeline

    rows = []
    portrait = _portrait(common.ROOT / "amgan" / "serving" / "samples" / "eileen_collins.png", 480)
    with Pipeline(None, "cpu") as pipeline:
        box = pipeline.look(portrait).faces[0].box
        for motion in MOTIONS:
            video = make_video(portrait, box, motion, count)
            rows.append({"motion": motion.name, **_agreement(pipeline, video)})
            print(json.dumps(rows[-1]), flush=True)
    return rows


def _agreement(pipeline: Pipeline, video: MadeVideo) -> dict[str, Any]:
    """Flicker by flow and by known motion of a made video, and their distance in px (medians)."""
    from made_motion import _inverse, at_points
    from video_steadiness import _as_video, _each_alone

    inverse = [_inverse(forward) for forward in video.maps]
    known = [
        cv2.remap(last, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        for last, at in zip(video.maps, inverse[1:], strict=False)
    ]
    flows = [flow_back(last, now) for last, now in pairwise(map(_grey, video.pictures))]
    aged = {"alone": _each_alone(pipeline, video), "steady": _as_video(pipeline, video)}
    changes = {name: [one.mean(axis=2) for one in found] for name, (found, _) in aged.items()}
    areas = [
        trusted & (_wide(now) | _wide(last))
        for (_, trusted), (last, now) in zip(flows, pairwise(changes["alone"]), strict=True)
    ]
    off = [(flow - true)[area] for (flow, _), true, area in zip(flows, known, areas, strict=True)]
    mesh = [
        at_points(flow, now) - (last - 0.5)
        for (flow, _), (last, now) in zip(flows, pairwise(aged["steady"][1]), strict=True)
    ]
    found: dict[str, Any] = {"flow_off_px": _median(off), "mesh_off_flow_px": _median(mesh)}
    for kind, backs in (("flow", [flow for flow, _ in flows]), ("motion", known)):
        by = {name: flicker(change, backs, areas) for name, change in changes.items()}
        found |= {f"{name}_by_{kind}": round(value, 4) for name, value in by.items()}
        found[f"ratio_by_{kind}"] = round(by["steady"] / by["alone"], 3)
    return found


def _median(apart: Sequence[Floats]) -> float:
    """The median length of vectors [n, 2]."""
    return round(float(np.median(np.hypot(*np.concatenate(apart).T))), 3)


def _pictures(path: Path) -> Iterator[Floats]:
    """The pictures of a video file or a folder of frames, uint8 [h, w, 3]."""
    from amgan.runtime.video.source import open_source

    for _, picture in open_source(path).pictures():
        yield picture.rgb()


def _grey(rgb: Floats) -> Floats:
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY))


def _light(rgb: Floats) -> Floats:
    return np.asarray(cv2.cvtColor(rgb.astype(np.float32), cv2.COLOR_RGB2GRAY))


def _wide(change: Floats) -> Floats:
    """Mask of the changed area, dilated; noise of the encoder does not count."""
    broad = cv2.GaussianBlur(np.abs(change), (0, 0), 3.0)
    return np.asarray(broad > 1.0)


def _places(shape: tuple[int, ...]) -> Floats:
    across, down = np.meshgrid(*(np.arange(side, dtype=np.float32) for side in shape[1::-1]))
    return np.stack([across, down], axis=-1)


if __name__ == "__main__":
    main()
