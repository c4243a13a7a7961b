"""The command line: one module a command, imported lazily where it is heavy."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Annotated

import typer

COMMANDS = (
    "check", "list", "new", "train", "search", "confirm", "gap", "report", "explain", "diff", "export", "cache",
    "validate", "cost", "schema",
)  # fmt: skip
"""Commands in the order of `joulescape --help`; each is `joulescape.cli.<name>_command:<name>_command`."""

app = typer.Typer(
    name="joulescape",
    help="Which machine, which network, which compression: joint design-space exploration for deep learning hardware.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _say_version(is_asked: bool) -> None:
    if is_asked:
        import joulescape

        typer.echo(joulescape.__version__)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Version.")] = False,
) -> None:
    """Which machine, which network, which compression: joint design-space exploration for deep learning hardware."""


def _register() -> None:
    for name in COMMANDS:
        app.command(name)(getattr(import_module(f"joulescape.cli.{name}_command"), f"{name}_command"))


def main() -> None:
    """Run the command line; the package's own errors end with exit code 2 and no traceback."""
    from joulescape.errors import JoulescapeError, SpecError

    _register()
    try:
        app()
    except SpecError as error:
        count = len(error.faults)
        sys.stderr.write(f"{error}\n{count} fault{'s' if count > 1 else ''} found\n")
        sys.exit(2)
    except JoulescapeError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(2)
    except OSError as error:  # a full disk, a folder that may not be written: the system's own words are clear
        sys.stderr.write(f"error: {error.filename or 'the system'}: {error.strerror or error}\n")
        sys.exit(2)
