"""The page of a scheduled reading list in a real browser: next session, progress, printing, copying, downloads."""

from __future__ import annotations

import itertools
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from icalendar import Calendar
from sightglass.cli import app
from typer.testing import CliRunner

from tests.site.conftest import build, served

ROOT = Path(__file__).parents[2]
SLUG = "class-activation-maps"
PAGE = f"lists/{SLUG}/"
KEY = f"sightglass.read.{SLUG}"
PLAN = ("--from", "2026-10-15", "--every", "thursday", "--time", "16:00", "--timezone", "Europe/Berlin")


@pytest.fixture(scope="session")
def scheduled(once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    """The site of a copy in which a list has dates, built as if on 20 October 2026."""

    def make(root: Path) -> None:
        for name in ("catalog", "docs", "overrides", "results", "repro", "tools"):
            shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("mkdocs.yml", "pyproject.toml", "CONTRIBUTING.md"):
            shutil.copy(ROOT / name, root / name)
        arguments = ["list", "schedule", SLUG, *PLAN, "--presenters", "Ada,Bo", "--place", "Room <1>"]
        done = CliRunner().invoke(app, arguments, env={"SIGHTGLASS_ROOT": str(root)})
        assert done.exit_code == 0, done.output
        published = {"SOURCE_DATE_EPOCH": "1792490400", "SIGHTGLASS_SITE": "https://x.example/sightglass/"}
        build(root, root / "www" / "sightglass", **published)

    return once("scheduled", make) / "www" / "sightglass"


@pytest.fixture(scope="session")
def served_list(scheduled: Path) -> Iterator[str]:
    with served(scheduled.parent) as address:
        yield address


@pytest.fixture
def visit(browser: object, served_list: str) -> Iterator[Callable]:
    """Open the list's page at a moment; whatever it asks of others or complains of fails the test."""
    faults: list[str] = []
    contexts = []

    def open_page(
        now: str = "2026-10-20T12:00:00Z",
        *,
        path: str = PAGE,
        width: int = 1280,
        scheme: str = "light",
        script: bool = True,
        before: str = "",
        permissions: tuple[str, ...] = (),
    ) -> object:
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
            java_script_enabled=script,
            permissions=list(permissions),
        )
        contexts.append(context)
        page = context.new_page()
        page.on(
            "request",
            lambda r: faults.append(f"asks {r.url}") if not r.url.startswith((served_list, "data:")) else None,
        )
        page.on("console", lambda m: faults.append(f"says {m.text}") if m.type == "error" else None)
        page.on("pageerror", lambda e: faults.append(f"raises {e}"))
        if script:
            page.clock.set_fixed_time(now)
            page.add_init_script(before)
        page.goto(served_list + path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not [fault for fault in faults if "forbidden" not in fault]  # the theme itself complains of missing storage


def shown(page: object) -> list[str]:
    return page.locator(".sg-next-card:visible").all_inner_texts()


@pytest.mark.parametrize(
    ("now", "title"),
    [
        ("2026-10-01T00:00:00Z", "1. Detectors that nobody trained"),
        ("2026-10-22T14:59:00Z", "2. CAM"),  # it ends at 17:00 in Berlin
        ("2026-10-22T15:00:00Z", "3. Grad-CAM and Guided Grad-CAM"),
        ("2026-10-29T15:59:00Z", "3. Grad-CAM and Guided Grad-CAM"),  # the clocks went back
        ("2026-10-29T16:00:00Z", "4. Grad-CAM++"),
        ("2027-01-01T00:00:00Z", "All planned sessions are over."),
    ],
)
def test_the_next_session_is_that_of_the_readers_clock(visit: Callable, now: str, title: str) -> None:
    page = visit(now)
    (card,) = shown(page)
    assert title in card
    marked = page.locator(".sg-schedule li").filter(has=page.locator(".sg-mark:visible")).all_inner_texts()
    if title.startswith("All"):
        assert marked == []
    else:
        assert len(marked) == 1
        assert title.split(" ", 1)[1] in marked[0]


def test_without_javascript_the_next_session_is_that_of_the_build(visit: Callable) -> None:
    page = visit(script=False)
    (card,) = shown(page)
    assert "2. CAM" in card
    assert page.locator(".sg-mark:visible").count() == 1
    assert page.locator(f"a[href='../{SLUG}.ics']").count() == 2  # to add it, and to keep the file
    assert page.locator(".sg-items li a").count() > 20
    assert page.locator("input.sg-read:visible").count() == 0
    assert page.locator("button:visible", has_text="Print").count() == 0


@pytest.mark.parametrize("width", [1280, 390])
def test_correcting_the_next_session_moves_nothing(visit: Callable, width: int) -> None:
    observe = """
      window.moved = [];
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) for (const { node } of entry.sources) {
          if (!node || !node.isConnected || document.querySelector(".md-content").contains(node)) {
            window.moved.push(node && node.textContent);
          }
        }
      }).observe({ type: "layout-shift", buffered: true });
    """
    page = visit("2026-10-30T00:00:00Z", width=width, before=observe, scheme="dark" if width == 390 else "light")
    page.evaluate("document.fonts.ready.then(() => new Promise((drawn) => setTimeout(drawn, 100)))")
    assert "4. Grad-CAM++" in shown(page)[0]
    assert page.evaluate("window.moved") == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_what_is_ticked_off_is_kept_and_counted(visit: Callable) -> None:
    page = visit()
    total = page.locator("input.sg-read").count()
    assert page.locator(".sg-progress [role=status]").inner_text() == f"0 of {total} read"
    first = page.get_by_role("checkbox", name="Read: Object Detectors Emerge in Deep Scene CNNs")
    first.focus()
    page.keyboard.press("Space")
    page.locator("input.sg-read").nth(3).check()
    page.reload()
    assert first.is_checked()
    assert page.locator(".sg-progress [role=status]").inner_text() == f"2 of {total} read"
    assert page.locator("progress").get_attribute("aria-label") == f"2 of {total} read"
    first.uncheck()
    page.reload()
    assert page.locator("input.sg-read:checked").count() == 1
    other = page.context.new_page()
    other.goto(page.url.replace(SLUG, "not-to-be-trusted"))
    assert other.locator("input.sg-read:checked").count() == 0


def test_a_tick_in_one_tab_is_seen_in_the_other_and_none_is_lost(visit: Callable) -> None:
    page = visit()
    other = page.context.new_page()
    other.goto(page.url)
    page.locator("input.sg-read").nth(0).check()
    other.wait_for_function("document.querySelectorAll('input.sg-read:checked').length === 1")
    other.locator("input.sg-read").nth(1).check()
    page.reload()
    assert page.locator("input.sg-read:checked").count() == 2


STORAGES = {
    "no storage": (
        "Object.defineProperty(window, 'localStorage',"
        " { get() { throw new DOMException('forbidden', 'SecurityError'); } });"
    ),
    "full": "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); };",
    "null": f"localStorage.setItem('{KEY}', 'null');",
    "not JSON": f"localStorage.setItem('{KEY}', '{{oops');",
    "a number": f"localStorage.setItem('{KEY}', '7');",
    "other things": f"localStorage.setItem('{KEY}', '[1, null, {{}}, \"elsewhere/x\"]');",
}


@pytest.mark.parametrize("name", STORAGES)
def test_missing_full_or_foreign_storage_breaks_nothing(visit: Callable, name: str) -> None:
    page = visit(before=STORAGES[name])
    status = page.locator(".sg-progress [role=status]")
    assert status.inner_text().startswith("0 of ")
    page.locator("input.sg-read").first.check()
    assert status.inner_text().startswith("1 of ")
    assert ("does not keep it" in status.inner_text()) == (name in ("no storage", "full"))
    assert "2. CAM" in shown(page)[0]


def test_the_calendar_and_the_bibliography_are_downloaded_under_good_names(visit: Callable) -> None:
    page = visit()
    for suffix in ("bib", "ris", "ics"):
        with page.expect_download() as started:
            page.locator(f"a[download='{SLUG}.{suffix}']").click()
        assert started.value.suggested_filename == f"{SLUG}.{suffix}"
        content = Path(started.value.path()).read_bytes()
        if suffix == "ics":
            found = Calendar.from_ical(content).walk("VEVENT")
            assert len(found) == page.locator(".sg-schedule li").count()
            assert found[0]["url"] == f"https://x.example/sightglass/{PAGE}#unit-detectors"
            assert found[0]["location"] == "Room <1>"
    link = page.get_by_role("link", name="Add to calendar")
    assert link.get_attribute("href") == f"../{SLUG}.ics"
    subscribe = page.get_by_role("link", name="Subscribe").get_attribute("href")
    assert subscribe == f"webcal://x.example/sightglass/lists/{SLUG}.ics"


def test_a_list_without_dates_offers_no_calendar(visit: Callable, scheduled: Path) -> None:
    page = visit(path="lists/not-to-be-trusted/")
    assert page.locator("a[href$='.ics']").count() == 0
    assert page.locator(".sg-next, .sg-schedule").count() == 0
    assert page.locator("a[download$='.bib']").count() == 1
    assert [path.name for path in (scheduled / "lists").glob("*.ics")] == [f"{SLUG}.ics"]


def test_markdown_is_copied_with_a_word_that_it_was(visit: Callable) -> None:
    page = visit(permissions=("clipboard-read", "clipboard-write"))
    page.get_by_role("button", name="Copy as Markdown").click()
    page.wait_for_function("document.querySelector('.sg-tools [role=status]').textContent === 'Copied'")
    text = page.evaluate("navigator.clipboard.readText()")
    assert text.startswith("**Class activation maps: from CAM to Grad-CAM++**\n")
    assert "**2. CAM** – Thu 22 Oct 2026, 16:00–17:00 (Europe/Berlin) · Room \\<1\\> · Bo\n" in text
    assert "\n  - " in text


def test_where_copying_is_not_allowed_the_text_is_shown_selected(visit: Callable) -> None:
    page = visit(before="Object.defineProperty(navigator, 'clipboard', { value: undefined });")
    page.get_by_role("button", name="Copy as Markdown").click()
    page.get_by_text("Select it below").wait_for()
    assert page.evaluate("getSelection().toString()").startswith("**Class activation maps")


def test_print_leaves_the_list_and_nothing_else(visit: Callable) -> None:
    page = visit(before="window.print = () => { window.printed = true; };")
    page.get_by_role("button", name="Print").click()
    assert page.evaluate("window.printed") is True
    page.emulate_media(media="print")
    assert page.locator("details.sg-chat").count() == 1
    for gone in (
        ".md-header",
        ".md-sidebar",
        ".md-footer",
        ".sg-tools",
        ".sg-progress",
        ".sg-next",
        ".sg-chat",
        ".sg-mark",
    ):
        assert page.locator(f"{gone}:visible").count() == 0, gone
    assert page.locator("input.sg-read:visible").count() == page.locator("input.sg-read").count()
    assert page.locator(".sg-schedule time:visible").count() == 5
    pdf = page.pdf(format="A4")
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 3


def test_a_session_has_an_address_and_its_headings_are_in_order(visit: Callable) -> None:
    page = visit(path=f"{PAGE}#grad-cam-pp")
    assert page.locator("h2#grad-cam-pp").inner_text().startswith("4. Grad-CAM++")
    levels = page.evaluate("[...document.querySelectorAll('article :is(h1,h2,h3,h4)')].map((h) => +h.tagName[1])")
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_zotero_finds_each_entry_of_a_list_once(visit: Callable) -> None:
    page = visit(path="lists/sensitivity-to-deep-taylor/")
    found = page.evaluate("[...document.querySelectorAll('.Z3988')].map((span) => span.title)")
    assert len(found) == len(set(found)) > 10


def test_the_index_says_when_a_list_is_read(visit: Callable) -> None:
    page = visit(path="lists/", script=False)
    line = page.locator("li", has_text="Class activation maps").first.inner_text()
    assert "Thu 15 Oct 2026 – Thu 12 Nov 2026" in line
