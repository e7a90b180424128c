"""Write citations: ``sightglass cite``."""

from __future__ import annotations

import difflib
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from sightglass import catalogue as catalogues
from sightglass import lists
from sightglass.catalogue import Catalogue
from sightglass.citations import FORMATS, format_entries
from sightglass.citations.styles import STYLES, styled
from sightglass.commands.catalogue import fail
from sightglass.commands.lists import known_list
from sightglass.errors import StyleError
from sightglass.files import write_output

ACCESSED = ("biblatex", "csl-json", "gb7714", "gb7714-2015")  # the formats that have a place for it


def cite(
    keys: Annotated[list[str] | None, typer.Argument(help="Keys of entries, as in their file names.")] = None,
    reading_list: Annotated[str | None, typer.Option("--list", help="Everything on this reading list.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="The whole catalogue.")] = False,
    form: Annotated[str | None, typer.Option("--format", help=f"One of {', '.join(FORMATS)}; else bibtex.")] = None,
    style: Annotated[
        str | None,
        typer.Option("--style", help=f"Instead of a format, references in a style: {', '.join(STYLES)}."),
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", help="Write this file instead of stdout.")] = None,
    accessed: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The day on which you saw what is online; GB/T 7714 asks for it."),
    ] = None,
) -> None:
    """Write citations that LaTeX, Zotero and word processors take as they are, sorted by key.

    Examples:  sightglass cite zhou2016learning  |  sightglass cite --list NAME --format ris --output list.ris  |
    sightglass cite --all --format biblatex > sightglass.bib  |  sightglass cite zhou2016learning --style ieee
    """
    if form and style:
        raise fail("--format and --style exclude each other")
    form = form or "bibtex"
    if form not in FORMATS:
        raise fail(f"unknown format '{form}'{catalogues.nearest(form, FORMATS)}; known: {', '.join(FORMATS)}")
    if style and style not in STYLES:
        raise fail(f"unknown style '{style}'{catalogues.nearest(style, STYLES)}; known: {', '.join(STYLES)}")
    if accessed and not style and form not in ACCESSED:
        raise fail(f"{form} has no place for a day of access; take one of {', '.join(ACCESSED)}")
    if not (keys or reading_list or everything):
        raise fail("name at least one key, or --list NAME, or --all")
    catalogue = catalogues.load()
    wanted = list(keys or []) + (list(catalogue.entries) if everything else [])
    unknown = [f"no entry '{key}'{_nearest_keys(key, catalogue)}" for key in wanted if key not in catalogue.entries]
    if unknown:
        raise fail("\n".join(unknown))
    if reading_list is not None:
        wanted += lists.entry_keys(known_list(catalogue, reading_list), catalogue)
    seen = accessed.date() if accessed else None
    try:
        text = styled(wanted, catalogue, style, seen) if style else format_entries(wanted, catalogue, form, seen)
    except StyleError as error:
        raise fail(str(error)) from None
    if output is None:
        typer.echo(text, nl=False)
        return
    try:
        write_output(output, text.encode())
    except OSError as error:
        raise fail(f"cannot write {output}: {error.strerror}") from None


def _nearest_keys(key: str, catalogue: Catalogue) -> str:
    """Up to three keys that are spelt like ``key``."""
    close = difflib.get_close_matches(key.lower(), catalogue.entries, n=3, cutoff=0.6)
    return f"; the nearest: {', '.join(close)}" if close else f"; try: sightglass find {key}"
