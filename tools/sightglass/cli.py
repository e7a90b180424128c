"""The command line: ``sightglass COMMAND``; each command is a function under ``sightglass.commands``."""

from __future__ import annotations

import io
import sys
from typing import Annotated

import typer

import sightglass
from sightglass.commands import add, catalogue, cite, lab, links, lists, photographs, readme, run, tutorials, verify
from sightglass.errors import CatalogueError

app = typer.Typer(
    name="sightglass",
    help="The literature on looking inside convolutional networks: find it, cite it, run it, measure it again.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for name, command in (
    ("find", catalogue.find),
    ("show", catalogue.show),
    ("cite", cite.cite),
    ("methods", lab.methods),
    ("run", run.run),
    ("verify", verify.verify),
    ("stale", verify.stale),
    ("tutorials", tutorials.tutorials),
    ("photographs", photographs.photographs),
    ("train", lab.train),
    ("check", catalogue.check),
    ("add", add.add),
    ("schema", catalogue.schema),
    ("links", links.links),
    ("site", catalogue.site),
    ("readme", readme.readme),
):
    app.command(name)(command)
app.add_typer(lists.app, name="list")


def _version(value: bool) -> None:
    if value:
        typer.echo(f"sightglass {sightglass.__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; a catalogue that can't be read ends in a list of its problems, never in a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # a file holds UTF-8; a terminal that has no Chinese is no reason to fail
            encoding = stream.encoding if stream.isatty() else "utf-8"
            stream.reconfigure(encoding=encoding, errors="backslashreplace")
    try:
        app()
    except CatalogueError as error:
        for problem in error.problems:
            typer.echo(str(problem), err=True)
        raise SystemExit(2) from None
    except OSError as error:  # of the output, on a full disk: commands tell of other files' themselves
        typer.echo(f"sightglass: {error.filename or 'the output'}: {error.strerror or error}", err=True)
        raise SystemExit(2) from None
