"""``sightglass photographs``: the pictures at the head of the methods' pages."""

from __future__ import annotations

from typing import Annotated

import typer

from sightglass import catalogue as catalogues
from sightglass.commands.catalogue import fail
from sightglass.commands.lab import need_torch, plain_errors
from sightglass.ledger import photographs as pictures
from sightglass.running import strips


def photographs(
    names: Annotated[list[str] | None, typer.Argument(metavar="[METHOD]...", help="Default: all.")] = None,
    stale: Annotated[bool, typer.Option("--stale", help="Only those missing or whose code has changed.")] = False,
) -> None:
    """Draw what methods see in photographs: the pictures at the top of their pages, and the strips that compare them.

    A method has a picture in results/photographs/ if its experiment has a function photograph(), and a strip in
    results/strips/ if it maps an image and fits the network of photographs. All of them take some minutes.

    Examples:  sightglass photographs grad-cam  |  sightglass photographs --stale
    """
    with plain_errors():
        need_torch()
        catalogue = catalogues.load()
        root = catalogue.root
        there, mapping = pictures.drawn_by(root), strips.drawn(catalogue)
        known = {**there, **mapping}
        for name in names or []:
            if name not in known:
                hint = catalogues.nearest(name, known) or f": there are {', '.join(known)}"
                raise fail(f"no photograph is drawn for '{name}'{hint}")
        chosen = [slug for slug in names or there if slug in there]
        compared = [slug for slug in names or mapping if slug in mapping]
        if stale:
            chosen = [slug for slug in chosen if pictures.why_stale(root, slug, there[slug])]
            compared = [slug for slug in compared if strips.why_stale(root, mapping[slug])]
        for number, slug in enumerate(chosen, 1):
            size = pictures.draw(root, slug, there[slug])
            typer.echo(f"{number} of {len(chosen)}: {slug}, {size / 1000:.0f} kB")
        for number, slug in enumerate(compared, 1):
            size = strips.draw(root, mapping[slug])
            typer.echo(f"{number} of {len(compared)}: {slug}, strip, {size / 1000:.0f} kB")
        if compared:
            strips.draw(root, None)
        if not chosen and not compared:
            typer.echo("no picture is stale")
