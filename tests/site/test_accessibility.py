"""Each kind of page, wide and phone-sized, light and dark: axe, headings, the keyboard's focus, reduced motion."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.site.conftest import pages_in

KINDS = {  # a page of each kind; a pattern stands for the first page that it fits
    "home": "",
    "browse": "browse/",
    "results": "browse/?q=occlusion",
    "no results": "browse/?q=deconvvnnet",
    "entry": "papers/zhou2016learning/",
    "entry in Chinese": "posts/zhihu-why-nn-black-box/",
    "entries": "papers/",
    "methods": "methods/",
    "which method": "choose/",
    "which method in the Chinese interface": "zh/choose/",
    "method with a picture": r'methods/\*/ <img [^>]*src="[^"]*pictures/',
    "method": "methods/lrp/",
    "families": "families/",
    "family": "families/attribution/",
    "venue": "venues/cvpr/",
    "year": "years/2016/",
    "people": "people/",
    "person": "people/bolei-zhou/",
    "lists": "lists/",
    "list": "lists/class-activation-maps/",
    "claims": "claims/",
    "links": "links/",
    "benchmark": "benchmark/",
    "laboratory": "laboratory/",
    "guide": "guide/",
    "tutorial": r"tutorials/\*/ .",
    "not found": "404.html",
    "timeline": "timeline/",
    "genealogy": "genealogy/",
    "home in the Chinese interface": "zh/",
    "entry in the Chinese interface": "zh/papers/zhou2016learning/",
    "claims in the Chinese interface": "zh/claims/",
}
# The theme's script puts the copy button of each code block into a <nav>, and gives it no name.
TOLERATED = {("landmark-unique", "md-code__nav")}
COLOURS = ["color-contrast", "link-in-text-block"]
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def page_of(kind: str, built: Path) -> str:
    """The address of a page of ``kind`` in the built site; the test is skipped if there is none yet."""
    path, _, wanted = KINDS[kind].partition(" ")
    if not wanted:
        return path
    for file in sorted(built.glob(path.replace("\\", "") + "index.html")):
        if re.search(wanted, file.read_text(encoding="utf-8")):
            return file.parent.relative_to(built).as_posix() + "/"
    pytest.skip(f"no {kind} in this build")


@pytest.fixture
def visit(browser: Any, address: str) -> Iterator[Callable[..., Any]]:
    """Open a page without transitions, so that what is looked at has settled; everything foldable on browse is open."""
    contexts = []

    def open_page(path: str, *, width: int = 1280, scheme: str = "light") -> Any:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
        )
        contexts.append(context)
        page = context.new_page()
        page.goto(address + path)
        if path == "browse/":
            page.wait_for_selector(".sg-results li")
        if path in ("browse/", "claims/", "zh/claims/"):
            page.evaluate("document.querySelectorAll('article details').forEach((box, i) => { box.open = i < 40 })")
        return page

    yield open_page
    for context in contexts:
        context.close()


# Colours are three quarters of axe's time, and depend on what this key holds: of elements alike in it one is kept.
ONE_OF_EACH = """() => {
  const kept = new Set(), again = new Set(), all = [...document.querySelectorAll("body *")];
  for (const node of all) {
    if (![...node.childNodes].some((child) => child.nodeType === Node.TEXT_NODE && child.data.trim())) {
      again.add(node);
      continue;
    }
    const parts = [node.checkVisibility({ opacityProperty: true, visibilityProperty: true })];
    for (let up = node; up; up = up.parentElement) {
      const { color, backgroundColor, opacity, fontSize, fontWeight } = getComputedStyle(up);
      parts.push(up.tagName, up.className, color, backgroundColor, opacity, fontSize, fontWeight);
    }
    const key = parts.join();
    if (kept.has(key)) again.add(node);
    else kept.add(key);
  }
  const alike = [];
  for (const node of all.reverse()) {
    if (!again.has(node) || [...node.children].some((child) => !again.has(child))) again.delete(node);
    else if (node.textContent.trim() && !node.matches("script, style, template")) alike.push(node);
  }
  for (const node of alike) node.remove();
  return kept.size;
}"""


@pytest.mark.parametrize("kind", KINDS)
def test_axe_finds_nothing(kind: str, built: Path, visit: Callable, require_module: Callable) -> None:
    axe = require_module("axe_playwright_python.sync_playwright", "pip install -c constraints.txt -e '.[dev]'").Axe()
    path = page_of(kind, built)
    # The hundredth item of a list is made as the tenth is, and takes as long to look at.
    repeated = ("article li", "article h2", ".md-nav__item", "label", "tbody tr", "code > span")
    context = {"exclude": [[f"{each}:nth-child(n+12)"] for each in repeated]}
    structure = {
        "runOnly": {"type": "tag", "values": RULES},
        "rules": {rule: {"enabled": False} for rule in COLOURS},
        "resultTypes": ["violations"],
    }
    colours = {"runOnly": {"type": "rule", "values": COLOURS}, "resultTypes": ["violations"]}
    found = []

    def look(page: Any, scheme: str, context: object, options: object) -> None:
        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 900})
            for violation in axe.run(page, context, options).response["violations"]:
                for node in violation["nodes"]:
                    if not any(violation["id"] == rule and css in node["html"] for rule, css in TOLERATED):
                        why = [check["message"] for check in [*node["any"], *node["all"], *node["none"]]]
                        found.append((width, scheme, violation["impact"], violation["id"], node["html"][:160], why))

    for scheme, theme in (("light", "default"), ("dark", "slate")):
        page = visit(path, scheme=scheme)
        assert page.locator("body").get_attribute("data-md-color-scheme") == theme
        if scheme == "light":  # only colours differ between the two
            look(page, scheme, context, structure)
            page.set_viewport_size({"width": 1280, "height": 900})
        assert page.evaluate(ONE_OF_EACH) > 5
        look(page, scheme, None, colours)
    assert not found


def test_axe_finds_a_faint_text_among_many_alike(visit: Callable, require_module: Callable) -> None:
    axe = require_module("axe_playwright_python.sync_playwright", "pip install -c constraints.txt -e '.[dev]'").Axe()
    page = visit("papers/")
    page.evaluate("[...document.querySelectorAll('article li')].at(-1).style.color = '#ddd'")
    page.evaluate("[...document.querySelectorAll('article li a')].at(-1).style.color = '#ddd'")
    page.evaluate(ONE_OF_EACH)
    options = {"runOnly": {"type": "rule", "values": COLOURS}, "resultTypes": ["violations"]}
    assert axe.run(page, None, options).response["violations"]


def test_headings_are_in_order_on_every_page(built: Path) -> None:
    for path in pages_in(built):
        levels = [int(level) for level in re.findall(r"<h([1-6])[\s>]", path.read_text(encoding="utf-8"))]
        assert levels.count(1) == 1, path
        assert levels[0] == 1, path
        assert all(after <= before + 1 for before, after in pairwise(levels)), (path, levels)


# What a sighted keyboard user needs of the element that has the focus: it is on the screen, something is drawn around
# it, and that stands out from what lies behind.  A radio button of the theme has no size; a label shows the focus.
FOCUS = """() => {
  const focused = document.activeElement;
  if (!focused || focused === document.body) return null;
  const name = `${focused.tagName} ${focused.id} ${focused.className} ${focused.textContent.trim().slice(0, 30)}`;
  if (window.sgSeen === undefined) window.sgSeen = new Set();
  if (window.sgSeen.has(focused)) return null;
  window.sgSeen.add(focused);
  let shown = focused;
  if (focused.matches("input") && !focused.getBoundingClientRect().width) {
    const set = focused.closest(".tabbed-set");
    shown = set ? set.querySelector(".tabbed-labels") : focused.form.querySelector("label:not([hidden])");
  }
  const box = shown.getBoundingClientRect(), style = getComputedStyle(shown), faults = [];
  const numbers = (colour) => (colour.match(/[\\d.]+/g) || []).map(Number);
  const linear = (c) => c <= 10.31 ? c / 3294.6 : ((c / 255 + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  if (box.width < 2 || box.height < 2) faults.push("no size");
  if (box.right <= 0 || box.left >= innerWidth || box.bottom <= 0 || box.top >= innerHeight)
    faults.push("off the screen");
  for (let node = shown; node; node = node.parentElement) {
    const { opacity, visibility } = getComputedStyle(node);
    if (opacity === "0" || visibility === "hidden") faults.push("invisible");
  }
  if (style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 1) faults.push(`no ring (${style.outline})`);
  let behind = shown.parentElement;
  while (behind && (numbers(getComputedStyle(behind).backgroundColor)[3] === 0)) behind = behind.parentElement;
  const ground = behind ? numbers(getComputedStyle(behind).backgroundColor) : [255, 255, 255];
  const pair = [light(numbers(style.outlineColor)), light(ground)].sort((a, b) => b - a);
  if ((pair[0] + 0.05) / (pair[1] + 0.05) < 3) faults.push(`a ring of ${style.outlineColor} on ${ground}`);
  return [name, faults];
}"""
FOCUSED_KINDS = ["home", "browse", "entry", "method with a picture", "list", "claims", "guide", "not found"]


@pytest.mark.parametrize("kind", FOCUSED_KINDS)
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_tab_shows_where_it_is(kind: str, width: int, scheme: str, built: Path, visit: Callable) -> None:
    page = visit(page_of(kind, built), width=width, scheme=scheme)
    stops, faulty = 0, []
    for _ in range(60):
        page.keyboard.press("Tab")
        seen = page.evaluate(FOCUS)
        if seen is None:
            break
        stops += 1
        faulty += [seen] if seen[1] else []
    assert stops >= 3
    assert not faulty


def test_the_skip_link_leads_past_the_header(visit: Callable) -> None:
    page = visit("papers/zhou2016learning/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent").strip() == "Skip to content"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("!!document.activeElement.closest('article')")


def test_on_a_phone_the_menu_opens_by_keyboard_and_only_then_can_be_tabbed_to(visit: Callable) -> None:
    page = visit("guide/", width=390)
    inside = "!!document.activeElement.closest('.md-sidebar--primary')"
    page.locator("label[for=__drawer].md-header__button").focus()
    page.keyboard.press("Enter")
    for _ in range(8):
        page.keyboard.press("Tab")
        if page.evaluate(inside):
            break
    assert page.evaluate(inside)
    box = page.evaluate("document.activeElement.getBoundingClientRect().left")
    assert box >= 0


def test_nothing_moves_for_those_who_asked_for_that(visit: Callable) -> None:
    moving = """[...document.querySelectorAll("*")].filter((node) => ["", "::before", "::after"].some((part) => {
      const style = getComputedStyle(node, part || null);
      return style.transitionDuration.split(",").some((time) => parseFloat(time) > 0) || style.animationName !== "none"
        || style.scrollBehavior === "smooth";
    })).map((node) => node.outerHTML.slice(0, 80))"""
    for path in ("", "browse/", "papers/zhou2016learning/"):
        assert visit(path).evaluate(moving) == []


def test_a_screen_reader_hears_the_facets(visit: Callable) -> None:
    page = visit("browse/")
    status = page.get_by_role("status").first
    before = status.inner_text()
    assert re.search(r"\d", before)
    group = page.get_by_role("group", name="Family")
    box = group.get_by_role("checkbox").first
    name = box.evaluate("(node) => node.labels[0].innerText")
    assert re.search(r"(?s)[A-Za-z一-鿿].*\d", name)  # what it is, and how many
    box.focus()
    page.keyboard.press("Space")
    page.wait_for_function("(old) => document.querySelector('[role=status]').innerText !== old", arg=before)
    focused = page.evaluate("[document.activeElement.type, document.activeElement.checked]")
    assert focused == ["checkbox", True]  # the focus stays where it was
    for nameless in page.get_by_role("checkbox").all()[:40]:
        assert nameless.evaluate("(node) => node.labels.length") == 1
