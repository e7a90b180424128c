"""Reading lists in time: when the sessions are, which one is next, how they are scheduled, and what other programs get.

Everything here is a pure function of a list, the catalogue and, where it matters, a moment that the caller names; no
clock is read, so the same files give the same calendar to the last byte.
"""

from __future__ import annotations

import re
import unicodedata
import zoneinfo
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, Timezone, vText

from sightglass.catalogue import Catalogue
from sightglass.catalogue.models import Announcement, Entry, ReadingItem, ReadingList, Session

MINUTE = "%Y-%m-%d %H:%M"
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAYS_ZH = "一二三四五六日"
_READABLE = ("paper", "page", "docs", "video", "slides", "project", "demo", "code")
_MARKDOWN = re.compile(r"[\\`*_\[\]<>~|]")
AUTHORS_IN_A_CHAT = 2


# When


def zones() -> frozenset[str]:
    """The names of all time zones.  Looking them up opens some 600 files, so it is done once for each search path."""
    return _zones(zoneinfo.TZPATH)


@cache
def _zones(_path: tuple[str, ...]) -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def begins(session: Session, timezone: str) -> datetime | None:
    """The moment at which a session begins, in the list's time zone; ``None`` without a date."""
    return datetime.strptime(session.start, MINUTE).replace(tzinfo=ZoneInfo(timezone)) if session.start else None


def ends(session: Session, timezone: str) -> datetime | None:
    """The moment at which a session ends: its minutes really pass, even while the clocks are changed."""
    start = begins(session, timezone)
    return start and (start.astimezone(UTC) + timedelta(minutes=session.minutes)).astimezone(start.tzinfo)


def exists(start: datetime) -> bool:
    """Whether the clocks of its place ever show this time; they leave out an hour when summer time begins."""
    return start.astimezone(UTC).astimezone(start.tzinfo).replace(tzinfo=None) == start.replace(tzinfo=None)


def when(session: Session, timezone: str, language: str = "en") -> str:
    """'Thu 5 Mar 2026, 16:00–17:00 (Europe/Berlin)'; empty without a date."""
    start, end = begins(session, timezone), ends(session, timezone)
    if start is None or end is None:
        return ""
    return f"{moment(start, language)}–{end:%H:%M} ({timezone})"


def moment(start: datetime, language: str = "en") -> str:
    """'Thu 5 Mar 2026, 16:00', or '2026 年 3 月 5 日（周四）16:00'."""
    return day(start, language) + ("" if language == "zh" else ", ") + f"{start:%H:%M}"


def day(start: datetime, language: str = "en") -> str:
    """'Thu 5 Mar 2026', or '2026 年 3 月 5 日（周四）'."""
    if language == "zh":
        return f"{start.year} 年 {start.month} 月 {start.day} 日（周{_DAYS_ZH[start.weekday()]}）"
    return f"{start:%a} {start.day} {start:%b %Y}"


def upcoming(reading_list: ReadingList, now: datetime) -> list[int]:
    """Positions of the planned sessions that are not over at ``now``, soonest first: the first is the next session."""
    found = [
        (start, i)
        for i, session in enumerate(reading_list.sessions)
        if session.status == "planned"
        and (start := begins(session, reading_list.timezone))
        and (end := ends(session, reading_list.timezone))
        and end > now
    ]
    return [i for _, i in sorted(found)]


# Planning


def schedule(
    reading_list: ReadingList,
    first: date,
    weekday: int,
    at: time,
    *,
    weeks: int = 1,
    skip: Collection[date] = (),
    presenters: Sequence[str] = (),
) -> list[Session]:
    """The sessions with new dates: every planned one, in order, on ``weekday`` from ``first`` on.

    The weeks in which a day of ``skip`` lies are left out.  Sessions that are done or cancelled stay where they are,
    and their days are not used again.  ``presenters`` take turns, after the one who presented last; without any,
    everybody keeps their session.
    """
    fixed = [session for session in reading_list.sessions if session.status != "planned"]
    taken = {session.start[:10] for session in fixed if session.start}
    skipped = {day.isocalendar()[:2] for day in skip}
    held = [s.presenter for s in fixed if s.status == "done" and s.presenter in presenters]
    turn = presenters.index(held[-1]) + 1 if held and held[-1] else 0
    day = first + timedelta(days=(weekday - first.weekday()) % 7)
    result = []
    for session in reading_list.sessions:
        if session.status != "planned":
            result.append(session)
            continue
        while day.isoformat() in taken or day.isocalendar()[:2] in skipped:
            day += timedelta(weeks=weeks)
        changes: dict[str, object] = {"start": f"{day} {at:%H:%M}"}
        if presenters:
            changes["presenter"] = presenters[turn % len(presenters)]
            turn += 1
        result.append(session.model_copy(update=changes))
        day += timedelta(weeks=weeks)
    return result


def named(sessions: Sequence[Session]) -> list[Session]:
    """The sessions, each with an id: those that have none get one from their title."""
    taken = {session.id for session in sessions}
    result = []
    for number, session in enumerate(sessions, 1):
        if session.id is None:
            base = identifier(session.title) or f"session-{number}"
            free = next(name for n in range(1, len(sessions) + 2) if (name := base + f"-{n}" * (n > 1)) not in taken)
            taken.add(free)
            session = session.model_copy(update={"id": free})
        result.append(session)
    return result


def identifier(title: str) -> str:
    """A title as an id: 'Grad-CAM and Guided Grad-CAM' as 'grad-cam-and-guided-grad-cam'; empty for a Chinese one."""
    plain = unicodedata.normalize("NFKD", title.replace("+", "p")).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain)[:48].strip("-")


def current(session: Session, timezone: str, at: str = "") -> Announcement | None:
    """What a calendar has to say about a session as it stands in the file; ``None`` without a date."""
    start = begins(session, timezone)
    if start is None:
        return None
    cancelled = session.status == "cancelled"
    utc = f"{start.astimezone(UTC):{MINUTE}}"
    return Announcement(at=at, start=utc, minutes=session.minutes, place=session.place, cancelled=cancelled)


def is_announced(session: Session, timezone: str) -> bool:
    """Whether the last announcement says what the session says."""
    last = session.announced[-1] if session.announced else None
    return current(session, timezone, last.at if last else "") == last


def announced(sessions: Sequence[Session], timezone: str, now: datetime) -> list[Session]:
    """The sessions, with an announcement added wherever the moment, length, place or status is not the last one's."""
    at = f"{now.astimezone(UTC):{MINUTE}}"
    return [
        session
        if is_announced(session, timezone) or (news := current(session, timezone, at)) is None
        else session.model_copy(update={"announced": [*session.announced, news]})
        for session in sessions
    ]


def moved_from(session: Session, timezone: str) -> datetime | None:
    """The moment at which a session was to begin before it was moved, as its place's clocks show it."""
    earlier = [announcement.start for announcement in session.announced]
    other = [start for start in earlier if start != earlier[-1]]
    return datetime.strptime(other[-1], MINUTE).replace(tzinfo=UTC).astimezone(ZoneInfo(timezone)) if other else None


# What there is to read


def entry_keys(reading_list: ReadingList, catalogue: Catalogue) -> list[str]:
    """The entries on a list, each once; a method on it stands for the papers that propose it."""
    items = [item.key for session in reading_list.sessions for item in session.items]
    papers = [key for item in items if item in catalogue.methods for key in catalogue.methods[item].proposed_by]
    return [key for key in dict.fromkeys([*items, *papers]) if key in catalogue.entries]


def title_of(item: ReadingItem, catalogue: Catalogue) -> str:
    """The title of the entry, or the name of the method; the key itself if the catalogue has neither."""
    if item.key in catalogue.entries:
        return catalogue.entries[item.key].title
    return catalogue.methods[item.key].name if item.key in catalogue.methods else item.key


def read_at(entry: Entry) -> tuple[str, str] | None:
    """Address and name of the place where an entry can be read, one that asks for no money first."""
    if entry.arxiv:
        return f"https://arxiv.org/abs/{entry.arxiv}", f"arXiv:{entry.arxiv}"
    links = sorted(
        (link for link in entry.links if link.role in _READABLE),
        key=lambda link: (link.part, _READABLE.index(link.role)),
    )
    for link in links:
        if link.now or link.status is None:
            return link.now or link.url, _host(link.now or link.url)
    if entry.doi:
        return f"https://doi.org/{quote(entry.doi, safe='/:;()')}", f"doi:{entry.doi}"
    return (links[0].url, _host(links[0].url)) if links else None


def _host(url: str) -> str:
    return (urlsplit(url).hostname or url).removeprefix("www.")


# For other programs


def meetings(reading_list: ReadingList) -> list[Session]:
    """The sessions that a calendar can hold: those with an id, a date and an announcement of it."""
    return [session for session in reading_list.sessions if session.id and session.start and session.announced]


def calendar(slug: str, reading_list: ReadingList, catalogue: Catalogue, site: str = "") -> bytes | None:
    """The sessions as iCalendar (RFC 5545), or ``None`` if none has a date.

    A client takes two events for the same meeting if their UIDs agree, and the one with the higher SEQUENCE (then the
    later DTSTAMP) for the newer.  The UID is made of what never changes: the session's id, the list's slug and the
    moment of the first announcement, which keeps apart two groups that use a copy of one list.  SEQUENCE counts the
    announcements.  The calendar has no METHOD, and then DTSTAMP is by RFC 5545, 3.8.7.2, the moment at which the event
    was last revised: that of the last announcement, not that of the build, which would make all meetings look changed
    on every day.
    """
    held = meetings(reading_list)
    if not held:
        return None
    zone = reading_list.timezone
    result = Calendar()
    result.add("prodid", "-//Sightglass//Reading lists//EN")
    result.add("version", "2.0")
    for name in ("name", "x-wr-calname"):  # RFC 7986's, and the one that programs have read for longer
        result.add(name, vText(reading_list.title))  # the library escapes these two only if told that they are texts
    starts = [start for session in held if (start := begins(session, zone))]
    if zone != "UTC":
        margin = timedelta(days=2)  # longer than any session, in any zone
        first, last = min(starts).date() - margin, max(starts).date() + margin
        result.add_component(Timezone.from_tzinfo(ZoneInfo(zone), zone, first, last))
    for session in held:
        result.add_component(_event(session, slug, reading_list, catalogue, site))
    written: bytes = result.to_ical()
    return written


def _event(session: Session, slug: str, reading_list: ReadingList, catalogue: Catalogue, site: str) -> Event:
    zone, first, last = reading_list.timezone, session.announced[0], session.announced[-1]
    revised = datetime.strptime(last.at, MINUTE).replace(tzinfo=UTC)
    cancelled = session.status == "cancelled"
    event = Event()
    event.add("uid", f"{session.id}.{slug}.{re.sub('[^0-9]', '', first.at)}@sightglass")
    event.add("dtstamp", revised)
    event.add("created", datetime.strptime(first.at, MINUTE).replace(tzinfo=UTC))
    event.add("last-modified", revised)
    event.add("sequence", len(session.announced) - 1)
    for name, at in (("dtstart", begins(session, zone)), ("dtend", ends(session, zone))):
        event.add(name, at.astimezone(UTC) if at and zone == "UTC" else at)
    event.add("summary", heading(session, reading_list))
    if session.place:
        event.add("location", session.place)
    event.add("description", "\n".join(agenda(session, catalogue)))
    if site:
        event.add("url", f"{site}lists/{slug}/#{session.id}")
    event.add("status", "CANCELLED" if cancelled else "CONFIRMED")
    event.add("transp", "TRANSPARENT" if cancelled else "OPAQUE")
    return event


def heading(session: Session, reading_list: ReadingList) -> str:
    """What a calendar calls a session: 'Vision group: CAM'."""
    return f"{reading_list.group or reading_list.title}: {session.title}"


def agenda(session: Session, catalogue: Catalogue) -> Iterator[str]:
    """What a session is about, as lines of plain text."""
    if session.presenter:
        yield f"Presenter: {session.presenter}"
    for item in session.items:
        place = read_at(catalogue.entries[item.key]) if item.key in catalogue.entries else None
        yield "- " + ", ".join(filter(None, [title_of(item, catalogue), item.sections, place and place[0]]))
        yield from (f"  ? {question}" for question in item.questions)


def markdown(slug: str, reading_list: ReadingList, catalogue: Catalogue, site: str = "") -> str:
    """The list as Markdown to paste into a chat: bold lines and bullets, for few chats know more."""
    head = [f"**{_plain(reading_list.title)}**"]
    head += [_plain(fact) for fact in [" · ".join(filter(None, (reading_list.group, reading_list.term)))] if fact]
    head += [f"<{site}lists/{slug}/>"] if site else []
    parts = ["\n".join(head)]
    for number, session in enumerate(reading_list.sessions, 1):
        facts = [when(session, reading_list.timezone, reading_list.language), session.place, session.presenter]
        facts += [session.status if session.status != "planned" else ""]
        about = " · ".join(_plain(fact) for fact in facts if fact)
        lines = [f"**{number}. {_plain(session.title)}**" + (f" – {about}" if about else "")]
        for item in session.items:
            lines.append(
                f"- {_chat_item(item, catalogue, site)}" + (f": {_plain(item.sections)}" if item.sections else "")
            )
            lines += [f"  - {_plain(question)}" for question in item.questions]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _chat_item(item: ReadingItem, catalogue: Catalogue, site: str) -> str:
    title = _plain(title_of(item, catalogue))
    entry = catalogue.entries.get(item.key)
    place = read_at(entry) if entry else None
    url = place[0] if place else f"{site}methods/{item.key}/" if site and entry is None else ""
    shown = f"[{title}]({url.translate(_PARENTHESES)})" if url else title
    if entry is None or not entry.authors:
        return shown
    names = [_plain(person.family) for person in entry.authors[:AUTHORS_IN_A_CHAT]]
    by = f"{names[0]} et al." if len(entry.authors) > AUTHORS_IN_A_CHAT else " & ".join(names)
    return f"{shown} ({by}, {entry.year})" if entry.year else f"{shown} ({by})"


_PARENTHESES = str.maketrans({"(": "%28", ")": "%29", " ": "%20", "<": "%3C", ">": "%3E"})


def _plain(value: str) -> str:
    """``value`` on one line, as it reads: nothing in it is Markdown."""
    return _MARKDOWN.sub(lambda match: f"\\{match[0]}", " ".join(value.split()))
