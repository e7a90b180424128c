"""``sightglass photographs``: the pictures at the head of the methods' pages."""

from __future__ import annotations

from typing import Annotated

import typer

from sightglass import catalogue as catalogues
from sightglass.commands.catalogue import fail
from sightglass.commands.lab import need_torch, plain_errors
from sightglass.ledger import photographs as pictures


def photographs(
    names: Annotated[list[str] | None, typer.Argument(metavar="[METHOD]...", help="All if none is named.")] = None,
    stale: Annotated[bool, typer.Option("--stale", help="Only those missing or whose code has changed.")] = False,
) -> None:
    """Draw what methods see in a photograph: results/photographs/, the pictures at the head of the methods' pages.

    A method has one if its experiment has a function photograph(). All of them take some minutes.

    Examples:  sightglass photographs grad-cam  |  sightglass photographs --stale
    """
    with plain_errors():
        need_torch()
        root = catalogues.load().root
        there = pictures.drawn_by(root)
        for name in names or []:
            if name not in there:
                hint = catalogues.nearest(name, there) or f": there are {', '.join(there)}"
                raise fail(f"no experiment draws a photograph for '{name}'{hint}")
        chosen = [slug for slug in names or there if not stale or pictures.why_stale(root, slug, there[slug])]
        for number, slug in enumerate(chosen, 1):
            size = pictures.draw(root, slug, there[slug])
            typer.echo(f"{number} of {len(chosen)}: {slug}, {size / 1000:.0f} kB")
        if not chosen:
            typer.echo("no picture is stale")
