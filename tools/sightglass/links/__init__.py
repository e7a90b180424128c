"""The addresses in the catalogue: which to ask, what an answer means, what is remembered of those that are not fine.

Nothing here opens a connection; ``sightglass.links.requests`` does.  What is not fine stands in ``results/links.json``,
one line for each address, with the days on which it failed: a link is called dead only after failures on
``DEAD_AFTER`` different days.  What is fine is remembered in ``.cache/links.json`` alone, so that a run which was
stopped can go on, and git sees only what matters.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.client import responses
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import quote, urlsplit

from pydantic import BaseModel, ConfigDict, ValidationError

from sightglass.catalogue import Catalogue
from sightglass.catalogue.models import Confirmation, Link
from sightglass.catalogue.yaml_source import Source
from sightglass.errors import StoredError, first_fault
from sightglass.files import write_whole

STORE = "results/links.json"
FINE = ".cache/links.json"
VERSION = 1
DEAD_AFTER = 3  # failures, each on another day
PERMANENT = (301, 308)
# The server does not want to say: it asks who we are, or finds us too many.  That says nothing about the link.
UNWILLING = (401, 403, 407, 429, 451)

Kind = Literal["fine", "moved", "doubtful", "unknown", "failed"]
State = Literal["dead", "failing", "moved", "doubtful", "answers", "unknown"]
STATES: tuple[State, ...] = get_args(State)  # the worst first


@dataclass(frozen=True)
class Place:
    """Where an address stands: the entry, ``methods/<slug>`` or venue, and the line of its file."""

    key: str
    file: str
    line: int


@dataclass
class Address:
    """Something to ask: everywhere that it stands, and whether the catalogue marks it (dead, moved, doubtful)."""

    places: list[Place] = field(default_factory=list)
    marked: str | None = None


@dataclass(frozen=True)
class Answer:
    """What asking came to.  ``reached``: some server answered, so this machine is online."""

    kind: Kind
    said: str
    now: str | None = None
    reached: bool = True


class Record(BaseModel):
    """What is remembered of an address that is not fine."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind
    said: str
    checked: datetime.date
    failures: tuple[datetime.date, ...] = ()  # the first day of an unbroken row, and the latest two
    now: str | None = None

    @property
    def state(self) -> State:
        """What the record amounts to."""
        if len(self.failures) >= DEAD_AFTER:
            return "dead"
        if self.kind == "failed":
            return "failing"
        return "answers" if self.kind == "fine" else self.kind


def addresses(catalogue: Catalogue) -> dict[str, Address]:
    """Every address that the site shows, without fragment, sorted, each with all its places."""
    found: dict[str, Address] = {}
    for place, url, marked in _all(catalogue):
        address = found.setdefault(url.partition("#")[0], Address())
        address.places.append(place)
        address.marked = address.marked or marked
    return dict(sorted(found.items()))


def _all(catalogue: Catalogue) -> Iterator[tuple[Place, str, str | None]]:
    for key, entry in catalogue.entries.items():
        name = catalogue.files.get(key, "")
        source = catalogue.sources.get(name, Source(name))
        yield from _links(key, source, entry.links)
        yield from _confirmed(key, source, entry.confirmed)
        if entry.doi:
            yield _place(key, source, "doi"), f"https://doi.org/{quote(entry.doi, safe='/:;()')}", None
        if entry.arxiv:
            yield _place(key, source, "arxiv"), f"https://arxiv.org/abs/{entry.arxiv}", None
    for slug, method in catalogue.methods.items():
        name = catalogue.files.get(f"methods/{slug}", "")
        yield from _links(f"methods/{slug}", catalogue.sources.get(name, Source(name)), method.links)
    source = catalogue.sources.get("catalog/venues.yaml", Source("catalog/venues.yaml"))
    for index, venue in enumerate(catalogue.venues.values()):
        if venue.url:
            yield _place(venue.id, source, index, "url"), venue.url, None


def _links(key: str, source: Source, links: Sequence[Link]) -> Iterator[tuple[Place, str, str | None]]:
    for i, link in enumerate(links):
        yield _place(key, source, "links", i, "url"), link.url, link.status
        for name, url in (("now", link.now), ("archived", link.archived)):
            if url:
                yield _place(key, source, "links", i, name), url, None


def _confirmed(key: str, source: Source, confirmed: Sequence[Confirmation]) -> Iterator[tuple[Place, str, str | None]]:
    for i, confirmation in enumerate(confirmed):
        if confirmation.at:
            yield _place(key, source, "confirmed", i, "at"), confirmation.at, None


def _place(key: str, source: Source, *path: str | int) -> Place:
    return Place(key, source.file, source.values.get(path, (1, 1))[0])


def host_of(url: str) -> str:
    """The host of an address; empty if it has none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def is_at(url: str, host: str) -> bool:
    """Whether ``url`` is at ``host`` or below it: zhuanlan.zhihu.com is at zhihu.com."""
    name = host_of(url)
    return name == host.lower() or name.endswith("." + host.lower())


def plan(
    urls: Iterable[str],
    checked: Mapping[str, datetime.date],
    *,
    since: datetime.date,
    host: str | None = None,
    limit: int | None = None,
) -> list[str]:
    """What to ask now: what was not asked on ``since`` or later, longest ago first, at most ``limit``."""
    due = [url for url in urls if (host is None or is_at(url, host)) and (url not in checked or checked[url] < since)]
    return sorted(due, key=lambda url: (checked.get(url, datetime.date.min), url))[:limit]


def judge(url: str, redirects: Sequence[tuple[int, str]], status: int) -> Answer:
    """What it means that ``url`` led over ``redirects`` (status and next address of each) to ``status``."""
    said = f"{status} {responses.get(status, '')}".strip()
    last = redirects[-1][1] if redirects else url
    if status in UNWILLING:
        return Answer("unknown", said)
    if not 200 <= status < 300:
        return Answer("failed", said)
    if _is_home(last) and not _is_home(url):
        return Answer("doubtful", "leads to a home page", last)
    moved = url
    for redirect, to in redirects:
        if redirect not in PERMANENT:
            break
        moved = to
    if _plain(moved) != _plain(url):
        return Answer("moved", "redirected for good", moved)
    return Answer("fine", said)


def _is_home(url: str) -> bool:
    parts = urlsplit(url)
    return parts.path in ("", "/") and not parts.query


def _plain(url: str) -> tuple[str, str, str]:
    """An address without what nobody would correct in a file: http or https, www., a slash at the end."""
    parts = urlsplit(url)
    return (parts.hostname or "").removeprefix("www."), parts.path.rstrip("/"), parts.query


def remember(before: Record | None, answer: Answer, day: datetime.date, marked: str | None) -> Record | None:
    """The record after ``answer`` on ``day``; none if there is nothing to say.

    Only a failure counts as one, and only once a day; an answer that leaves the question open changes nothing about
    the failures so far, and any other ends their row.
    """
    failures = before.failures if before else ()
    if answer.kind == "failed" and day not in failures:
        failures = (*failures, day)
        failures = (*failures[:1], *failures[1:][1 - DEAD_AFTER :])
    elif answer.kind not in ("failed", "unknown"):
        failures = ()
    if answer.kind == "fine" and marked not in ("dead", "doubtful"):
        return None
    return Record(kind=answer.kind, said=answer.said, checked=day, failures=failures, now=answer.now)


def load(root: Path) -> dict[str, Record]:
    """The stored records by address; none if nothing was ever asked."""
    path = root / STORE
    remedy = "take the file from git again, or delete it and ask anew"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except json.JSONDecodeError as error:
        raise StoredError(f"{STORE}:{error.lineno}:{error.colno}: not JSON ({error.msg}); {remedy}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise StoredError(f"{STORE}:1:1: cannot be read ({error}); {remedy}") from None
    if not isinstance(data, dict) or data.get("version") != VERSION or not isinstance(data.get("links"), dict):
        raise StoredError(f"{STORE}:1:1: not results of version {VERSION}; {remedy}")
    records = {}
    for line, (url, stored) in enumerate(data["links"].items(), 4):  # as ``save`` writes them
        try:
            records[url] = Record.model_validate_json(json.dumps(stored))
        except ValidationError as error:
            raise StoredError(f"{STORE}:{line}:1: {url}: {first_fault(error)}; {remedy}") from None
    return records


def save(root: Path, records: Mapping[str, Record]) -> None:
    """Write the records in their one canonical form: sorted, a line for each."""
    lines = [
        f"{json.dumps(url, ensure_ascii=False)}: "
        + json.dumps(record.model_dump(mode="json", exclude_defaults=True), ensure_ascii=False)
        for url, record in sorted(records.items())
    ]
    text = f'{{\n"version": {VERSION},\n"links": {{\n' + ",\n".join(lines) + "\n}\n}\n"
    (root / STORE).parent.mkdir(exist_ok=True)
    write_whole(root / STORE, text)


def load_fine(root: Path) -> dict[str, datetime.date]:
    """When each fine address was last asked; what cannot be read is asked again, so no fault here matters."""
    try:
        stored = json.loads((root / FINE).read_text(encoding="utf-8"))
        return {url: datetime.date.fromisoformat(day) for url, day in stored.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def save_fine(root: Path, fine: Mapping[str, datetime.date]) -> None:
    """Remember which addresses were fine, and when."""
    (root / FINE).parent.mkdir(exist_ok=True)
    write_whole(root / FINE, json.dumps({url: day.isoformat() for url, day in sorted(fine.items())}, indent=0) + "\n")
