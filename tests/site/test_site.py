"""The built site in a real browser: found in both languages, nothing asked of third parties, readable on a phone."""

from __future__ import annotations

import html.parser
import json
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


@pytest.fixture
def visit(browser: object, address: str) -> Iterator[Callable]:
    """Open a page; whatever it asks of other hosts or complains of in the console fails the test."""
    faults: list[str] = []
    contexts = []

    def open_page(path: str, *, width: int = 1280, scheme: str = "light", script: bool = True) -> object:
        context = browser.new_context(  # type: ignore[attr-defined]
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


SEARCHES = [  # what is typed, and an address that must be among the first three
    ("Learning Deep Features", "papers/zhou2016learning/"),
    ("grad cam++", "methods/grad-cam-pp/"),
    ("LRP", "methods/lrp/"),
    ("zeiler 2014", "papers/zeiler2014visualizing/"),
    ("fergus", "papers/zeiler2014visualizing/"),
    ("t-sne", "methods/t-sne/"),
    ("intriguing properties", "papers/szegedy2014intriguing/"),
    ("easily fooled", "papers/nguyen2015deep/"),
    ("gradcam", "methods/grad-cam/"),
    ("deconvnet", "methods/deconvnet/"),
    ("activation maximization", "methods/activation-maximisation/"),
    ("selvarju", "papers/selvaraju2017gradcam/"),  # a letter is missing
    ("visuallizing understanding", "papers/zeiler2014visualizing/"),  # a letter too many
    ("类激活映射", "methods/cam/"),
    ("类激活", "methods/cam/"),
    ("遮挡", "methods/occlusion/"),
    ("对抗样本", "methods/adversarial-examples/"),
    ("破解AI大脑黑盒", "posts/zhihu-google-building-blocks/"),
    ("大脑黑盒", "posts/zhihu-google-building-blocks/"),
    ("神经网络是个黑箱", "posts/zhihu-why-nn-black-box/"),
]


@pytest.mark.parametrize(("query", "wanted"), SEARCHES)
def test_the_box_in_the_header_finds_it_among_the_first_three(
    visit: Callable, address: str, query: str, wanted: str
) -> None:
    page = visit("guide/")
    page.fill("[data-sg-search] input", query)
    page.wait_for_selector("#sg-hits [role=option]")
    first = [a.get_attribute("href") for a in page.locator("#sg-hits a").all()[:3]]
    assert address + wanted in first


def test_the_box_works_by_keyboard_and_enter_opens_browse(visit: Callable, address: str) -> None:
    page = visit("guide/")
    page.keyboard.press("/")
    page.keyboard.type("zhou 2016 learning deep")
    page.wait_for_selector("#sg-hits [role=option]")
    page.keyboard.press("ArrowDown")
    assert page.locator("#sg-hits [aria-selected=true]").count() == 1
    page.keyboard.press("Enter")
    page.wait_for_url(address + "papers/zhou2016learning/")
    page.keyboard.press("/")
    page.keyboard.type("显著图")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/browse/\?q="))


def test_browse_filters_counts_and_keeps_the_view_in_the_address(visit: Callable, built: Path) -> None:
    total = len(json.loads((built / "catalogue.json").read_text(encoding="utf-8"))["entries"])
    page = visit("browse/")
    page.wait_for_selector(".sg-results li")
    assert page.locator("[role=status]").inner_text() == f"{total} of {total} entries"
    page.locator("#sg-family-attribution").check()
    shown = int(page.locator("[role=status]").inner_text().split()[0])
    assert 0 < shown < total
    assert "family=attribution" in page.url
    page.go_back()
    page.wait_for_function("document.querySelector('[role=status]').textContent.split(' ')[0] == " + f"'{total}'")
    again = visit("browse/?family=attribution&q=2016")
    again.wait_for_selector(".sg-results li")
    assert int(again.locator("[role=status]").inner_text().split()[0]) <= shown
    assert again.locator(".sg-query").input_value() == "2016"


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
