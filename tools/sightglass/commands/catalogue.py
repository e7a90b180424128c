"""Look things up and keep them in order: ``check``, ``show``, ``find``, ``schema``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sightglass import catalogue as catalogues
from sightglass.catalogue import Catalogue
from sightglass.catalogue import check as checks
from sightglass.catalogue import find as finder
from sightglass.catalogue import schema as schemas
from sightglass.errors import SightglassError
from sightglass.ledger import REMEDIES, figure_labels, remedy, stale_parts
from sightglass.running import strips

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of a table.")]
EXIT_PROBLEMS = 1
EXIT_USAGE = 2
AGAIN = 75  # the exit code of a server that wants to be started again, for the site's own code has changed


def fail(message: str, code: int = EXIT_USAGE) -> typer.Exit:
    """Say on one line of stderr what is wrong; ``raise fail(...)`` ends the command with ``code``."""
    Console(stderr=True, soft_wrap=True, highlight=False).print(Text(f"sightglass: {message}"))
    return typer.Exit(code)


def print_json(data: Any) -> None:
    """JSON on stdout, readable, Chinese as it is."""
    typer.echo(json.dumps(data, ensure_ascii=False, indent=2))


def check(
    fix: Annotated[bool, typer.Option("--fix", help="Write files in canonical form first.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check the whole catalogue and list every problem with file, line and column.

    Exit code 0: no problems; 1: problems; 2: no catalogue found.

    Examples:  sightglass check  |  sightglass check --fix  |  sightglass check --json
    """
    if fix:
        changed, left = checks.fix()
        for name in changed:
            typer.echo(f"rewritten: {name}", err=True)
        for problem in left:
            typer.echo(f"left as it is: {problem}", err=True)
    catalogue, problems = checks.check()
    if as_json:
        print_json([vars(problem) for problem in problems])
    else:
        for problem in problems:
            typer.echo(str(problem))
        links = sum(len(entry.links) for entry in catalogue.entries.values())
        counted = f"{len(catalogue.entries)} entries, {len(catalogue.methods)} methods, {links} links"
        typer.echo(f"{counted}: {len(problems)} problem{'' if len(problems) == 1 else 's'}", err=bool(problems))
        if untranslated := [key for key, entry in catalogue.entries.items() if not entry.summary_zh]:
            typer.echo(f"no Chinese summary yet, for somebody who writes Chinese: {', '.join(untranslated)}", err=True)
        if stale := _stale(catalogue):
            typer.echo(stale, err=True)
    if problems:
        raise typer.Exit(EXIT_PROBLEMS)


def _stale(catalogue: Catalogue) -> str:
    """One line if the ledger does not go with the code; it is no problem of the catalogue."""
    try:
        found = [
            *stale_parts(catalogue.root, catalogue.methods),
            *figure_labels.stale_parts(catalogue, catalogue.methods),
            *strips.stale_parts(catalogue, catalogue.methods),
        ]
    except SightglassError as error:
        return str(error)
    parts: dict[str, list[str]] = {part: [] for part in REMEDIES}
    for row in found:
        if row["method"] not in parts[row["part"]]:
            parts[row["part"]].append(row["method"])
    counted = [f"{part}s of {', '.join(slugs)}" for part, slugs in parts.items() if slugs]
    return f"stale: {'; '.join(counted)}; run {remedy(found)}" if found else ""


def known(catalogue: Catalogue, key: str) -> str:
    """``key`` if it is an entry's or a method's, else the command ends with the nearest keys."""
    if key in catalogue.entries or key in catalogue.methods:
        return key
    hint = catalogues.nearest(key, [*catalogue.entries, *catalogue.methods])
    raise fail(f"no entry or method '{key}'{hint or '; try: sightglass find ' + key}")


def show(
    key: Annotated[str, typer.Argument(help="Key of an entry (zhou2016learning) or slug of a method (cam).")],
    as_json: AsJson = False,
) -> None:
    """Show one entry or method.

    Examples:  sightglass show zhou2016learning  |  sightglass show cam --json
    """
    catalogue = catalogues.load()
    known(catalogue, key)
    record = catalogue.entries.get(key) or catalogue.methods[key]
    file = catalogue.files[key if key in catalogue.entries else f"methods/{key}"]
    data = {"key": key, "file": file, **record.model_dump(mode="json", exclude_defaults=True)}
    if as_json:
        print_json(data)
        return
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in data.items():
        for i, line in enumerate(_lines(value)):
            table.add_row(name if i == 0 else "", Text(line))
    Console().print(table)


def _lines(value: Any) -> list[str]:
    """A field's value as lines for people."""
    if isinstance(value, list):
        return [line for item in value for line in _lines(item)] or ["–"]
    if isinstance(value, dict):
        if set(value) == {"name"}:
            return [value["name"]]
        return ["; ".join(f"{k}: {', '.join(map(str, v)) if isinstance(v, list) else v}" for k, v in value.items())]
    return [" ".join(str(value).split())]


def find(
    words: Annotated[list[str] | None, typer.Argument(help="Words that must all occur, English or Chinese.")] = None,
    kind: Annotated[
        str | None, typer.Option(help="conference, blog, library … or papers, tools, posts, resources")
    ] = None,
    family: Annotated[str | None, typer.Option(help="A family or topic: attribution, survey …")] = None,
    method: Annotated[str | None, typer.Option(help="A method's slug: grad-cam")] = None,
    venue: Annotated[str | None, typer.Option(help="A venue's id: CVPR")] = None,
    year: Annotated[int | None, typer.Option(help="The year of publication.")] = None,
    as_json: AsJson = False,
) -> None:
    """Find entries by words and facets.  Exit code 1 if nothing is found.

    Examples:  sightglass find zeiler 2014  |  sightglass find 可视化 --kind posts  |  sightglass find --method lrp
    """
    catalogue = catalogues.load()
    venues = {name.lower(): name for name in catalogue.venues}
    venue = venues.get(venue.lower(), venue) if venue else venue
    for name, value, allowed in (
        ("kind", kind, finder.KINDS),
        ("family", family, catalogue.topics),
        ("method", method, catalogue.methods),
        ("venue", venue, catalogue.venues),
    ):
        if value is not None and value not in allowed:
            raise fail(f"unknown {name} '{value}'{catalogues.nearest(value, allowed)}")
    keys = finder.find(
        catalogue, " ".join(words or []), kind=kind, family=family, method=method, venue=venue, year=year
    )
    if as_json:
        print_json([{"key": k, **catalogue.entries[k].model_dump(mode="json", exclude_defaults=True)} for k in keys])
    else:
        table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
        for name in ("key", "year", "title"):
            table.add_column(name, overflow="fold", no_wrap=name != "title")
        for key in keys:
            entry = catalogue.entries[key]
            table.add_row(key, str(entry.year or ""), Text(entry.title))
        Console().print(table if keys else "nothing found")
    if not keys:
        raise typer.Exit(EXIT_PROBLEMS)


def schema(
    kind: Annotated[
        str | None, typer.Argument(help="papers, tools, posts, resources, methods, lists, taxonomy, venues")
    ] = None,
    write: Annotated[bool, typer.Option("--write", help="Write all of them into schema/.")] = False,
) -> None:
    """Print the JSON Schema that editors complete and check the YAML with.

    Examples:  sightglass schema papers  |  sightglass schema --write
    """
    if write:
        try:
            for path in schemas.write(catalogues.find_root()):
                typer.echo(path)
        except OSError as error:
            raise fail(f"{error.filename}: {error.strerror}") from None
        return
    if kind not in catalogues.MODELS:
        allowed = ", ".join(catalogues.MODELS)
        raise fail(f"no schema '{kind or ''}'{catalogues.nearest(kind or '', catalogues.MODELS)}; one of {allowed}")
    typer.echo(schemas.schema(kind), nl=False)


def site(
    directory: Annotated[
        Path | None, typer.Option("--output", help="Folder to build into; it is emptied first. Default: site/")
    ] = None,
    serve: Annotated[bool, typer.Option("--serve", help="Serve on --address with reload instead of building.")] = False,
    address: Annotated[str, typer.Option(help="Host and port for --serve.")] = "127.0.0.1:8000",
    markdown: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Write the pages as Markdown with a mkdocs.yml that needs no code of ours, for other generators.",
        ),
    ] = None,
) -> None:
    """Build the site, serve it with reload, or write its pages as a plain MkDocs project.

    Examples:  sightglass site  |  sightglass site --output public  |  sightglass site --serve

    The pages for another generator:  sightglass site --markdown plain && zensical build -f plain/mkdocs.yml
    """
    import os
    import subprocess
    import sys

    root = catalogues.find_root()
    if markdown is not None:
        if serve or directory:
            raise fail("--markdown writes a project; it goes with neither --serve nor --output")
        export(root, markdown)
        return
    folder = (directory or Path("site")).resolve()
    verb = ["serve", "--dev-addr", address] if serve else ["build", "--clean", "--site-dir", str(folder)]
    command = [sys.executable, "-m", "mkdocs", *verb, "--strict", "--config-file", str(root / "mkdocs.yml")]
    environment = {
        **os.environ,
        "SIGHTGLASS_ROOT": str(root),
        "NO_MKDOCS_2_WARNING": "1",
        "SIGHTGLASS_AGAIN": str(AGAIN),
    }
    code = AGAIN
    try:
        while code == AGAIN:
            code = subprocess.run(command, env=environment, check=False).returncode  # noqa: S603  # our own arguments
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    raise typer.Exit(code)


def export(root: Path, folder: Path) -> None:
    """Write the pages of a checkout into a folder of their own, whole or not at all."""
    from sightglass.pages import exporting

    folder = folder.resolve()
    if not exporting.is_ours(folder):  # before the work
        raise fail(f"{folder} holds something that is no export; name an empty or a new folder")
    try:
        files = exporting.project(root)
        exporting.write(folder, files)
    except ValueError as error:
        raise fail(str(error), EXIT_PROBLEMS) from error
    except OSError as error:
        raise fail(f"{error.filename or folder}: {error.strerror or error}") from error
    pages = sum(path.endswith(".md") for path in files)
    typer.echo(f"{folder}: {pages} pages, {len(files)} files; mkdocs build -f {folder / 'mkdocs.yml'}")
