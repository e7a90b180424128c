"""The basket: its page, and the texts that the browser puts its exports together from.

The browser computes no citation.  It joins texts that are written here, as ``citations.format_entries`` joins them, so
what it exports is what ``sightglass cite`` writes, byte for byte.
"""

from __future__ import annotations

import json
from html import escape
from typing import Any

from sightglass import citations
from sightglass.pages.entries import ENDINGS, meta_line
from sightglass.pages.markup import page
from sightglass.pages.phrases import LANGUAGES
from sightglass.pages.site import Site

PARTS = 256  # files that the texts are spread over: a few entries are a few kilobytes, and MkDocs copies few files
LABELS = {
    "bibtex": "BibTeX",
    "biblatex": "biblatex",
    "ris": "RIS",
    "csl-json": "CSL-JSON",
    "apa": "APA",
    "gb7714": "GB/T 7714",  # the edition that is in force
    "gb7714-2015": "GB/T 7714—2015",
}
STYLE_LABELS = {"acm": "ACM", "chicago": "Chicago", "ieee": "IEEE", "mla": "MLA", "vancouver": "Vancouver"}
SCRIPTS = ["assets/basket-texts.js", "assets/reading-list-file.js", "assets/basket-page.js"]


def part_of(key: str) -> int:
    """The number of the file that holds an entry, by a rule that is one line in JavaScript too."""
    return sum(key.encode()) % PARTS


def basket_files(site: Site) -> dict[str, str]:
    """``basket/parts/<number>.json``: what the basket shows of each entry, and its text in each format.

    ``basket/styles/<name>.json``: all references in a further style, which is loaded when it is chosen.
    """
    venues = site.catalogue.venues
    parts: list[dict[str, Any]] = [{} for _ in range(PARTS)]
    for key, entry in site.catalogue.entries.items():
        keywords = citations.keywords(entry, site.catalogue)
        parts[part_of(key)][key] = {
            "url": site.page_of(key).removesuffix(".md") + "/",
            "title": entry.title,
            "title_zh": entry.title_zh or "",
            "language": entry.language,
            "meta": {language: meta_line(site.in_language(language), entry) for language in LANGUAGES},
            "coins": citations.context_object(key, entry, venues),
            "texts": {
                name: style.render(key, entry, venues, None, keywords) for name, style in citations.FORMATS.items()
            },
        }
    files = {f"basket/parts/{number}.json": part for number, part in enumerate(parts)}
    files |= {f"basket/styles/{name}.json": style.references for name, style in site.styled.items()}
    return {path: json.dumps(data, ensure_ascii=False, separators=(",", ":")) for path, data in files.items()}


def as_file(name: str) -> dict[str, str]:
    """How the texts of a format become a file, for scripts."""
    style = citations.FORMATS[name]
    return {
        "name": name,
        "label": LABELS[name],
        "ending": ENDINGS[name],
        "type": style.media_type,
        "opening": style.opening,
        "separator": style.separator,
        "closing": style.closing,
    }


def basket_page(site: Site) -> str:
    """The page that shows the basket; how texts become a file stands in it, so that JavaScript knows no format."""
    formats = [as_file(name) for name in citations.FORMATS]
    formats += [
        {
            "name": name,
            "label": STYLE_LABELS[name],
            "ending": f"-{name}.txt",
            "type": "text/plain",
            "number": style.number,
        }
        for name, style in site.styled.items()
    ]
    without = site.say("basket without javascript", page=site.written("cite/index.md"))
    body = (
        f"# {site.say('basket')}\n\n"
        f'<div id="sg-basket" data-parts="{PARTS}" data-formats="{escape(json.dumps(formats))}"></div>\n\n'
        f"<noscript markdown>{without}</noscript>\n"
    )
    return page(site.say("basket"), body, hide=["navigation", "toc"], scripts=SCRIPTS)
