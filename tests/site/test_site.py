"""The built site in a real browser: found in both languages, nothing asked of third parties, readable on a phone."""

from __future__ import annotations

import html.parser
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest

PAGES = [
    "",
    "browse/",
    "methods/",
    "methods/cam/",
    "papers/zhou2016learning/",
    "claims/",
    "lists/",
    "years/",
    "people/",
    "tutorials/",
    "guide/",
    "404.html",
]


class _References(html.parser.HTMLParser):
    def __init__(self, source: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.loaded: list[str] = []
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src") and value:
                (self.found if tag == "a" else self.loaded).append(value)


def test_every_internal_link_of_every_page_leads_to_a_file(built: Path) -> None:
    base = "https://x.example/sightglass/"
    broken = []
    for path in built.rglob("*.html"):
        if path.name == "404.html":
            continue
        own = base + path.relative_to(built).as_posix().removesuffix("index.html")
        references = _References(path.read_text(encoding="utf-8"))
        for target in {*references.found, *references.loaded}:
            url = urlsplit(urljoin(own, target))
            if url.netloc != "x.example" or target.startswith(("data:", "mailto:")):
                continue
            file = built / unquote(url.path.removeprefix("/sightglass/"))
            if not url.path.startswith("/sightglass/") or not (file.is_file() or (file / "index.html").is_file()):
                broken.append((path.name, target))
    assert not broken[:10]


def test_no_page_loads_anything_from_elsewhere(built: Path) -> None:
    for path in built.rglob("*.html"):
        references = _References(path.read_text(encoding="utf-8"))
        foreign = [url for url in references.loaded if re.match(r"(?:https?:)?//", url)]
        assert not [url for url in foreign if not url.startswith("http://127.0.0.1")], path


def test_a_tutorial_is_light_and_names_no_other_host(built: Path) -> None:
    """mkdocs-jupyter's own template makes pages of 650 KB that fetch scripts from elsewhere.  A link fetches nothing."""
    tutorials = list(built.glob("**/tutorials/*/index.html"))
    assert len(tutorials) > 20
    for path in tutorials:
        page = path.read_text(encoding="utf-8")
        assert len(page.encode()) <= 100_000, path
        fetched = re.sub(r"<a [^>]*>", "", page)
        assert set(re.findall(r"https?://([^/\s\"'&<)]+)", fetched)) <= {"127.0.0.1", "www.w3.org"}, path
        assert not re.findall(r"<img [^>]*src=\"data:", page), path


@pytest.fixture
def visit(browser: object, address: str) -> Iterator[Callable]:
    """Open a page; whatever it asks of other hosts or complains of in the console fails the test."""
    faults: list[str] = []
    contexts = []

    def open_page(path: str, *, width: int = 1280, scheme: str = "light", script: bool = True) -> object:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, java_script_enabled=script
        )
        contexts.append(context)
        page = context.new_page()
        page.on(
            "request", lambda r: faults.append(f"asks {r.url}") if not r.url.startswith((address, "data:")) else None
        )
        page.on("console", lambda m: faults.append(f"says {m.text}") if m.type == "error" else None)
        page.on("pageerror", lambda e: faults.append(f"raises {e}"))
        page.goto(address + path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not faults


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("width", [1280, 390])
def test_a_page_fits_the_screen_and_asks_nobody_else(visit: Callable, path: str, width: int) -> None:
    page = visit(path, width=width, scheme="dark" if width == 390 else "light")
    assert page.locator("h1").count() == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_without_javascript_everything_is_still_reachable(visit: Callable) -> None:
    page = visit("browse/", script=False)
    assert page.locator("article a[href*='papers/']").count() >= 1
    page = visit("papers/", script=False)
    assert page.locator("article li a").count() > 50


def test_an_entry_page_has_what_zotero_reads(visit: Callable) -> None:
    page = visit("papers/zhou2016learning/")
    authors = [tag.get_attribute("content") for tag in page.locator("meta[name=citation_author]").all()]
    assert authors[0] == "Bolei Zhou"
    assert len(authors) == 5
    assert page.locator("meta[name=citation_title]").get_attribute("content").startswith("Learning Deep Features")
    assert page.locator(".Z3988").count() == 0


def test_a_citation_can_be_downloaded(visit: Callable) -> None:
    page = visit("papers/zhou2016learning/")
    with page.expect_download() as started:
        page.locator("a[download][href$='.bib']").click()
    assert started.value.suggested_filename == "zhou2016learning.bib"
    assert Path(started.value.path()).read_text(encoding="utf-8").startswith("@inproceedings{zhou2016learning,")
