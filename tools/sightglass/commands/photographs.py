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

    A method has a picture in results/photographs/ if its experiment has a function photograph(), an animation in
    results/animations/ if it has animation(), and a strip in results/strips/ if it maps an image and fits the network
    of photographs. All of them take some minutes.

    Examples:  sightglass photographs grad-cam  |  sightglass photographs --stale
    """
    with plain_errors():
        need_torch()
        catalogue = catalogues.load()
        root = catalogue.root
        there = {kind: pictures.drawn_by(root, kind) for kind in pictures.KINDS}
        mapping = strips.drawn(catalogue)
        known = set(mapping).union(*there.values())
        for name in names or []:
            if name not in known:
                hint = catalogues.nearest(name, known) or f": there are {', '.join(sorted(known))}"
                raise fail(f"no photograph is drawn for '{name}'{hint}")
        chosen = [(kind, slug) for kind, drawn in there.items() for slug in names or drawn if slug in drawn]
        compared = [slug for slug in names or mapping if slug in mapping]
        if stale:
            chosen = [each for each in chosen if pictures.why_stale(root, each[1], there[each[0]][each[1]], each[0])]
            compared = [slug for slug in compared if strips.why_stale(root, mapping[slug])]
        for number, (kind, slug) in enumerate(chosen, 1):
            size = pictures.draw(root, slug, there[kind][slug], kind)
            typer.echo(f"{number} of {len(chosen)}: {slug}, {kind.function}, {size / 1000:.0f} kB")
        for number, slug in enumerate(compared, 1):
            size = strips.draw(root, mapping[slug])
            typer.echo(f"{number} of {len(compared)}: {slug}, strip, {size / 1000:.0f} kB")
        if compared:
            strips.draw(root, None)
        if not chosen and not compared:
            typer.echo("no picture is stale")
