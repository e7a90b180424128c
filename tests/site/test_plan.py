"""A reader's own dates for a list, in a real browser: the calendar is the command line's to the last byte.

The page says which command makes the same file; the tests run that command.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import pytest
from icalendar import Calendar
from sightglass import catalogue as catalogues
from sightglass import lists
from sightglass.catalogue import Catalogue
from sightglass.catalogue.models import ReadingList, Session
from sightglass.cli import app
from sightglass.lists import plans
from typer.testing import CliRunner

from tests.site.conftest import ROOT

SLUG = "class-activation-maps"
PAGE = f"lists/{SLUG}/"
NOW = "2026-11-28T10:30:00Z"
PUBLISHED = "http://127.0.0.1/sightglass/"  # as the fixture builds the site
STORE = f"sightglass.dates.{SLUG}"
Visit = Callable[..., Any]


@pytest.fixture(scope="module")
def books() -> Catalogue:
    return catalogues.load(ROOT)


@pytest.fixture
def visit(browser: Any, address: str) -> Iterator[Visit]:
    """Open a page in a new window, the form unfolded; what it throws or asks of other hosts fails the test."""
    contexts, faults = [], []

    def open_page(path: str = PAGE, *, zone: str = "Europe/Berlin", before: str = "", **options: Any) -> Any:
        options = {"viewport": {"width": 1280, "height": 900}, "timezone_id": zone, **options}
        context = browser.new_context(**options)
        contexts.append(context)
        context.on("weberror", lambda error: faults.append(str(error.error)))
        page = context.new_page()
        page.on(
            "request", lambda r: faults.append(r.url) if not r.url.startswith((address, "data:", "blob:")) else None
        )
        page.clock.set_fixed_time(NOW)
        page.add_init_script(before)
        page.goto(address + path)
        page.wait_for_selector(".sg-plan form:not([hidden])", state="attached")
        unfold(page)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not faults


def unfold(page: Any) -> None:
    page.evaluate("document.querySelector('.sg-plan').open = true")


def fill(page: Any, **settings: str) -> None:
    for name, value in settings.items():
        field = page.locator(f".sg-plan [name='{name}']")
        if name in ("every", "timezone"):
            field.select_option(value)
        else:
            field.fill(value)
            field.blur()


def download(page: Any) -> bytes:
    with page.expect_download() as started:
        page.get_by_role("button", name="Download calendar").click()
    assert re.fullmatch(r"[a-z-]+\.ics", started.value.suggested_filename)
    return Path(started.value.path()).read_bytes()


def on_command_line(page: Any, folder: Path) -> bytes:
    """What the command that the page shows writes."""
    arguments = shlex.split(page.locator(".sg-plan-command code").inner_text())
    file = folder / arguments.pop()
    assert (arguments[0], arguments[-1]) == ("sightglass", "--output")
    environment = {"SIGHTGLASS_SITE": PUBLISHED, "SIGHTGLASS_ROOT": str(ROOT)}
    done = CliRunner().invoke(app, [*arguments[1:], str(file)], env=environment)
    assert done.exit_code == 0, done.output
    return file.read_bytes()


def events(content: bytes) -> list[Any]:
    return Calendar.from_ical(content).walk("VEVENT")


def kept(page: Any) -> list[str]:
    """For which lists something is kept; the theme keeps its own things beside."""
    return page.evaluate("Object.keys(localStorage).filter((name) => name.startsWith('sightglass.'))")


def texts(page: Any, css: str) -> list[str]:
    return page.locator(css).all_inner_texts()


# ---- The calendar


@pytest.mark.parametrize(
    ("slug", "settings"),
    [
        ("class-activation-maps", {"from": "2027-03-09", "every": "thursday", "timezone": "Europe/Berlin"}),
        ("sensitivity-to-deep-taylor", {"from": "2027-03-01", "time": "08:15", "timezone": "Australia/Sydney"}),
        ("chinese-reading-path", {"from": "2026-12-28", "every": "monday", "timezone": "Asia/Shanghai"}),
        (
            "not-to-be-trusted",
            {"from": "2027-10-20", "every": "sunday", "time": "00:30", "timezone": "America/New_York", "weeks": "2"}
            | {
                "skip": "2027-11-01，2028-01-01",
                "presenters": "Ada、王小明; jr",
                "place": r"Room 2, \\a; it's",
                "minutes": "95",
            },
        ),
    ],
)
def test_the_download_is_the_command_lines_file(
    visit: Visit, tmp_path: Path, slug: str, settings: dict[str, str]
) -> None:
    page = visit(f"lists/{slug}/")
    fill(page, **settings)
    content = download(page)
    assert content == on_command_line(page, tmp_path)
    found = events(content)
    assert len(found) == page.locator(".sg-plan-dates li").count() > 2
    # the moments of the file are those that the page's machine-readable dates name
    moments = page.eval_on_selector_all(".sg-plan-dates time", "(nodes) => nodes.map((node) => node.dateTime)")
    assert [event.start.astimezone(UTC) for event in found] == [datetime.fromisoformat(moment) for moment in moments]
    assert all(len(line) <= 75 for line in content.split(b"\r\n"))


ZONES = [
    *("Europe/Berlin", "America/New_York", "America/Sao_Paulo", "Australia/Lord_Howe", "Pacific/Auckland", "UTC"),
    *("Asia/Shanghai", "Asia/Kolkata", "Asia/Kathmandu", "Africa/Casablanca", "Africa/Cairo", "America/St_Johns"),
    *("Pacific/Chatham", "Pacific/Kiritimati", "Asia/Tehran", "Europe/Dublin", "America/Santiago"),
]
AWKWARD = [
    "Plain",
    "Comma, semicolon; backslash \\ and \\, \\n and \\N",
    "两行\n第二行，" * 9,
    "\\;,^" * 40,
    "🔍 é ﷽ 𠀀" * 20,
    "x" * 74,
    "y" * 200,
]


def test_awkward_texts_and_every_kind_of_zone_give_the_same_bytes(visit: Visit, books: Catalogue) -> None:
    sessions = [Session(id=f"s{i}", title=title) for i, title in enumerate(AWKWARD, 1)]
    reading = ReadingList(title="; ".join(AWKWARD[1:4]), summary="S.", group="Not ours", sessions=sessions)
    said = plans.texts("term", reading, books, "https://x.example/")
    page, options = visit(), {"weeks": 4, "presenters": ["Ada, Bo; \\", "陈"], "minutes": 90, "place": "R; 1"}
    made = """async ([texts, plans]) => {
      const { calendar, DEFAULTS } = await import("../../assets/plan.js");
      return plans.map((plan) => calendar("term", texts, { ...DEFAULTS, ...plan }, ["202602201000", "202603010905"]));
    }"""
    told = [datetime(2026, 3, 1, 9, 5, tzinfo=UTC), datetime(2026, 2, 20, 10, 0, tzinfo=UTC)]
    given, expected = [], []
    for number, zone in enumerate(ZONES):
        at, first = time(number, 3 * number), date(2026, 1, 2 + number)
        settings = {
            "from": f"{first}",
            "time": f"{at:%H:%M}",
            "timezone": zone,
            "weeks": "4",
            "minutes": "90",
            "place": "R; 1",
        }
        given.append({**settings, "every": lists.DAYS[number % 7], "presenters": "Ada、陈"})
        options["presenters"] = ["Ada", "陈"]
        plan = plans.planned(reading, first, number % 7, at, timezone=zone, announced=told, **options)
        expected.append(plans.calendar("term", plan, books, "https://x.example/").decode())
    assert page.evaluate(made, [said, given]) == expected


def test_a_change_moves_the_sessions_and_an_unchanged_plan_is_the_same_file(visit: Visit, tmp_path: Path) -> None:
    page = visit()
    fill(page, time="17:30")
    first = download(page)
    page.clock.set_fixed_time("2026-11-30T08:00:00Z")
    assert download(page) == first
    fill(page, time="18:00")
    second = download(page)
    assert second == on_command_line(page, tmp_path)
    old, new = events(first), events(second)
    assert [event["uid"] for event in new] == [event["uid"] for event in old]
    assert {event["sequence"] for event in old} == {0}
    assert {event["sequence"] for event in new} == {1}
    assert all(after["dtstamp"].dt > before["dtstamp"].dt for before, after in zip(old, new, strict=True))
    page.reload()
    assert download(page) == second  # what was announced is kept


def test_every_zone_that_the_browser_offers_is_one_that_the_command_line_knows(visit: Visit) -> None:
    offered = set(visit().eval_on_selector_all("#sg-plan-timezone option", "(all) => all.map((one) => one.value)"))
    assert len(offered) > 300
    assert offered <= lists.zones()


# ---- The form


def test_it_begins_in_a_week_in_the_readers_zone_for_an_hour(visit: Visit) -> None:
    page = visit(zone="Pacific/Auckland")  # where it is the 28th already
    values = page.eval_on_selector_all(
        ".sg-plan [name]", "(all) => Object.fromEntries(all.map((f) => [f.name, f.value]))"
    )
    began = {"from": "2026-12-05", "every": "", "time": "16:00", "timezone": "Pacific/Auckland", "minutes": "60"}
    assert values == began | {"weeks": "1", "skip": "", "presenters": "", "place": ""}
    assert texts(page, ".sg-plan-dates time")[:2] == ["Sat 5 Dec 2026, 16:00", "Sat 12 Dec 2026, 16:00"]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_dates_are_written_as_the_pages_write_them(visit: Visit, language: str) -> None:
    page = visit(("zh/" if language == "zh" else "") + PAGE)
    fill(page, **{"from": "2026-02-27", "weeks": "9", "presenters": "Ada, Bo"})
    days = [date(2026, 2, 27), date(2026, 5, 1), date(2026, 7, 3), date(2026, 9, 4), date(2026, 11, 6)]
    assert texts(page, ".sg-plan-dates time") == [
        lists.moment(datetime.combine(day, time(16)), language) for day in days
    ]
    assert texts(page, ".sg-plan-dates .sg-meta")[:3] == ["· Ada", "· Bo", "· Ada"]
    assert ("跳过" if language == "zh" else "Skip") in page.locator(".sg-plan-dates li").first.inner_text()


WRONG = [
    ({"from": ""}, "from", "Choose a day"),
    ({"time": ""}, "time", "Choose a time"),
    ({"minutes": "0"}, "minutes", "from 1 to 1440"),
    ({"weeks": "2.5"}, "weeks", "from 1 to 52"),
    ({"skip": "2026-12-24, Christmas"}, "skip", "“Christmas” is not a day"),
    ({"skip": "2027-02-29"}, "skip", "“2027-02-29” is not a day"),
    ({"from": "2027-03-28", "time": "02:30"}, "time", "On Sun 28 Mar 2027 the clocks of this time zone never show"),
]


@pytest.mark.parametrize(("settings", "name", "says"), WRONG)
def test_what_cannot_be_is_said_beside_its_field(visit: Visit, settings: dict[str, str], name: str, says: str) -> None:
    page = visit()
    fill(page, **settings)
    field = page.locator(f".sg-plan [name='{name}']")
    assert field.get_attribute("aria-invalid") == "true"
    described = field.get_attribute("aria-describedby").split()[-1]
    assert says in page.locator(f"#{described}").inner_text()
    assert page.locator(".sg-plan-dates").is_hidden()
    page.get_by_role("button", name="Download calendar").click()  # nothing is downloaded: the field has the focus
    assert page.evaluate("document.activeElement.name") == name
    page.evaluate("(name) => document.querySelector('.sg-plan form').elements[name].blur()", name)
    assert "--announced" not in page.locator(".sg-plan-command code").inner_text()
    usual = {"from": "2026-12-05", "time": "16:00", "minutes": "60", "weeks": "1", "skip": ""}
    fill(page, **{name: usual[name] for name in settings})
    assert page.locator("[aria-invalid]").count() == 0
    assert page.locator(".sg-plan-dates").is_visible()


def test_a_week_is_skipped_by_a_button_and_by_keyboard(visit: Visit) -> None:
    page = visit()
    page.get_by_role("button", name="Skip: Sat 12 Dec 2026").focus()
    page.keyboard.press("Enter")
    assert texts(page, ".sg-plan-dates time")[:2] == ["Sat 5 Dec 2026, 16:00", "Sat 19 Dec 2026, 16:00"]
    assert page.input_value("#sg-plan-skip") == "2026-12-12"
    assert page.locator(".sg-plan [role=status]").inner_text() == "The week of Sat 12 Dec 2026 is left out."
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Skip: Sat 19 Dec 2026"
    page.locator("#sg-plan-place").fill("Room 1")
    with page.expect_download() as started:
        page.keyboard.press("Tab")
        page.locator("#sg-plan-place").press("Enter")
    assert b"LOCATION:Room 1" in Path(started.value.path()).read_bytes()


# ---- Kept, cleared, sent


def test_choices_are_kept_for_this_list_only_until_they_are_cleared(visit: Visit) -> None:
    page = visit()
    assert kept(page) == []  # nothing is kept of a reader who only looks
    assert page.get_by_role("button", name="Clear").is_hidden()
    fill(page, time="09:00", presenters="Ada")
    page.reload()
    page.wait_for_selector(".sg-plan[open]")  # a reader who has dates sees them
    assert page.input_value("#sg-plan-time") == "09:00"
    assert kept(page) == [STORE]
    other = page.context.new_page()
    other.goto(page.url.replace(SLUG, "not-to-be-trusted"))
    assert other.input_value("#sg-plan-time") == "16:00"
    page.get_by_role("button", name="Clear").click()
    assert kept(page) == []
    assert page.input_value("#sg-plan-time") == "16:00"
    assert page.locator(".sg-plan [role=status]").inner_text() == "Your choices were deleted."


def copied_link(page: Any) -> str:
    page.get_by_role("button", name="Copy link").click()
    page.get_by_role("button", name="Copied").wait_for()
    return page.evaluate("navigator.clipboard.readText()")


def test_a_link_carries_the_plan_to_the_same_bytes_and_leaves_the_readers_own_alone(visit: Visit, address: str) -> None:
    sender = visit(permissions=["clipboard-read", "clipboard-write"])
    fill(sender, **{"from": "2027-01-11", "every": "wednesday", "place": "A & B #1, 中", "presenters": "Ada,Bo"})
    link = copied_link(sender)
    assert link.startswith(f"{address}{PAGE}#from=2027-01-11&every=wednesday&time=16:00&timezone=Europe/Berlin")
    sent = download(sender)
    path = link.removeprefix(address)
    receiver = visit(path, zone="Asia/Tokyo")
    assert "from the link" in receiver.locator(".sg-plan [role=status]").inner_text()
    assert receiver.input_value("#sg-plan-timezone") == "Europe/Berlin"
    assert download(receiver) == sent
    assert kept(receiver) == []
    own = f"localStorage.setItem({json.dumps(STORE)}, JSON.stringify({{settings: 'from=2028-01-01&time=10:00&timezone=UTC'}}))"
    keeper = visit(path, before=own)
    assert keeper.input_value("#sg-plan-place") == "A & B #1, 中"
    keeper.get_by_role("button", name="Show my own dates").click()
    assert keeper.input_value("#sg-plan-time") == "10:00"
    assert "#" not in keeper.url


def test_a_changed_link_becomes_the_readers_own_and_moves_its_sessions(visit: Visit) -> None:
    page = visit(f"{PAGE}#from=2027-01-11&time=16:00&timezone=UTC&announced=202611011200")
    fill(page, time="17:00")
    assert "#" not in page.url
    (uid, *_), (sequence, *_) = zip(
        *[(event["uid"], event["sequence"]) for event in events(download(page))], strict=True
    )
    assert ".202611011200@" in uid
    assert sequence == 1
    page.reload()
    assert page.input_value("#sg-plan-time") == "17:00"


@pytest.mark.parametrize(
    "garbage",
    [
        "from=",
        "from=x&time=99:99&timezone=Moon/Base&weeks=-1&minutes=1e9&every=x&announced=1,2,999999999999",
        "from=2027-02-30&skip=%00%0a",
        "from=%E0%A4%A&announced=%",
        "from=9999-12-31&time=16:00&timezone=UTC",
    ],
)
def test_a_spoilt_link_is_said_in_words(visit: Visit, garbage: str) -> None:
    page = visit(f"{PAGE}#{garbage}")
    assert page.locator("#sg-plan-from-wrong").inner_text().startswith("Choose a day")
    assert page.locator(".sg-plan-dates").is_hidden()


STORAGES = {
    "no storage": "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError'); } });",
    "full": "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); };",
    "not JSON": f"localStorage.setItem('{STORE}', '{{oops');",
    "a number": f"localStorage.setItem('{STORE}', '7');",
    "other things": f"localStorage.setItem('{STORE}', JSON.stringify({{settings: 'from=x&time=', announced: [1], told: {{}}}}));",
}


@pytest.mark.parametrize("name", STORAGES)
def test_missing_full_or_foreign_storage_breaks_nothing(visit: Visit, name: str) -> None:
    page = visit(before=f"if (location.protocol === 'http:') {{ {STORAGES[name]} }}")
    fill(page, **{"from": "2027-01-07", "time": "11:00", "timezone": "Europe/Berlin"})
    assert ("does not keep" in page.locator(".sg-plan [role=status]").inner_text()) == (name in ("no storage", "full"))
    assert b"DTSTART:20270107T100000Z" in download(page)


# ---- Without a script, in print, for everybody


def test_without_a_script_the_command_is_named(browser: Any, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address + PAGE)
    page.locator(".sg-plan > summary").click()
    assert page.locator(".sg-plan form").is_hidden()
    assert page.locator(".sg-plan-dates").is_hidden()
    assert f"sightglass list plan {SLUG} --from DATE" in page.locator(".sg-plan-command").inner_text()
    context.close()


def test_in_print_the_dates_stand_without_the_form(visit: Visit) -> None:
    page = visit()
    page.emulate_media(media="print")
    assert page.locator(".sg-plan-dates time:visible").count() == 5
    for gone in (".sg-plan form", ".sg-plan summary", ".sg-plan-skip", ".sg-plan-command"):
        assert page.locator(f"{gone}:visible").count() == 0, gone
    page.evaluate("document.querySelector('.sg-plan').open = false")
    assert page.locator(".sg-plan:visible").count() == 0


@pytest.mark.parametrize("folder", ["", "zh/"])
def test_axe_finds_nothing_in_the_open_form(visit: Visit, require_module: Callable, folder: str) -> None:
    axe = require_module("axe_playwright_python.sync_playwright", "pip install -c constraints.txt -e '.[dev]'").Axe()
    found = []
    for scheme in ("light", "dark"):
        page = visit(folder + PAGE, color_scheme=scheme, reduced_motion="reduce")
        fill(page, skip="x")
        for wrong in (True, False):
            fill(page, skip="x" if wrong else "")
            for width in (1280, 390):
                page.set_viewport_size({"width": width, "height": 900})
                assert page.evaluate("document.documentElement.scrollWidth") <= width
                options = {"resultTypes": ["violations"]}
                for violation in axe.run(page, {"include": [[".sg-plan"]]}, options).response["violations"]:
                    found.append(
                        (scheme, width, wrong, violation["id"], [node["html"][:160] for node in violation["nodes"]])
                    )
    assert not found
