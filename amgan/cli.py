"""The command line `amgan`: loads commands, and prints errors as one sentence with an exit code."""

from __future__ import annotations

import difflib
import importlib
import io
import os
import shlex
import sys
import traceback
import warnings
from pathlib import Path

import click

from amgan import __version__
from amgan.commands.flags import in_terms_of_flags
from amgan.commands.output import OWN_PROCESS
from amgan.runtime.errors import AmganError

COMMANDS = {
    "run-batch": "run_batch",
    "age": "age",
    "sweep": "sweep",
    "video": "video",
    "estimate": "estimate",
    "map": "map",
    "serve": "serve",
    "atlas": "atlas",
    "doctor": "doctor",
    "export": "export",
    "verify": "verify",
    "info": "info",
    "bench": "bench",
    "label": "label",
    "fit-field": "fit_field",
    "prepare": "prepare",
    "pack": "pack",
    "unpack": "unpack",
    "train": "train",
    "evaluate": "evaluate",
}
"""Commands in the order of --help, and the modules of amgan.commands that hold them."""

INTERRUPTED = 130


class AmganGroup(click.Group):
    """Loads the modules of commands lazily, and reports errors in one place."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the commands, the most common ones first."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, or None."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"amgan.commands.{COMMANDS[cmd_name]}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command of the arguments; the error for a misspelt one names the nearest."""
        name = args[0] if args else ""
        if name and not name.startswith("-") and name not in COMMANDS:
            ctx.fail(f"No such command '{name}': {_hint(name, args)}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; errors become a sentence on stderr and an exit code."""
        warnings.filterwarnings("ignore", module=r"PIL\.")  # of odd photos: the error says what matters
        for stream in (sys.stdout, sys.stderr):  # names of files may hold what no encoding can show
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        try:
            return super().invoke(ctx)
        except AmganError as error:
            _complain(ctx, in_terms_of_flags(str(error)), error.exit_code)
        except (click.ClickException, click.Abort, click.exceptions.Exit, BrokenPipeError):
            raise
        except KeyboardInterrupt:
            _complain(ctx, "interrupted", INTERRUPTED)
        except OSError as error:
            _complain(ctx, _told(error), 1)
        except Exception as error:
            said = " ".join(f"{type(error).__name__}: {error}".split())
            _complain(ctx, f"unexpected {said} (run with AMGAN_DEBUG=1 for the traceback)", 1)
        return None


def _told(error: OSError) -> str:
    """An error of the file system that no command expects, such as a name that is too long, in a sentence."""
    if error.filename is None or not error.strerror:
        said = " ".join(f"{type(error).__name__}: {error}".split())
        return f"unexpected {said} (run with AMGAN_DEBUG=1 for the traceback)"
    return f"'{os.fsdecode(error.filename)}' cannot be used: {error.strerror}"


def _hint(name: str, args: list[str]) -> str:
    """A suggestion for an unknown command."""
    if Path(name).exists():
        command = "run-batch" if Path(name).is_dir() else "age"
        return f"did you mean amgan {command} {shlex.join(args)}?"
    near = [command for command in COMMANDS if name.lower() in command.split("-")]
    near += difflib.get_close_matches(name.lower(), COMMANDS, 1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else "see amgan --help"


def _complain(ctx: click.Context, sentence: str, code: int) -> None:
    if os.environ.get("AMGAN_DEBUG"):
        traceback.print_exc()
    click.echo(f"amgan: {sentence}", err=True)
    ctx.exit(code)


@click.group(
    cls=AmganGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Exit codes: 0 success, 1 failure, 2 invalid arguments, 3 some photos failed, 130 interrupted.",
)
@click.version_option(__version__, prog_name="amgan")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Make faces in photos and videos look older or younger, region by region.

    Everything runs on this machine; no photo leaves it.

    \b
    Examples:
      amgan run-batch photos -o aged --age 70          a folder, all faces at 70
      amgan run-batch photos -o aged --age +20         all twenty years older
      amgan age me.jpg -o old.jpg --age 70             one photo
      amgan age me.jpg -o old.jpg --zone forehead=+25  only the forehead
      amgan sweep me.jpg -o ages.png                   one face at several ages
      amgan video me.mp4 -o old.mp4 --age 70           a video, without flicker
      amgan estimate me.jpg                            the apparent age of each zone
      amgan doctor                                     which engines can run here
    """  # noqa: D301
    if ctx.invoked_subcommand == "age":  # NumPy's threads for large matrices would take a core from others
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if os.environ.get("AMGAN_DEBUG"):
        import logging

        logging.basicConfig(level=logging.DEBUG)


def run() -> None:
    """Run the command line as a process of its own, which `age` ends at once."""
    main(prog_name="amgan", obj=OWN_PROCESS)
