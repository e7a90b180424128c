"""Reading lists: ``sightglass list``, to show them, begin one, plan its sessions and hand it to other programs."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text
from typer.core import TyperGroup

from sightglass import catalogue as catalogues
from sightglass import citations, lists, settings
from sightglass.catalogue import Catalogue
from sightglass.catalogue import check as checks
from sightglass.catalogue.canonical import rewrite, write
from sightglass.catalogue.models import FIRST_DRAFT, ReadingList, Session
from sightglass.commands.catalogue import AsJson, fail, known, print_json
from sightglass.errors import FormError
from sightglass.files import write_output, write_whole
from sightglass.lists import plans
from sightglass.lists import rules as list_rules

TOO_LATE = "the last session would be after the year 9999"
FORMATS = {"bib": "bibtex", "ris": "ris", "ics": "", "markdown": ""}  # with the citations' name of the format
Name = Annotated[str, typer.Argument(help="A reading list's slug: its file name.")]
First = Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="The first day that may be used.")]
Every = Annotated[str | None, typer.Option(help="The day of the week: thursday. Default: that of --from.")]
At = Annotated[str | None, typer.Option("--time", help="When a session begins: 16:00")]
Weeks = Annotated[int, typer.Option(min=1, max=52, help="Weeks from one session to the next.")]
Skip = Annotated[
    list[str] | None,
    typer.Option(help="Any day of a week without a session; separate several by commas, or repeat the option."),
]
Presenters = Annotated[str | None, typer.Option(help="Names that take turns, separated by commas: 'Ada,Bo,Chen'")]
Place = Annotated[str | None, typer.Option(help="A room or a link for all planned sessions.")]
Minutes = Annotated[int | None, typer.Option(min=1, max=1440, help="How long each lasts.")]
Zone = Annotated[str | None, typer.Option(help="IANA name: Europe/Berlin")]


class _ShowByDefault(TyperGroup):
    """``sightglass list NAME`` means ``sightglass list show NAME``."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args[0] not in self.commands and not args[0].startswith("-"):
            args = ["show", *args]
        return super().resolve_command(ctx, args)


app = typer.Typer(cls=_ShowByDefault, rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def overview(context: typer.Context, as_json: AsJson = False) -> None:
    """Show the reading lists, plan their sessions, export them.

    Examples:  sightglass list  |  sightglass list class-activation-maps
    """
    if context.invoked_subcommand is not None:
        context.obj = as_json
        return
    catalogue = catalogues.load()
    if as_json:
        print_json({slug: lst.model_dump(mode="json", exclude_defaults=True) for slug, lst in catalogue.lists.items()})
        return
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for heading in ("list", "sessions", "title"):
        table.add_column(heading, no_wrap=heading == "list")
    for slug, reading_list in catalogue.lists.items():
        table.add_row(slug, str(len(reading_list.sessions)), Text(reading_list.title))
    Console().print(table if catalogue.lists else "no reading lists yet")


@app.command()
def show(context: typer.Context, name: Name, as_json: AsJson = False) -> None:
    """Show the sessions of a list, the next one marked.

    Examples:  sightglass list show class-activation-maps  |  sightglass list class-activation-maps --json
    """
    catalogue = catalogues.load()
    reading_list = known_list(catalogue, name)
    if as_json or context.obj:
        print_json(reading_list.model_dump(mode="json", exclude_defaults=True))
        return
    _refuse_problems(catalogue, name, except_for=("announced", "reference", "session"))  # it is only shown
    console = Console()
    console.print(Text(reading_list.title, style="bold"))
    console.print(Text(reading_list.summary))
    following = lists.upcoming(reading_list, datetime.now(UTC))
    for i, session in enumerate(reading_list.sessions):
        facts = [lists.when(session, reading_list.timezone), session.place, session.presenter]
        facts += [session.status if session.status != "planned" else "", "next" if [i] == following[:1] else ""]
        details = " · ".join(fact for fact in facts if fact)
        console.print(Text(f"\n{i + 1}. {session.title}" + (f"  ({details})" if details else ""), style="bold"))
        for item in session.items:
            gone = item.key not in catalogue.entries and item.key not in catalogue.methods
            title = "not in the catalogue" if gone else lists.title_of(item, catalogue)
            console.print(Text(f"   {item.key}: {title}" + (f", {item.sections}" if item.sections else "")))
        if session.notes:
            console.print(Text(f"   Notes: {session.notes}"))


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="The new list's slug: small letters, digits and hyphens.")],
    keys: Annotated[list[str] | None, typer.Argument(help="What to read: one session for each key.")] = None,
    title: Annotated[str | None, typer.Option(help="The title; made from the slug if left out.")] = None,
    summary: Annotated[str, typer.Option(help="What the list is for; 'sightglass check' asks for it.")] = FIRST_DRAFT,
    group: Annotated[str | None, typer.Option(help="The group that reads it.")] = None,
    term: Annotated[str | None, typer.Option(help="When: 'Summer 2026'.")] = None,
    timezone: Annotated[str | None, typer.Option(help="IANA name: Europe/Berlin")] = None,
    language: Annotated[str, typer.Option(help="Language of titles and questions: en, zh …")] = "en",
) -> None:
    """Start a reading list: write catalog/lists/NAME.yaml.

    Examples:  sightglass list new our-term zhou2016learning grad-cam  |  sightglass list new our-term --group Vision
    """
    catalogue = catalogues.load()
    path = catalogue.root / "catalog" / "lists" / f"{name}.yaml"
    if not checks.KEY.fullmatch(name):
        raise fail(f"'{name}' can't be a list's name: small letters, digits and single hyphens")
    if name in typer.main.get_group(app).commands:
        raise fail(f"'{name}' is a command of 'sightglass list'; choose another name")
    if path.exists():
        raise fail(f"{path.relative_to(catalogue.root)} exists; choose another name")
    _known_zone(timezone)
    twice = {key for key in keys or [] if (keys or []).count(key) > 1}
    if twice:
        raise fail(f"'{min(twice)}' stands twice")
    sessions: list[dict[str, Any]] = [
        {"id": known(catalogue, key), "title": _short_title(catalogue, key), "items": [{"key": key}]}
        for key in keys or []
    ]
    data: dict[str, Any] = {
        "title": title or name.replace("-", " ").capitalize(),
        **{field: value for field, value in (("group", group), ("term", term), ("timezone", timezone)) if value},
        "language": language,
        "summary": summary,
        "sessions": sessions or [{"id": "first", "title": "First session"}],
    }
    try:
        ReadingList.model_validate(data)
    except ValueError as error:
        raise fail(f"it does not make a valid list: {' '.join(str(error).split())}") from None
    path.parent.mkdir(exist_ok=True)
    write_whole(path, write(data, ReadingList))
    typer.echo(f"written: {path.relative_to(catalogue.root)}")
    missing = "write the summary, " if summary == FIRST_DRAFT else ""
    typer.echo(
        f"next: {missing}set sections and questions, then: sightglass list schedule {name} --from DATE", err=True
    )


def _short_title(catalogue: Catalogue, key: str) -> str:
    if key in catalogue.methods:
        return catalogue.methods[key].name
    return catalogue.entries[key].abbreviation or catalogue.entries[key].title


@app.command()
def schedule(
    name: Name,
    first: First = None,
    every: Every = None,
    at: At = None,
    weeks: Weeks = 1,
    skip: Skip = None,
    presenters: Presenters = None,
    place: Place = None,
    minutes: Minutes = None,
    timezone: Zone = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the dates and write nothing.")] = False,
) -> None:
    """Give a list's planned sessions dates, and announce them to calendars.

    Sessions that are done or cancelled keep their dates, and their days are not used again. Notes and
    questions are kept, and so are presenters without --presenters. Without --from no date changes; changes
    made by hand (a date, a place, status: cancelled) are announced to calendars.

    Examples:  sightglass list schedule our-term --from 2026-03-05 --time 16:00 --skip 2026-04-02  |
    sightglass list schedule our-term --from 2026-05-07 --every thursday --time 16:00 --presenters Ada,Bo,Chen
    """
    catalogue = catalogues.load()
    reading_list = known_list(catalogue, name)
    _known_zone(timezone)
    reading_list = reading_list.model_copy(update={"timezone": timezone or reading_list.timezone})
    planned = [session for session in reading_list.sessions if session.status == "planned"]
    sessions = list(reading_list.sessions)
    if first is None and (every or skip or presenters or at):
        raise fail("--every, --time, --skip and --presenters plan dates; say from when: --from 2026-03-05")
    if first is not None:
        if not planned:
            raise fail(f"no session of '{name}' is planned: all are done or cancelled")
        try:
            sessions = lists.schedule(
                reading_list,
                first.date(),
                _weekday(every, first.date()),
                _time(at, planned),
                weeks=weeks,
                skip=_days(skip),
                presenters=_names(presenters),
            )
        except OverflowError:
            raise fail(TOO_LATE) from None
    changes = {field: value for field, value in (("place", place), ("minutes", minutes)) if value}
    sessions = [s.model_copy(update=changes) if s.status == "planned" else s for s in sessions]
    scheduled = reading_list.model_copy(update={"sessions": lists.named(sessions)})
    _refuse_problems(_with(catalogue, name, scheduled), name, except_for=("announced",))
    now = datetime.now(UTC)
    told = lists.announced(scheduled.sessions, scheduled.timezone, now)
    final = scheduled.model_copy(update={"sessions": told})
    try:
        written = _rewritten(catalogue, name, final)
    except FormError as error:
        raise fail(f"{catalogue.files[f'lists/{name}']}:{error.place[0]}:{error.place[1]}: {error}") from None
    for old, session in zip(catalogue.lists[name].sessions, told, strict=True):
        _report(old, session, final, now)
    if dry_run:
        return
    path = catalogue.root / catalogue.files[f"lists/{name}"]
    if written == catalogue.sources[catalogue.files[f"lists/{name}"]].text:
        typer.echo("nothing has changed")
        return
    write_whole(path, written)
    typer.echo(f"written: {path.relative_to(catalogue.root)}")
    if final.timezone == "UTC":
        typer.echo("the times are UTC; for local time: --timezone Europe/Berlin", err=True)


def _rewritten(catalogue: Catalogue, name: str, final: ReadingList) -> str:
    """The list's file with the fields in which ``final`` differs; everything else stays as it was written."""
    old = catalogue.lists[name]
    source = catalogue.sources[catalogue.files[f"lists/{name}"]]
    data = copy.deepcopy(source.data)
    if final.timezone != old.timezone:
        data["timezone"] = final.timezone
    for raw, before, after in zip(data["sessions"], old.sessions, final.sessions, strict=True):
        for field in ("id", "start", "minutes", "place", "presenter"):
            if getattr(after, field) != getattr(before, field):
                raw[field] = getattr(after, field)
        if after.announced != before.announced:
            raw["announced"] = [news.model_dump(exclude_defaults=True) for news in after.announced]
    return rewrite(replace(source, data=data), ReadingList)


def _report(old: Session, session: Session, reading_list: ReadingList, now: datetime) -> None:
    """One line for a session: its date, and where it was before."""
    shown = lists.when(session, reading_list.timezone) or "no date"
    words: list[str] = [session.status] if session.status != "planned" else []
    words += [f"was {old.start}"] if old.start and old.start != session.start else []
    who = f"  {session.presenter}" if session.presenter else ""
    typer.echo(f"{shown}  {session.title}{who}" + (f"  ({', '.join(words)})" if words else ""))
    if old.start and old.start != session.start and (end := lists.ends(old, reading_list.timezone)) and end < now:
        message = f"  {old.start} is past: if that session took place, undo this, and set status: done first"
        typer.echo(message, err=True)


@app.command()
def plan(
    name: Name,
    first: First = None,
    every: Every = None,
    at: At = None,
    weeks: Weeks = 1,
    skip: Skip = None,
    presenters: Presenters = None,
    place: Place = None,
    minutes: Minutes = 60,
    timezone: Zone = None,
    announced: Annotated[
        list[datetime] | None,
        typer.Option(
            formats=[lists.MINUTE],
            help="When you announced these dates, in UTC; repeat it for each change. Default: now.",
        ),
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", help="Write this file instead of stdout.")] = None,
) -> None:
    """Make a calendar with your own dates for a list; the list itself does not change.

    The form on the list's page makes the same file. All sessions get new dates. A calendar that imported an
    earlier version moves its sessions if --announced also names the times of the earlier versions.

    Examples:  sightglass list plan class-activation-maps --from 2027-01-07 --time 16:00 --timezone Europe/Berlin  |
    sightglass list plan class-activation-maps --from 2027-01-07 --time 16:00 --output cam.ics
    """
    catalogue = catalogues.load()
    reading_list = known_list(catalogue, name)
    _known_zone(timezone)
    if first is None:
        raise fail("from when on? --from 2026-03-05")
    _refuse_problems(catalogue, name, except_for=("announced",))
    try:
        made = plans.planned(
            reading_list,
            first.date(),
            _weekday(every, first.date()),
            _time(at, []),
            timezone=timezone or reading_list.timezone,
            announced=[moment.replace(tzinfo=UTC) for moment in announced or []] or [datetime.now(UTC)],
            weeks=weeks,
            skip=_days(skip),
            presenters=_names(presenters),
            minutes=minutes or 60,
            place=place or None,
        )
    except OverflowError:
        raise fail(TOO_LATE) from None
    starts = [start for session in made.sessions if (start := lists.begins(session, made.timezone))]
    never = next((start for start in starts if not lists.exists(start)), None)
    if never:
        raise fail(f"the clocks in {made.timezone} never show {never:{lists.MINUTE}}: summer time begins")
    for session in made.sessions:
        presenter = f"  {session.presenter}" if session.presenter else ""
        typer.echo(f"{lists.when(session, made.timezone)}  {session.title}{presenter}", err=True)
    _put(plans.calendar(name, made, catalogue, settings.load(catalogue.root).site) or b"", output)


@app.command()
def export(
    name: Name,
    style: Annotated[str, typer.Option("--format", help=f"One of {', '.join(FORMATS)}.")] = "markdown",
    output: Annotated[Path | None, typer.Option("--output", help="Write this file instead of stdout.")] = None,
) -> None:
    """Write a list for other programs: its bibliography, its calendar, or Markdown for a chat.

    Examples:  sightglass list export class-activation-maps --format bib --output cam.bib  |
    sightglass list export our-term --format ics --output our-term.ics
    """
    if style not in FORMATS:
        raise fail(f"unknown format '{style}'{catalogues.nearest(style, FORMATS)}; known: {', '.join(FORMATS)}")
    catalogue = catalogues.load()
    reading_list = known_list(catalogue, name)
    _refuse_problems(catalogue, name, except_for=() if style == "ics" else ("announced",))
    site = settings.load(catalogue.root).site
    content: bytes | None
    if style == "ics":
        content = lists.calendar(name, reading_list, catalogue, site)
    elif style == "markdown":
        content = lists.markdown(name, reading_list, catalogue, site).encode()
    else:
        keys = lists.entry_keys(reading_list, catalogue)
        content = citations.format_entries(keys, catalogue, FORMATS[style]).encode()
    if content is None:
        raise fail(f"no session of '{name}' has a date; sightglass list schedule {name} --from DATE", 1)
    _put(content, output)


def _put(content: bytes, output: Path | None) -> None:
    """Write the file, or to stdout without one."""
    if output is None:
        typer.echo(content, nl=False)
        return
    try:
        write_output(output, content)
    except OSError as error:
        raise fail(f"cannot write {output}: {error.strerror}") from None


def known_list(catalogue: Catalogue, name: str) -> ReadingList:
    """The reading list of this name; a command ends if there is none."""
    if name not in catalogue.lists:
        raise fail(f"no reading list '{name}'{catalogues.nearest(name, catalogue.lists)}")
    return catalogue.lists[name]


def _with(catalogue: Catalogue, name: str, reading_list: ReadingList) -> Catalogue:
    """The catalogue with another version of one list."""
    return replace(catalogue, lists={**catalogue.lists, name: reading_list})


def _refuse_problems(catalogue: Catalogue, name: str, except_for: tuple[str, ...] = ()) -> None:
    """End the command with the file and line of whatever is wrong with the list's sessions."""
    file = catalogue.files[f"lists/{name}"]
    rules = (checks.references, checks.schedules, *list_rules.RULES)
    problems = {problem for rule in rules for problem in rule(catalogue) if problem.file == file}
    told = [str(problem) for problem in sorted(problems) if problem.rule not in ("summary", *except_for)]
    if told:
        raise fail("the list has to be mended first\n" + "\n".join(told))


def _known_zone(zone: str | None) -> None:
    if zone is not None and zone not in lists.zones():
        raise fail(f"unknown time zone '{zone}'{catalogues.nearest(zone, lists.zones())}")


def _weekday(every: str | None, first: date) -> int:
    """'thursday' or 'Thu' as Monday's distance from it; without a day that of ``first``."""
    if every is None:
        return first.weekday()
    found = [i for i, day in enumerate(lists.DAYS) if len(every) > 2 and day.startswith(every.lower())]
    if len(found) != 1:
        raise fail(f"unknown day '{every}'{catalogues.nearest(every, lists.DAYS)}; one of {', '.join(lists.DAYS)}")
    return found[0]


def _time(at: str | None, planned: list[Session]) -> time:
    """The time that was named, or the one that the sessions have already."""
    times = {session.start[11:] for session in planned if session.start}
    if at is None and len(times) != 1:
        raise fail("at what time do the sessions begin? --time 16:00")
    try:
        return datetime.strptime(at or times.pop(), "%H:%M").time()
    except ValueError:
        raise fail(f"'{at}' is no time; write it as 16:00") from None


def _days(skip: list[str] | None) -> list[date]:
    """The days of all ``--skip``, each of which may name several."""
    found = []
    for text in ",".join(skip or []).split(",") if skip else []:
        try:
            found.append(datetime.strptime(text.strip(), "%Y-%m-%d").date())
        except ValueError:
            raise fail(f"--skip: '{text}' is no day; write it as 2026-04-02") from None
    return found


def _names(presenters: str | None) -> list[str]:
    """Names between commas, Chinese ones too."""
    text = (presenters or "").replace("，", ",").replace("、", ",")
    return [name for part in text.split(",") if (name := part.strip())]
