"""What a source says of one work, whatever its format, and the draft of an entry that comes of it.

A reader of a format fills in a ``Record``.  ``draft`` then looks for the venue, proposes a key and notes the source in
``confirmed``.  A draft holds only what the source says; the summary is left to a person, and the check asks for it.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args
from urllib.parse import quote, unquote

from stdnum import isbn as isbn_number

from sightglass.catalogue import ENTRY_FOLDERS, FOLDERS, check
from sightglass.catalogue.models import FIRST_DRAFT
from sightglass.errors import ImportingError
from sightglass.importing.venues import Venues


def by_word(table: Mapping[str, str]) -> dict[str, str]:
    """For each word of the table's values, the key that it belongs to."""
    return {word: key for key, words in table.items() for word in words.split()}


ARXIV = re.compile(r"\d{4}\.\d{4,5}|[a-z-]+(?:\.[A-Z]{2})?/\d{7}")
FOLDER_OF_KIND = {
    kind: name for name in ENTRY_FOLDERS for kind in get_args(FOLDERS[name].model_fields["kind"].annotation)
}
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
LANGUAGES = by_word(
    {
        "en": "en eng english american british australian canadian usenglish ukenglish",
        "zh": "zh chi zho cn chinese 中文 汉语 简体中文 繁體中文",
        "ja": "ja jp jpn japanese 日本語",
        "de": "de ger deu german ngerman austrian naustrian deutsch",
        "fr": "fr fre fra french francais français",
        "ko": "ko kor korean",
        "es": "es spa spanish español",
    }
)
FACTS = (
    "title", "authors", "year", "month", "volume", "number", "pages", "doi", "arxiv", "arxiv_class", "isbn", "venue",
)  # fmt: skip  # a table, as one reads it

_SMALL = {"a", "an", "and", "the", "on", "of", "in", "for", "to", "how", "what", "why", "is", "are", "do", "does"}
_KEY_OF_OURS = re.compile(r"[a-z][a-z-]*(?:19|20)\d\d[a-z][a-z0-9-]*")
_NUMBERED = re.compile(
    rf"(?:\barxiv(?:\.org)?[\s:./]*(?:(?:abs|pdf|html)/)?|\babs/)(?P<number>{ARXIV.pattern})(?!\d)", re.IGNORECASE
)
_DOI = re.compile(r"10\.\d{4,9}/[^\s\"<>{}]+")
_DOI_IN_URL = re.compile(rf"(?:doi\.org/|/doi/(?:\w+/)?|springer\.com/\w+/)(?P<doi>{_DOI.pattern})", re.IGNORECASE)
_PREPRINTS = re.compile(r"(?:arxiv|corr\b|computing research repository|abs/)", re.IGNORECASE)
_SERVERS = ("biorxiv", "medrxiv", "chemrxiv", "psyarxiv", "ssrn", "preprints")
_HAN = re.compile(r"[\u3400-\u9fff]")
_KANA = re.compile(r"[\u3040-\u30ff]")
_TWO_CHARACTERS = re.compile(
    "欧阳|歐陽|司马|司馬|上官|诸葛|諸葛|东方|東方|皇甫|尉迟|公孙|公孫|慕容|令狐|长孙|宇文|司徒|夏侯|端木"
)
_OTHERS = re.compile(r"(?:\band\s+|\bet\.?\s+|^)(?:others|al)\.?$|^等$", re.IGNORECASE)

Author = str | dict[str, Any]


class Fields(dict[str, str]):
    """The fields of an entry by name, which remember what was asked for: the rest is what the catalogue can't hold."""

    def __init__(self, values: Iterable[tuple[str, str]]) -> None:
        super().__init__(values)
        self._asked: set[str] = set()

    def take(self, *names: str) -> str:
        """The first of ``names`` that has a value, or an empty text; the others say the same."""
        self._asked.update(names)
        return next((self[name] for name in names if self.get(name)), "")

    @property
    def left(self) -> list[str]:
        """Names of the fields that nothing asked for."""
        return [name for name, value in self.items() if value and name not in self._asked]


@dataclass
class Record:
    """One work as a source describes it, each value a plain text, empty where the source says nothing."""

    kind: str
    title: str
    key: str = ""  # what the source calls it
    line: int = 1
    protect: list[str] = field(default_factory=list)
    authors: list[Author] = field(default_factory=list)
    whole: bool = True  # false if the source cuts its list of authors short
    year: str = ""
    month: str | int = ""  # a number is taken as it is
    container: str = ""
    publisher: str = ""
    volume: str = ""
    number: str = ""
    pages: str = ""
    doi: str = ""
    arxiv: str = ""  # any text that may hold the number
    arxiv_class: str = ""
    isbn: str = ""
    issn: str = ""
    url: str = ""
    language: str = ""
    remarks: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)  # names of fields that the catalogue has no place for


@dataclass
class Draft:
    """A new entry: its proposed key, its fields as they go into the file, and remarks for the person who adds it."""

    key: str
    data: dict[str, Any]
    remarks: list[str] = field(default_factory=list)
    line: int = 1
    called: str = ""  # the source's own key
    lost: list[str] = field(default_factory=list)
    venue: dict[str, str] | None = None  # for venues.yaml, which does not have it yet

    @property
    def folder(self) -> str:
        """Where the entry belongs: ``papers``, ``tools``, ``posts`` or ``resources``."""
        return FOLDER_OF_KIND[self.data["kind"]]


def draft(record: Record, venues: Venues, source: str = "bibliography", at: str | None = None) -> Draft:
    """The draft of an entry.  Raises ``ImportingError`` if the record has no title."""
    remarks = list(record.remarks)
    if not record.title:
        raise ImportingError("it has no title, and an entry must have one")
    number = arxiv_number(record.arxiv) or arxiv_number(record.doi) or arxiv_number(record.url)
    kind, container = _place(record, number)
    doi = "" if arxiv_number(record.doi) else _doi(record, remarks)
    url = _url(record, remarks) or (f"https://doi.org/{safe_doi(doi)}" if doi else "")
    url = url or (f"https://arxiv.org/abs/{number}" if number else "")
    in_archive = kind == "preprint" and bool(number)  # whose volume and pages repeat the number
    venue, kind, new = venues.place(container, record.publisher, kind, record.issn)
    data: dict[str, Any] = {
        "title": record.title,
        "protect": record.protect,
        "language": _language(record, remarks),
        "authors": record.authors,
        "year": _year(record.year),
        "month": _month(record.month),
        "venue": venue,
        "volume": "" if in_archive else record.volume,
        "number": "" if in_archive else record.number,
        "pages": "" if in_archive else pages(record.pages),
        "doi": doi,
        "arxiv": number,
        "arxiv_class": record.arxiv_class if number else "",
        "isbn": _isbn(record, kind, remarks),
        "links": [{"url": url, "role": _role(kind)}] if url else [],
        "summary": FIRST_DRAFT,
        "kind": kind,
    }
    data = {name: value for name, value in data.items() if value not in (None, "", [])}
    unsure = set() if record.whole else {"authors"}
    confirmation: dict[str, Any] = {"source": source, "fields": [n for n in FACTS if n in data and n not in unsure]}
    data["confirmed"] = [confirmation | ({"at": at} if at else {})]
    _say_what_is_open(data, record, container, venue)
    names = [name if isinstance(name, str) else name.get("sort") or name["name"] for name in record.authors]
    key = propose_key(names, data.get("year"), record.title)
    letterless = key.endswith("untitled") or (bool(names) and key.startswith("anonymous"))
    if _KEY_OF_OURS.fullmatch(record.key) or (letterless and _is_key(record.key.lower())):
        key = record.key.lower()  # a name in Chinese has no Latin letters; whoever chose this key knew them
    elif letterless:
        remarks.append("there are no Latin letters to make a key from: rename the file")
    return Draft(key, data, remarks, record.line, record.key, record.lost, new)


def _say_what_is_open(data: dict[str, Any], record: Record, container: str, venue: str) -> None:
    """Into ``unconfirmed``: what the source leaves out, and what the catalogue could not be told."""
    said: list[str] = []
    said_zh: list[str] = []
    if not record.whole:
        said.append("The source cuts the list of authors short.")
        said_zh.append("来源未列出全部作者。")
    if container and not venue:
        said.append(f"Published in '{container}', for which venues.yaml has no id.")
        said_zh.append(f"发表于“{container}”，venues.yaml 中尚无其 id。")
    if said:
        data |= {"unconfirmed": " ".join(said), "unconfirmed_zh": "".join(said_zh)}


def _place(record: Record, number: str) -> tuple[str, str]:
    """The kind and the container: what stands in the 'journal' arXiv is a preprint."""
    container = record.container
    archived = bool(_PREPRINTS.match(container))
    if archived or (number and not container and FOLDER_OF_KIND[record.kind] in ("papers", "posts")):
        return ("preprint" if record.kind not in ("thesis", "report", "chapter") else record.kind), "arXiv"
    if container.lower().split(" ")[0] in _SERVERS:
        return "preprint", container
    if record.kind == "conference" and "workshop" in container.lower():
        return "workshop", container
    return record.kind, container


def _role(kind: str) -> str:
    return {"papers": "paper", "tools": "code"}.get(FOLDER_OF_KIND[kind], "page")


def propose_key(names: Iterable[str], year: object, title: str) -> str:
    """``zhou2016learning`` out of 'Zhou, Bolei', 2016 and 'Learning Deep Features ...'; ASCII, never computed again."""
    return next(keys(names, year, title))


def keys(names: Iterable[str], year: object, title: str) -> Iterator[str]:
    """Keys for an entry, the best first: with one word of the title, with two, and then with a number, without end."""
    first = next(iter(names), "anonymous")
    family = re.sub(r"\s(?:Jr|Sr|I{2,3})\.?$", "", first.partition(",")[0]).split() or [first]
    surname = ascii_only(family[-1])
    words = [ascii_only(word) for word in re.split(r"[\s\-–—:/]+", title)]
    said = [word for word in words if word and word not in _SMALL] or ["untitled"]
    stem = f"{surname or 'anonymous'}{year or ''}{said[0]}"[:60]
    yield stem
    if said[1:]:
        yield f"{stem}-{said[1]}"[:60]
    yield from (f"{stem}-{number}" for number in range(2, 10_000))


def _is_key(text: str) -> bool:
    return len(text) > 4 and bool(check.KEY.fullmatch(text)) and bool(re.search("[a-z]", text))


def ascii_only(text: str) -> str:
    """Small letters and digits of ``text``, accents dropped."""
    decomposed = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]", "", decomposed)


def printable(text: str) -> str:
    """Without control characters and line breaks, with single spaces."""
    words = ("".join(filter(str.isprintable, word)) for word in text.split())
    return " ".join(filter(None, words))


def without_markup(text: str) -> str:
    """Without markup (``<i>``, ``&amp;``), control characters and line breaks."""
    return printable(html.unescape(re.sub(r"</?[A-Za-z][^>]*>", "", html.unescape(text))))


def pages(text: str) -> str:
    """'818-833' out of 'pp. 818--833'."""
    return re.sub(r"\s*[-–—]+\s*", "-", re.sub(r"^pp?\.\s*", "", text))


def safe_doi(doi: str) -> str:
    """A DOI as it stands in an address."""
    return quote(doi, safe="/:;().-_")


def arxiv_number(text: str) -> str:
    """'1312.6034' out of 'arXiv preprint arXiv:1312.6034v2', an address or an arXiv DOI; empty if there is none."""
    bare = re.fullmatch(rf"(?:arxiv:)?({ARXIV.pattern})(?:v\d+)?", text.strip(), re.IGNORECASE)
    found = _NUMBERED.search(text)
    return bare[1] if bare else found["number"] if found else ""


def _doi(record: Record, remarks: list[str]) -> str:
    """The DOI in the field for it; if there is none, the DOI in the address."""
    found = _DOI.search(unquote(record.doi))
    in_url = _DOI_IN_URL.search(unquote(record.url))
    if record.doi and not found:
        remarks.append(f"'{record.doi}' is no DOI and is left out")
    doi = found[0] if found else in_url["doi"] if in_url else ""
    doi = re.sub(r"(?:/(?:full|abstract|pdf|epdf)|\.pdf)$|[?#].*$", "", doi) if not found else doi
    return doi.rstrip(".,;")


def _url(record: Record, remarks: list[str]) -> str:
    """The first address in the field, percent-encoded where it must be."""
    found = re.search(r"(?:https?://|www\.)\S+", record.url)
    if not found:
        return ""
    url = quote(found[0].rstrip(".,;}>"), safe=";,/?:@&=+$-_.!~*'()#%")
    url = url if url.startswith("http") else f"https://{url}"
    if fault := check.url_fault(url):
        remarks.append(f"the address is left out: {fault}")
        return ""
    return url


def _isbn(record: Record, kind: str, remarks: list[str]) -> str:
    """The first ISBN of a book; that of the volume which a paper stands in is not the paper's own."""
    if not record.isbn or (FOLDER_OF_KIND[kind] == "papers" and kind not in ("thesis", "report")):
        return ""
    for candidate in re.split(r"[,;/\s]+", re.sub(r"(?i)isbn\S*:?", "", record.isbn)):
        if isbn_number.is_valid(candidate):
            return str(isbn_number.compact(candidate))
    remarks.append(f"'{record.isbn}' is no ISBN and is left out")
    return ""


def _language(record: Record, remarks: list[str]) -> str:
    """The catalogue's code; English is what it takes for granted, and a title in Chinese characters says Chinese."""
    said = record.language.lower().strip()
    code = LANGUAGES.get(said) or LANGUAGES.get(re.split(r"[-_,; ]", said)[0])
    if said and not code:
        remarks.append(f"the catalogue has no code for the language '{record.language}'")
        return "und"
    if not code and _HAN.search(record.title) and not _KANA.search(record.title):
        return "zh"
    return "" if code == "en" else code or ""


def _year(text: str) -> int | None:
    found = re.search(r"(?<!\d)(1[5-9]\d\d|20\d\d)(?!\d)", text)
    return int(found[0]) if found else None


def _month(text: str | int) -> int | None:
    """'jun', 'June', '6', '06', '12 June' or '6月'."""
    if isinstance(text, int):
        return text
    number = re.fullmatch(r"0?([1-9]|1[0-2])月?", text.strip())
    if number:
        return int(number[1])
    words = [word[:3] for word in re.findall(r"[a-z]+", text.lower())]
    return next((MONTHS.index(word) + 1 for word in words if word in MONTHS), None)


def person(family: str, given: str) -> Author:
    """'Last, First'; a single name can't be told from a group's."""
    family = family.replace(",", "")  # 'King, Jr.': the one comma parts family and given names
    return f"{family}, {given.replace(',', '')}" if given else group(family)


def group(name: str) -> dict[str, Any]:
    """An organisation, or a name that has no parts."""
    return {"name": name, "organisation": True}


def is_chinese(name: str) -> bool:
    """Whether a name is in Chinese characters."""
    return bool(_HAN.search(name)) and not re.search(r"[A-Za-z]", name)


def chinese(name: str) -> Author:
    """'周博磊', '周 博磊' or '周,博磊' as '周, 博磊'; what is longer than a name is an organisation."""
    family, comma, given = (part.strip() for part in re.sub("[，,]", ",", name).partition(","))
    first, _, last = family.partition(" ")
    if comma and given:
        return f"{family}, {given}"
    if last and len(first) > len(last) and not _TWO_CHARACTERS.fullmatch(first):
        return f"{last}, {first}"  # '博磊 周', as a program writes it that puts given names first
    if last:
        return f"{first}, {last.replace(' ', '')}"
    two = bool(_TWO_CHARACTERS.match(name)) and len(name) > 2
    if 2 <= len(name) <= (4 if two else 3):
        return f"{name[: 1 + two]}, {name[1 + two :]}"
    return group(name)


def is_others(name: str) -> bool:
    """Whether a 'name' says that the list goes on: 'others', 'et al.', '等'."""
    return bool(_OTHERS.search(name.strip(" {}")))


def last_first(name: str) -> str:
    """'Laurens van der Maaten' as 'van der Maaten, Laurens'; a name with a comma, or of one word, stays."""
    words = name.split()
    if "," in name or len(words) < 2:
        return name
    start = next((i for i, word in enumerate(words[1:-1], 1) if word[0].islower()), len(words) - 1)
    return f"{' '.join(words[start:])}, {' '.join(words[:start])}"


@dataclass(frozen=True)
class Refusal:
    """An entry of a file that can't be imported, or need not be: its line, its key and the reason."""

    line: int
    called: str
    reason: str
    left: bool = True  # false if other entries have taken its facts
