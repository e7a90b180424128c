"""``sightglass add``: new entries from a file of a reference manager, an arXiv number or a DOI."""

from __future__ import annotations

import json
import os
import re
import time
from collections import Counter
from pathlib import Path
from typing import Annotated
from urllib.parse import quote, unquote

import httpx
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sightglass import __version__, catalogue, importing
from sightglass.catalogue import Catalogue, canonical
from sightglass.catalogue.models import Venue
from sightglass.catalogue.yaml_source import shown
from sightglass.commands.catalogue import EXIT_PROBLEMS, fail
from sightglass.errors import AnswerError, ImportingError
from sightglass.files import write_whole
from sightglass.importing import Draft, Refusal, merging, records, services
from sightglass.importing.merging import Row

# The public interfaces; the environment overrides them (a mirror, or a test's own server).
ARXIV = "https://export.arxiv.org/api/query"
CROSSREF = "https://api.crossref.org/works"
TIMEOUT_SECONDS = 20.0
TRIES = 3
WAIT_SECONDS = 1.0
MAX_BYTES = 4 * 1024 * 1024  # of an answer
RESULTS = {"added": "added", "there": "there already", "left": "left out"}

_NUMBER = rf"(?P<number>{records.ARXIV.pattern})"
_AT_ARXIV = r"(?:arxiv:|https?://(?:\w+\.)?arxiv\.org/(?:abs|pdf)/)?"
_ARXIV = re.compile(rf"{_AT_ARXIV}{_NUMBER}(?:v\d+)?(?:\.pdf)?", re.IGNORECASE)
_DOI = re.compile(r"(?:doi:|https?://(?:dx\.)?doi\.org/)?(?P<doi>10\.\d{4,9}/\S+)", re.IGNORECASE)
_DOI_OF_ARXIV = re.compile(rf"10\.48550/arxiv\.{_NUMBER}", re.IGNORECASE)  # not Crossref's


def add(
    source: Annotated[
        str,
        typer.Argument(
            help="A .bib, .ris or CSL-JSON (.json) file, an arXiv number (1512.04150), a DOI (10.1109/…), or a URL."
        ),
    ],
    key: Annotated[
        str | None, typer.Option(help="The new key; proposed from author, year and title if left out.")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY", help="Only this entry of the file, by its key or line; can be repeated."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be written; write nothing.")] = False,
    new_venues: Annotated[bool, typer.Option("--venues", help="Add new venues to catalog/venues.yaml too.")] = False,
) -> None:
    """Add papers, tools, posts and resources to the catalogue from a source that states their facts.

    A file is imported entry by entry: new entries are written, those that the catalogue already has are named and not
    changed, and those that can't be added are listed with line and reason.  Running it again adds nothing twice.

    The summary is left to you; 'sightglass check' asks for it.  A file needs no network.

    Exit code 0: done; 1: some entries were left out; 2: the source can't be used, and nothing was written.

    Examples:  sightglass add 1512.04150  |  sightglass add 10.1109/CVPR.2016.319  |  sightglass add refs.bib --dry-run
    |  sightglass add library.ris --only zhou2016 --only 214
    """
    books = catalogue.load()
    try:
        found = _chosen(_found(source, books), only, source)
        if key and len(found) > 1:
            raise ImportingError(f"--key names one entry, and {source} holds {len(found)}; choose it with --only")
        rows = merging.sorted_out(found, books, key)
        if not _is_file(source) and rows[0].result != "added":
            there = "the catalogue holds it already: " if rows[0].result == "there" else ""
            raise ImportingError(f"{there}{rows[0].said}")
    except ImportingError as fault:
        raise fail(f"{source}: {fault}") from None
    venues = _new_venues(rows, books)
    added = [row for row in rows if row.result == "added"]
    if dry_run:
        typer.echo("---\n".join(row.text for row in added), nl=False)
    else:
        files = {books.root / row.said: row.text for row in added}
        if venues and new_venues:
            data = books.sources["catalog/venues.yaml"].data
            files[books.root / "catalog" / "venues.yaml"] = canonical.write([*data, *venues], list[Venue])
        _write(files)
        for path in files:
            typer.echo(f"written: {path.relative_to(books.root)}")
    if _is_file(source):
        _report(rows, RESULTS | ({"added": "new"} if dry_run else {}))
    else:
        for remark in rows[0].draft.remarks if rows[0].draft else []:
            typer.echo(f"  {remark}", err=True)
    if venues and (dry_run or not new_venues):
        typer.echo("new venues, for catalog/venues.yaml; --venues adds them:", err=True)
        typer.echo(canonical.write(venues, list[Venue]), err=True, nl=False)
    if added and not dry_run:
        typer.echo("next: write the summary, set topics and methods, then: sightglass check", err=True)
    if any(row.result == "left" for row in rows):
        raise typer.Exit(EXIT_PROBLEMS)


def _write(files: dict[Path, str]) -> None:
    """Write all the files, or none: after a fault, the folders are as they were."""
    before: dict[Path, bytes | None] = {}
    path = Path()
    try:
        for path, text in files.items():
            content = path.read_bytes() if path.exists() else None
            write_whole(path, text)
            before[path] = content
    except BaseException as fault:  # Ctrl-C too must not leave half of the files
        for written, content in before.items():
            if content is None:
                written.unlink(missing_ok=True)
            else:
                write_whole(written, content)
        if isinstance(fault, OSError):
            raise fail(f"{path}: {fault.strerror}; nothing was written") from None
        raise


def _report(rows: list[Row], results: dict[str, str]) -> None:
    """On stderr: what was not simply added, in a table; how many; and what the catalogue has no field for."""
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for name in ("line", "entry", "result", "what"):
        table.add_column(name, overflow="fold", no_wrap=name in ("line", "result"))
    for row in rows:
        remarks = row.draft.remarks if row.draft and row.result == "added" else []
        if remarks or row.result != "added":
            said = "; ".join([row.said, *remarks])
            table.add_row(str(row.line), Text(shown(row.called, 40) or "–"), results[row.result], Text(said))
    if table.row_count:
        Console(stderr=True, highlight=False).print(table)
    counts = Counter(row.result for row in rows)
    said = ", ".join(f"{counts[result]} {words}" for result, words in results.items())
    typer.echo(f"{len(rows)} {'entry' if len(rows) == 1 else 'entries'}: {said}", err=True)
    lost = Counter(name for row in rows if row.draft and row.result == "added" for name in row.draft.lost)
    if lost:
        names = ", ".join(f"{shown(name, 40)} ({count})" for name, count in lost.most_common())
        typer.echo(f"the catalogue has no field for: {names}", err=True)


def _new_venues(rows: list[Row], books: Catalogue) -> list[dict[str, str]]:
    """The venues that venues.yaml lacks, each once; of an entry that was there, only if it names one."""
    named = {entry.venue for entry in books.entries.values()}
    new: dict[str, dict[str, str]] = {}
    for row in rows:
        venue = row.draft.venue if row.draft else None
        if venue and (row.result == "added" or (row.result == "there" and venue["id"] in named)):
            new.setdefault(venue["id"].lower(), venue)
    return list(new.values())


def _chosen(found: list[Draft | Refusal], only: list[str] | None, source: str) -> list[Draft | Refusal]:
    """The entries that ``--only`` names, or all."""
    if not only:
        return found
    names = {name for each in found for name in (each.called, str(each.line)) if name}
    for name in only:
        if name not in names:
            raise ImportingError(f"no entry '{name}' in it{catalogue.nearest(name, names)}")
    return [each for each in found if each.called in only or str(each.line) in only]


def _is_file(source: str) -> bool:
    return Path(source).suffix.lower() in importing.READERS


def _found(source: str, books: Catalogue) -> list[Draft | Refusal]:
    venues = importing.Venues(books.venues)
    doi = _DOI.fullmatch(unquote(source))
    number = _ARXIV.fullmatch(source) or (doi and _DOI_OF_ARXIV.fullmatch(doi["doi"]))
    if number:
        parameters = {"id_list": number["number"], "max_results": "1"}
        answer = _get(os.environ.get("SIGHTGLASS_ARXIV", ARXIV), parameters, "arXiv")
        return [services.from_arxiv(answer, number["number"], venues)]
    if doi:
        address = os.environ.get("SIGHTGLASS_CROSSREF", CROSSREF)
        answer = _get(f"{address}/{quote(doi['doi'], safe='/')}", {}, "Crossref")
        try:
            work = json.loads(answer)
        except (ValueError, RecursionError):
            raise AnswerError("Crossref answered with something that is not JSON; try again later") from None
        return [services.from_crossref(work, doi["doi"], venues)]
    if not _is_file(source):
        raise ImportingError(
            "neither a .bib, .ris or .json file nor an arXiv number (1512.04150) nor a DOI (10.1109/CVPR.2016.319)"
        )
    try:
        return importing.drafts(Path(source).read_text(encoding="utf-8-sig"), source, venues)
    except OSError as error:
        raise ImportingError(str(error.strerror)) from None
    except UnicodeDecodeError:
        raise ImportingError("not UTF-8; convert it first, for instance with: iconv -f latin1 -t utf-8") from None


def _get(address: str, parameters: dict[str, str], name: str) -> str:
    """GET with a timeout; network faults and overload (429, 5xx) are tried again, other answers are final."""
    fault = ""
    for attempt in range(TRIES):
        if attempt:
            time.sleep(_seconds("SIGHTGLASS_RETRY_SECONDS", WAIT_SECONDS) * 2 ** (attempt - 1))
        try:
            status, text = _answer(address, parameters, name)
        except httpx.TimeoutException:
            fault = f"{name} did not answer in time"
            continue
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            fault = f"{name} cannot be reached ({error or type(error).__name__})"
            continue
        if status == 404:
            raise AnswerError(f"{name} does not know it; is it spelt right?")
        if status == 429 or status >= 500 or text.strip() == "Rate exceeded.":  # arXiv says so with status 200
            fault = f"{name} is overloaded or broken (HTTP {status})"
        elif status != 200:
            raise AnswerError(f"{name} refused (HTTP {status})")
        else:
            return text
    raise ImportingError(f"{fault}, {TRIES} tries; is there a network?  A .bib file works without one")


def _answer(address: str, parameters: dict[str, str], name: str) -> tuple[int, str]:
    """Status and text; a server that drips or never ends is cut off."""
    headers = {"User-Agent": f"sightglass/{__version__}"}
    timeout = _seconds("SIGHTGLASS_TIMEOUT", TIMEOUT_SECONDS)
    body = b""
    with httpx.stream(
        "GET", address, params=parameters, headers=headers, timeout=timeout, follow_redirects=True
    ) as answer:
        until = time.monotonic() + timeout
        for part in answer.iter_bytes():
            body += part
            if len(body) > MAX_BYTES:
                raise AnswerError(f"{name} answered with more than {MAX_BYTES:,} bytes")
            if time.monotonic() > until:
                raise httpx.ReadTimeout("too slow")
        return answer.status_code, body.decode(answer.charset_encoding or "utf-8", errors="replace")


def _seconds(variable: str, otherwise: float) -> float:
    try:
        return float(os.environ.get(variable, otherwise))
    except ValueError:
        raise ImportingError(f"{variable} is no number of seconds: '{os.environ[variable]}'") from None
