"""New entries out of what others publish: arXiv's Atom, Crossref's JSON, and ``.bib`` files.

Each function is pure: text in, drafts out.  A draft holds only what the source says, notes the source in ``confirmed``,
and leaves the summary to a person; ``sightglass check`` asks for it.
"""

from __future__ import annotations

import functools
import html
import logging
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import bibtexparser.entrypoint
from bibtexparser import middlewares
from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException
from pydantic import BaseModel, Field, ValidationError

from sightglass.catalogue.models import FIRST_DRAFT, Venue
from sightglass.errors import AnswerError, BibtexError, ImportingError

logging.getLogger("bibtexparser").addHandler(logging.NullHandler())  # what it would say stands in the exception

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
ARXIV = re.compile(r"\d{4}\.\d{4,5}|[a-z-]+(?:\.[A-Z]{2})?/\d{7}")
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]


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
    """Without markup (``<i>``, ``&amp;``), control characters and line breaks."""
    return _printable(html.unescape(re.sub(r"</?[A-Za-z][^>]*>", "", html.unescape(text))))


def _printable(text: str) -> str:
    words = ("".join(filter(str.isprintable, word)) for word in text.split())
    return " ".join(filter(None, words))


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


def _person(family: str, given: str) -> str | dict[str, Any]:
    """'Last, First'; a single name can't be told from a group's."""
    family = family.replace(",", "")  # 'King, Jr.': the one comma parts family and given names
    return f"{family}, {given}" if given else _group(family)


def _group(name: str) -> dict[str, Any]:
    return {"name": name, "organisation": True}


def from_arxiv(atom: str, number: str) -> Draft:
    """The draft of a preprint out of the Atom answer of arXiv's interface for ``number``."""
    try:
        root = ElementTree.fromstring(atom)
    except (ElementTree.ParseError, DefusedXmlException, ValueError) as error:
        raise AnswerError(f"arXiv answered with something that is not XML ({_printable(str(error))})") from error
    if root.tag != f"{{{ATOM['atom']}}}feed":
        raise AnswerError("arXiv answered with a page instead of a feed; try again later")
    entry = root.find("atom:entry", ATOM)
    title = _clean(entry.findtext("atom:title", "", ATOM)) if entry is not None else ""
    if entry is None or not title or title == "Error":  # a malformed number gives an entry called Error
        raise AnswerError(f"arXiv has no paper {number}; is the number right?")
    found = re.sub(r"^.*?/abs/|v\d+$", "", entry.findtext("atom:id", "", ATOM).strip())
    if found != number:
        raise AnswerError(f"arXiv answered with another paper, '{_printable(found)}'")
    published = entry.findtext("atom:published", "", ATOM)
    primary = entry.find("arxiv:primary_category", ATOM)
    doi = entry.findtext("arxiv:doi", "", ATOM).strip()
    names = [_clean(author.findtext("atom:name", "", ATOM)) for author in entry.findall("atom:author", ATOM)]
    url = f"https://arxiv.org/abs/{number}"
    remarks = [f"arXiv knows a published version, doi:{doi}; 'sightglass add {doi}' takes that instead"] if doi else []
    data = {
        "title": title,
        "authors": [_person(*_parted(name)) for name in names if name],
        "year": int(published[:4]) if published[:4].isdigit() else None,
        "month": int(published[5:7]) if published[5:7].isdigit() else None,
        "venue": "arXiv",
        "arxiv": number,
        "arxiv_class": primary.get("term") if primary is not None else None,
        "links": [{"url": url, "role": "paper"}],
        "kind": "preprint",
    }
    return _draft(data, "preprint", url, remarks)


def _parted(name: str) -> tuple[str, str]:
    family, _, given = last_first(name).partition(",")
    return family.strip(), given.strip()


class _CrossrefName(BaseModel):
    """A person with ``family`` and ``given``, or a group with ``name``."""

    family: str = ""
    given: str = ""
    name: str = ""


class _CrossrefDate(BaseModel):
    parts: list[list[int | None]] = Field(default_factory=list, alias="date-parts")


class _CrossrefWork(BaseModel):
    """What is taken of Crossref's record of a work; it leaves out what it does not know."""

    type: str
    title: list[str]
    subtitle: list[str] = Field(default_factory=list)
    author: list[_CrossrefName] = Field(default_factory=list)
    issued: _CrossrefDate = Field(default_factory=lambda: _CrossrefDate())
    container: list[str] = Field(default_factory=list, alias="container-title")
    volume: str | None = None
    issue: str | None = None
    page: str | None = None
    article: str | None = Field(None, alias="article-number")


def from_crossref(answer: object, doi: str, venues: dict[str, Venue]) -> Draft:
    """The draft of a published work out of the JSON answer of Crossref's interface for ``doi``."""
    try:
        work = _CrossrefWork.model_validate(answer.get("message") if isinstance(answer, dict) else None)
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"])) or "message"
        raise AnswerError(f"Crossref answered in a form that is not known here (at '{where}')") from error
    kind = _CROSSREF_KINDS.get(work.type)
    if kind is None:
        raise AnswerError(f"Crossref calls doi:{doi} a '{_printable(work.type)}'; only papers can be added this way")
    remarks: list[str] = []
    date = [*(work.issued.parts or [[]])[0], None, None]
    container = next(map(_clean, work.container), None)
    url = f"https://doi.org/{quote(doi, safe='/:;().-_')}"
    data = {
        "title": ": ".join(filter(None, map(_clean, [*work.title[:1], *work.subtitle[:1]]))),
        "authors": [
            _person(_clean(author.family), _clean(author.given)) if author.family else _group(_clean(author.name))
            for author in work.author
            if author.family or author.name
        ],
        "year": date[0],
        "month": date[1],
        "venue": _venue(container, venues, remarks),
        "volume": work.volume,
        "number": work.issue,
        "pages": _pages(work.page) or work.article,
        "doi": doi,
        "links": [{"url": url, "role": "paper"}],
        "kind": kind,
    }
    return _draft(data, "index", f"https://api.crossref.org/works/{quote(doi, safe='/:;().-_')}", remarks)


def _pages(text: str | None) -> str:
    return re.sub(r"\s*[-–—]+\s*", "-", text or "")


def from_bibtex(text: str, venues: dict[str, Venue]) -> list[Draft]:
    """Drafts of all entries of a ``.bib`` file; raises ``BibtexError`` with the line of the first broken block."""
    parts: list[Any] = [middlewares.SeparateCoAuthors(), middlewares.SplitNameParts()]
    library = bibtexparser.entrypoint.parse_string(text, append_middleware=parts)
    for block in library.failed_blocks:
        error = getattr(block, "error", None)
        reason = str(getattr(error, "abort_reason", None) or error or "unreadable").partition(" Note:")[0]
        raise BibtexError(f"line {_line(block)}: {_printable(reason)}")
    if not library.entries:
        raise BibtexError("no entry in it; a BibTeX entry begins with @article{key, …")
    return [_from_bibtex_entry(entry, venues) for entry in library.entries]


def _line(block: Any) -> int:
    return (block.start_line or 0) + 1


def _from_bibtex_entry(entry: Any, venues: dict[str, Venue]) -> Draft:
    kind = _BIBTEX_KINDS.get(entry.entry_type.lower())
    if kind is None:
        raise BibtexError(f"line {_line(entry)}: @{entry.entry_type} can't be added as a paper")
    values = {field.key.lower(): field.value for field in entry.fields}
    remarks: list[str] = []

    def raw(name: str) -> str:
        return re.sub(r"\\([%_#&~{}])", r"\1", str(values.get(name, ""))).strip(" {}")  # an address is no prose

    def plain(name: str) -> str:
        return _latex(str(values.get(name, "")))

    title = str(values.get("title", ""))
    people = values.get("author", [])
    authors = [_bibtex_author(part) for part in people] if isinstance(people, list) else []
    eprint = re.sub(r"^arxiv:|v\d+$", "", raw("eprint"), flags=re.IGNORECASE)
    arxiv = eprint if ARXIV.fullmatch(eprint) else None
    date = raw("date")
    year, month = plain("year") or date[:4], plain("month").lower() or date[5:7]
    doi = re.sub(r"^(?:https?://(?:dx\.)?doi\.org/|doi:)", "", raw("doi"), flags=re.IGNORECASE)
    url = raw("url") or (f"https://doi.org/{quote(doi, safe='/:;().-_')}" if doi else "")
    url = url or (f"https://arxiv.org/abs/{arxiv}" if arxiv else "")
    container = plain("journal") or plain("journaltitle") or plain("booktitle") or ("arXiv" if arxiv else None)
    if kind == "preprint" and not arxiv:
        remarks.append("no arXiv number: check 'kind'")
    if raw("crossref"):
        remarks.append(f"what '{raw('crossref')}' says (crossref) is not taken over: check 'venue' and 'year'")
    data = {
        "title": _latex(title),
        "protect": list(_protected(title)),
        "authors": authors,
        "year": int(year) if re.fullmatch(r"[0-9]{4}", year) else None,
        "month": _month(month),
        "venue": _venue(container, venues, remarks),
        "volume": plain("volume"),
        "number": plain("number") or plain("issue"),
        "pages": _pages(plain("pages")),
        "doi": doi,
        "arxiv": arxiv,
        "arxiv_class": raw("primaryclass") if arxiv else None,
        "links": [{"url": url, "role": "paper"}] if url else [],
        "kind": kind,
    }
    try:
        return _draft(data, "bibliography", None, remarks)
    except ImportingError as error:
        raise BibtexError(f"line {_line(entry)}: {error}") from None


def _bibtex_author(parts: Any) -> str | dict[str, Any]:
    """A person; ``{{A Group, Inc.}}`` is one word to BibTeX, and a group here."""
    if not parts.first and not parts.von and not parts.jr:
        return _group(_latex(" ".join(parts.last)))
    return _person(_latex(" ".join([*parts.von, *parts.last, *parts.jr])), _latex(" ".join(parts.first)))


def _month(text: str) -> int | None:
    """'jun', 'June', '6' or '06'."""
    if text.isdecimal() and 1 <= int(text) <= 12:
        return int(text)
    return _MONTHS.index(text[:3]) + 1 if text[:3] in _MONTHS else None


def _protected(title: str) -> Iterator[str]:
    """The words of a LaTeX title that hold braces for their capitals: of ``{CNN}s and M{\\"u}ller`` only ``CNNs``."""
    if re.fullmatch(r"\{[^{}]*\}", title.strip()):
        return  # {{Whole Title}} protects nothing in particular
    for word in _unlatex(_BRACES.sub(_marked, title)).split():
        if _MARK in word and (bare := re.sub(r"^\W+|\W+$", "", word.replace(_MARK, ""))):
            yield bare


_MARK = "\ue000"  # a private character, which no title holds
_BRACES = re.compile(  # of commands, of accents, and in the group those that protect
    r"\\(?:[a-zA-Z]+\s*|[^a-zA-Z])\{[^{}]*\}|\{\\[^{}]*(?:\{[^{}]*\})?[^{}]*\}|\{([^{}\\]+)\}"
)


def _marked(match: re.Match[str]) -> str:
    return " ".join(_MARK + word for word in match[1].split()) if match[1] else match[0]


def _latex(value: str) -> str:
    """LaTeX as plain text: accents composed, commands and braces gone."""
    return _printable(_unlatex(value))


@functools.cache
def _converter() -> Any:
    from pylatexenc.latex2text import LatexNodes2Text

    return LatexNodes2Text(math_mode="verbatim")


def _unlatex(value: str) -> str:
    whole = re.sub(r"(?<!\\)%", r"\%", value)  # to BibTeX a '%' begins no comment
    return str(_converter().latex_to_text(whole))
