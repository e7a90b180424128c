"""What a page that lists entries offers for all of them: a button that fills the basket, and the bibliography.

A bibliography is a file, so that it is there without a script; that of a single entry is the entry's own.  For what a
search finds the browser puts one together (``docs/assets/basket-texts.js``).
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Sequence

from sightglass import citations
from sightglass.pages.basket import PARTS, as_file
from sightglass.pages.markup import address
from sightglass.pages.site import Site

FORMAT = "bibtex"


def offered(site: Site, keys: Sequence[str], here: str) -> str:
    """A line with the bibliography of the entries on the page ``here`` and, for two or more, the button."""
    file = _file(site, keys, here)
    name = file.rpartition("/")[2]
    link = f'<a class="sg-button" href="{address(site.shared(file), here)}" download="{name}">'
    link += f"{site.say('download bib')}</a>"
    return f'<p class="sg-together">{add_all(site) if len(keys) > 1 else ""}{link}</p>\n'


def add_all(site: Site, keys: Sequence[str] = ()) -> str:
    """A button that puts entries into the basket, those of the page's text if none are given (``assets/basket.js``)."""
    return (
        f'<button type="button" class="sg-add-all" data-sg-add-all="{",".join(keys)}">{site.say("add all")}</button> '
    )


def results(site: Site) -> str:
    """The same for what a search finds; the script of the browse page knows what, and shows it."""
    data = f'data-parts="{PARTS}" data-format="{html.escape(json.dumps(as_file(FORMAT)))}"'
    button = f'<button type="button" class="sg-button" data-sg-bib {data}>{site.say("download bib")}</button>'
    return f'<p class="sg-together" hidden>{add_all(site)}{button}</p>\n'


def files(site: Site) -> dict[str, str]:
    """The bibliographies of people, venues and years with two entries or more, by path."""
    return {
        file: citations.format_entries(keys, site.catalogue, FORMAT)
        for page, keys in _pages(site)
        if len(keys) > 1 and (file := _file(site, keys, page))
    }


def _pages(site: Site) -> Iterator[tuple[str, Sequence[str]]]:
    yield from ((f"people/{slug}.md", keys) for slug, (_, keys) in site.people.items())
    yield from ((f"venues/{venue.lower()}.md", keys) for venue, keys in site.by_venue.items())
    yield from ((f"years/{year}.md", keys) for year, keys in site.by_year.items())


def _file(site: Site, keys: Sequence[str], page: str) -> str:
    return f"{(site.page_of(keys[0]) if len(keys) == 1 else page).removesuffix('.md')}.bib"
