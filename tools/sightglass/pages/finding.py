"""What the browser finds things with: ``find/index.json``, and the entries in parts that it loads one after another.

``names-<n>.json`` holds in columns what an entry is called and filed under, the most useful first; ``words-<n>.json``
what is said about the same entries, which is most of the weight and is asked for last.  A part stands for itself: a
browser that still holds parts of an older build shows something slightly old, never something wrong.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from sightglass import ledger
from sightglass.catalogue import folder_of
from sightglass.catalogue.models import Entry, Paper
from sightglass.pages.phrases import FOLDERS, phrase
from sightglass.pages.site import Site

PART = 2000  # entries: about 350 KB of names, so that the first results need no more than that

PAGES = {  # pages that list, by the phrase that is their title
    "methods/": "methods",
    "families/": "families",
    "claims/": "ledger",
    "lists/": "lists",
    "timeline/": "timeline",
    "genealogy/": "genealogy",
    "laboratory/": "lab.title",
    "benchmark/": "bench.title",
    "links/": "nav.Links",
    "basket/": "basket",
    "papers/": "papers",
    "tools/": "tools",
    "posts/": "posts",
    "resources/": "resources",
    "venues/": "venues",
    "years/": "years",
    "people/": "people",
}


def verified(site: Site, slug: str) -> bool:
    """Whether a method has stored results of its code as it is now, and in all of them each claim is as expected."""
    claims, results = site.catalogue.methods[slug].claims, site.results.get(slug, [])
    return bool(claims and results) and all(
        not site.is_stale(result) and all(ledger.is_expected(claim, ledger.verdict(claim, result)) for claim in claims)
        for result in results
    )


def beside(site: Site, entry: Entry) -> bool:
    """Whether an entry is not about networks but about what goes with the work: writing, tools, research itself."""
    off = {topic.id for topic in site.catalogue.taxonomy.topics if topic.beside}
    return bool(entry.topics) and set(entry.topics) <= off and not site.catalogue.methods_of(entry)


def most_useful_first(site: Site) -> list[str]:
    """All keys: papers that propose what runs here, other papers that propose, what is about a method that runs, the
    rest, and at the end what is not about networks; among equals those whose methods are written about most.
    """

    def rank(key: str) -> tuple[int, int]:
        entry = site.catalogue.entries[key]
        proposes = entry.proposes if isinstance(entry, Paper) else []
        runs = {slug for slug in site.catalogue.methods_of(entry) if site.module_of(slug)}
        written = max((len(site.by_method[slug]) for slug in proposes or runs), default=0)
        group = 0 if runs & set(proposes) else 1 if proposes else 2 if runs else 4 if beside(site, entry) else 3
        return group, -written

    return sorted(site.newest_first(list(site.catalogue.entries)), key=rank)


def index_files(site: Site) -> dict[str, str]:
    """All files that the search and the browse page load, by path."""
    keys = most_useful_first(site)
    parts = [keys[start : start + PART] for start in range(0, len(keys) or 1, PART)]
    files = {"find/index.json": _json(_index(site, len(parts)))}
    for number, part in enumerate(parts):
        names = _names(site, part)
        words = {"of": names["of"], "words": [_words(site.catalogue.entries[key]) for key in part]}
        files |= {f"find/names-{number}.json": _json(names), f"find/words-{number}.json": _json(words)}
    return files


def _json(data: object) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def _index(site: Site, parts: int) -> dict[str, Any]:
    """What entries refer to, by id, and what is no entry; ``search`` is what the taxonomy says of words."""
    catalogue, search = site.catalogue, site.catalogue.taxonomy.search
    methods = [
        {
            "key": slug,
            "name": method.name,
            "name_zh": (method.name_zh != method.name and method.name_zh) or "",
            "aliases": method.aliases,
            "family": method.family,
            "runs": site.module_of(slug) is not None,
            "verified": verified(site, slug),
            "summary": method.summary,
            "summary_zh": method.summary_zh,
        }
        for slug, method in catalogue.methods.items()
    ]
    subjects = [
        {
            "key": subject.id,
            "type": "family" if subject.id in catalogue.families else "topic",
            "name": subject.name,
            "name_zh": subject.name_zh,
            "aliases": subject.aliases,
            "summary": getattr(subject, "description", ""),
            "summary_zh": getattr(subject, "description_zh", ""),
        }
        for subject in catalogue.topics.values()
    ]
    pages = list(_pages(site))
    for found in pages:
        found["aliases"] = listed(search.pages.get(found["url"]))
    return {
        "parts": parts,
        "entries": len(catalogue.entries),
        "methods": methods,
        "subjects": subjects,
        "venues": {
            venue: [v.name, v.name_zh or ""] for venue, v in catalogue.venues.items() if site.by_venue.get(venue)
        },
        "pages": pages,
        "synonyms": [listed(group) for group in search.synonyms],
        "filler": listed(search.filler),
    }


def listed(words: str | None) -> list[str]:
    """The words of a text that holds them separated by commas."""
    return [word.strip() for word in (words or "").split(",") if word.strip()]


def _pages(site: Site) -> Iterator[dict[str, Any]]:
    """Guides, tutorials, reading lists and pages that list, as the search shows them."""
    chinese = FOLDERS["zh"]
    for url, title in sorted(site.guides.items()):
        if not url.startswith(chinese):
            type_ = "tutorial" if url.startswith("tutorials/") else "guide"
            below, below_zh = site.headings.get(url, []), site.headings.get(chinese + url, [])
            # A guide's headings say what it is good for; a tutorial's are its steps, and would outrank entries' titles.
            searched = [] if type_ == "tutorial" else [*below, *below_zh]
            yield {
                "type": type_,
                "url": url,
                "title": title,
                "title_zh": site.guides.get(chinese + url, ""),
                "translated": chinese + url in site.guides,
                "headings": [*searched, phrase("en", f"hit.{type_}"), phrase("zh", f"hit.{type_}")],
                "summary": " · ".join(below),
                "summary_zh": " · ".join(below_zh),
            }
    for slug, lst in site.catalogue.lists.items():
        yield {
            "type": "list",
            "url": f"lists/{slug}/",
            "title": lst.title,
            "title_zh": lst.title_zh or "",
            "summary": lst.summary,
            "summary_zh": lst.summary_zh or "",
        }
    for url, name in PAGES.items():
        yield {"type": "page", "url": url, "title": phrase("en", name), "title_zh": phrase("zh", name)}


def _names(site: Site, keys: Sequence[str]) -> dict[str, Any]:
    entries = [site.catalogue.entries[key] for key in keys]

    def texts(of: Callable[[Entry], str | None]) -> list[str]:
        return [of(entry) or "" for entry in entries]

    columns: dict[str, Any] = {
        "key": list(keys),
        "title": texts(lambda entry: entry.title),
        "title_zh": texts(lambda entry: entry.title_zh),
        "abbreviation": texts(lambda entry: entry.abbreviation),
        "authors": texts(lambda entry: "\n".join(person.display for person in entry.authors)),
        "authors_zh": texts(lambda entry: "\n".join(person.zh for person in entry.authors if person.zh)),
        "year": [entry.year or 0 for entry in entries],
        "proposes": [len(entry.proposes) if isinstance(entry, Paper) else 0 for entry in entries],
        "folder": _coded([folder_of(entry)] for entry in entries),
        "kind": _coded([entry.kind] for entry in entries),
        "language": _coded([entry.language] for entry in entries),
        "venue": _coded([entry.venue] if entry.venue else [] for entry in entries),
        "methods": _coded([m for m in site.catalogue.methods_of(e) if m in site.catalogue.methods] for e in entries),
        "topics": _coded(entry.topics for entry in entries),
        "scope": _coded(["beside" if beside(site, entry) else "networks"] for entry in entries),
        "frameworks": _coded(sorted({lk.framework for lk in entry.links if lk.framework}) for entry in entries),
    }
    return {"of": hashlib.sha256(_json(columns).encode()).hexdigest()[:8], **columns}


def _coded(column: Iterable[Sequence[str]]) -> dict[str, Any]:
    """A column of lists as numbers into the list of its values; a list of one is written as that one."""
    values: dict[str, int] = {}
    coded = [[values.setdefault(value, len(values)) for value in cell] for cell in column]
    return {"values": list(values), "cells": [cell[0] if len(cell) == 1 else cell for cell in coded]}


def _words(entry: Entry) -> list[str]:
    """The summary in English and in Chinese, and the numbers that an entry is known by."""
    return [entry.summary, entry.summary_zh or "", " ".join(number for number in (entry.arxiv, entry.doi) if number)]
