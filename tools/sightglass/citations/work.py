"""What a citation of an entry is made of, independent of any format.

``FORMS`` is the whole table of types: one row a form of work, one column a format.  Everything else here picks the
values of an entry and its venue; it knows nothing about the syntax of a format.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple, TypeVar, cast
from urllib.parse import quote, urlsplit

from sightglass.catalogue.models import Entry, Link, LinkRole, Paper, Person, Post, Resource, Tool, Venue

_Made = TypeVar("_Made")


class Form(NamedTuple):
    """What one kind of work is called in each format."""

    bibtex: str
    biblatex: str
    ris: str
    csl: str
    gb7714: str  # the document type of GB/T 7714
    zotero: str  # the item type of Zotero
    zotero_site: str  # the field of that item type that takes the name of the site
    apa: str  # the description in brackets, where APA wants one


_FORMS = """
form      |BibTeX       |biblatex     |RIS  |CSL             |GB/T|Zotero         |its site    |APA
conference|inproceedings|inproceedings|CONF |paper-conference|C   |conferencePaper|            |
journal   |article      |article      |JOUR |article-journal |J   |journalArticle |            |
preprint  |misc         |online       |UNPB |article         |EB  |preprint       |            |
chapter   |incollection |inbook       |CHAP |chapter         |M   |bookSection    |            |
thesis    |phdthesis    |thesis       |THES |thesis          |D   |thesis         |            |Doctoral dissertation
report    |techreport   |report       |RPRT |report          |R   |report         |            |
book      |book         |book         |BOOK |book            |M   |book           |            |
software  |misc         |software     |COMP |webpage         |CP  |computerProgram|company     |Computer software
post      |misc         |online       |BLOG |post-weblog     |EB  |blogPost       |blogTitle   |
page      |misc         |online       |ELEC |webpage         |EB  |webpage        |websiteTitle|
video     |misc         |online       |VIDEO|motion_picture  |EB  |videoRecording |studio      |Video
slides    |misc         |online       |SLIDE|speech          |EB  |presentation   |meetingName |Slides
dataset   |misc         |online       |DATA |dataset         |DS  |dataset        |repository  |Data set
"""
# biblatex's @incollection demands an editor, which the catalogue does not have; its @inbook does not.  CSL knows
# 'software' since 1.0.2, but Zotero refuses every file of CSL-JSON that holds one.
FORMS = {
    form: Form(*names)
    for form, *names in ([cell.strip() for cell in row.split("|")] for row in _FORMS.strip().splitlines()[1:])
}

FORM_OF_KIND = {
    "conference": "conference", "workshop": "conference", "journal": "journal", "preprint": "preprint",
    "chapter": "chapter", "thesis": "thesis", "report": "report",
    "library": "software", "application": "software", "demo": "software", "code": "software",
    "blog": "post", "news": "post", "answer": "post", "advice": "post", "notebook": "post",
    "course": "page", "list": "page", "group": "page", "person": "page", "proceedings": "page", "portfolio": "page",
    "idea": "page", "book": "book", "video": "video", "slides": "slides", "dataset": "dataset",
}  # fmt: skip  # a table, as one reads it

IN_A_VOLUME = ("conference", "journal", "chapter")
FROM_A_PUBLISHER = ("thesis", "report", "book")
PUBLISHED_BY_ITS_SITE = ("software", "video", "dataset")

# Links that lead to the work itself; a review of a paper is not the paper.
OWN_ROLES: dict[type[Entry], tuple[LinkRole, ...]] = {
    Paper: ("paper", "page", "project", "archive"),
    Tool: ("code", "page", "project", "demo", "docs", "archive"),
    Post: ("page", "project", "docs", "video", "slides", "data", "code", "archive"),
    Resource: ("page", "project", "docs", "video", "slides", "data", "code", "archive"),
}


@dataclass(frozen=True)
class Work:
    """The values of one citation, each a plain text, empty where there is none."""

    key: str
    form: str
    title: str
    protect: tuple[str, ...]
    language: str
    authors: tuple[Person, ...]
    year: int | None
    month: int | None
    container: str  # the journal, the proceedings, the book or the site
    event: str  # the conference
    publisher: str  # or the university, the institution
    volume: str
    number: str
    pages: str
    doi: str
    arxiv: str
    arxiv_class: str
    isbn: str
    issn: str
    url: str
    pdf: str

    @property
    def names(self) -> Form:
        """What this form of work is called in each format."""
        return FORMS[self.form]

    @property
    def page_range(self) -> tuple[str, str]:
        """First and last page; the last is empty for an article number."""
        first, _, last = re.sub(r"\s*[-–—]+\s*", "-", self.pages).partition("-")
        return first, last

    @property
    def is_online(self) -> bool:
        """Whether the work lives on the web alone, in no volume and from no publisher."""
        return self.form not in IN_A_VOLUME and self.form not in FROM_A_PUBLISHER


def once(render: Callable[..., _Made]) -> Callable[..., _Made]:
    """Keep what a function of a key, its entry and the venues made last, until entry or venue is another object.

    Both pages of an entry, the lists that it is in and the basket ask for the same; records never change.
    """
    kept: dict[str, tuple[Entry, Venue | None, tuple[object, ...], _Made]] = {}

    @functools.wraps(render)
    def made(
        key: str, entry: Entry, venues: Mapping[str, Venue], accessed: date | None = None, *more: tuple[str, ...]
    ) -> _Made:
        if accessed is not None:
            return render(key, entry, venues, accessed, *more)
        venue = venues.get(entry.venue or "")
        last = kept.get(key)
        if last is None or last[0] is not entry or last[1] is not venue or last[2] != more:
            last = kept[key] = (entry, venue, more, render(key, entry, venues, *((None, *more) if more else ())))
        return last[3]

    return made


@once
def work_of(key: str, entry: Entry, venues: Mapping[str, Venue]) -> Work:
    """The citation's values of ``entry``, with what its venue says filled in."""
    form = FORM_OF_KIND[cast("Paper | Tool | Post | Resource", entry).kind]
    venue = venues.get(entry.venue or "")
    container = event = publisher = ""
    if venue is not None:
        name = (entry.language == "zh" and venue.name_zh) or venue.name
        publishes = venue.kind in ("publisher", "institution")
        publisher = name if publishes else venue.publisher or ""
        if form in FROM_A_PUBLISHER or form in PUBLISHED_BY_ITS_SITE:
            publisher = publisher or name
        elif form == "chapter" and publishes:
            container = venue.booktitle or ""
        elif form in IN_A_VOLUME and venue.kind in ("conference", "workshop"):
            container, event = venue.booktitle or f"Proceedings of the {name}", name
        else:
            container = venue.booktitle or name
    if form == "preprint" and not container and entry.arxiv:
        container = "arXiv"
    return Work(
        key=key,
        form=form,
        title=" ".join(entry.title.split()),
        protect=tuple(entry.protect),
        language=entry.language,
        authors=tuple(entry.authors),
        year=entry.year,
        month=entry.month if entry.year else None,
        container=container,
        event=event,
        publisher="" if publisher == container else publisher,
        volume=entry.volume or "",
        number=entry.number or "",
        pages=entry.pages or "",
        doi=entry.doi or "",
        arxiv=entry.arxiv or "",
        arxiv_class=entry.arxiv_class or "",
        isbn=entry.isbn or "",
        issn=(venue.issn if venue and form == "journal" else "") or "",
        url=url_of(entry),
        pdf=pdf_of(entry),
    )


def in_one_piece(name: str) -> str:
    """An organisation for readers that part names: what follows a comma is a given name, so one at the end has none."""
    name = name.replace(",", "")
    return f"{name}," if " " in name else name


def url_of(entry: Entry) -> str:
    """Where the work is found: by DOI, else on arXiv, else at its first living link, else in a stored copy.

    The address of a part, such as a chapter, is taken only if there is none of the whole.
    """
    if entry.doi:
        return f"https://doi.org/{safe_url(entry.doi)}"
    if entry.arxiv:
        return f"https://arxiv.org/abs/{entry.arxiv}"
    own = _own_links(entry)
    living = [address(link) for link in own if link.status != "dead"]
    stored = [link.archived for link in own if link.archived]
    return next((safe_url(url) for url in [*living, *stored] if re.match(r"https?://[^\s/]+\.", url)), "")


def pdf_of(entry: Entry) -> str:
    """Where the whole work lies as a PDF that anybody may fetch, among the living links; arXiv's is not listed."""
    found = (address(link) for link in _own_links(entry) if link.status != "dead" and not link.part)
    return next((safe_url(url) for url in found if urlsplit(url).path.lower().endswith(".pdf")), "")


def _own_links(entry: Entry) -> list[Link]:
    """The links to the work itself, those to a part of it last."""
    roles = OWN_ROLES[type(entry)]
    return sorted((link for link in entry.links if link.role in roles), key=lambda link: link.part)


def address(link: Link) -> str:
    """The address that answers today, as far as is known."""
    return (link.now if link.status == "moved" else None) or link.url


def safe_url(url: str) -> str:
    """``url`` in ASCII, without braces, spaces and backslashes; what is percent-encoded stays as it is."""
    return quote(url, safe=";,/?:@&=+$-_.!~*'()#%")


def protected_spans(title: str, protect: tuple[str, ...]) -> list[tuple[int, int]]:
    """Where the words of ``protect`` stand in ``title`` as whole words, longest first, none inside another."""
    spans: list[tuple[int, int]] = []
    for word in sorted(set(protect), key=lambda word: (-len(word), word)):
        pattern = rf"(?<![{_LETTER}]){re.escape(word)}(?![{_LETTER}])"
        found = [match.span() for match in re.finditer(pattern, title)]
        spans += [(start, end) for start, end in found if all(end <= a or b <= start for a, b in spans)]
    return sorted(spans)


_LETTER = "0-9A-Za-z\u00c0-\u024f"  # a Chinese character is a word of its own
