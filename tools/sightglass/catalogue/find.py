"""Find entries by words and by facets, in English and Chinese: every word must stand in some field of the entry."""

from __future__ import annotations

import re
import unicodedata
from typing import get_args

from sightglass.catalogue import ENTRY_FOLDERS, FOLDERS, Catalogue, folder_of
from sightglass.catalogue.models import Entry

KINDS = [
    *ENTRY_FOLDERS,
    *(kind for f in ENTRY_FOLDERS for kind in get_args(FOLDERS[f].model_fields["kind"].annotation)),
]

# Where a word stands decides the rank: what an entry is called counts more than what is said about it.
WEIGHTS = {
    "abbreviation": 10,
    "title": 8,
    "title_zh": 8,
    "people": 6,
    "methods": 5,
    "venue": 3,
    "year": 3,
    "summary": 1,
}


def fold(text: str) -> str:
    """Lower case without accents, so that 'Muller' finds 'Müller'; Chinese stays as it is."""
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(c for c in decomposed if not unicodedata.combining(c)).casefold()


def fields(catalogue: Catalogue, key: str) -> dict[str, str]:
    """What is searched of an entry, folded, by the names of ``WEIGHTS``."""
    entry = catalogue.entries[key]
    methods = [catalogue.methods[slug] for slug in catalogue.methods_of(entry) if slug in catalogue.methods]
    venue = catalogue.venues.get(entry.venue or "")
    called = [" ".join([method.name, method.name_zh or "", *method.aliases]) for method in methods]
    values = {
        "abbreviation": f"{entry.abbreviation or ''} {key}",
        "title": entry.title,
        "title_zh": entry.title_zh or "",
        "people": " ".join(f"{person.display} {person.zh or ''}" for person in entry.authors),
        "methods": " ".join(called),
        "venue": f"{entry.venue or ''} {venue.name if venue else ''}",
        "year": str(entry.year or ""),
        "summary": f"{entry.summary} {entry.summary_zh or ''}",
    }
    return {name: fold(value) for name, value in values.items()}


def find(
    catalogue: Catalogue,
    words: str = "",
    *,
    kind: str | None = None,
    family: str | None = None,
    method: str | None = None,
    venue: str | None = None,
    year: int | None = None,
) -> list[str]:
    """Keys of the entries that match all words and all facets given, best first, then newest first.

    ``kind`` is a kind (``conference``, ``blog``) or a folder (``papers``, ``tools``).
    """
    parts = re.findall(r"[\u3400-\u9fff]+|[^\s\u3400-\u9fff]+", fold(words))

    def passes(entry: Entry) -> bool:
        methods = catalogue.methods_of(entry)
        families = {catalogue.methods[slug].family for slug in methods if slug in catalogue.methods} | set(entry.topics)
        return (
            (kind is None or kind in (entry.kind, folder_of(entry)))
            and (family is None or family in families)
            and (method is None or method in methods)
            and (venue is None or (entry.venue or "").lower() == venue.lower())
            and (year is None or entry.year == year)
        )

    def score(key: str) -> int:
        texts = fields(catalogue, key)
        total = 0
        for part in parts:
            best = max((weight for name, weight in WEIGHTS.items() if part in texts[name]), default=0)
            if not best:
                return 0
            total += best
        return total

    found = [(score(key) if parts else 1, key) for key, entry in catalogue.entries.items() if passes(entry)]
    entries = catalogue.entries
    hits = [(points, key) for points, key in found if points]
    hits.sort(key=lambda hit: (-hit[0], -(entries[hit[1]].year or 0), entries[hit[1]].title.casefold()))
    return [key for _, key in hits]
