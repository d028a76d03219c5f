"""The command line in this process: what it does, and how it says no."""

from __future__ import annotations

from collections.abc import Mapping

from click.testing import CliRunner, Result

from amgan.cli import main


def run(*arguments: object, stdin: bytes | None = None, env: Mapping[str, str] | None = None) -> Result:
    """``amgan ARGUMENTS``: exit code, stdout and stderr."""
    return CliRunner().invoke(main, [str(a) for a in arguments], input=stdin, env=env)


def one_sentence(result: Result) -> str:
    """What a command that failed says: one line that begins with its name."""
    assert result.stderr.startswith("amgan: "), result.output
    assert result.stderr.count("\n") == 1, result.stderr
    return str(result.stderr)


def refuse(*arguments: object, code: int = 2, stdin: bytes | None = None) -> str:
    """The one sentence of a command that must fail, with this exit code and nothing on stdout."""
    result = run(*arguments, stdin=stdin)
    assert (result.exit_code, result.stdout) == (code, ""), result.output
    return one_sentence(result)
