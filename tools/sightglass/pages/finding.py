"""What the browser finds things with: ``find/index.json``, and the entries in parts that it loads one after another.

``names-<n>.json`` holds in columns what an entry is called and filed under, newest entries first; ``words-<n>.json``
what is said about the same entries, which is most of the weight and is asked for last.  A part stands for itself: a
browser that still holds parts of an older build shows something slightly old, never something wrong.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sightglass import ledger
from sightglass.catalogue import folder_of
from sightglass.catalogue.models import Entry, Paper
from sightglass.pages.phrases import FOLDERS
from sightglass.pages.site import Site

PART = 2000  # entries: about 350 KB of names, so that the first results need no more than that


def verified(site: Site, slug: str) -> bool:
    """Whether a method has stored results of its code as it is now, and in all of them each claim is as expected."""
    claims, results = site.catalogue.methods[slug].claims, site.results.get(slug, [])
    return bool(claims and results) and all(
        not site.is_stale(result) and all(ledger.is_expected(claim, ledger.verdict(claim, result)) for claim in claims)
        for result in results
    )


def index_files(site: Site) -> dict[str, str]:
    """All files that the search and the browse page load, by path."""
    keys = site.newest_first(list(site.catalogue.entries))
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
    """What entries refer to, by id, and the pages that are no entries."""
    catalogue = site.catalogue
    methods = [
        {
            "key": slug,
            "name": method.name,
            "name_zh": (method.name_zh != method.name and method.name_zh) or "",
            "aliases": method.aliases,
            "family": method.family,
            "runs": site.module_of(slug) is not None,
            "verified": verified(site, slug),
            "summary": f"{method.summary} {method.summary_zh}",
        }
        for slug, method in catalogue.methods.items()
    ]
    chinese = FOLDERS["zh"]
    pages: list[dict[str, Any]] = [
        {
            "type": "tutorial" if url.startswith("tutorials/") else "guide",
            "url": url,
            "title": title,
            "title_zh": site.guides.get(chinese + url, ""),
            "translated": chinese + url in site.guides,
            "headings": site.headings.get(url, []) + site.headings.get(chinese + url, []),
        }
        for url, title in sorted(site.guides.items())
        if not url.startswith(chinese)
    ]
    pages += [
        {
            "type": "list",
            "url": f"lists/{slug}/",
            "title": lst.title,
            "title_zh": lst.title_zh or "",
            "translated": True,
        }
        for slug, lst in catalogue.lists.items()
    ]
    return {
        "parts": parts,
        "entries": len(catalogue.entries),
        "methods": methods,
        "families": list(catalogue.families),
        "subjects": {subject.id: [subject.name, subject.name_zh] for subject in catalogue.topics.values()},
        "venues": {
            venue: [v.name, v.name_zh or ""] for venue, v in catalogue.venues.items() if site.by_venue.get(venue)
        },
        "pages": pages,
    }


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
        "frameworks": _coded(sorted({lk.framework for lk in entry.links if lk.framework}) for entry in entries),
    }
    return {"of": hashlib.sha256(_json(columns).encode()).hexdigest()[:8], **columns}


def _coded(column: Iterable[Sequence[str]]) -> dict[str, Any]:
    """A column of lists as numbers into the list of its values; a list of one is written as that one."""
    values: dict[str, int] = {}
    coded = [[values.setdefault(value, len(values)) for value in cell] for cell in column]
    return {"values": list(values), "cells": [cell[0] if len(cell) == 1 else cell for cell in coded]}


def _words(entry: Entry) -> str:
    return " ".join(part for part in (entry.summary, entry.summary_zh, entry.arxiv, entry.doi) if part)
