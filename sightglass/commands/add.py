"""``sightglass add``: a new entry from a .bib file, an arXiv number or a DOI."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
import yaml

from sightglass import __version__, catalogue, check, importing
from sightglass.canonical import canonical
from sightglass.catalogue import Catalogue
from sightglass.commands.catalogue import fail
from sightglass.files import write_whole
from sightglass.importing import Draft, ImportingError
from sightglass.models import Paper

# The public interfaces; the environment overrides them (a mirror, or a test's own server).
ARXIV = "https://export.arxiv.org/api/query"
CROSSREF = "https://api.crossref.org/works"
TIMEOUT_SECONDS = 20.0
TRIES = 3
WAIT_SECONDS = 1.0


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
    twice = {path for path, _ in files if [p for p, _ in files].count(path) > 1}
    if twice:
        raise fail(f"{source}: two entries would become {min(twice).name}; add them one by one with --key")
    for (path, text), draft in zip(files, drafts, strict=True):
        if dry_run:
            typer.echo(text, nl=False)
        else:
            write_whole(path, text)
            typer.echo(f"written: {path.relative_to(books.root)}")
        for remark in draft.remarks:
            typer.echo(f"  {remark}", err=True)
    if not dry_run:
        typer.echo("next: write the summary, set topics and methods, then: sightglass check", err=True)


def _drafts(source: str, books: Catalogue) -> list[Draft]:
    venues = dict(books.venues)
    number = re.fullmatch(
        r"(?:arxiv:|https?://arxiv\.org/(?:abs|pdf)/)?(\d{4}\.\d{4,5})(?:v\d+)?(?:\.pdf)?", source, re.I
    )
    doi = re.fullmatch(r"(?:doi:|https?://(?:dx\.)?doi\.org/)?(10\.\d{4,9}/\S+)", source, re.I)
    if number:
        address = os.environ.get("SIGHTGLASS_ARXIV", ARXIV)
        answer = _get(address, {"id_list": number[1], "max_results": "1"}, "arXiv")
        return [importing.from_arxiv(answer.text, number[1])]
    if doi:
        address = os.environ.get("SIGHTGLASS_CROSSREF", CROSSREF)
        answer = _get(f"{address}/{doi[1]}", {}, "Crossref")
        try:
            data: Any = answer.json()
        except ValueError:
            raise ImportingError("Crossref answered with something that is not JSON; try again later") from None
        return [importing.from_crossref(data if isinstance(data, dict) else {}, doi[1], venues)]
    path = Path(source)
    if path.suffix != ".bib":
        raise ImportingError("neither a .bib file nor an arXiv number (1512.04150) nor a DOI (10.1109/CVPR.2016.319)")
    try:
        return importing.from_bibtex(path.read_text(encoding="utf-8"), venues)
    except OSError as error:
        raise ImportingError(str(error.strerror)) from None
    except UnicodeDecodeError:
        raise ImportingError("not UTF-8; convert it first, for instance with: iconv -f latin1 -t utf-8") from None


def _get(address: str, parameters: dict[str, str], name: str) -> httpx.Response:
    """GET with a timeout; network faults and overload (429, 5xx) are tried again, other answers are final."""
    headers = {"User-Agent": f"sightglass/{__version__}"}
    fault = ""
    for attempt in range(TRIES):
        if attempt:
            time.sleep(float(os.environ.get("SIGHTGLASS_RETRY_SECONDS", WAIT_SECONDS)) * 2 ** (attempt - 1))
        try:
            timeout = float(os.environ.get("SIGHTGLASS_TIMEOUT", TIMEOUT_SECONDS))
            answer = httpx.get(address, params=parameters, headers=headers, timeout=timeout, follow_redirects=True)
        except httpx.TimeoutException:
            fault = f"{name} did not answer in time"
        except httpx.HTTPError as error:
            fault = f"{name} cannot be reached ({error or type(error).__name__})"
        else:
            if answer.status_code == 404:
                raise ImportingError(f"{name} does not know it; is it spelt right?")
            if answer.status_code == 429 or answer.status_code >= 500:
                fault = f"{name} is overloaded or broken (HTTP {answer.status_code})"
            elif answer.status_code != 200:
                raise ImportingError(f"{name} refused (HTTP {answer.status_code})")
            else:
                return answer
    raise ImportingError(f"{fault}, {TRIES} tries; is there a network?  A .bib file works without one")


def _file(draft: Draft, books: Catalogue) -> tuple[Path, str]:
    """Path and text of the new file; a key, DOI or arXiv number that the catalogue holds already is refused."""
    if not check.KEY.fullmatch(draft.key):
        raise ImportingError(f"'{draft.key}' can't be a key: small letters, digits and single hyphens; use --key")
    if draft.key in books.entries:
        raise ImportingError(f"{books.files[draft.key]} exists; choose another key with --key")
    for key, entry in books.entries.items():
        for name in ("doi", "arxiv"):
            value = draft.data.get(name)
            if value and str(value).lower() == str(getattr(entry, name) or "").lower():
                raise ImportingError(f"the catalogue holds it already: {books.files[key]}")
    try:
        Paper.model_validate(draft.data)
    except ValueError as error:
        raise ImportingError(f"it does not make a valid entry: {' '.join(str(error).split())}") from None
    text = canonical(yaml.safe_dump(draft.data, allow_unicode=True, sort_keys=False), Paper)
    return books.root / "catalog" / "papers" / f"{draft.key}.yaml", text
