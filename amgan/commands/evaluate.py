"""`amgan evaluate`: measures how well a bundle ages faces, with independent judges."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from amgan.commands.options import PathType, model_option
from amgan.commands.output import needs, progress_bar
from amgan.runtime.errors import UsageError


@click.command("evaluate")
@click.argument("dataset", type=PathType, required=False)
@model_option
@click.option(
    "--photos", type=PathType, metavar="FOLDER", show_default="none",
    help="Folder of further photos to judge, the largest face of each. DATASET is optional then.",
)  # fmt: skip
@click.option(
    "--portraits", type=PathType, metavar="FOLDER", show_default="none",
    help="Folder of further portraits of known age to judge, of the same split; needs --ages.",
)  # fmt: skip
@click.option(
    "--ages", type=PathType, metavar="CSV", show_default="none",
    help="Table of --portraits: columns file and age, optionally age_is (true, ...), kind (real, ...).",
)  # fmt: skip
@click.option(
    "--pairs", type=PathType, metavar="FOLDER", show_default="none",
    help="Judge only existing pairs of pictures: NAME-before.png and NAME-after.png, or two folders, before "
    "and after.",
)  # fmt: skip
@click.option(
    "--faults", type=PathType, metavar="CSV", show_default="none",
    help="Only add the counts of a filled-in table faults.csv to the results in --output.",
)  # fmt: skip
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, metavar="N",
    help="Seed of the random choice of faces for the contact sheets.",
)  # fmt: skip
@click.option(
    "-o", "--output", default=Path("evaluation"), show_default=True, type=PathType, metavar="DIR",
    help="Folder for evaluation.json, report.html, drawings and contact sheets.",
)  # fmt: skip
@click.option(
    "--faces", "count", type=click.IntRange(min=1), metavar="N", show_default="all",
    help="Number of faces of DATASET to judge, evenly spaced.",
)  # fmt: skip
@click.option(
    "--split", type=click.Choice(["held-out", "train", "all"]), default="held-out", show_default=True,
    help="Faces of DATASET and --portraits to judge: held-out ones, training ones, or all.",
)  # fmt: skip
@click.option(
    "--face-api", type=PathType, metavar="FOLDER", show_default="none",
    help="Weights of a second age estimator: the folder model of the npm package @vladmandic/face-api "
    "(npm pack @vladmandic/face-api, then unpack it).",
)  # fmt: skip
@click.option(
    "--every", type=click.IntRange(min=0), default=5, show_default=True, metavar="N",
    help="Measure single zones and sweeps on every N-th face, seams on the first few of them; 1: all faces, "
    "0: none.",
)  # fmt: skip
def command(
    dataset: Path | None,
    model: Path | None,
    photos: Path | None,
    portraits: Path | None,
    ages: Path | None,
    pairs: Path | None,
    faults: Path | None,
    seed: int,
    output: Path,
    count: int | None,
    split: str,
    face_api: Path | None,
    every: int,
) -> None:
    """Measure how well and how credibly a bundle ages held-out faces.

    Independent judges estimate age and identity. Locality, detail, seams, smoothness of a sweep, skin tone,
    the cycle error, and signs of a lack of credibility (dark patches, the same mask for all, regular rows)
    are measured in the pixels. All measures have standard errors, by age and by lightness of skin. The first
    age judge is the package of the weak training labels: consider the second one too. Also inspect the sheets
    look-*.jpg and count faults in faults.csv. The output folder contains pictures of faces: do not publish
    those of real people.

    \b
    Examples:
      amgan evaluate data/mine
      amgan evaluate data/mine --model my-bundle -o results --face-api package/model
      amgan evaluate data/mine --faces 12 --every 0           a quick look
      amgan evaluate --photos photos -o results               your own photos
      amgan evaluate --portraits faces --ages faces.csv       portraits of known age
      amgan evaluate --pairs others -o results/others         anybody's results
      amgan evaluate --faults results/faults.csv -o results   what you counted
    """  # noqa: D301
    if faults is not None:
        _take_faults(faults, output)
    elif pairs is not None:
        if dataset is not None or photos is not None or portraits is not None:
            raise UsageError("--pairs judges nothing but pairs: leave DATASET, --photos and --portraits out")
        _judge_pairs(pairs, model, face_api, output, seed)
    else:
        if (portraits is None) != (ages is None):
            raise UsageError("--portraits and --ages go together: give a folder and its table")
        known = None if portraits is None or ages is None else (portraits, ages)
        _judge_bundle(dataset, model, photos, known, output, count, split, face_api, every, seed)


def _judge_bundle(
    dataset: Path | None,
    model: Path | None,
    photos: Path | None,
    portraits: tuple[Path, Path] | None,
    output: Path,
    count: int | None,
    split: str,
    face_api: Path | None,
    every: int,
    seed: int,
) -> None:
    """Judge faces aged by a bundle."""
    with needs("evaluation", "evaluate"):
        import matplotlib  # noqa: F401
    from amgan.evaluation.judges import open_judges
    from amgan.evaluation.looking import looks_of, to_look_at
    from amgan.evaluation.output import REPORT, RESULT, heading, prepare_folder, to_json, write_files
    from amgan.evaluation.plots import draw_all
    from amgan.evaluation.report import make_report
    from amgan.evaluation.requests import Depth, complete_changes
    from amgan.evaluation.run import run_evaluation
    from amgan.evaluation.sheets import make_sheets
    from amgan.evaluation.source import describe, find_sources
    from amgan.evaluation.summary import summarise_findings
    from amgan.runtime.bundle.bundle import Bundle

    sources = find_sources(dataset, split, count, photos, portraits)
    bundle = Bundle.open(model)
    judges = open_judges(bundle, face_api)
    prepare_folder(output)
    with progress_bar("judging") as advance:
        findings = run_evaluation(bundle, judges, sources, Depth(every=every), advance)
    result = heading(_typed(), bundle, describe(sources)) | {"changes": complete_changes()}
    result |= summarise_findings(findings, judges)
    drawings = draw_all(result, findings.faces)
    report = make_report(result, findings.faces, drawings)
    first = judges.ages[0].name
    files: dict[str, str | bytes] = {**drawings}
    files |= make_sheets([face for face in findings.faces if not face.real], first)
    files |= to_look_at(looks_of(findings.faces, first), seed)
    write_files(output, {RESULT: to_json(result), REPORT: report, **files})
    _print_aims(result)
    click.echo(f"{len(findings.faces)} faces judged, {len(findings.not_found)} pictures without a face")
    click.echo(f"numbers written to {output / RESULT}, look at {output / REPORT}")


def _judge_pairs(pairs: Path, model: Path | None, face_api: Path | None, output: Path, seed: int) -> None:
    """Judge pairs of pictures."""
    from amgan.evaluation.judges import open_judges
    from amgan.evaluation.looking import to_look_at
    from amgan.evaluation.output import RESULT, heading, prepare_folder, to_json, write_files
    from amgan.evaluation.pairs import find_pairs, measure_pairs, pair_numbers
    from amgan.runtime.bundle.bundle import Bundle
    from amgan.runtime.pipeline.face_filter import NoFaceError

    found = find_pairs(pairs)
    bundle = Bundle.open(model)
    judges = open_judges(bundle, face_api)
    prepare_folder(output)
    with progress_bar("judging") as advance:
        measured, missing = measure_pairs(found, judges, advance)
    if not measured:
        raise NoFaceError(f"no face was found in any of the {len(found)} pairs of '{pairs}'")
    result = heading(_typed(), bundle, f"{len(found)} pairs of pictures") | pair_numbers(measured, missing)
    sheets = to_look_at([one.look for one in measured], seed)
    write_files(output, {RESULT: to_json(result), **sheets})
    _print_belief(result["belief"])
    click.echo(f"{len(measured)} pairs judged, {len(missing)} without a face")
    click.echo(f"numbers written to {output / RESULT}, look at {output / 'look-pairs-1.jpg'}")


def _take_faults(faults: Path, output: Path) -> None:
    """Add the counts of a filled-in table to the results of a folder."""
    from amgan.evaluation.faults import read_faults
    from amgan.evaluation.looking import add_faults

    counts = read_faults(faults)
    add_faults(output, counts)
    for kind, found in counts.items():
        click.echo(f"{kind}: {found['faces']} faces, {found['free_of_all']['mean']:.0%} free of all faults")


def _typed() -> str:
    """The command line without local folders."""
    import sys

    from amgan.benchmarking.machine import typed

    return typed("amgan", sys.argv[1:])


def _print_belief(found: dict[str, Any]) -> None:
    from amgan.commands.tables import make_table, wide_console
    from amgan.evaluation.belief_tables import belief_rows

    table = make_table("belief", "measure", "found", right=("found",))
    for name, (cell,) in belief_rows({"pairs": found}):
        table.add_row(name, cell)
    wide_console().print(table)


def _print_aims(result: dict[str, object]) -> None:
    from amgan.commands.tables import make_table, wide_console
    from amgan.evaluation.targets import target_results

    table = make_table("targets", "measure", "found", "target", "", right=("found", "target"))
    for one in target_results(result):
        table.add_row(one.text, one.found, one.wanted, "reached" if one.reached else "not reached")
    wide_console().print(table)
