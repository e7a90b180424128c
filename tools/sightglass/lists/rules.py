"""What can be wrong with a reading list; ``sightglass.catalogue.check`` takes these rules among its own.

Each has a fixture that breaks it in ``tests/sightglass/test_lists.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sightglass import lists
from sightglass.catalogue import Catalogue, repeated
from sightglass.catalogue.models import FIRST_DRAFT, ReadingList
from sightglass.catalogue.yaml_source import Place, Problem, Source


def _lists(catalogue: Catalogue) -> Iterator[tuple[str, ReadingList, Source]]:
    for slug, reading_list in catalogue.lists.items():
        yield slug, reading_list, catalogue.sources[catalogue.files[f"lists/{slug}"]]


def list_contents(catalogue: Catalogue) -> Iterator[Problem]:
    """A list has a summary and sessions, and a session names each thing to read once."""
    for _, reading_list, source in _lists(catalogue):
        if reading_list.summary == FIRST_DRAFT:
            yield source.problem(("summary",), "summary", "the summary is still to be written")
        if not reading_list.sessions:
            yield source.problem(("sessions",), "session", "a list has at least one session")
        for i, session in enumerate(reading_list.sessions):
            for j in repeated(item.key for item in session.items):
                place: Place = ("sessions", i, "items", j, "key")
                key = session.items[j].key
                message = f"'{key}' stands twice in this session; put the sections and questions together"
                yield source.problem(place, "session", message)


def session_ids(catalogue: Catalogue) -> Iterator[Problem]:
    """An id names one session; one with a date has an id, for a calendar must know it again."""
    for slug, reading_list, source in _lists(catalogue):
        for i in repeated(session.id for session in reading_list.sessions):
            message = f"the id '{reading_list.sessions[i].id}' stands twice"
            yield source.problem(("sessions", i, "id"), "session", message)
        for i, session in enumerate(reading_list.sessions):
            if session.start and not session.id:
                message = f"a session with a date needs an id; 'sightglass list schedule {slug}' writes it"
                yield source.problem(("sessions", i), "session", message)


def session_times(catalogue: Catalogue) -> Iterator[Problem]:
    """A session is at a time that the clocks show, and not at that of another."""
    for _, reading_list, source in _lists(catalogue):
        taken: dict[str, int] = {}
        for i, session in enumerate(reading_list.sessions):
            start = _moment(session.start)
            if start is None or session.start is None or reading_list.timezone not in lists.zones():
                continue  # the check of time zones and dates has said so
            place: Place = ("sessions", i, "start")
            if session.start != f"{start:{lists.MINUTE}}":
                yield source.problem(place, "schedule", f"write '{session.start}' as {start:{lists.MINUTE}}")
            moment = lists.begins(session, reading_list.timezone)
            if moment and not lists.exists(moment):
                message = f"the clocks in {reading_list.timezone} never show {session.start}: summer time begins"
                yield source.problem(place, "schedule", message)
            if session.status == "cancelled":
                continue
            if session.start in taken:
                message = f"session {taken[session.start] + 1} is at {session.start} as well"
                yield source.problem(place, "schedule", message)
            taken.setdefault(session.start, i)


def announcements(catalogue: Catalogue) -> Iterator[Problem]:
    """The last announcement says what the session says; otherwise people's calendars would keep the old date."""
    for slug, reading_list, source in _lists(catalogue):
        known = reading_list.timezone in lists.zones()
        for i, session in enumerate(reading_list.sessions):
            here: Place = ("sessions", i)
            moments = [_moment(announcement.at) for announcement in session.announced]
            for j, moment in enumerate(moments):
                place: Place = (*here, "announced", j, "at")
                if moment is None:
                    message = f"'{session.announced[j].at}' is no date and time; write it as 2026-02-20 10:00, in UTC"
                    yield source.problem(place, "announced", message)
                elif j and (before := moments[j - 1]) and moment < before:
                    yield source.problem(place, "announced", "earlier than the announcement before it")
            if session.announced and not session.start:
                message = "the date is in people's calendars; to call the session off, keep it with status: cancelled"
                yield source.problem((*here, "announced"), "announced", message, at_key=True)
            elif session.start and (not known or not _moment(session.start)):
                continue  # the check of time zones and dates has said so
            elif not lists.is_announced(session, reading_list.timezone):
                what = "not announced yet" if not session.announced else "not what was announced last"
                message = f"date, length, place or status: {what}; 'sightglass list schedule {slug}' announces it"
                yield source.problem((*here, "start"), "announced", message)


def _moment(text: str | None) -> datetime | None:
    try:
        return datetime.strptime(text or "", lists.MINUTE)
    except ValueError:
        return None


RULES = (list_contents, session_ids, session_times, announcements)
