"""The site as a pure function: a catalogue and results in, ``{path: Markdown or file}`` out.

Nothing here knows MkDocs but for its Markdown; ``sightglass.pages.mkdocs_hook`` is the one adapter.
"""

from __future__ import annotations

import json

from sightglass import citations
from sightglass.pages import together
from sightglass.pages.additions import feed
from sightglass.pages.basket import basket_files, basket_page
from sightglass.pages.benchmark import benchmark_page
from sightglass.pages.browse import browse_page
from sightglass.pages.charts import genealogy_page, timeline_page
from sightglass.pages.choose import choose_page
from sightglass.pages.entries import entry_page
from sightglass.pages.finding import index_files
from sightglass.pages.home import home
from sightglass.pages.indexes import by_family, index_pages
from sightglass.pages.laboratory import PICTURE, laboratory_page
from sightglass.pages.links import links_page
from sightglass.pages.lists import list_files
from sightglass.pages.methods import method_page
from sightglass.pages.moved import moved_pages
from sightglass.pages.phrases import FOLDERS
from sightglass.pages.search import catalogue_json
from sightglass.pages.site import Site

__all__ = ["Site", "build", "home"]

DOWNLOADS = ("bibtex", "ris", "csl-json")


def build(site: Site) -> dict[str, str | bytes]:
    """Every generated page (``.md``, Markdown) and file of the site, by its path in it; pages in each language."""
    catalogue = site.catalogue
    pages: dict[str, str | bytes] = {}
    for language, folder in FOLDERS.items():
        local = site.in_language(language)
        pages |= {folder + path: content for path, content in _pages(local).items()}
        if additions := feed(local):
            pages[f"{folder}feed.xml"] = additions
    for name in DOWNLOADS:
        citation = citations.FORMATS[name]
        for key in catalogue.entries:
            rendered = citations.format_entries([key], catalogue, name)
            pages[f"{site.page_of(key).removesuffix('.md')}.{citation.extension}"] = rendered
    for name, citation in citations.FORMATS.items():
        pages[f"cite/sightglass-{name}.{citation.extension}"] = citations.format_entries(
            list(catalogue.entries), catalogue, name
        )
    pages |= list_files(site)
    pages |= together.files(site)
    pages |= basket_files(site)
    pages |= index_files(site)
    pages |= moved_pages()
    pages["catalogue.json"] = json.dumps(catalogue_json(site), ensure_ascii=False, separators=(",", ":"))
    if site.settings.site:
        pages["robots.txt"] = f"User-agent: *\nAllow: /\nSitemap: {site.settings.site}sitemap.xml\n"
    samples = site.root / PICTURE.replace("pictures/", "results/", 1)
    if samples.is_file():
        pages[PICTURE] = samples.read_bytes()
    for folder in ("photographs", "animations", "strips"):
        for drawn in (site.root / "results" / folder).glob("*.webp"):
            pages[f"pictures/{folder}/{drawn.name}"] = drawn.read_bytes()
    for slug, results in site.results.items():
        for result in results:
            for name in (f"{slug}.webp", f"{slug}.zh.webp"):
                picture = site.root / "results" / result.device / name
                if picture.is_file():
                    pages[f"pictures/{result.device}/{name}"] = picture.read_bytes()
    return pages


def _pages(site: Site) -> dict[str, str]:
    """Every generated page in the site's language, by its path in that language's folder, in the order of the lists."""
    pages = index_pages(site) | {"timeline.md": timeline_page(site), "genealogy.md": genealogy_page(site)}
    pages["basket.md"] = basket_page(site)
    pages["browse.md"] = browse_page(site)
    pages["links.md"] = links_page(site)
    pages["laboratory.md"] = laboratory_page(site)
    pages["benchmark.md"] = benchmark_page(site)
    pages["choose.md"] = choose_page(site)
    pages |= {site.page_of(key): entry_page(site, key) for key in site.newest_first(list(site.catalogue.entries))}
    return pages | {f"methods/{slug}.md": method_page(site, slug) for slug in by_family(site)}
