"""``sightglass add``: a new entry from a .bib file, an arXiv number or a DOI."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path
from typing import Annotated
from urllib.parse import quote, unquote

import httpx
import typer
from pydantic import ValidationError

from sightglass import __version__, catalogue
from sightglass.catalogue import Catalogue, canonical, check, importing
from sightglass.catalogue.importing import Draft
from sightglass.catalogue.models import Paper
from sightglass.commands.catalogue import fail
from sightglass.errors import AnswerError, BibtexError, ImportingError, first_fault
from sightglass.files import write_whole

# The public interfaces; the environment overrides them (a mirror, or a test's own server).
ARXIV = "https://export.arxiv.org/api/query"
CROSSREF = "https://api.crossref.org/works"
TIMEOUT_SECONDS = 20.0
TRIES = 3
WAIT_SECONDS = 1.0
MAX_BYTES = 4 * 1024 * 1024  # of an answer

_NUMBER = rf"(?P<number>{importing.ARXIV.pattern})"
_AT_ARXIV = r"(?:arxiv:|https?://(?:\w+\.)?arxiv\.org/(?:abs|pdf)/)?"
_ARXIV = re.compile(rf"{_AT_ARXIV}{_NUMBER}(?:v\d+)?(?:\.pdf)?", re.IGNORECASE)
_DOI = re.compile(r"(?:doi:|https?://(?:dx\.)?doi\.org/)?(?P<doi>10\.\d{4,9}/\S+)", re.IGNORECASE)
_DOI_OF_ARXIV = re.compile(rf"10\.48550/arxiv\.{_NUMBER}", re.IGNORECASE)  # not Crossref's


def add(
    source: Annotated[
        str, typer.Argument(help="A .bib file, an arXiv number (1512.04150), a DOI (10.1109/…), or their URLs.")
    ],
    key: Annotated[
        str | None, typer.Option(help="The new key; proposed from author, year and title if left out.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the file instead of writing it.")] = False,
) -> None:
    """Add a paper to the catalogue from a source that states its facts.

    The summary is left to you; 'sightglass check' asks for it.  Without a network, a .bib file works.

    Examples:  sightglass add 1512.04150  |  sightglass add 10.1109/CVPR.2016.319  |  sightglass add refs.bib --dry-run
    """
    books = catalogue.load()
    try:
        drafts = _drafts(source, books)
        if key:
            if len(drafts) > 1:
                raise ImportingError(f"--key names one entry, and {source} holds {len(drafts)}")
            drafts[0].key = key
        files = [_file(draft, books) for draft in drafts]
    except ImportingError as fault:
        raise fail(f"{source}: {fault}") from None
    for held in [path.name for path, _ in files], [d.data["doi"].lower() for d in drafts if "doi" in d.data]:
        twice = {value for value in held if held.count(value) > 1}
        if twice:
            raise fail(f"{source}: two entries would become or have '{min(twice)}'; add them one by one with --key")
    for (path, text), draft in zip(files, drafts, strict=True):
        if dry_run:
            typer.echo(text, nl=False)
        else:
            try:
                write_whole(path, text)
            except OSError as fault:
                raise fail(f"{path}: {fault.strerror}") from None
            typer.echo(f"written: {path.relative_to(books.root)}")
        for remark in draft.remarks:
            typer.echo(f"  {remark}", err=True)
    if not dry_run:
        typer.echo("next: write the summary, set topics and methods, then: sightglass check", err=True)


def _drafts(source: str, books: Catalogue) -> list[Draft]:
    venues = dict(books.venues)
    path = Path(source)
    doi = _DOI.fullmatch(unquote(source))
    number = _ARXIV.fullmatch(source) or (doi and _DOI_OF_ARXIV.fullmatch(doi["doi"]))
    if number:
        parameters = {"id_list": number["number"], "max_results": "1"}
        answer = _get(os.environ.get("SIGHTGLASS_ARXIV", ARXIV), parameters, "arXiv")
        return [importing.from_arxiv(answer, number["number"])]
    if doi:
        address = os.environ.get("SIGHTGLASS_CROSSREF", CROSSREF)
        answer = _get(f"{address}/{quote(doi['doi'], safe='/')}", {}, "Crossref")
        try:
            work = json.loads(answer)
        except (ValueError, RecursionError):
            raise AnswerError("Crossref answered with something that is not JSON; try again later") from None
        return [importing.from_crossref(work, doi["doi"], venues)]
    if path.suffix != ".bib":
        raise ImportingError("neither a .bib file nor an arXiv number (1512.04150) nor a DOI (10.1109/CVPR.2016.319)")
    try:
        return importing.from_bibtex(path.read_text(encoding="utf-8-sig"), venues)
    except OSError as error:
        raise ImportingError(str(error.strerror)) from None
    except UnicodeDecodeError:
        raise BibtexError("not UTF-8; convert it first, for instance with: iconv -f latin1 -t utf-8") from None


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


def _file(draft: Draft, books: Catalogue) -> tuple[Path, str]:
    """Path and text of the new file; a key, DOI or arXiv number that the catalogue holds already is refused."""
    if not check.KEY.fullmatch(draft.key):
        raise ImportingError(f"'{draft.key}' can't be a key: small letters, digits and single hyphens; use --key")
    taken = books.files.get(draft.key) or books.files.get(f"methods/{draft.key}")
    if taken:
        raise ImportingError(f"{taken} exists; choose another key with --key")
    for key, entry in books.entries.items():
        for name in ("doi", "arxiv"):
            value = draft.data.get(name)
            if value and str(value).lower() == str(getattr(entry, name) or "").lower():
                raise ImportingError(f"the catalogue holds it already: {books.files[key]}")
    try:
        Paper.model_validate(draft.data)
    except ValidationError as error:
        raise ImportingError(f"it does not make a valid entry: {first_fault(error)}") from None
    return books.root / "catalog" / "papers" / f"{draft.key}.yaml", canonical.write(draft.data, Paper)
