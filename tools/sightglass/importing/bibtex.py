"""BibTeX and biblatex files, as reference managers and people write them."""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from bibtexparser import model
from bibtexparser.entrypoint import parse_string
from bibtexparser.middlewares import names as splitting

from sightglass.errors import BibtexError
from sightglass.importing.records import (
    Author,
    Fields,
    Record,
    Refusal,
    arxiv_number,
    by_word,
    chinese,
    group,
    is_chinese,
    is_others,
    person,
    printable,
)

logging.getLogger("bibtexparser").addHandler(logging.NullHandler())  # what it would say stands in the failed block

KINDS = by_word(
    {
        "journal": "article review",
        "conference": "inproceedings conference",
        "chapter": "incollection inbook bookinbook suppbook suppcollection inreference",
        "thesis": "phdthesis mastersthesis thesis",
        "report": "techreport report",
        "book": "book mvbook booklet collection mvcollection reference mvreference",
        "proceedings": "proceedings mvproceedings",
        "blog": "online electronic www webpage",
        "library": "manual",
        "code": "software",
        "dataset": "dataset",
        "video": "video movie",
        "preprint": "unpublished",
        "misc": "misc",
    }
)
_PARENTS = ("proceedings", "mvproceedings", "collection", "mvcollection", "periodical", "xdata")
_OF_THE_CHILD = {  # what a child does not take over from the entry that its crossref names
    "title", "subtitle", "titleaddon", "author", "doi", "url", "eprint", "pages", "abstract", "note", "key", "crossref",
    "xdata", "keywords", "file", "isbn",
}  # fmt: skip  # a table, as one reads it
_BY_HOST = [  # what a @misc or @online most likely is
    (kind, re.compile(rf"https?://(?:www\.)?(?:{hosts})/", re.IGNORECASE))
    for kind, hosts in (
        ("code", r"(?:github|gitlab|bitbucket|pypi)\.\w+"),
        ("video", r"youtube\.com|youtu\.be|vimeo\.com"),
        ("dataset", r"zenodo\.org|figshare\.com|kaggle\.com|dataverse\.\w+\.\w+"),
        ("blog", r"[^/]+"),
    )
]
_ADDRESS = re.compile(r"\\(?:url|href)\s*\{\s*([^{}]*)\}|<?(https?://[^\s{}<>]+)>?")


def read(text: str) -> list[Record | Refusal]:
    """Every entry of a ``.bib`` file, in its order.  Raises ``BibtexError`` if there is none."""
    library = parse_string(text, parse_stack=[])
    strings = {block.key.lower(): block.value for block in library.strings}
    found: list[Record | Refusal] = []
    entries: list[tuple[model.Entry, dict[str, str]]] = []
    for block in library.blocks:
        entry = block.ignore_error_block if isinstance(block, model.ParsingFailedBlock) else block
        if isinstance(entry, model.Entry):
            try:
                entries.append((entry, _values(entry, strings)))
            except BibtexError as error:
                found.append(Refusal(_line(entry), entry.key, str(error)))
        elif isinstance(block, model.ParsingFailedBlock):
            found.append(_refusal(block))
    if not found and not entries:
        raise BibtexError("no entry in it; a BibTeX entry begins with @article{key, …")
    by_key = {entry.key.lower(): (entry.entry_type.lower(), values) for entry, values in reversed(entries)}
    parents = {values.get("crossref", "").lower() for _, values in entries}
    found += [
        _record(entry, values, by_key, entry.key.lower() in parents)
        for entry, values in entries
        if entry.entry_type.lower() not in ("xdata", "set", "comment")
    ]
    return sorted(found, key=lambda each: each.line)


def _line(block: model.Block) -> int:
    return (block.start_line or 0) + 1


def _refusal(block: model.ParsingFailedBlock) -> Refusal:
    reason = str(getattr(block.error, "abort_reason", None) or block.error or "unreadable").partition(" Note:")[0]
    named = re.match(r"\s*@\w+\s*[{(]\s*([^,\s{}]+)", block.raw or "")
    return Refusal(_line(block), named[1] if named else "", printable(reason).replace("`", "'"))


def _values(entry: model.Entry, strings: dict[str, str]) -> dict[str, str]:
    """The fields by name in small letters.

    Raises ``BibtexError`` for an important field with two values, and where a comma between two fields is missing.
    """
    values: dict[str, str] = {}
    for field in entry.fields:
        if any(_ends_early(part) for part in _parts(str(field.value))):
            raise BibtexError(f"a comma is missing after the field '{field.key}'")
        name, value = field.key.lower(), _joined(str(field.value), strings)
        if values.setdefault(name, value) != value and name in ("title", "author", "year", "date", "doi"):
            raise BibtexError(f"the field '{name}' occurs twice")
    return values


def _ends_early(part: str) -> bool:
    """Whether the braces or quotes around a text close before its end, as in '{A} author={B}'."""
    closing, depth = {"{": "}", '"': '"'}.get(part[:1]), 0
    for before, character in pairwise(part[:-1]):
        if character == closing and not depth and before != "\\":
            return True
        depth += (character == "{") - (character == "}")
    return False


def _joined(raw: str, strings: dict[str, str], depth: int = 0) -> str:
    """A field's value: texts in braces or quotes, numbers and the names of @string, joined by '#'."""
    texts = []
    for part in _parts(raw) if "#" in raw else [raw.strip()]:
        if part[:1] in ('"', "{") and len(part) > 1:
            texts.append(part[1:-1])
        elif part.lower() in strings and depth < 20:  # a macro may name itself
            texts.append(_joined(strings[part.lower()], strings, depth + 1))
        else:
            texts.append(part)
    return "".join(texts)


def _parts(raw: str) -> Iterator[str]:
    """What stands between the '#' that are outside of braces and quotes."""
    start, depth, quoted = 0, 0, False
    for i, character in enumerate(raw):
        depth += (character == "{") - (character == "}")
        quoted ^= character == '"' and not depth
        if character == "#" and not depth and not quoted:
            yield raw[start:i].strip()
            start = i + 1
    yield raw[start:].strip()


def _inherited(values: dict[str, str], kind: str, by_key: dict[str, Any], seen: tuple[str, ...] = ()) -> dict[str, str]:
    """The fields of an entry with those of its ``xdata`` and of its ``crossref``, which its own come before."""
    whole = dict(values)
    for key in filter(None, (part.strip().lower() for part in values.get("xdata", "").split(","))):
        if key in by_key and key not in seen:
            whole = _inherited(by_key[key][1], kind, by_key, (*seen, key)) | whole
    key = values.get("crossref", "").strip().lower()
    if key in by_key and key not in seen:
        parent_kind, own = by_key[key]
        parent = _inherited(own, parent_kind, by_key, (*seen, key))
        taken = {name: value for name, value in parent.items() if name not in _OF_THE_CHILD}
        if kind != "article" and (title := parent.get("booktitle") or parent.get("title")):
            taken["booktitle"] = title
        elif "title" in parent:
            taken["journaltitle"] = parent["title"]
        if parent_kind in ("book", "mvbook") and "author" in parent and KINDS.get(kind) == "chapter":
            taken["author"] = parent["author"]
        whole = taken | whole
    return whole


def _record(entry: model.Entry, own: dict[str, str], by_key: dict[str, Any], is_parent: bool) -> Record | Refusal:
    kind, line = entry.entry_type.lower(), _line(entry)
    if is_parent and kind in _PARENTS:
        return Refusal(line, entry.key, "its facts went into the entries whose crossref names it", left=False)
    if kind not in KINDS:
        return Refusal(line, entry.key, f"@{entry.entry_type} is a kind of entry that the catalogue does not have")
    fields = Fields(_inherited(own, kind, by_key).items())
    try:
        authors, whole = _authors(fields.take("author"), fields.take("sortname"))
    except splitting.InvalidNameError as error:
        return Refusal(line, entry.key, printable(str(error)).replace("`", "'"))
    record = _described(fields, kind)
    record.key, record.line, record.authors, record.whole = entry.key, line, authors, whole
    if missing := [key for key in [fields.take("crossref")] if key and key.strip().lower() not in by_key]:
        record.remarks.append(f"'{missing[0]}', named by crossref, is not in this file: its facts are missing")
    fields.take("xdata", "key", "type", "entrysubtype", "pubstate", "date", "archiveprefix", "eprinttype")
    record.lost = fields.left
    return record


def _described(fields: Fields, kind: str) -> Record:
    """Everything but the authors."""

    def plain(*names: str) -> str:
        return latex(fields.take(*names))

    title = ": ".join(filter(None, [fields.take("title").strip(), fields.take("subtitle").strip()]))
    date = fields.get("date", "")
    url = _address(fields.take("url", "ee", "link")) or _address(fields.get("howpublished", ""))
    url = url or _address(fields.get("note", ""))
    ours, remarks = _kind(fields, kind, url)
    of_volume = ours in ("journal", "conference", "chapter", "preprint")
    return Record(
        ours,
        latex(title),
        protect=list(protected(title)),
        year=plain("year") or date[:4],
        month=plain("month") or date[5:7],
        container=_container(fields, ours),
        publisher=plain("school", "institution") or plain("publisher") or plain("organization"),
        volume=plain("volume") if of_volume else "",
        number=plain("number", "issue") if of_volume or ours == "report" else "",
        pages=plain("pages") if of_volume else "",
        doi=_raw(fields.take("doi")),
        arxiv=_arxiv(fields),
        arxiv_class=_class(fields),
        isbn=_raw(fields.take("isbn")) if not of_volume else "",
        issn=_raw(fields.take("issn")) if ours == "journal" else "",
        url=url,
        language=plain("langid", "language", "hyphenation"),
        remarks=remarks,
    )


def _kind(fields: Fields, kind: str, url: str) -> tuple[str, list[str]]:
    """The catalogue's kind, and what a person has to look at where the source's says too little."""
    ours = KINDS[kind]
    if kind == "inbook" and not fields.get("booktitle"):
        return "book", ["the source cites a part of this book"]
    if ours not in ("misc", "blog", "library") or (ours == "misc" and arxiv_number(_arxiv(fields))):
        return ("preprint" if ours == "misc" else ours), []
    if ours == "misc" and not url:
        return "preprint", ["no arXiv number: check 'kind'"]
    said = f"{fields.take('type')} {fields.get('howpublished', '')}".lower()
    guess = "code" if "software" in said else next((kind for kind, host in _BY_HOST if host.match(url)), "blog")
    guess = ours if ours == "library" or (ours, guess) == ("blog", "dataset") else guess
    return guess, [f"taken for '{guess}': check 'kind'"] if (ours, guess) != ("blog", "blog") else []


def _container(fields: Fields, kind: str) -> str:
    """The journal, the proceedings, the book or the site."""
    named = latex(fields.take("journaltitle", "journal") or fields.take("booktitle", "maintitle"))
    if named or kind not in ("blog", "code", "video", "dataset", "preprint"):
        return named
    loose = latex(_ADDRESS.sub("", fields.take("howpublished")))
    return "" if loose.lower().strip(" :.,") in ("available at", "online", "website", "") else loose.strip(" ,.;:")


def _arxiv(fields: Fields) -> str:
    """Whatever may hold the arXiv number: its own field, or one of those where people put it."""
    archive = (fields.get("eprinttype") or fields.get("archiveprefix") or "arxiv").strip(" {}").lower()
    own = _raw(fields.take("eprint", "arxivid", "arxiv"))
    if archive == "arxiv" and own:
        return own
    places = ("journal", "journaltitle", "volume", "number", "eid", "howpublished", "note", "doi", "url", "pages")
    return " ".join(_raw(fields.take(name)) for name in places if arxiv_number(_raw(fields.get(name, ""))))


def _class(fields: Fields) -> str:
    in_brackets = re.search(r"\[([a-z-]+\.[A-Z]{2})\]", " ".join([fields.get("eprint", ""), fields.get("journal", "")]))
    own = _raw(fields.take("primaryclass", "eprintclass"))
    return own if re.search("[.-]", own) else in_brackets[1] if in_brackets else ""  # 'cs' is no class


def _address(text: str) -> str:
    found = _ADDRESS.search(re.sub(r"\\([%_#&~])", r"\1", text))
    return (found[1] or found[2] or "") if found else text if text.startswith("www.") else ""


def _raw(text: str) -> str:
    r"""An identifier without braces and escapes: ``10.1/a\_b``; it is no prose."""
    return printable(re.sub(r"[{}]", "", re.sub(r"\\([%_#&~])", r"\1", text.replace(r"{\_}", "_"))))


def _authors(text: str, sort_names: str) -> tuple[list[Author], bool]:
    """The persons and groups, and whether they are all.  Raises ``InvalidNameError``."""
    if is_chinese(text):
        text = re.sub(r"[、；;]|(?<=[\u3400-\u9fff]{2})，", " and ", text)
    names = [name for name in splitting.split_multiple_persons_names(" ".join(text.split())) if name.strip(" {}")]
    named = [name for name in names if not is_others(name)]
    whole = len(named) == len(names)
    authors = [_author(name) for name in named]
    sorted_by = [latex(name) for name in splitting.split_multiple_persons_names(" ".join(sort_names.split()))]
    if len(sorted_by) == len(authors):
        authors = [
            {"name": name, "sort": sort} if isinstance(name, str) and is_chinese(name) and "," in sort else name
            for name, sort in zip(authors, sorted_by, strict=True)
        ]
    return authors, whole


def _author(name: str) -> Author:
    """A person; ``{{A Group, Inc.}}`` is one word to BibTeX, and a group here."""
    bare = latex(name)
    if is_chinese(bare):
        return chinese(bare)
    if re.match(r"\s*\{?(?:family|given|prefix)(?:-i)?\s*=", name):
        pairs = dict(re.findall(r'(\w+)\s*=\s*("[^"]*"|\{[^{}]*\}|[^,]*)', name))
        said = {part: latex(value.strip(' "')) for part, value in pairs.items()}
        family = " ".join(filter(None, [said.get("prefix"), said.get("family"), said.get("suffix")]))
        return person(family, said.get("given", ""))
    name = re.sub(r"\s+\d{4}$", "", name.strip().removesuffix(","))  # DBLP numbers people of one name
    parts: Any = splitting.parse_single_name_into_parts(name)
    if not parts.first and not parts.von and not parts.jr:
        return group(latex(" ".join(parts.last)))
    return person(latex(" ".join([*parts.von, *parts.last, *parts.jr])), latex(" ".join(parts.first)))


def protected(title: str) -> Iterator[str]:
    """The words of a LaTeX title that hold braces for their capitals: of ``{CNN}s and M{\\"u}ller`` only ``CNNs``."""
    if "{" not in title or re.fullmatch(r"\{[^{}]*\}", title.strip()):
        return  # {{Whole Title}} protects nothing in particular
    words = _unlatex(_BRACES.sub(_marked, title)).split()
    braced = [re.sub(r"^\W+|\W+$", "", word.replace(_MARK, "")) for word in words if _MARK in word]
    capitals_left = any(re.match(r"\W*[A-Z]", word) for word in words[1:] if _MARK not in word)
    # Zotero braces all capitals of a title: then only those inside of a word say something
    all_of_them = not capitals_left and len(braced) > 2 and 2 * len(braced) >= len(words)
    yield from (word for word in braced if word and (not all_of_them or re.search(".[A-Z]", word)))


_MARK = "\ue000"  # a private character, which no title holds
_BRACES = re.compile(  # of commands, of accents, and in the group those that protect
    r"\\(?:[a-zA-Z]+\s*|[^a-zA-Z])\{[^{}]*\}|\{\\[^{}]*(?:\{[^{}]*\})?[^{}]*\}|\{([^{}\\]+)\}"
)


def _marked(match: re.Match[str]) -> str:
    return " ".join(_MARK + word for word in match[1].split()) if match[1] else match[0]


def latex(value: str) -> str:
    """LaTeX as plain text: accents composed, commands and braces gone."""
    return printable(_unlatex(value))


@functools.cache
def _converter() -> Any:
    from pylatexenc.latex2text import LatexNodes2Text

    return LatexNodes2Text(math_mode="verbatim")


def _unlatex(value: str) -> str:
    if not re.search(r"[\\$~`]|''|--", value):  # the converter takes two milliseconds for a field
        return re.sub(r"[{}]", "", value)
    whole = re.sub(r"\\((?:La|Bib|Xe|Lua)?TeX)\b", r"\1", value)
    whole = re.sub(r"\\textasciicircum(?![a-zA-Z])", "^", whole)
    whole = re.sub(r"\\href\s*\{[^{}]*\}\s*(?=\{)", "", whole)
    whole = re.sub(r"(?<!\\)([%&#])", r"\\\1", whole)  # to BibTeX a '%' begins no comment, and people write '&'
    try:
        return str(_converter().latex_to_text(whole))
    except (IndexError, AttributeError, TypeError, ValueError):  # a command that lacks its arguments
        return re.sub(r"\\[a-zA-Z]+|[\\{}]", "", whole)
