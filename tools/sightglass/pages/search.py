"""``catalogue.json``: the catalogue for programs, compact and in one file.  What the search loads is in ``finding``."""

from __future__ import annotations

from typing import Any

from sightglass.catalogue import folder_of
from sightglass.catalogue.models import Paper
from sightglass.pages.entries import meta_line
from sightglass.pages.home import state
from sightglass.pages.site import Site

VERSION = 1


def catalogue_json(site: Site) -> dict[str, Any]:
    """The catalogue for programs and for the site's own search; short keys, empty ones left out."""
    catalogue = site.catalogue
    entries = []
    for key, entry in catalogue.entries.items():
        methods = catalogue.methods_of(entry)
        record = {
            "key": key,
            "folder": folder_of(entry),
            "page": site.page_of(key).removesuffix(".md") + "/",
            "kind": entry.kind,
            "title": entry.title,
            "title_zh": entry.title_zh,
            "abbreviation": entry.abbreviation,
            "authors": [person.display for person in entry.authors],
            "authors_zh": [person.zh for person in entry.authors if person.zh],
            "year": entry.year,
            "venue": entry.venue,
            "meta": meta_line(site, entry),
            "language": entry.language,
            "doi": entry.doi,
            "arxiv": entry.arxiv,
            "links": [[link.role, link.url] for link in entry.links],
            "families": site.families_of(entry),
            "topics": [topic for topic in entry.topics if topic not in catalogue.families],
            "methods": methods,
            "proposes": entry.proposes if isinstance(entry, Paper) else [],
            "builds_on": entry.builds_on if isinstance(entry, Paper) else [],
            "frameworks": sorted({link.framework for link in entry.links if link.framework}),
            "runs": any(site.module_of(slug) for slug in methods if slug in catalogue.methods),
            "summary": entry.summary,
            "summary_zh": entry.summary_zh,
        }
        entries.append({name: value for name, value in record.items() if value or name in ("key", "folder")})
    methods_ = [
        {
            "key": slug,
            "page": f"methods/{slug}/",
            "name": method.name,
            "name_zh": method.name_zh if method.name_zh != method.name else None,
            "aliases": method.aliases,
            "family": method.family,
            "builds_on": method.builds_on,
            "runs": site.module_of(slug) is not None,
            "claims": {claim.id: state(claim, site.results.get(slug, []), site) for claim in method.claims},
            "summary": method.summary,
            "summary_zh": method.summary_zh,
        }
        for slug, method in catalogue.methods.items()
    ]
    guides = [{"url": url, "title": title} for url, title in sorted(site.guides.items())]
    names = {subject.id: [subject.name, subject.name_zh] for subject in catalogue.topics.values()}
    return {"version": VERSION, "subjects": names, "entries": entries, "methods": methods_, "guides": guides}
