"""`amgan evaluate`: how well a bundle ages faces, as judges from outside read it."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from amgan.commands.options import PathType, model_option
from amgan.commands.output import needs, progress_bar


@click.command("evaluate")
@click.argument("dataset", type=PathType, required=False)
@model_option
@click.option(
    "--photos", type=PathType, metavar="FOLDER", show_default="none",
    help="Photos of your own to judge as well: the largest face of each. DATASET may then be left out.",
)  # fmt: skip
@click.option(
    "-o", "--output", default=Path("evaluation"), show_default=True, type=PathType, metavar="DIR",
    help="Folder for evaluation.json, report.html, drawings and contact sheets.",
)  # fmt: skip
@click.option(
    "--faces", "count", type=click.IntRange(min=1), metavar="N", show_default="all",
    help="How many faces of DATASET to judge, spread evenly.",
)  # fmt: skip
@click.option(
    "--split", type=click.Choice(["held-out", "train"]), default="held-out", show_default=True,
    help="Which faces of DATASET: those that training never saw, or those that it learnt from.",
)  # fmt: skip
@click.option(
    "--face-api", type=PathType, metavar="FOLDER", show_default="none",
    help="Weights of a second age estimator: the folder model of the npm package @vladmandic/face-api "
    "(npm pack @vladmandic/face-api, then unpack it).",
)  # fmt: skip
@click.option(
    "--every", type=click.IntRange(min=0), default=5, show_default=True, metavar="N",
    help="Zones one by one and sweeps are measured on every N-th face, seams on the first few of them; 1 "
    "takes all, 0 none.",
)  # fmt: skip
def command(
    dataset: Path | None,
    model: Path | None,
    photos: Path | None,
    output: Path,
    count: int | None,
    split: str,
    face_api: Path | None,
    every: int,
) -> None:
    """Measure how well a bundle ages faces, on the held-out faces of a prepared set.

    Judges from outside read age and identity; place, detail, seams, evenness of a sweep, skin tone and the
    way back are read from the pixels. All with standard errors, by age and by lightness of skin. The first
    age judge is the package that the weak labels of training come from: look at the second one too.

    \b
    Examples:
      amgan evaluate data/mine
      amgan evaluate data/mine --model my-bundle -o results --face-api package/model
      amgan evaluate data/mine --faces 12 --every 0           a quick look
      amgan evaluate --photos photos -o results               your own photos
    """  # noqa: D301
    with needs("evaluation", "evaluate"):
        import matplotlib  # noqa: F401
    from amgan.evaluation.judges import open_judges
    from amgan.evaluation.output import REPORT, RESULT, heading, prepare_folder, to_json, write_files
    from amgan.evaluation.plots import draw_all
    from amgan.evaluation.report import make_report
    from amgan.evaluation.run import run_evaluation
    from amgan.evaluation.sheets import make_sheets
    from amgan.evaluation.source import describe, find_sources
    from amgan.evaluation.summary import summarise_findings
    from amgan.evaluation.wishes import Depth
    from amgan.runtime.bundle.bundle import Bundle

    sources = find_sources(dataset, split, count, photos)
    bundle = Bundle.open(model)
    judges = open_judges(bundle, face_api)
    prepare_folder(output)
    with progress_bar("judging") as advance:
        findings = run_evaluation(bundle, judges, sources, Depth(every=every), advance)
    result = heading(_typed(), bundle, describe(sources)) | summarise_findings(findings, judges)
    drawings = draw_all(result, findings.faces)
    report = make_report(result, findings.faces, drawings)
    sheets = make_sheets(findings.faces, judges.ages[0].name)
    write_files(output, {RESULT: to_json(result), REPORT: report, **drawings, **sheets})
    _print_aims(result)
    click.echo(f"{len(findings.faces)} faces judged, {len(findings.not_found)} pictures without a face")
    click.echo(f"numbers written to {output / RESULT}, look at {output / REPORT}")


def _typed() -> str:
    """The command as it was typed."""
    import sys

    return shlex.join(["amgan", *sys.argv[1:]])


def _print_aims(result: dict[str, object]) -> None:
    from amgan.commands.tables import make_table, wide_console
    from amgan.evaluation.aims import verdicts

    table = make_table("aims", "measure", "found", "aim", "", right=("found", "aim"))
    for one in verdicts(result):
        table.add_row(one.text, one.found, one.wanted, "reached" if one.reached else "not reached")
    wide_console().print(table)
