"""New entries out of what others publish: arXiv's Atom, Crossref's JSON, and ``.bib`` files.

Each function is pure: text in, drafts out.  A draft holds only what the source says, notes the source in ``confirmed``,
and leaves the summary to a person; ``sightglass check`` asks for it.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import bibtexparser.entrypoint
from bibtexparser import middlewares
from defusedxml import ElementTree

from sightglass.models import FIRST_DRAFT, Person, Venue

ATOM = {"atom": "http://www.w3.org/2005/Atom", "arxiv": "http://arxiv.org/schemas/atom"}
_SMALL = {"a", "an", "and", "the", "on", "of", "in", "for", "to", "how", "what", "why", "is", "are", "do", "does"}
_CROSSREF_KINDS = {
    "journal-article": "journal",
    "proceedings-article": "conference",
    "posted-content": "preprint",
    "book-chapter": "chapter",
    "dissertation": "thesis",
    "report": "report",
}
_BIBTEX_KINDS = {
    "article": "journal",
    "inproceedings": "conference",
    "conference": "conference",
    "incollection": "chapter",
    "inbook": "chapter",
    "phdthesis": "thesis",
    "mastersthesis": "thesis",
    "techreport": "report",
    "misc": "preprint",
    "unpublished": "preprint",
}
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]


class ImportingError(Exception):
    """The source can't be turned into an entry; the message says why and what to do."""


@dataclass
class Draft:
    """A new paper: its proposed key, its fields as they go into the file, and remarks for the person who adds it."""

    key: str
    data: dict[str, Any]
    remarks: list[str] = field(default_factory=list)


def propose_key(names: Iterable[str], year: object, title: str) -> str:
    """``zhou2016learning`` out of 'Zhou, Bolei', 2016 and 'Learning Deep Features ...'; ASCII, never computed again."""
    first = next(iter(names), "anonymous")
    surname = _ascii(first.partition(",")[0].split()[-1] if first.partition(",")[0].split() else first)
    words = [_ascii(word) for word in re.split(r"[\s\-–—:/]+", title)]
    word = next((w for w in words if w and w not in _SMALL), "untitled")
    return f"{surname or 'anonymous'}{year or ''}{word}"


def _ascii(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]", "", decomposed)


def _clean(text: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", text)).split())


def _draft(data: dict[str, Any], source: str, at: str | None, remarks: list[str]) -> Draft:
    data = {name: value for name, value in data.items() if value not in (None, "", [])}
    if "title" not in data:
        raise ImportingError("the source gives no title")
    facts = ("title", "authors", "year", "month", "volume", "number", "pages", "doi", "arxiv", "arxiv_class", "venue")
    confirmation: dict[str, Any] = {"source": source, "fields": [name for name in facts if name in data]}
    if at:
        confirmation["at"] = at
    data |= {"summary": FIRST_DRAFT, "confirmed": [confirmation]}
    names = [name if isinstance(name, str) else name["name"] for name in data.get("authors", [])]
    return Draft(propose_key(names, data.get("year"), data["title"]), data, remarks)


def _venue(name: str | None, venues: dict[str, Venue], remarks: list[str]) -> str | None:
    """The id of the venue called ``name``; an unknown one is left out with a remark."""
    if not name:
        return None
    plain = _ascii(name)
    for venue_id, venue in venues.items():
        titles = [venue_id, venue.name, venue.booktitle or f"Proceedings of the {venue.name}"]
        if plain in (_ascii(title) for title in titles):
            return venue_id
    remarks.append(f"the venue '{name}' is not in catalog/venues.yaml: add it there and set 'venue'")
    return None


def last_first(name: str) -> str:
    """'Laurens van der Maaten' as 'van der Maaten, Laurens'; a name with a comma, or of one word, stays."""
    words = name.split()
    if "," in name or len(words) < 2:
        return name
    start = next((i for i, word in enumerate(words[1:-1], 1) if word[0].islower()), len(words) - 1)
    return f"{' '.join(words[start:])}, {' '.join(words[:start])}"


def _author(name: str) -> str | dict[str, Any]:
    return name if "," in name else {"name": name, "organisation": True}


def from_arxiv(atom: str, number: str) -> Draft:
    """The draft of a preprint out of the Atom answer of arXiv's interface for ``number``."""
    try:
        root = ElementTree.fromstring(atom)
    except ElementTree.ParseError as error:
        raise ImportingError(f"arXiv answered with something that is not XML ({error})") from error
    entry = root.find("atom:entry", ATOM)
    title = entry.findtext("atom:title", "", ATOM) if entry is not None else ""
    if entry is None or not title or title.strip() == "Error":
        raise ImportingError(f"arXiv has no paper {number}; is the number right?")
    published = entry.findtext("atom:published", "", ATOM)
    primary = entry.find("arxiv:primary_category", ATOM)
    doi = entry.findtext("arxiv:doi", None, ATOM)
    names = [a.findtext("atom:name", "", ATOM) for a in entry.findall("atom:author", ATOM)]
    url = f"https://arxiv.org/abs/{number}"
    remarks = [f"arXiv knows a published version, doi:{doi}; 'sightglass add {doi}' takes that instead"] if doi else []
    data = {
        "title": _clean(title),
        "authors": [_author(last_first(_clean(name))) for name in names if name.strip()],
        "year": int(published[:4]) if published[:4].isdigit() else None,
        "month": int(published[5:7]) if published[5:7].isdigit() else None,
        "venue": "arXiv",
        "arxiv": number,
        "arxiv_class": primary.get("term") if primary is not None else None,
        "links": [{"url": url, "role": "paper"}],
        "kind": "preprint",
    }
    return _draft(data, "preprint", url, remarks)


def from_crossref(answer: dict[str, Any], doi: str, venues: dict[str, Venue]) -> Draft:
    """The draft of a published work out of the JSON answer of Crossref's interface for ``doi``."""
    work = answer.get("message")
    if not isinstance(work, dict):
        raise ImportingError("Crossref answered in a form that is not known here")
    kind = _CROSSREF_KINDS.get(str(work.get("type")))
    if kind is None:
        raise ImportingError(f"Crossref calls doi:{doi} a '{work.get('type')}'; only papers can be added this way")
    remarks: list[str] = []
    date = ((work.get("issued") or {}).get("date-parts") or [[None]])[0]
    people = [
        f"{author['family']}, {author['given']}" if author.get("given") and author.get("family")
        else author.get("family") or author.get("name") or ""
        for author in work.get("author", [])
    ]  # fmt: skip
    container = next(iter(work.get("container-title") or []), None)
    data = {
        "title": _clean(next(iter(work.get("title") or []), "")),
        "authors": [_author(_clean(name)) for name in people if name],
        "year": date[0],
        "month": date[1] if len(date) > 1 else None,
        "venue": _venue(container and _clean(container), venues, remarks),
        "volume": work.get("volume"),
        "number": work.get("issue"),
        "pages": work.get("page") or work.get("article-number"),
        "doi": doi,
        "links": [{"url": f"https://doi.org/{doi}", "role": "paper"}],
        "kind": kind,
    }
    return _draft(data, "index", f"https://api.crossref.org/works/{doi}", remarks)


def from_bibtex(text: str, venues: dict[str, Venue]) -> list[Draft]:
    """Drafts of all entries of a ``.bib`` file.  Raises ``ImportingError`` with the line of a broken block."""
    library = bibtexparser.entrypoint.parse_string(
        text,
        append_middleware=[
            middlewares.SeparateCoAuthors(),
            middlewares.SplitNameParts(),
        ],
    )
    for block in library.failed_blocks:
        line = (block.start_line or 0) + 1
        reason = str(getattr(block, "error", "")) or "unreadable"
        raise ImportingError(f"line {line}: {' '.join(reason.split())}")
    if not library.entries:
        raise ImportingError("no entry in it; a BibTeX entry begins with @article{key, …")
    return [_from_bibtex_entry(entry, venues) for entry in library.entries]


def _from_bibtex_entry(entry: Any, venues: dict[str, Venue]) -> Draft:
    kind = _BIBTEX_KINDS.get(entry.entry_type.lower())
    line = (entry.start_line or 0) + 1
    if kind is None:
        raise ImportingError(f"line {line}: @{entry.entry_type} can't be added as a paper")
    values = {field.key.lower(): field.value for field in entry.fields}
    remarks: list[str] = []

    def plain(name: str) -> str | None:
        return _latex(values[name]) if isinstance(values.get(name), str) else None

    title = str(values.get("title", ""))
    protect = [_latex(word) for word in re.findall(r"\{([^{}\\]+)\}", title)]
    whole = len(protect) == 1 and _latex(protect[0]) == _latex(title)  # {{Whole Title}} protects nothing in particular
    authors = []
    for part in values.get("author", []) if isinstance(values.get("author"), list) else []:
        family = " ".join([*part.von, *part.last])
        given = " ".join([*part.first])
        authors.append(_author(_latex(f"{family}, {given}" if given else family)))
    number = plain("eprint")
    arxiv = number if number and re.fullmatch(r"\d{4}\.\d{4,5}(v\d+)?", number) else None
    year = plain("year") or (plain("date") or "")[:4]
    month = (plain("month") or "").lower()[:3]
    doi = (plain("doi") or "").removeprefix("https://doi.org/").removeprefix("http://dx.doi.org/") or None
    url = plain("url") or (f"https://doi.org/{doi}" if doi else f"https://arxiv.org/abs/{arxiv}" if arxiv else None)
    container = plain("journal") or plain("journaltitle") or plain("booktitle") or ("arXiv" if arxiv else None)
    if kind == "preprint" and not arxiv:
        remarks.append("no arXiv number: check 'kind'")
    data = {
        "title": _latex(title),
        "protect": [] if whole else [word for word in protect if word and " " not in word],
        "authors": authors,
        "year": int(year) if year.isdigit() else None,
        "month": _MONTHS.index(month) + 1 if month in _MONTHS else None,
        "venue": _venue(container, venues, remarks),
        "volume": plain("volume"),
        "number": plain("number") or plain("issue"),
        "pages": re.sub(r"\s*[-–—]+\s*", "-", plain("pages") or "") or None,
        "doi": doi,
        "arxiv": arxiv.partition("v")[0] if arxiv else None,
        "arxiv_class": plain("primaryclass"),
        "links": [{"url": url, "role": "paper"}] if url else [],
        "kind": kind,
    }
    draft = _draft(data, "bibliography", None, remarks)
    for name in draft.data.get("authors", []):  # a name that the model refuses is better found here, with the line
        try:
            Person.model_validate({"name": name} if isinstance(name, str) else name)
        except ValueError as error:
            raise ImportingError(f"line {line}: unreadable author {name!r}") from error
    return draft


def _latex(value: str) -> str:
    """LaTeX as plain text: accents composed, commands and braces gone."""
    from pylatexenc.latex2text import LatexNodes2Text

    return " ".join(LatexNodes2Text(math_mode="verbatim").latex_to_text(value).split())
