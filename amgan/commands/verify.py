"""`amgan verify`: compares a bundle with its checkpoint."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from amgan.commands.options import PathType, gpu_option
from amgan.commands.output import needs
from amgan.commands.tables import parity_notes, parity_tables, wide_console
from amgan.runtime.errors import UsageError

if TYPE_CHECKING:
    from amgan.runtime.bundle.bundle import Bundle


@click.command("verify")
@click.argument("bundle", required=False, type=PathType, metavar="[BUNDLE]")
@click.option(
    "--against", type=PathType, metavar="CHECKPOINT", show_default="the shipped weights",
    help="Weights from which the bundle was made, a .safetensors file.",
)  # fmt: skip
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the random inputs."
)
@click.option("--json", "as_json", is_flag=True, show_default="tables", help="Print JSON instead of tables.")
@gpu_option
@click.pass_context
def command(ctx: click.Context, bundle: Path | None, against: Path | None, seed: int, as_json: bool) -> None:
    """Compare every file of a bundle with PyTorch in fp32.

    The inputs are noise, black, white, hard edges, extreme maps and a real face. Without BUNDLE, the shipped
    one. The exit code is 1 if a file exceeds the error bounds of its precision; engines that cannot run on
    this machine are listed as not run.

    \b
    Examples:
      amgan verify
      amgan verify bundle --against runs/mine/last.safetensors --json
    """  # noqa: D301
    from amgan.runtime.bundle.bundle import Bundle

    if against is not None and not against.is_file():
        raise UsageError(f"the checkpoint '{against}' does not exist: give a .safetensors file")
    opened = Bundle.open(bundle)
    with needs("verify", "export"):
        from amgan.export.verify import find_checkpoint, verify_bundle

        checkpoint = find_checkpoint(opened, against)
        report = verify_bundle(opened, checkpoint, seed)
    content = _content(opened, checkpoint, report.to_dict())
    if as_json:
        click.echo(json.dumps(content, indent=2))
    else:
        _print(content)
    ctx.exit(0 if report.passed else 1)


def _content(bundle: Bundle, checkpoint: Path, report: dict[str, Any]) -> dict[str, Any]:
    from amgan.runtime.files import file_sha256

    same = file_sha256(checkpoint) == bundle.manifest.checkpoint_sha256
    return {"bundle": str(bundle.path), "checkpoint": str(checkpoint), "made_of_it": same, **report}


def _print(content: dict[str, Any]) -> None:
    console = wide_console()
    for table in parity_tables(content):
        if table.row_count:
            console.print(table)
    for note in parity_notes(content):
        console.print(note, markup=False)
    for precision, t in content["tolerances"].items():
        console.print(
            f"{precision} may differ by {t['max_codes']} code values and {t['max_years']:g} years; PSNR at "
            f"least {t['min_psnr_db']:g} dB, SSIM {t['min_ssim']:g}: {t['reason']}",
            markup=False,
        )
    if not content["made_of_it"]:
        console.print(f"note: the manifest names other weights than {content['checkpoint']}", markup=False)
    skipped = sum(result["verdict"] == "not run" for result in content["results"])
    verdict = "passed" if content["passed"] else "FAILED"
    console.print(
        f"{verdict}: {content['bundle']}" + (f" ({skipped} not run here)" if skipped else ""), markup=False
    )
