"""RIS and CSL-JSON files, as Zotero, Mendeley, EndNote and publishers write them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from sightglass.errors import ImportingError, first_fault
from sightglass.importing.records import (
    Author,
    Fields,
    Record,
    Refusal,
    by_word,
    chinese,
    group,
    is_chinese,
    is_others,
    person,
    without_markup,
)

_LOOSE = "taken for 'blog': check 'kind'"
RIS_KINDS = by_word(
    {
        "journal": "JOUR EJOUR JFULL MGZN ABST INPR",
        "conference": "CONF CPAPER",
        "chapter": "CHAP ECHAP DICT ENCYC",
        "thesis": "THES",
        "report": "RPRT GOVDOC",
        "book": "BOOK EBOOK EDBOOK",
        "preprint": "UNPB UNPD MANSCPT PREPRINT GEN",
        "code": "COMP",
        "blog": "BLOG ELEC WEB ICOMM",
        "news": "NEWS",
        "video": "VIDEO MPCT",
        "slides": "SLIDE",
        "dataset": "DATA AGGR",
    }
)
CSL_KINDS = by_word(
    {
        "journal": "article-journal article-magazine review",
        "conference": "paper-conference",
        "chapter": "chapter entry entry-dictionary entry-encyclopedia",
        "thesis": "thesis",
        "report": "report",
        "book": "book",
        "preprint": "article manuscript document",
        "code": "software",
        "blog": "post-weblog post webpage",
        "news": "article-newspaper",
        "video": "motion_picture broadcast",
        "slides": "speech",
        "dataset": "dataset",
    }
)
_TAG = re.compile(r"([A-Z][A-Z0-9])\s{1,2}-(?:\s(.*)|$)")


def read_ris(text: str) -> list[Record | Refusal]:
    """Every entry from ``TY`` to ``ER``, in the file's order.  Raises ``ImportingError`` if there is none."""
    found = [_of_ris(line, pairs) for line, pairs in _tagged(text)]
    if not found:
        raise ImportingError("no entry in it; an entry of RIS begins with a line 'TY  - JOUR'")
    return found


def _tagged(text: str) -> Iterator[tuple[int, list[tuple[str, str]]]]:
    """Line and tags of each entry; a line without a tag goes on from the one before."""
    pairs: list[tuple[str, str]] = []
    begun = 0
    for number, line in enumerate(text.splitlines(), 1):
        tag = _TAG.match(line)
        if tag and tag[1] in ("TY", "ER") and begun:
            yield begun, pairs
            begun = 0
        if tag and tag[1] == "TY":
            begun, pairs = number, []
        if tag and begun:
            pairs.append((tag[1], (tag[2] or "").strip()))
        elif line.strip() and pairs:
            pairs[-1] = (pairs[-1][0], f"{pairs[-1][1]} {line.strip()}".strip())
    if begun:
        yield begun, pairs


def _of_ris(line: int, pairs: list[tuple[str, str]]) -> Record | Refusal:
    fields = Fields(reversed(pairs))  # of tags that stand several times, such as UR, the first counts
    kind, called = fields.take("TY"), fields.take("ID")
    ours = RIS_KINDS.get(kind)
    if ours is None:
        return Refusal(line, called, f"the type '{kind}' is a kind of entry that the catalogue does not have")
    names = [value for tag, value in pairs if tag in ("AU", "A1") and value]
    fields.take("AU", "A1", "Y2")
    title = fields.take("TI", "T1", "CT") or fields.take("BT")
    first, last = fields.take("SP", "C7"), fields.take("EP")
    date = fields.take("DA", "PY", "Y1")
    serial = fields.take("SN") if ours in ("report", "book", "journal") else ""
    where = fields.take("C3", "T2", "JF", "JO", "JA", "J2") if ours == "conference" else _container(fields)
    in_volume = ours in ("journal", "conference", "chapter", "preprint")
    return Record(
        "journal" if kind == "GEN" and where else ours,
        without_markup(title),
        key=called,
        line=line,
        authors=[_named(name) for name in names if not is_others(name)],
        whole=not any(map(is_others, names)),
        year=fields.get("PY") or fields.get("Y1") or date,
        month=(re.search(r"\d{4}[/-](\d{1,2})", date) or [""] * 2)[1],
        container=without_markup(where),
        publisher=without_markup(fields.take("PB")),
        volume=fields.take("VL") if in_volume else "",
        number=serial if ours == "report" else fields.take("IS", "M1") if in_volume else "",
        pages=f"{first}-{last}" if first and last and "-" not in first else first,
        doi=fields.take("DO") or next((value for tag, value in pairs if tag == "M3" and value.startswith("10.")), ""),
        arxiv=" ".join([fields.take("AN"), *(value for tag, value in pairs if tag in ("T2", "JO", "M1", "UR", "N1"))]),
        isbn=serial if ours == "book" else "",
        issn=serial if ours == "journal" else "",
        url=fields.take("UR", "LK"),
        language=fields.take("LA") if ours != "code" else "",
        remarks=[_LOOSE] if kind in ("ELEC", "WEB") else [],
        lost=fields.left,
    )


def _container(fields: Fields) -> str:
    return fields.take("T2", "JF", "BT", "JO", "JA", "J2")


def _named(name: str) -> Author:
    """'Last, First', 'Last, First, Jr.' or '周博磊'; a name without a comma is a group's in RIS."""
    name = without_markup(name)
    if is_chinese(name):
        return chinese(name)
    family, _, rest = name.partition(",")
    given, _, suffix = rest.partition(",")
    return person(" ".join(filter(None, [family.strip(), suffix.strip()])), given.strip())


def _text(value: object) -> object:
    """A number as text, and the first of several values."""
    value = value[0] if isinstance(value, list) and value else value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value or ""


_Text = Annotated[str, BeforeValidator(_text)]


class _Name(BaseModel):
    """A person with ``family`` and ``given``, or whoever ``literal`` names."""

    family: _Text = ""
    given: _Text = ""
    literal: _Text = ""
    suffix: _Text = ""
    particle: _Text = Field("", alias="non-dropping-particle")
    dropping: _Text = Field("", alias="dropping-particle")

    def author(self) -> Author:
        family = " ".join(filter(None, [self.dropping, self.particle, self.family, self.suffix]))
        name = without_markup(self.literal or family)
        if is_chinese(name):
            return chinese(f"{name},{self.given}" if self.given and not self.literal else name)
        return group(name) if self.literal else person(name, without_markup(self.given))


class _Date(BaseModel):
    parts: list[list[int | str | None]] = Field(default_factory=list, alias="date-parts")
    raw: _Text = ""
    literal: _Text = ""

    def year_and_month(self) -> tuple[str, str]:
        if self.parts:
            year, month = [*(str(part or "") for part in self.parts[0]), "", ""][:2]
            return year, month
        return self.raw or self.literal, (re.search(r"\d{4}-(\d\d)", self.raw) or [""] * 2)[1]


class _Item(BaseModel):
    """What is taken of an object of CSL-JSON."""

    model_config = ConfigDict(extra="allow")

    type: str
    id: _Text = ""
    key: _Text = Field("", alias="citation-key")
    title: _Text = ""
    author: list[_Name] = Field(default_factory=list)
    issued: _Date = Field(default_factory=lambda: _Date())
    container: _Text = Field("", alias="container-title")
    event: _Text = Field("", alias="event-title")
    publisher: _Text = ""
    volume: _Text = ""
    issue: _Text = ""
    page: _Text = ""
    number: _Text = ""
    note: _Text = ""
    genre: _Text = ""
    doi: _Text = Field("", alias="DOI")
    isbn: _Text = Field("", alias="ISBN")
    issn: _Text = Field("", alias="ISSN")
    url: _Text = Field("", alias="URL")
    location: _Text = Field("", alias="archive_location")
    language: _Text = ""
    accessed: Any = None  # the day of access says nothing about the work


def read_csl(text: str) -> list[Record | Refusal]:
    """Every object of a CSL-JSON file, in its order.  Raises ``ImportingError`` if there is none.

    What follows a fault of JSON can't be read: it is the last refusal.
    """
    found = list(_items(text))
    if not found:
        raise ImportingError("no entry in it; CSL-JSON is a list of objects with 'type' and 'title'")
    return found


def _items(text: str) -> Iterator[Record | Refusal]:
    """The objects of the list, one by one, with the line where each begins."""
    listed = re.match(r'\s*(?:\{\s*"items"\s*:\s*)?\[', text)
    position = listed.end() if listed else 0
    decoder = json.JSONDecoder()
    while match := re.compile(r"[\s,]*(?=[^\s,\]])").match(text, position):
        line = text.count("\n", 0, match.end()) + 1
        try:
            item, position = decoder.raw_decode(text, match.end())
        except (ValueError, RecursionError) as error:
            said = getattr(error, "msg", "nested too deeply")
            yield Refusal(line, "", f"no JSON from here on ({said}, line {getattr(error, 'lineno', line)})")
            return
        yield _of_csl(line, item)
        if not listed:
            return


def _of_csl(line: int, data: object) -> Record | Refusal:
    try:
        item = _Item.model_validate(data)
    except ValidationError as error:
        return Refusal(line, str(data.get("id", "")) if isinstance(data, dict) else "", first_fault(error))
    called, ours = item.key or item.id, CSL_KINDS.get(item.type)
    if ours is None:
        return Refusal(line, called, f"the type '{item.type}' is a kind of entry that the catalogue does not have")
    software = ours == "blog" and item.genre.lower() == "computer software"
    year, month = item.issued.year_and_month()
    authors = [name for name in item.author if name.literal or name.family]
    listed = [name for name in authors if not is_others(name.literal or name.family)]
    preprint = ours == "preprint"
    return Record(
        "code" if software else ours,
        without_markup(item.title),
        key=called,
        line=line,
        protect=re.findall(r'<span class="nocase">([^<]+)</span>', item.title),
        authors=[name.author() for name in listed],
        whole=len(listed) == len(authors),
        year=year,
        month=month,
        container=without_markup(item.container or item.event or (item.publisher if preprint else "")),
        publisher=without_markup(item.publisher),
        volume=item.volume,
        number=item.issue or (item.number if ours == "report" else ""),
        pages=item.page if ours != "book" else "",
        doi=item.doi,
        arxiv=" ".join([item.number, item.note, item.location, item.container, item.url]),
        isbn=item.isbn if ours == "book" else "",
        issn=item.issn.split(" ")[0].strip(",") if ours == "journal" else "",
        url=item.url,
        language=item.language,
        remarks=[_LOOSE] if item.type == "webpage" and not software else [],
        lost=[name for name, value in (item.model_extra or {}).items() if value],
    )
