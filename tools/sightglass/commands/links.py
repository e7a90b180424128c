"""``sightglass links``: ask every address of the catalogue whether it is still there, and report what is not fine."""

from __future__ import annotations

import asyncio
import datetime
import time
from collections import Counter
from contextlib import nullcontext
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from sightglass import __version__, settings
from sightglass import catalogue as catalogues
from sightglass import links as stored
from sightglass.commands.catalogue import EXIT_PROBLEMS, AsJson, fail, print_json
from sightglass.errors import StoredError
from sightglass.links import Address, Answer
from sightglass.links.requests import Asker, Manners

SAVE_SECONDS = 5.0
EXIT_STOPPED = 130
_MANNERS = Manners()


class _Run:
    """What is known, and what this run hears: kept in memory, written whole every few seconds and at the end."""

    def __init__(self, root: Any, known: dict[str, Address], today: datetime.date) -> None:
        self.root, self.known, self.today = root, known, today
        self.records = {url: record for url, record in stored.load(root).items() if url in known}
        self.fine = {url: day for url, day in stored.load_fine(root).items() if url in known}
        self.asked = 0
        self._waiting: list[tuple[str, Answer]] = []  # failures that may be this machine's, until anybody answers
        self._reached = False
        self._saved = time.monotonic()

    @property
    def checked(self) -> dict[str, datetime.date]:
        """When each address was last asked."""
        return self.fine | {url: record.checked for url, record in self.records.items()}

    @property
    def offline(self) -> bool:
        """Whether not one server answered."""
        return bool(self._waiting) and not self._reached

    def hear(self, url: str, answer: Answer) -> None:
        self.asked += 1
        self._reached = self._reached or answer.reached
        self._waiting.append((url, answer))
        if not self._reached:
            return
        for heard, said in self._waiting:
            self._take(heard, said)
        self._waiting = []
        if time.monotonic() - self._saved >= SAVE_SECONDS:
            self.save()

    def _take(self, url: str, answer: Answer) -> None:
        record = stored.remember(self.records.pop(url, None), answer, self.today, self.known[url].marked)
        self.fine.pop(url, None)
        if record is None:
            self.fine[url] = self.today
        else:
            self.records[url] = record

    def save(self) -> None:
        stored.save(self.root, self.records)
        stored.save_fine(self.root, self.fine)
        self._saved = time.monotonic()


def links(
    host: Annotated[str | None, typer.Option(help="Only this host and its subdomains: zhihu.com")] = None,
    limit: Annotated[
        int | None, typer.Option(min=0, help="Check at most this many, longest unchecked first; 0 only reports.")
    ] = None,
    since: Annotated[
        datetime.datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Skip links checked on this day or later.  [default: today]"),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Check everything, even what was checked today.")] = False,
    delay: Annotated[float, typer.Option(min=0, help="Seconds between two requests to one host.")] = _MANNERS.delay,
    concurrency: Annotated[int, typer.Option(min=1, help="Requests at a time, over all hosts.")] = _MANNERS.concurrency,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for an answer.")] = _MANNERS.timeout,
    retries: Annotated[
        int, typer.Option(min=0, help="Further tries after a temporary fault, each after twice the pause.")
    ] = _MANNERS.retries,
    as_json: AsJson = False,
) -> None:
    """Check whether every link in the catalogue still works, and report those that do not.

    It is polite: HEAD before GET, never a body, a pause between requests to one host, and it obeys
    robots.txt. A link counts as dead only after failures on three different days, and as unknown if the
    server refuses programs (403, 429). Results are kept in results/links.json; a run that was stopped
    continues where it was.

    Exit code 0: nothing new is dead; 1: a link is dead and the catalogue does not say so; 2: cannot run; 130: stopped.

    Examples:  sightglass links  |  sightglass links --host github.com  |  sightglass links --limit 0 --json  |
    sightglass links --limit 50 --since 2026-01-31
    """
    catalogue = catalogues.load()
    today = _today()
    known = stored.addresses(catalogue)
    if host is not None and not any(stored.is_at(url, host) for url in known):
        hosts = {stored.host_of(url) for url in known}
        raise fail(f"no address is at '{host}'{catalogues.nearest(host, hosts)}")
    try:
        run = _Run(catalogue.root, known, today)
    except StoredError as error:
        raise fail(str(error)) from None
    since_day = datetime.date.max if again else since.date() if since else today
    urls = stored.plan(known, run.checked, since=since_day, host=host, limit=limit)
    addresses = settings.load(catalogue.root)
    about = f"+{addresses.repository or addresses.site}; " if addresses.repository or addresses.site else ""
    asker = Asker(f"sightglass/{__version__} ({about}checks links)", Manners(delay, concurrency, timeout, retries))
    try:
        stopped = _ask(asker, urls, run, quiet=as_json)
    except OSError as error:
        raise fail(f"cannot write {error.filename or 'the results'}: {error.strerror}; is the disk full?") from None
    _report(run, host, as_json=as_json)
    if stopped:
        typer.echo(f"stopped: {run.asked} of {len(urls)} checked; run the same command to continue", err=True)
        raise typer.Exit(EXIT_STOPPED)
    if run.offline:
        raise fail("not one server answered: is this machine online?  Nothing was written")
    if any(record.state == "dead" and known[url].marked != "dead" for url, record in run.records.items()):
        raise typer.Exit(EXIT_PROBLEMS)


def _today() -> datetime.date:
    return datetime.datetime.now(datetime.UTC).date()


def _ask(asker: Asker, urls: list[str], run: _Run, *, quiet: bool) -> bool:
    """Ask ``urls`` with a progress bar on stderr and write what was heard, even if Ctrl-C stops it; says whether."""
    if not urls:
        return False
    stopped = False
    console = Console(stderr=True)
    columns = (TextColumn("asking"), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    bar = Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal)
    task = bar.add_task("", total=len(urls))

    def heard(url: str, answer: Answer) -> None:
        run.hear(url, answer)
        bar.update(task, advance=1, description=stored.host_of(url))

    try:
        with bar if not bar.disable else nullcontext():
            asyncio.run(asker.ask_all(urls, heard))
    except KeyboardInterrupt:
        stopped = True
    except ExceptionGroup as group:  # a task group wraps whatever its tasks raise
        writing, others = group.split(OSError)
        raise (others or writing.exceptions[0] if writing else group) from None
    if not run.offline:
        run.save()
    return stopped


def _report(run: _Run, host: str | None, *, as_json: bool) -> None:
    shown = {url: record for url, record in run.records.items() if host is None or stored.is_at(url, host)}
    order = stored.STATES
    found = sorted(shown.items(), key=lambda item: (order.index(item[1].state), item[0]))
    if as_json:
        print_json(
            [
                {
                    "url": url,
                    "state": record.state,
                    **record.model_dump(mode="json", exclude={"kind"}),
                    "marked": run.known[url].marked,
                    "places": [vars(place) for place in run.known[url].places],
                }
                for url, record in found
            ]
        )
        return
    for url, record in found:
        if record.state == "unknown":  # by the hundred, and nothing to be done
            continue
        now = f" -> {record.now}" if record.now else ""
        failed = f" since {record.failures[0]}" if record.failures else ""
        for place in run.known[url].places:
            typer.echo(f"{place.file}:{place.line}: {record.state}: {url} ({record.said}{failed}){now}")
    counts = Counter(record.state for record in shown.values())
    parts = [f"{sum(host is None or stored.is_at(url, host) for url in run.fine)} fine"]
    parts += [f"{counts[state]} {state}" for state in order if counts[state]]
    total = sum(host is None or stored.is_at(url, host) for url in run.known)
    unasked = total - sum(host is None or stored.is_at(url, host) for url in run.checked)
    parts += [f"{unasked} not asked yet"] if unasked else []
    typer.echo(f"{total} addresses: {', '.join(parts)}")
