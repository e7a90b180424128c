"""Write citations: ``sightglass cite``."""

from __future__ import annotations

import difflib
import os
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from sightglass import catalogue as catalogues
from sightglass.catalogue import Catalogue
from sightglass.citations import FORMATS, format_entries
from sightglass.commands.catalogue import fail


def cite(
    keys: Annotated[list[str] | None, typer.Argument(help="Keys of entries, as in their file names.")] = None,
    reading_list: Annotated[str | None, typer.Option("--list", help="Everything on this reading list.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="The whole catalogue.")] = False,
    style: Annotated[str, typer.Option("--format", help=f"One of {', '.join(FORMATS)}.")] = "bibtex",
    output: Annotated[Path | None, typer.Option("--output", help="Write this file instead of stdout.")] = None,
    accessed: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The day on which you saw what is online; GB/T 7714 asks for it."),
    ] = None,
) -> None:
    """Write citations that LaTeX, Zotero and word processors take as they are, sorted by key.

    Examples:  sightglass cite zhou2016learning  |  sightglass cite --list NAME --format ris --output list.ris  |
    sightglass cite --all --format biblatex > sightglass.bib
    """
    if style not in FORMATS:
        raise fail(f"unknown format '{style}'{catalogues.nearest(style, FORMATS)}; known: {', '.join(FORMATS)}")
    if not (keys or reading_list or everything):
        raise fail("name at least one key, or --list NAME, or --all")
    catalogue = catalogues.load()
    wanted = list(keys or []) + (list(catalogue.entries) if everything else [])
    unknown = [f"no entry '{key}'{_nearest_keys(key, catalogue)}" for key in wanted if key not in catalogue.entries]
    if unknown:
        raise fail("\n".join(unknown))
    if reading_list is not None:
        wanted += _keys_of(reading_list, catalogue)
    text = format_entries(wanted, catalogue, style, accessed.date() if accessed else None)
    if output is None:
        typer.echo(text, nl=False)
    else:
        _write(output, text)


def _keys_of(name: str, catalogue: Catalogue) -> list[str]:
    """The entries of a reading list; a method on it stands for the papers that propose it."""
    if name not in catalogue.lists:
        raise fail(f"no reading list '{name}'{catalogues.nearest(name, catalogue.lists)}")
    items = [item.key for session in catalogue.lists[name].sessions for item in session.items]
    papers = [key for item in items if item in catalogue.methods for key in catalogue.methods[item].proposed_by]
    return [key for key in [*items, *papers] if key in catalogue.entries]


def _nearest_keys(key: str, catalogue: Catalogue) -> str:
    """Up to three keys that are spelt like ``key``."""
    close = difflib.get_close_matches(key.lower(), catalogue.entries, n=3, cutoff=0.6)
    return f"; the nearest: {', '.join(close)}" if close else f"; try: sightglass find {key}"


def _write(path: Path, text: str) -> None:
    """All of ``text`` or nothing: a partial file takes the place of ``path`` only when it is complete."""
    target = path.resolve()
    partial = target.with_name(f".{target.name}.partial") if target.is_file() or not target.exists() else target
    try:
        partial.write_text(text, encoding="utf-8", newline="")
        if partial != target:  # a pipe or a device is written to as it is
            os.replace(partial, target)
    except OSError as error:
        if partial != target:
            partial.unlink(missing_ok=True)
        raise fail(f"cannot write {path}: {error.strerror}") from None
