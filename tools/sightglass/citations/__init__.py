"""Citations: each format is a pure function from an entry and the venues to the text of one entry.

``FORMATS`` says how the texts of several entries become a file: ``opening``, the texts with ``separator`` between
them, ``closing``.  Nothing else is needed to put a file together from single texts, in any language.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import NamedTuple, Protocol

from sightglass.catalogue.models import Entry, Family, Method, Paper, Topic, Venue
from sightglass.citations.exchange import csl_json, ris
from sightglass.citations.latex import biblatex, bibtex
from sightglass.citations.text import apa, gb7714, gb7714_2015
from sightglass.citations.zotero import coins, context_object, meta_tags

__all__ = [
    "FORMATS", "Format", "apa", "biblatex", "bibtex", "coins", "context_object", "csl_json", "format_entries", "gb7714",
    "gb7714_2015", "keywords", "meta_tags", "ris",
]  # fmt: skip  # a table, as one reads it


class Records(Protocol):
    """What is needed of a catalogue."""

    @property
    def entries(self) -> Mapping[str, Entry]: ...
    @property
    def venues(self) -> Mapping[str, Venue]: ...
    @property
    def topics(self) -> Mapping[str, Family | Topic]: ...
    @property
    def methods(self) -> Mapping[str, Method]: ...


class Render(Protocol):
    """One entry's text in a format, without a newline at its end."""

    def __call__(
        self,
        key: str,
        entry: Entry,
        venues: Mapping[str, Venue],
        accessed: date | None = None,
        keywords: tuple[str, ...] = (),
    ) -> str: ...


class Format(NamedTuple):
    """One format: how an entry is written, and how entries become a file."""

    render: Render
    media_type: str
    extension: str
    separator: str = "\n\n"
    opening: str = ""
    closing: str = "\n"


FORMATS = {
    "bibtex": Format(bibtex, "application/x-bibtex", "bib"),
    "biblatex": Format(biblatex, "application/x-bibtex", "bib"),
    "ris": Format(ris, "application/x-research-info-systems", "ris"),
    "csl-json": Format(csl_json, "application/vnd.citationstyles.csl+json", "json", ",\n", "[\n", "\n]\n"),
    "apa": Format(apa, "text/plain", "txt", "\n"),
    "gb7714": Format(gb7714, "text/plain", "txt", "\n"),
    "gb7714-2015": Format(gb7714_2015, "text/plain", "txt", "\n"),
}


# the word of the command line; the built-in of that name is not used here
def format_entries(keys: Iterable[str], catalogue: Records, format: str, accessed: date | None = None) -> str:  # noqa: A002  # what the command calls it
    """The entries of ``keys`` as one file: sorted by key, each once, with one newline at the end.

    ``accessed`` is the day on which the reader saw what is online; without it no citation claims one.
    """
    style = FORMATS[format]
    texts = [
        style.render(key, entry, catalogue.venues, accessed, keywords(entry, catalogue))
        for key in sorted(set(keys))
        if (entry := catalogue.entries[key])
    ]
    return style.opening + style.separator.join(texts) + style.closing


def keywords(entry: Entry, catalogue: Records) -> tuple[str, ...]:
    """What ``entry`` is filed under in a reference manager: its topics, then its methods, by name.

    Reference managers part keywords at commas, so a name gives its own up.
    """
    proposes = entry.proposes if isinstance(entry, Paper) else []
    subjects = [catalogue.topics.get(topic) for topic in entry.topics]
    methods = [catalogue.methods.get(slug) for slug in (*proposes, *entry.about)]
    return tuple(dict.fromkeys(thing.name.replace(",", "") for thing in (*subjects, *methods) if thing))
