"""New entries out of what two servers answer: arXiv's Atom and Crossref's JSON.  Pure: text in, a draft out."""

from __future__ import annotations

import re

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException
from pydantic import BaseModel, Field, ValidationError

from sightglass.errors import AnswerError
from sightglass.importing.records import Draft, Record, draft, group, last_first, person, printable, safe_doi
from sightglass.importing.records import without_markup as clean
from sightglass.importing.venues import Venues

ATOM = {"atom": "http://www.w3.org/2005/Atom", "arxiv": "http://arxiv.org/schemas/atom"}
_CROSSREF_KINDS = {
    "journal-article": "journal",
    "proceedings-article": "conference",
    "posted-content": "preprint",
    "book-chapter": "chapter",
    "dissertation": "thesis",
    "report": "report",
}


def from_arxiv(atom: str, number: str, venues: Venues) -> Draft:
    """The draft of a preprint out of the Atom answer of arXiv's interface for ``number``."""
    try:
        root = ElementTree.fromstring(atom)
    except (ElementTree.ParseError, DefusedXmlException, ValueError) as error:
        raise AnswerError(f"arXiv answered with something that is not XML ({printable(str(error))})") from error
    if root.tag != f"{{{ATOM['atom']}}}feed":
        raise AnswerError("arXiv answered with a page instead of a feed; try again later")
    entry = root.find("atom:entry", ATOM)
    title = clean(entry.findtext("atom:title", "", ATOM)) if entry is not None else ""
    if entry is None or not title or title == "Error":  # a malformed number gives an entry called Error
        raise AnswerError(f"arXiv has no paper {number}; is the number right?")
    found = re.sub(r"^.*?/abs/|v\d+$", "", entry.findtext("atom:id", "", ATOM).strip())
    if found != number:
        raise AnswerError(f"arXiv answered with another paper, '{printable(found)}'")
    published = entry.findtext("atom:published", "", ATOM)
    primary = entry.find("arxiv:primary_category", ATOM)
    doi = entry.findtext("arxiv:doi", "", ATOM).strip()
    names = [clean(author.findtext("atom:name", "", ATOM)) for author in entry.findall("atom:author", ATOM)]
    url = f"https://arxiv.org/abs/{number}"
    remarks = [f"arXiv knows a published version, doi:{doi}; 'sightglass add {doi}' takes that instead"] if doi else []
    record = Record(
        "preprint",
        title,
        authors=[person(*_parted(name)) for name in names if name],
        year=published[:4],
        month=published[5:7],
        container="arXiv",
        arxiv=number,
        arxiv_class=primary.get("term", "") if primary is not None else "",
        url=url,
        remarks=remarks,
    )
    return draft(record, venues, "preprint", url)


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


def from_crossref(answer: object, doi: str, venues: Venues) -> Draft:
    """The draft of a published work out of the JSON answer of Crossref's interface for ``doi``."""
    try:
        work = _CrossrefWork.model_validate(answer.get("message") if isinstance(answer, dict) else None)
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"])) or "message"
        raise AnswerError(f"Crossref answered in a form that is not known here (at '{where}')") from error
    kind = _CROSSREF_KINDS.get(work.type)
    if kind is None:
        raise AnswerError(f"Crossref calls doi:{doi} a '{printable(work.type)}'; only papers can be added this way")
    date = [*(work.issued.parts or [[]])[0], None, None]
    record = Record(
        kind,
        ": ".join(filter(None, map(clean, [*work.title[:1], *work.subtitle[:1]]))),
        authors=[
            person(clean(author.family), clean(author.given)) if author.family else group(clean(author.name))
            for author in work.author
            if author.family or author.name
        ],
        year=str(date[0] or ""),
        month=date[1] or "",
        container=next(map(clean, work.container), ""),
        volume=work.volume or "",
        number=work.issue or "",
        pages=work.page or work.article or "",
        doi=doi,
        url=f"https://doi.org/{safe_doi(doi)}",
    )
    return draft(record, venues, "index", f"https://api.crossref.org/works/{safe_doi(doi)}")
