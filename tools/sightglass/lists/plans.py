"""A reader's own dates for a reading list: a calendar without a change to the list.

``docs/assets/plan.js`` follows the same rules in the browser, and ``tests/site/test_plan.py`` compares their bytes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, time
from typing import Any

from sightglass import lists
from sightglass.catalogue import Catalogue
from sightglass.catalogue.models import ReadingList, Session


def planned(
    reading_list: ReadingList,
    first: date,
    weekday: int,
    at: time,
    *,
    timezone: str,
    announced: Sequence[datetime],
    weeks: int = 1,
    skip: Collection[date] = (),
    presenters: Sequence[str] = (),
    minutes: int = 60,
    place: str | None = None,
) -> ReadingList:
    """The list as a reader plans it: every session on a new day, none of the dates and people of the group's own term.

    ``announced`` are the moments at which these dates went out, the first one and one for each change of them.
    """
    new: dict[str, object] = {"status": "planned", "presenter": None, "notes": None, "notes_zh": None}
    new |= {"start": None, "minutes": minutes, "place": place, "announced": []}
    fresh = [session.model_copy(update=new) for session in lists.named(reading_list.sessions)]
    own = reading_list.model_copy(update={"timezone": timezone, "group": None, "term": None, "sessions": fresh})
    told = []
    for session in lists.schedule(own, first, weekday, at, weeks=weeks, skip=skip, presenters=presenters):
        news = [
            lists.current(session, timezone, f"{moment.astimezone(UTC):{lists.MINUTE}}") for moment in sorted(announced)
        ]
        told.append(session.model_copy(update={"announced": news}))
    return own.model_copy(update={"sessions": told})


def calendar(slug: str, plan: ReadingList, catalogue: Catalogue, site: str = "") -> bytes | None:
    """The plan as iCalendar, its moments in UTC; ``None`` if the list has no sessions.

    A browser knows how far a zone is from UTC at a moment, but not the zone's rules, which a VTIMEZONE needs.
    """
    sessions = [session.model_copy(update={"start": _in_utc(session, plan.timezone)}) for session in plan.sessions]
    return lists.calendar(slug, plan.model_copy(update={"timezone": "UTC", "sessions": sessions}), catalogue, site)


def _in_utc(session: Session, timezone: str) -> str | None:
    start = lists.begins(session, timezone)
    return f"{start.astimezone(UTC):{lists.MINUTE}}" if start else None


def texts(slug: str, reading_list: ReadingList, catalogue: Catalogue, site: str = "") -> dict[str, Any]:
    """What a calendar says whatever the dates are: all that the browser needs beside them."""
    own = reading_list.model_copy(update={"group": None})
    sessions = [
        {
            "id": session.id,
            "summary": lists.heading(session, own),
            "agenda": list(lists.agenda(session, catalogue)),
            "url": f"{site}lists/{slug}/#{session.id}" if site else "",
        }
        for session in (each.model_copy(update={"presenter": None}) for each in lists.named(own.sessions))
    ]
    return {"title": own.title, "sessions": sessions}
