"""Reading lists in time: dates, announcements, the calendar as strict programs read it, what the check refuses."""

from __future__ import annotations

import dataclasses
import io
import zoneinfo
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from dateutil import tz
from icalendar import Calendar
from sightglass import lists
from sightglass.catalogue import Catalogue, check
from sightglass.catalogue.models import Method, Paper, Post, ReadingList, Session, Taxonomy
from sightglass.lists import plans
from sightglass.pages.lists import list_files, list_pages
from sightglass.pages.site import Site

BERLIN = "Europe/Berlin"
MAKING = datetime(2026, 2, 20, 10, 0, tzinfo=UTC)
ENTRIES = {
    "zhou2016learning": Paper(
        title="Learning [Deep] Features_for *Localization*",
        summary="S.",
        kind="conference",
        arxiv="1512.04150",
        authors=[{"name": "Zhou, Bolei"}, {"name": "Khosla, Aditya"}, {"name": "Oliva, Aude"}],
        year=2016,
    ),
    "post": Post(
        title="凭什么相信你，我的CNN模型？",
        summary="S.",
        kind="blog",
        language="zh",
        links=[
            {"url": "https://dead.example/", "role": "page", "status": "dead"},
            {"url": "https://code.example/", "role": "code"},
            {"url": "https://www.blog.example/a(b)", "role": "page"},
        ],
    ),
}
METHOD = {"name": "CAM", "family": "f", "summary": "S", "summary_zh": "要", "feasible": "yes"}
CATALOGUE = Catalogue(
    root=Path(),
    entries=ENTRIES,
    methods={"cam": Method.model_validate({**METHOD, "proposed_by": ["zhou2016learning"]})},
    lists={},
    taxonomy=Taxonomy(families=[], topics=[]),
    venues={},
)


def reading_list(count: int = 5, **fields: Any) -> ReadingList:
    sessions = fields.pop("sessions", [{"id": f"s{i}", "title": f"Session {i}"} for i in range(1, count + 1)])
    return ReadingList.model_validate(
        {"title": "T", "summary": "S.", "timezone": BERLIN, "sessions": sessions, **fields}
    )


def planned(lst: ReadingList, first: str = "2026-10-15", **options: Any) -> ReadingList:
    """The list with a session every Thursday at 16:00, announced."""
    options = {"weekday": 3, "at": time(16), **options}
    sessions = lists.schedule(lst, date.fromisoformat(first), **options)
    return lst.model_copy(update={"sessions": lists.announced(lists.named(sessions), lst.timezone, MAKING)})


def starts(lst: ReadingList) -> list[str | None]:
    return [session.start for session in lst.sessions]


# Planning


def test_every_thursday_from_a_date_skipping_weeks() -> None:
    made = planned(reading_list(4), "2026-03-02", skip=[date(2026, 3, 10)])  # a Monday; a Tuesday names its week
    assert starts(made) == ["2026-03-05 16:00", "2026-03-19 16:00", "2026-03-26 16:00", "2026-04-02 16:00"]


def test_every_second_week() -> None:
    made = planned(reading_list(3), "2026-03-05", weeks=2)
    assert starts(made) == ["2026-03-05 16:00", "2026-03-19 16:00", "2026-04-02 16:00"]


def test_a_week_is_skipped_across_new_year() -> None:
    made = planned(reading_list(3), "2026-12-24", skip=[date(2027, 1, 1)])  # a Friday in the week of 31 December
    assert starts(made) == ["2026-12-24 16:00", "2027-01-07 16:00", "2027-01-14 16:00"]


def test_presenters_take_turns_and_go_on_after_the_last() -> None:
    assert [s.presenter for s in planned(reading_list(4), presenters=["A", "B", "C"]).sessions] == ["A", "B", "C", "A"]
    sessions = [{"id": "x", "title": "X", "start": "2026-03-05 16:00", "status": "done", "presenter": "B"}]
    sessions += [{"id": name, "title": name} for name in "yz"]
    made = planned(reading_list(sessions=sessions), presenters=["A", "B", "C"])
    assert [s.presenter for s in made.sessions] == ["B", "C", "A"]


def test_rescheduling_keeps_notes_presenters_and_what_is_done_or_cancelled() -> None:
    sessions = [
        {"id": "a", "title": "A", "start": "2026-03-05 16:00", "status": "done", "notes": "We read Sec. 2."},
        {"id": "b", "title": "B", "start": "2026-03-12 16:00", "status": "cancelled", "presenter": "Bo"},
        {"id": "c", "title": "C", "start": "2026-03-19 16:00", "notes": "Bring pictures.", "presenter": "Chen"},
        {"id": "d", "title": "D", "start": "2026-03-26 16:00", "items": [{"key": "cam", "questions": ["Why?"]}]},
    ]
    before = reading_list(sessions=sessions)
    after = planned(before, "2026-03-05")
    # the days of what was held and what was called off are not used a second time
    assert starts(after) == ["2026-03-05 16:00", "2026-03-12 16:00", "2026-03-19 16:00", "2026-03-26 16:00"]
    after = planned(before, "2026-04-02")
    assert starts(after) == ["2026-03-05 16:00", "2026-03-12 16:00", "2026-04-02 16:00", "2026-04-09 16:00"]
    for old, new in zip(before.sessions, after.sessions, strict=True):
        kept = {"start": new.start, "announced": new.announced}
        assert new == old.model_copy(update=kept)


def test_sessions_get_ids_that_stay() -> None:
    sessions = [{"title": "Grad-CAM++"}, {"title": "类激活图"}, {"title": "Grad-CAM++"}, {"id": "own", "title": "X"}]
    named = lists.named(reading_list(sessions=sessions).sessions)
    assert [session.id for session in named] == ["grad-campp", "session-2", "grad-campp-2", "own"]
    assert lists.named(named) == named


def test_an_announcement_is_added_only_when_something_moved() -> None:
    made = planned(reading_list(2))
    later = MAKING + timedelta(days=7)
    assert lists.announced(made.sessions, BERLIN, later) == made.sessions
    moved = made.sessions[1].model_copy(update={"start": "2026-10-23 16:00"})
    again = lists.announced([made.sessions[0], moved], BERLIN, later)
    assert [len(session.announced) for session in again] == [1, 2]
    assert again[1].announced[1].model_dump(exclude_defaults=True) == {
        "at": "2026-02-27 10:00",
        "start": "2026-10-23 14:00",
    }
    assert lists.moved_from(again[1], BERLIN) == datetime(2026, 10, 22, 16, tzinfo=ZoneInfo(BERLIN))
    for change in ({"minutes": 90}, {"place": "Room 2"}, {"status": "cancelled"}):
        changed = made.sessions[0].model_copy(update=change)
        assert len(lists.announced([changed], BERLIN, later)[0].announced) == 2, change
    assert len(lists.announced(made.sessions, "Asia/Shanghai", later)[0].announced) == 2  # another moment, same clock
    done = made.sessions[0].model_copy(update={"status": "done", "notes": "N", "presenter": "P"})
    assert len(lists.announced([done], BERLIN, later)[0].announced) == 1


# When


@pytest.mark.parametrize(
    ("now", "following"),
    [
        ("2026-10-01T00:00", [0, 2, 3]),
        ("2026-10-15T14:59", [0, 2, 3]),  # until it ends, 17:00 in Berlin
        ("2026-10-15T15:00", [2, 3]),
        ("2026-10-29T15:59", [2, 3]),  # after the clocks went back 17:00 is 16:00 UTC
        ("2026-10-29T16:00", [3]),
        ("2026-12-01T00:00", []),
    ],
)
def test_the_next_session_is_the_first_planned_one_that_is_not_over(now: str, following: list[int]) -> None:
    made = planned(reading_list(4))
    sessions = [s.model_copy(update={"status": "cancelled"}) if s.id == "s2" else s for s in made.sessions]
    at = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert lists.upcoming(made.model_copy(update={"sessions": sessions}), at) == following


def test_a_date_reads_well_in_both_languages() -> None:
    session = Session(title="T", start="2026-03-05 16:00", minutes=90)
    assert lists.when(session, BERLIN) == "Thu 5 Mar 2026, 16:00–17:30 (Europe/Berlin)"
    assert lists.when(session, "Asia/Shanghai", "zh") == "2026 年 3 月 5 日（周四）16:00–17:30 (Asia/Shanghai)"
    assert lists.when(Session(title="T"), BERLIN) == ""


def test_minutes_pass_while_the_clocks_are_changed() -> None:
    end = lists.ends(Session(title="T", start="2026-10-25 01:30", minutes=120), BERLIN)
    assert end is not None
    assert f"{end:%H:%M %Z}" == "02:30 CET"


# The pages


@pytest.fixture
def site() -> Site:
    sessions = planned(reading_list(2)).sessions
    sessions[0] = sessions[0].model_copy(update={"title_zh": "第一次", "place": "Room 1", "notes": "One.\n\nTwo."})
    lst = reading_list(title_zh="学期", summary_zh="要。").model_copy(update={"sessions": sessions})
    books = dataclasses.replace(CATALOGUE, lists={"term": lst})
    return Site(books, now=datetime(2026, 10, 16, tzinfo=UTC))


def test_a_page_needs_no_clock_but_the_one_it_is_given(site: Site) -> None:
    page = list_pages(site)["lists/term.md"]
    assert 'class="sg-next-card sg-now" data-sg-session="s2"' in page
    earlier = list_pages(dataclasses.replace(site, now=datetime(2026, 10, 1, tzinfo=UTC)))["lists/term.md"]
    assert 'class="sg-next-card sg-now" data-sg-session="s1"' in earlier
    assert "sg-now" not in list_pages(dataclasses.replace(site, now=None))["lists/term.md"].replace(
        'class="sg-next-card sg-now" data-sg-session=""', ""
    )
    assert 'sessions: [["s1", "2026-10-15T17:00:00+02:00"], ["s2", "2026-10-22T17:00:00+02:00"]]' in page


def test_a_page_speaks_chinese_to_chinese_readers(site: Site) -> None:
    page = list_pages(site.in_language("zh"))["lists/term.md"]
    assert page.startswith('---\ntitle: "学期"\n')
    for words in (
        "下一次讨论",
        "2026 年 10 月 22 日（周四）16:00–17:00",
        "日程",
        "加入日历",
        "第一次",
        "用于聊天的 Markdown",
    ):
        assert words in page, words
    assert 'href="../../../lists/term.ics"' in page  # the file exists once, beside the English page
    assert 'href="../term.ics"' in list_pages(site)["lists/term.md"]


def test_notes_keep_their_paragraphs(site: Site) -> None:
    assert "**Notes**\n\nOne.\n\nTwo.\n" in list_pages(site)["lists/term.md"]


def test_files_are_what_the_command_line_writes(site: Site) -> None:
    files = list_files(site)
    assert sorted(files) == ["lists/term.bib", "lists/term.ics", "lists/term.plan.json", "lists/term.ris"]
    assert files["lists/term.ics"] == lists.calendar("term", site.catalogue.lists["term"], site.catalogue)


# The calendar


def ics(lst: ReadingList, slug: str = "term") -> bytes:
    content = lists.calendar(slug, lst, CATALOGUE, "https://x.example/sightglass/")
    assert content is not None
    return content


def unfolded(content: bytes) -> list[str]:
    return content.replace(b"\r\n ", b"").decode().split("\r\n")


def events(content: bytes) -> list[Any]:
    return Calendar.from_ical(content).walk("VEVENT")


CHINESE = {
    "title": "类激活图；从 CAM 到 Grad-CAM++，以及更多" * 6,
    "group": "可视化, 小组; \\ 一",
    "sessions": [
        {
            "id": "a",
            "title": "类激活映射，为什么“平均”而不是“最大”？" * 5,
            "start": "2026-10-22 16:00",
            "place": "Room 2.14, Building; B",
            "presenter": "陈",
            "items": [
                {"key": "zhou2016learning", "sections": "Sec. 2", "questions": ["Why?"]},
                {"key": "post"},
                {"key": "cam"},
            ],
        }
    ],
}


def test_a_weekly_session_keeps_its_hour_over_daylight_saving() -> None:
    """Judged by another library, which knows only the VTIMEZONE in the file."""
    content = ics(planned(reading_list(5), "2026-10-08"))
    zone = tz.tzical(io.StringIO("\n".join(unfolded(content)))).get(BERLIN)
    moments = [line.split(":")[1] for line in unfolded(content) if line.startswith(f"DTSTART;TZID={BERLIN}:")]
    utc = [datetime.strptime(m, "%Y%m%dT%H%M%S").replace(tzinfo=zone).astimezone(UTC) for m in moments]
    assert [f"{at:%m-%d %H:%M}" for at in utc] == [
        "10-08 14:00",
        "10-15 14:00",
        "10-22 14:00",
        "10-29 15:00",
        "11-05 15:00",
    ]
    assert [event.start.astimezone(UTC) for event in events(content)] == utc


@pytest.mark.parametrize(
    "zone", ["America/New_York", "Asia/Shanghai", "Africa/Casablanca", "Australia/Lord_Howe", "UTC"]
)
def test_the_moments_are_right_in_every_kind_of_zone(zone: str) -> None:
    lst = planned(reading_list(26, timezone=zone), "2026-01-01", weeks=2)
    expected = [lists.begins(session, zone).astimezone(UTC) for session in lst.sessions]
    content = ics(lst)
    assert [event.start.astimezone(UTC) for event in events(content)] == expected
    if zone == "UTC":
        assert b"DTSTART:20260101T160000Z" in content
        assert b"VTIMEZONE" not in content
        return
    named = tz.tzical(io.StringIO("\n".join(unfolded(content)))).get(zone)
    local = [datetime.strptime(str(session.start), lists.MINUTE).replace(tzinfo=named) for session in lst.sessions]
    assert [at.astimezone(UTC) for at in local] == expected


def test_a_strict_parser_takes_the_calendar(require_module: Callable[[str, str], Any]) -> None:
    stream = require_module("ical.calendar_stream", "pip install ical")
    lst = planned(reading_list(**CHINESE))
    for made in (lst, planned(reading_list(5))):
        parsed = stream.IcsCalendarStream.calendar_from_ics(ics(made).decode())
        assert [event.summary for event in parsed.events] == [
            f"{made.group or made.title}: {s.title}" for s in made.sessions
        ]
        assert [event.dtstart.astimezone(UTC) for event in parsed.events] == [
            lists.begins(session, BERLIN).astimezone(UTC) for session in made.sessions
        ]


def test_lines_end_and_fold_as_the_standard_says_and_chinese_survives() -> None:
    lst = planned(reading_list(**CHINESE))
    content = ics(lst)
    assert content.count(b"\n") == content.count(b"\r\n")
    assert content.endswith(b"END:VCALENDAR\r\n")
    for line in content.split(b"\r\n"):
        assert len(line) <= 75
        line.decode()  # no character is cut in two
    (event,) = events(content)
    session = lst.sessions[0]
    assert event["summary"] == f"{CHINESE['group']}: {session.title}"
    assert event["location"] == session.place
    assert event["description"].split("\n") == [
        "Presenter: 陈",
        "- Learning [Deep] Features_for *Localization*, Sec. 2, https://arxiv.org/abs/1512.04150",
        "  ? Why?",
        "- 凭什么相信你，我的CNN模型？, https://www.blog.example/a(b)",
        "- CAM",
    ]
    assert event["url"] == "https://x.example/sightglass/lists/term/#a"


def test_an_update_moves_the_meeting_and_adds_none() -> None:
    first = planned(reading_list(2))
    moved = planned(first, "2026-10-16", weekday=4)  # to Friday
    again = lists.announced(moved.sessions, BERLIN, MAKING + timedelta(days=3))
    old, new = events(ics(first)), events(ics(first.model_copy(update={"sessions": again})))
    assert [event["uid"] for event in new] == [event["uid"] for event in old]
    assert len({str(event["uid"]) for event in new}) == 2
    assert [event["sequence"] for event in old] == [0, 0]
    assert [event["sequence"] for event in new] == [1, 1]
    assert new[0].start - old[0].start == timedelta(days=1)
    assert all(event["dtstamp"].dt == event["last-modified"].dt for event in old + new)
    assert all(event["created"].dt == MAKING for event in old + new)


def test_a_rename_of_a_session_or_a_new_order_keeps_the_uid_and_a_copy_of_the_list_does_not() -> None:
    lst = planned(reading_list(2))
    uids = {str(event["uid"]) for event in events(ics(lst))}
    other = [session.model_copy(update={"title": "Other"}) for session in reversed(lst.sessions)]
    assert {str(event["uid"]) for event in events(ics(lst.model_copy(update={"sessions": other})))} == uids
    assert not uids & {str(event["uid"]) for event in events(ics(lst, "next-term"))}
    elsewhere = lists.schedule(reading_list(2), date(2026, 10, 15), 3, time(16))
    later = lists.announced(elsewhere, BERLIN, MAKING + timedelta(days=1))
    assert not uids & {str(event["uid"]) for event in events(ics(lst.model_copy(update={"sessions": later})))}


def test_a_cancelled_session_is_sent_as_cancelled() -> None:
    lst = planned(reading_list(2))
    off = lst.sessions[0].model_copy(update={"status": "cancelled"})
    sessions = lists.announced([off, lst.sessions[1]], BERLIN, MAKING + timedelta(days=3))
    cancelled, kept = events(ics(lst.model_copy(update={"sessions": sessions})))
    assert (cancelled["status"], cancelled["transp"], cancelled["sequence"]) == ("CANCELLED", "TRANSPARENT", 1)
    assert (kept["status"], kept["transp"], kept["sequence"]) == ("CONFIRMED", "OPAQUE", 0)
    # called off and on again is newer than called off
    back = lists.announced([lst.sessions[0].model_copy(update={"announced": sessions[0].announced})], BERLIN, MAKING)
    assert events(ics(lst.model_copy(update={"sessions": back})))[0]["sequence"] == 2


def test_sessions_without_a_date_are_left_out_and_a_list_without_any_has_no_calendar() -> None:
    lst = planned(reading_list(1))
    with_more = lst.model_copy(update={"sessions": [*lst.sessions, Session(id="x", title="X")]})
    assert len(events(ics(with_more))) == 1
    assert lists.calendar("term", reading_list(3), CATALOGUE) is None


def test_the_same_list_gives_the_same_bytes_at_any_time() -> None:
    lst = planned(reading_list(3))
    assert ics(lst) == ics(lst)
    stamps = {line for line in unfolded(ics(lst)) if line.startswith("DTSTAMP")}
    assert stamps == {"DTSTAMP:20260220T100000Z"}
    assert b"METHOD" not in ics(lst)  # with a METHOD, DTSTAMP would have to be the moment of the build


@pytest.mark.parametrize(
    ("title", "escaped"),
    [
        ("A, b; c", r"A\, b\; c"),
        (r"Back\slash \, \; and \n", r"Back\\slash \\\, \\\; and \\n"),
        ("Two\nlines", r"Two\nlines"),
        ("从 CAM，到；更多,", r"从 CAM，到；更多\,"),
    ],
)
def test_the_calendars_name_is_escaped_like_every_text(title: str, escaped: str) -> None:
    content = ics(planned(reading_list(1, title=title)))
    lines = unfolded(content)
    assert lines[3:5] == [f"NAME:{escaped}", f"X-WR-CALNAME:{escaped}"]
    assert f"SUMMARY:{escaped}: Session 1" in lines
    assert events(content)[0]["summary"] == f"{title}: Session 1"


# A reader's own dates

OWN = {"timezone": BERLIN, "announced": [MAKING]}


def own(lst: ReadingList, first: str = "2026-10-15", **options: Any) -> ReadingList:
    return plans.planned(lst, date.fromisoformat(first), 3, time(16), **{**OWN, **options})


def test_a_readers_plan_dates_every_session_and_leaves_the_groups_term_out() -> None:
    sessions = [
        {"id": "a", "title": "A", "start": "2026-03-05 16:00", "status": "done", "presenter": "Bo", "notes": "N."},
        {"title": "B", "start": "2026-03-12 16:00", "status": "cancelled", "place": "Room 1", "minutes": 30},
    ]
    lst = reading_list(sessions=sessions, group="Vision", term="Summer")
    before = lst.model_copy(deep=True)
    plan = own(lst, presenters=["Ada"], skip=[date(2026, 10, 20)])
    assert lst == before
    assert starts(plan) == ["2026-10-15 16:00", "2026-10-29 16:00"]
    assert [(s.id, s.status, s.presenter, s.place, s.minutes, s.notes) for s in plan.sessions] == [
        ("a", "planned", "Ada", None, 60, None),
        ("b", "planned", "Ada", None, 60, None),
    ]
    assert (plan.group, plan.term) == (None, None)


def test_a_readers_calendar_says_its_moments_in_utc_over_daylight_saving() -> None:
    content = plans.calendar("term", own(reading_list(4)), CATALOGUE) or b""
    assert b"TZID" not in content
    moments = [line for line in unfolded(content) if line.startswith("DTSTART")]
    assert moments == [f"DTSTART:2026{day}Z" for day in ("1015T140000", "1022T140000", "1029T150000", "1105T150000")]
    assert [event["summary"] for event in events(content)] == [f"T: Session {i}" for i in range(1, 5)]


def test_each_change_of_a_readers_plan_is_newer_and_keeps_its_names() -> None:
    later = MAKING + timedelta(days=2)
    first = plans.calendar("term", own(reading_list(2)), CATALOGUE) or b""
    moved = own(reading_list(2), "2026-10-22", announced=[later, MAKING])  # in any order
    second = plans.calendar("term", moved, CATALOGUE) or b""
    assert [event["uid"] for event in events(second)] == [event["uid"] for event in events(first)]
    assert [(event["sequence"], event["dtstamp"].dt) for event in events(first)] == [(0, MAKING)] * 2
    assert [(event["sequence"], event["dtstamp"].dt) for event in events(second)] == [(1, later)] * 2


def test_a_strict_parser_takes_a_readers_calendar(require_module: Callable[[str, str], Any]) -> None:
    stream = require_module("ical.calendar_stream", "pip install ical")
    plan = own(reading_list(**CHINESE), place="Room 2.14, Building; B")
    content = plans.calendar("term", plan, CATALOGUE, "https://x.example/") or b""
    (event,) = stream.IcsCalendarStream.calendar_from_ics(content.decode()).events
    assert event.summary == f"{plan.title}: {plan.sessions[0].title}"
    assert event.location == "Room 2.14, Building; B"
    assert event.dtstart == datetime(2026, 10, 15, 14, tzinfo=UTC)


def test_the_texts_of_a_plan_are_those_of_its_calendar() -> None:
    lst = reading_list(**CHINESE)
    said = plans.texts("term", lst, CATALOGUE, "https://x.example/")
    (event,) = events(plans.calendar("term", own(lst), CATALOGUE, "https://x.example/") or b"")
    (session,) = said["sessions"]
    assert said["title"] == lst.title
    assert (session["summary"], session["url"]) == (event["summary"], event["url"])
    assert session["agenda"] == event["description"].split("\n")
    assert plans.texts("term", lst, CATALOGUE)["sessions"][0]["url"] == ""


# What is read


def test_a_method_stands_for_the_papers_that_propose_it() -> None:
    lst = reading_list(sessions=[{"title": "A", "items": [{"key": "cam"}, {"key": "post"}]}])
    assert lists.entry_keys(lst, CATALOGUE) == ["post", "zhou2016learning"]


def test_the_place_to_read_is_free_and_alive() -> None:
    assert lists.read_at(ENTRIES["zhou2016learning"]) == ("https://arxiv.org/abs/1512.04150", "arXiv:1512.04150")
    assert lists.read_at(ENTRIES["post"]) == ("https://www.blog.example/a(b)", "blog.example")
    moved = [{"url": "https://a.example/", "role": "page", "status": "moved", "now": "https://b.example/"}]
    assert lists.read_at(
        ENTRIES["post"].model_copy(update={"links": Post(title="T", summary="S", kind="blog", links=moved).links})
    ) == (
        "https://b.example/",
        "b.example",
    )
    assert lists.read_at(Paper(title="T", summary="S", kind="journal", doi="10.1/a<b>")) == (
        "https://doi.org/10.1/a%3Cb%3E",
        "doi:10.1/a<b>",
    )
    assert lists.read_at(Paper(title="T", summary="S", kind="journal")) is None


def test_markdown_for_a_chat() -> None:
    sessions = [
        {
            "id": "a",
            "title": "CAM <b>",
            "start": "2026-03-05 16:00",
            "place": "Room_1",
            "presenter": "Ada",
            "items": [
                {"key": "zhou2016learning", "sections": "Sec. 2", "questions": ["Why *average*?"]},
                {"key": "post"},
                {"key": "cam"},
            ],
        },
        {"id": "b", "title": "Off", "start": "2026-03-12 16:00", "status": "cancelled"},
    ]
    lst = reading_list(sessions=sessions, group="Vision", term="Summer")
    assert lists.markdown("term", lst, CATALOGUE, "https://x.example/") == (
        "**T**\n"
        "Vision · Summer\n"
        "<https://x.example/lists/term/>\n"
        "\n"
        "**1. CAM \\<b\\>** – Thu 5 Mar 2026, 16:00–17:00 (Europe/Berlin) · Room\\_1 · Ada\n"
        "- [Learning \\[Deep\\] Features\\_for \\*Localization\\*](https://arxiv.org/abs/1512.04150)"
        " (Zhou et al., 2016): Sec. 2\n"
        "  - Why \\*average\\*?\n"
        "- [凭什么相信你，我的CNN模型？](https://www.blog.example/a%28b%29)\n"
        "- [CAM](https://x.example/methods/cam/)\n"
        "\n"
        "**2. Off** – Thu 12 Mar 2026, 16:00–17:00 (Europe/Berlin) · cancelled\n"
    )


# What the check refuses

HEAD = "title: T\ntimezone: Europe/Berlin\nsummary: S.\nsessions:\n"
ANNOUNCED = '    announced:\n      - at: "2026-02-20 10:00"\n        start: "2026-03-05 15:00"\n'
FINE = HEAD + '  - id: a\n    title: A\n    start: "2026-03-05 16:00"\n' + ANNOUNCED


def problems(tmp_path: Path, text: str) -> list[str]:
    files = {
        "taxonomy.yaml": "families: []\ntopics: []\n",
        "venues.yaml": "[]\n",
        "lists/term.yaml": text,
    }
    for name, content in files.items():
        path = tmp_path / "catalog" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return [str(problem) for problem in check.check(tmp_path)[1] if problem.file == "catalog/lists/term.yaml"]


def test_a_list_in_order_has_no_problems(tmp_path: Path) -> None:
    assert problems(tmp_path, FINE) == []


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        (FINE.replace("S.", "To be written."), "3:10", "the summary is still to be written"),
        ("title: T\nsummary: S.\nsessions: []\n", "3:11", "at least one session"),
        (
            HEAD + "  - title: A\n    items:\n      - key: x\n      - key: x\n",
            "8:14",
            "'x' stands twice in this session",
        ),
        (HEAD + "  - id: a\n    title: A\n  - id: a\n    title: B\n", "7:9", "the id 'a' stands twice"),
        (FINE.replace("  - id: a\n    title", "  - title"), "5:5", "a session with a date needs an id"),
        (FINE.replace("03-05 16:00", "03-29 02:30").replace("03-05 15:00", "03-29 00:30"), "7:12", "never show"),
        (FINE.replace("2026-03-05 16:00", "2026-3-5 16:00"), "7:12", "write '2026-3-5 16:00' as 2026-03-05 16:00"),
        (FINE.replace("2026-03-05 16:00", "5 March"), "7:12", "'5 March' is no date and time"),
        (FINE.replace("Europe/Berlin", "Europe/Berlim"), "2:11", "unknown time zone 'Europe/Berlim', did you mean"),
        (FINE + FINE.removeprefix(HEAD).replace("id: a", "id: b"), "13:12", "session 1 is at 2026-03-05 16:00 as well"),
        (FINE.removesuffix(ANNOUNCED), "7:12", "not announced yet; 'sightglass list schedule term'"),
        (FINE.replace("03-05 16:00", "03-12 16:00"), "7:12", "not what was announced last"),
        (FINE.replace("16:00", "17:00", 1), "7:12", "not what was announced last"),
        (FINE.replace(ANNOUNCED, "    place: Room 2\n" + ANNOUNCED), "7:12", "not what was announced last"),
        (FINE.replace(ANNOUNCED, "    status: cancelled\n" + ANNOUNCED), "7:12", "not what was announced last"),
        (FINE.replace('    start: "2026-03-05 16:00"\n', ""), "7:5", "keep it with status: cancelled"),
        (FINE.replace("2026-02-20 10:00", "yesterday"), "9:13", "'yesterday' is no date and time"),
        (
            FINE + '      - at: "2026-02-19 10:00"\n        start: "2026-03-05 15:00"\n',
            "11:13",
            "earlier than the announcement before it",
        ),
        (FINE.replace("id: a", "id: A B"), "5:9", "is not of the form of id"),
        (FINE.replace("  - id: a", "  - presentor: x\n    id: a"), "5:5", "unknown key 'presentor', did you mean"),
        (HEAD + "  - title: A\n    items:\n      - key: zhou\n", "7:14", "no entry or method 'zhou'"),
    ],
)
def test_a_mistake_names_file_line_and_remedy(tmp_path: Path, text: str, place: str, says: str) -> None:
    found = problems(tmp_path, text)
    assert any(line.startswith(f"catalog/lists/term.yaml:{place}: ") and says in line for line in found), found


def test_the_lists_of_the_catalogue_say_when_only_what_is_known() -> None:
    books, found = check.check(Path(__file__).parents[2])
    assert not [str(problem) for problem in found if "/lists/" in problem.file]
    for slug in (
        "cnn-visualisation-first-steps",
        "class-activation-maps",
        "sensitivity-to-deep-taylor",
        "not-to-be-trusted",
    ):
        reading = books.lists[slug]
        assert reading.title_zh
        assert reading.summary_zh
        assert all(session.id and session.title_zh and session.items for session in reading.sessions), slug
        for session in reading.sessions:
            assert any(item.questions for item in session.items), (slug, session.id)


def test_time_zones_are_looked_up_once_for_each_search_path(monkeypatch: pytest.MonkeyPatch) -> None:
    assert BERLIN in lists.zones()
    monkeypatch.setattr(zoneinfo, "available_timezones", lambda: {"Moon/Base"})
    assert BERLIN in lists.zones()
    monkeypatch.setattr(zoneinfo, "TZPATH", ("/elsewhere",))
    assert lists.zones() == {"Moon/Base"}
