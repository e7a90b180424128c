"""Where each page stands: the navigation in each language, and the way to the pages that are not in it.

A page that is not in the navigation belongs to the page that lists it, ``papers/index.md`` for ``papers/*``; MkDocs
then marks tab and section as active, as it does for the others.
"""

from __future__ import annotations

import posixpath
from itertools import pairwise

from mkdocs.structure import StructureItem
from mkdocs.structure.files import Files
from mkdocs.structure.nav import Link, Navigation, Section
from mkdocs.structure.pages import Page

from sightglass.pages import languages, phrases
from sightglass.pages.neighbours import spoken
from sightglass.pages.tutorials import page_path

ELSE = "browse.md"  # the section of pages whose folder has no list page

Way = tuple[str, str, str]  # a page's address, its title, the title's language (empty: that of the interface)


def translated(nav: Navigation, language: str, files: Files) -> Navigation:
    """The navigation in another language; what has no page in it leads to the English one."""
    listed: list[Page] = []

    def translate(item: StructureItem) -> StructureItem:
        title = phrases.phrase(language, f"nav.{item.title}")
        if isinstance(item, Section):
            section = Section(title, [translate(child) for child in item.children])
            for child in section.children:
                child.parent = section
            return section
        file = isinstance(item, Page) and files.get_file_from_path(languages.counterpart(item.file.src_uri, language))
        if not file or file.page is None:
            return Link(title, getattr(item, "url", ""))
        file.page.title = title  # what the navigation calls it; the page's own heading is its own affair
        listed.append(file.page)
        return file.page

    made = Navigation([translate(item) for item in nav.items], listed)
    made.homepage = listed[0] if listed else nav.homepage
    return made


def place(nav: Navigation, language: str, files: Files) -> None:
    """Give a language's pages outside the navigation a parent in it, and those in it their neighbours in a section."""
    by_path = {page.file.src_uri: page for page in nav.pages}
    folder = phrases.FOLDERS[language]
    for file in files.documentation_pages():
        page = file.page
        if page is None or file.src_uri in by_path or languages.language_of(file.src_uri) != language:
            continue
        listing = f"{posixpath.dirname(page_path(file.src_uri))}/index.md"
        page.parent = by_path.get(listing) or by_path.get(folder + ELSE)  # type: ignore[assignment]  # a page will do
    for page in nav.pages:
        page.previous_page = page.next_page = None
    for section in nav.items:
        pages = [child for child in section.children or [] if isinstance(child, Page)]
        for before, after in pairwise(pages):
            before.next_page, after.previous_page = after, before


def trail(page: Page, nav: Navigation) -> list[tuple[str, str | None, str]]:
    """Title, address and the title's language from the home page down to this page, which has no address."""
    if page is nav.homepage:
        return []
    above = [*([nav.homepage] if nav.homepage else []), *reversed(list(page.ancestors))]
    found: dict[str, str] = {}  # a section and the list that it begins with are one step
    for item in above:
        found.setdefault(_address(item), str(item.title))
    steps: list[tuple[str, str | None, str]] = [
        (title, address if address != page.url else None, "") for address, title in found.items()
    ]
    return [*steps, (str(page.title), None, spoken(page.markdown or ""))]


def neighbours(page: Page) -> dict[str, Way]:
    """The pages before and after this one in its section, under ``previous`` and ``next``."""
    found = {"previous": page.previous_page, "next": page.next_page}
    ways: dict[str, Way] = {way: (other.url, str(other.title), "") for way, other in found.items() if other}
    return ways | {way: tuple(page.meta[way]) for way in found if way in page.meta}


def _address(item: StructureItem) -> str:
    return _address(item.children[0]) if isinstance(item, Section) else str(getattr(item, "url", ""))
