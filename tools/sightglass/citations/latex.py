"""BibTeX for every .bst style, and the biblatex flavour for biber.

The two differ more than they look.  BibTeX styles print no ``url`` of a ``@misc``, so the address stands in its
``howpublished`` too; biber checks each field against its data model, in which most types know fewer fields.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

from sightglass.catalogue.models import Entry, Person, Venue
from sightglass.citations.work import Work, once, protected_spans, work_of

# Macros in lower case and with empty braces: bibtex changes the case of titles and counts every brace it sees.
ESCAPES = str.maketrans(
    {
        "\\": r"\textbackslash{}", "{": r"\textbraceleft{}", "}": r"\textbraceright{}", "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}", "&": r"\&", "%": r"\%", "#": r"\#", "_": r"\_", "$": r"\$",
    }
)  # fmt: skip  # a table, as one reads it
# Accents by their combining character, for the letters that styles cut out of names.
ACCENTS = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0306": "u ", "\u0307": ".",
    "\u0308": '"', "\u030a": "r ", "\u030b": "H ", "\u030c": "v ", "\u0327": "c ", "\u0328": "k ",
}  # fmt: skip  # a table, as one reads it
LETTERS = {"Ø": "O", "Ł": "L", "Đ": "DJ", "Æ": "AE", "Œ": "OE", "Þ": "TH", "ø": "o", "ł": "l", "đ": "dj"}
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
LANGUAGES = {  # of babel; English is what a bibliography is taken for
    "zh": "chinese", "ja": "japanese", "de": "german", "fr": "french", "ko": "korean", "es": "spanish",
}  # fmt: skip  # a table, as one reads it
LOOSE = ("misc", "online", "software")  # types with one place for a site, a container or a publisher


class Flavour(NamedTuple):
    """What differs between the flavours by type of entry."""

    archive: tuple[str, str, str]  # how a preprint's archive is named: field, arXiv's name in it, field for the class
    container: Mapping[str, str]  # the field for the container
    publisher: Mapping[str, str]  # the field for the publisher, where it isn't 'publisher'
    required: Mapping[str, tuple[str, ...]]  # values of the work without which the entry must be a @misc
    only_of: Mapping[str, tuple[str, ...]]  # fields that only these types have


BIBTEX = Flavour(
    archive=("archivePrefix", "arXiv", "primaryClass"),
    container={"inproceedings": "booktitle", "incollection": "booktitle", "article": "journal", "misc": "howpublished"},
    publisher={"phdthesis": "school", "techreport": "institution"},
    required={
        "inproceedings": ("authors", "container", "year"),
        "article": ("authors", "container", "year"),
        "incollection": ("authors", "container", "publisher", "year"),
        "phdthesis": ("authors", "publisher", "year"),
        "techreport": ("authors", "publisher", "year"),
        "book": ("authors", "publisher", "year"),
    },
    only_of={
        "volume": ("inproceedings", "article", "incollection", "book"),
        "number": ("article", "techreport"),  # elsewhere plain.bst takes it for the number in a series
        "pages": ("inproceedings", "article", "incollection"),
    },
)
BIBLATEX = Flavour(
    archive=("eprinttype", "arxiv", "eprintclass"),
    container={
        "inproceedings": "booktitle", "inbook": "booktitle", "article": "journaltitle", "misc": "howpublished",
        "online": "organization", "software": "organization",
    },
    publisher={"thesis": "institution", "report": "institution"},
    required={
        "inproceedings": ("authors", "container"),
        "article": ("authors", "container"),
        "inbook": ("authors", "container"),
        "thesis": ("authors", "publisher"),
        "report": ("authors", "publisher"),
        "book": ("authors",),
        "online": ("url",),
    },
    only_of={
        "volume": ("inproceedings", "article", "inbook", "book"),
        "number": ("article", "report"),
        "pages": ("inproceedings", "article", "inbook"),
        "publisher": ("inproceedings", "inbook", "book"),
        "isbn": ("inproceedings", "inbook", "book"),
        "issn": ("article",),
    },
)  # fmt: skip  # a table, as one reads it


@once
def bibtex(
    key: str, entry: Entry, venues: Mapping[str, Venue], accessed: date | None = None, keywords: tuple[str, ...] = ()
) -> str:
    """``entry`` for bibtex, which has no field for ``accessed``."""
    work = work_of(key, entry, venues)
    kind = _kind(work, work.names.bibtex, BIBTEX)
    where, publisher = _places(work, kind)
    if kind == "misc":
        address = _address(work)
        where = ", ".join(filter(None, [where, rf"\url{{{address}}}" if address else ""]))
    # plain.bst sorts what has no author by its key, and complains if there is none
    sort_key = (work.authors[0].sort or "") if work.authors else work.key
    fields = {
        "author": re.sub(r"(?<![\w}'’])[\u00c0-\u024f]", _initial, " and ".join(map(_bibtex_name, work.authors))),
        "key": escape(sort_key),
        "title": _title(work),
        BIBTEX.container.get(kind, ""): where,
        "year": str(work.year or ""),
        "month": MONTHS[work.month - 1] if work.month else "",
        "volume": escape(work.volume),
        "number": escape(work.number) if work.volume or kind == "techreport" else "",
        "pages": _pages(work),
        BIBTEX.publisher.get(kind, "publisher"): publisher,
        **_identifiers(work, BIBTEX),
        "keywords": escape(", ".join(keywords)),
    }
    return _entry(kind, key, fields, BIBTEX)


@once
def biblatex(
    key: str, entry: Entry, venues: Mapping[str, Venue], accessed: date | None = None, keywords: tuple[str, ...] = ()
) -> str:
    """``entry`` for biblatex with biber."""
    work = work_of(key, entry, venues)
    kind = _kind(work, work.names.biblatex, BIBLATEX)
    where, publisher = _places(work, kind)
    fields = {
        "author": _names(work.authors),
        "sortname": _names(work.authors, in_latin=True) if any(person.sort for person in work.authors) else "",
        "title": _title(work),
        BIBLATEX.container.get(kind, ""): where if not (work.form == "preprint" and work.arxiv) else "",
        # biber misses a date where nobody knows the year; styles and Zotero would print any sign for that
        "date": f"{work.year}-{work.month:02}" if work.month else str(work.year or ""),
        "type": {"thesis": "phdthesis", "report": "techreport"}.get(kind, ""),
        "volume": escape(work.volume),
        "number": escape(work.number),
        "pages": _pages(work),
        BIBLATEX.publisher.get(kind, "publisher"): publisher,
        **_identifiers(work, BIBLATEX),
        "urldate": accessed.isoformat() if accessed and _address(work) else "",
        "langid": LANGUAGES.get(work.language, ""),
        "keywords": escape(", ".join(keywords)),
    }
    return _entry(kind, key, fields, BIBLATEX)


def escape(text: str) -> str:
    """Plain text as LaTeX reads it; accents, quotes and Chinese stay as they are, in UTF-8, hyphens make no dash."""
    return re.sub("-(?=-)", "-{}", text.translate(ESCAPES))


def _initial(letter: re.Match[str]) -> str:
    """A first letter as a macro: bibtex cuts initials by bytes, and half an 'Á' stops LaTeX."""
    base, *marks = list(unicodedata.normalize("NFD", letter[0]))
    if len(marks) == 1 and marks[0] in ACCENTS:
        return f"{{\\{ACCENTS[marks[0]]}{base}}}"
    return f"{{\\{LETTERS[letter[0]]}}}" if letter[0] in LETTERS else letter[0]


def _kind(work: Work, kind: str, flavour: Flavour) -> str:
    return kind if all(getattr(work, name) for name in flavour.required.get(kind, ())) else "misc"


def _places(work: Work, kind: str) -> tuple[str, str]:
    """What goes into the container's and into the publisher's field."""
    if kind not in LOOSE:
        return escape(work.container), escape(work.publisher)
    if work.form == "preprint" and work.arxiv:
        return f"arXiv:{work.arxiv}", ""
    return escape(work.container or work.publisher), ""


def _address(work: Work) -> str:
    """The URL, where no DOI and no arXiv number says it already."""
    return "" if work.doi or work.arxiv else work.url


def _identifiers(work: Work, flavour: Flavour) -> dict[str, str]:
    """By what else a work can be found."""
    archive, name, archive_class = flavour.archive
    preprint = {"eprint": work.arxiv, archive: name, archive_class: work.arxiv_class} if work.arxiv else {}
    if work.arxiv and work.form != "preprint":
        preprint["eprinttype"] = "arxiv"  # without it Zotero drops the number of what was published since
    return {**preprint, "doi": work.doi, "isbn": work.isbn, "issn": work.issn, "url": _address(work)}


def _pages(work: Work) -> str:
    return "--".join(escape(page) for page in work.page_range if page)


def _entry(kind: str, key: str, fields: Mapping[str, str], flavour: Flavour) -> str:
    lines = [
        f"  {name} = {value if name == 'month' else f'{{{value}}}'}"
        for name, value in fields.items()
        if name and value and kind in flavour.only_of.get(name, (kind,))
    ]
    return f"@{kind}{{{key},\n" + ",\n".join(lines) + "\n}"


def _title(work: Work) -> str:
    """The title with each protected word in braces of its own."""
    parts, position = [], 0
    for start, end in protected_spans(work.title, work.protect):
        parts += [escape(work.title[position:start]), "{" + escape(work.title[start:end]) + "}"]
        position = end
    return "".join(parts) + escape(work.title[position:])


def _bibtex_name(person: Person) -> str:
    """A name for styles: a Chinese one whole, because they cut initials by bytes, and put the given name first."""
    return "{" + escape(person.display) + "}" if person.is_cjk else _name(person, in_latin=False)


def _names(authors: tuple[Person, ...], in_latin: bool = False) -> str:
    return " and ".join(_name(person, in_latin) for person in authors)


def _name(person: Person, in_latin: bool) -> str:
    if in_latin and person.sort:
        return escape(person.sort)
    if person.organisation or (not person.given and " " in person.name):
        return "{" + escape(person.name) + "}"
    return escape(person.name)
