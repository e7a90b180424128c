"""The pages of reading lists: the next session first, what to read, progress that a reader ticks off, downloads."""

from __future__ import annotations

import json
import re
from datetime import datetime
from itertools import zip_longest

from sightglass import citations, lists
from sightglass.catalogue.models import ReadingItem, ReadingList, Session
from sightglass.lists import plans
from sightglass.pages.entries import add_button, description, list_link, marked_meta, method_link, summary, titled
from sightglass.pages.list_plan import plan_form
from sightglass.pages.markup import HTML_LANGUAGE, address, code, details, either, out, page, ready, spoken, text
from sightglass.pages.site import Site
from sightglass.pages.together import add_all

DOWNLOADS = {"bib": "bibtex", "ris": "ris"}


def list_pages(site: Site) -> dict[str, str]:
    """The page of every reading list, and the page that lists them."""
    here = "lists/index.md"
    lines = [f"# {site.say('lists')}\n", site.say("list.lead") + "\n"]
    for slug, reading_list in site.catalogue.lists.items():
        count = sum(len(session.items) for session in reading_list.sessions)
        facts = [site.say("sessions and items", sessions=len(reading_list.sessions), items=count), _span(site, slug)]
        shown = either(reading_list.summary, reading_list.summary_zh, site.language)
        lines.append(
            f"- **{list_link(site, slug, here)}**{_beside(site, reading_list)}"
            f' <span class="sg-meta">{" · ".join(fact for fact in facts if fact)}</span>  \n  {shown}'
        )
    pages = {here: page(site.say("lists"), "\n".join(lines) + "\n")}
    return pages | {f"lists/{slug}.md": _list(site, slug) for slug in site.catalogue.lists}


def list_files(site: Site) -> dict[str, str | bytes]:
    """What the lists' pages load: bibliographies, the calendars of lists with dates, the texts of calendars without."""
    files: dict[str, str | bytes] = {}
    for slug, reading_list in site.catalogue.lists.items():
        keys = lists.entry_keys(reading_list, site.catalogue)
        for suffix, name in DOWNLOADS.items():
            files[f"lists/{slug}.{suffix}"] = citations.format_entries(keys, site.catalogue, name)
        calendar = lists.calendar(slug, reading_list, site.catalogue, site.settings.site)
        if calendar is not None:
            files[f"lists/{slug}.ics"] = calendar
        texts = plans.texts(slug, reading_list, site.catalogue, site.settings.site)
        files[f"lists/{slug}.plan.json"] = json.dumps(texts, ensure_ascii=False)
    return files


def _list(site: Site, slug: str) -> str:
    reading_list = site.catalogue.lists[slug]
    facts = [text(fact) for fact in (reading_list.group, reading_list.term, _common_place(reading_list)) if fact]
    seen: set[str] = set()  # entries that Zotero was told of
    numbered = list(enumerate(reading_list.sessions, 1))
    parts = [
        f"# {text(_title(site, reading_list))} {{ data-sg-list={slug} lang={_tongue(site, reading_list, slug)} }}\n",
        _title_zh(site, reading_list),
        " · ".join(facts) + "\n{ .sg-facts }\n" if facts else "",
        _next(site, slug),
        summary(site, reading_list.summary, reading_list.summary_zh),
        _tools(site, slug),
        plan_form(site, slug, [(anchor(s, n), _title(site, s), _tongue(site, s, slug)) for n, s in numbered]),
        _progress(site, reading_list),
        _schedule(site, slug),
        *(_session(site, slug, number, seen) for number, _ in numbered),
        _chat(site, slug),
    ]
    return page(
        _title(site, reading_list),
        "\n".join(part for part in parts if part),
        description=description(site, reading_list.summary, reading_list.summary_zh),
        source=f"catalog/lists/{slug}.yaml",
        sessions=[
            [anchor(reading_list.sessions[number - 1], number), end.isoformat()]
            for end, number in _candidates(reading_list)
        ],
        scripts=["assets/lists.js"],
        styles=["assets/lists.css", "assets/plan.css"],
    )


def _tools(site: Site, slug: str) -> str:
    """Calendar, downloads, and what the script offers: printing and copying."""
    base = address(site.shared(f"lists/{slug}.ics"), f"lists/{slug}.md").removesuffix(".ics")
    suffixes = list(DOWNLOADS)
    links = []
    if lists.meetings(site.catalogue.lists[slug]):
        # without 'download' a phone opens its calendar instead of keeping a file
        links.append(f'<a href="{base}.ics" type="text/calendar">{site.say("list.calendar")}</a>')
        if site.settings.site:
            calendar = re.sub("^https?:", "webcal:", f"{site.settings.site}lists/{slug}.ics")
            links.append(out(calendar, site.say("list.subscribe")))
        suffixes.append("ics")
    files = " ".join(f'<a href="{base}.{suffix}" download="{slug}.{suffix}">.{suffix}</a>' for suffix in suffixes)
    links.append(site.say("list.download", files=files))
    buttons = add_all(site, lists.entry_keys(site.catalogue.lists[slug], site.catalogue)) + (
        f'<button type="button" data-sg-print>{site.say("list.print")}</button> '
        f'<button type="button" data-sg-copy-chat data-sg-copied="{site.say("list.copied")}"'
        f' data-sg-uncopied="{site.say("list.uncopied")}">{site.say("list.copy")}</button> <span role="status"></span>'
    )
    return f'<p class="sg-tools">{" · ".join(links)} <span class="sg-tools-buttons">{buttons}</span></p>\n'


def _progress(site: Site, reading_list: ReadingList) -> str:
    """A bar for what the reader has ticked off; it has its place, but is seen only once the script fills it."""
    total = sum(len(session.items) for session in reading_list.sessions)
    words, start = site.say("list.progress"), site.say("list.progress", done=0, all=total)
    return (
        f'<p class="sg-progress" data-sg-progress="{words}" data-sg-unkept="{site.say("list.unkept")}">'
        f'<progress max="{total}" value="0" aria-label="{start}"></progress> <span role="status">{start}</span></p>\n'
    )


def _candidates(reading_list: ReadingList) -> list[tuple[datetime, int]]:
    """End and number of every session that is, was or will be the next one, in the order of time."""
    zone = reading_list.timezone
    return sorted(
        (end, number)
        for number, session in enumerate(reading_list.sessions, 1)
        if session.status == "planned" and (end := lists.ends(session, zone))
    )


def _following(site: Site, reading_list: ReadingList) -> int | None:
    """The number of the next session when the site was built."""
    following = lists.upcoming(reading_list, site.now) if site.now else []
    return following[0] + 1 if following else None


def _next(site: Site, slug: str) -> str:
    """The next session, as known when the site was built, and hidden beside it those that become it later.

    ``lists-next.js`` chooses again by the reader's clock before anything is drawn, so that nothing on the page moves.
    """
    reading_list = site.catalogue.lists[slug]
    candidates = _candidates(reading_list)
    if not candidates:
        return ""
    following = _following(site, reading_list)
    cards = []
    for _, number in candidates:
        session = reading_list.sessions[number - 1]
        facts = [_when(site, reading_list, session), text(session.place or ""), text(session.presenter or "")]
        lines = [f'<span class="sg-meta">{site.say("list.next")}</span> **{number}. {_jump(site, slug, number)}**\n']
        lines.append(" · ".join(fact for fact in facts if fact) + "\n")
        for item in session.items:
            lines.append(f"- {_link(site, item, f'lists/{slug}.md')}{_sections(site, reading_list, item)}")
        cards.append(_card("\n".join(lines), anchor(session, number), following == number))
    cards.append(_card(site.say("list.over") + "\n", "", following is None))
    body = "\n".join(cards)
    return f'<section class="sg-next" aria-label="{site.say("list.next")}" markdown>\n\n{body}\n</section>\n'


def _card(body: str, name: str, is_next: bool) -> str:
    css = "sg-next-card sg-now" if is_next else "sg-next-card"
    return f'<div class="{css}" data-sg-session="{name}" markdown>\n\n{body}\n\n</div>\n'


def _schedule(site: Site, slug: str) -> str:
    """One line for each session, if there is anything to say about when, where or by whom."""
    reading_list = site.catalogue.lists[slug]
    sessions = reading_list.sessions
    if not any(session.start or session.presenter for session in sessions):
        return ""
    following = _following(site, reading_list)
    lines = []
    for number, session in enumerate(sessions, 1):
        when = _when(site, reading_list, session, short=True)
        facts = [session.presenter, session.place if not _common_place(reading_list) else None]
        about = "".join(f' <span class="sg-meta">· {text(fact)}</span>' for fact in facts if fact)
        css = "sg-mark sg-now" if number == following else "sg-mark"
        mark = f' <span class="{css}" data-sg-session="{anchor(session, number)}">{site.say("list.following")}</span>'
        lines.append(f"{number}. {when} {_jump(site, slug, number)}{about}{_status(site, session)}{mark}")
    body = "\n".join(lines) + "\n\n</div>\n"
    if any(session.start for session in sessions):
        body += "\n" + site.say("list.times", zone=text(reading_list.timezone)) + "\n{ .sg-meta }\n"
    return f'## {site.say("list.schedule")} {{ #sg-schedule }}\n\n<div class="sg-schedule" markdown>\n\n{body}'


def _session(site: Site, slug: str, number: int, seen: set[str]) -> str:
    reading_list = site.catalogue.lists[slug]
    session = reading_list.sessions[number - 1]
    name = anchor(session, number)
    title = f"{text(_title(site, session))} {{ #{name} lang={_tongue(site, session, slug)} }}"
    facts = [_when(site, reading_list, session) + _status(site, session)]
    moved = lists.moved_from(session, reading_list.timezone)
    if moved and session.status == "planned":
        facts.append(site.say("list.moved", when=text(lists.moment(moved, site.language))))
    facts += [text(fact) for fact in (session.place, session.presenter) if fact]
    lines = [f"## {number}. {title}\n", _title_zh(site, session)]
    lines += [" · ".join(fact for fact in facts if fact) + "\n{ .sg-facts }\n"] if any(facts) else []
    lines.append('<div class="sg-items" markdown>\n')
    for item in session.items:
        lines.append(f"- {_item(site, reading_list, item, f'lists/{slug}.md', name, seen)}")
        asked = zip_longest(item.questions, item.questions_zh)
        lines += [f"    - {either(*question, site.language, reading_list.language)}" for question in asked]
    lines.append("\n</div>\n")
    if session.notes:
        lines.append(f"**{site.say('list.notes')}**\n")
        translated = site.language == "zh" and session.notes_zh
        spoken_in = "zh" if translated else reading_list.language
        for paragraph in re.split(r"\n\s*\n", (translated or session.notes).strip()):
            lines.append(spoken(text(paragraph), spoken_in, site.language) + "\n")
    return "\n".join(lines)


def _item(site: Site, reading_list: ReadingList, item: ReadingItem, here: str, session: str, seen: set[str]) -> str:
    """A thing to read: a box to tick, the title, who wrote it, where it can be read, and what of it."""
    entry = site.catalogue.entries.get(item.key)
    name = entry.title if entry else site.name_of(site.catalogue.methods[item.key])
    label = site.say("list.tick", title=text(name))
    box = f'<input type="checkbox" class="sg-read" data-sg-item="{session}/{item.key}" aria-label="{label}">'
    shown = f"{box} **{_link(site, item, here)}**"
    sections = _sections(site, reading_list, item)
    if entry is None:
        return f'{shown} <span class="sg-item-facts">{site.say("method")}</span>{sections}'
    place = lists.read_at(entry)
    facts = [marked_meta(site, entry), out(place[0], place[1], language=_tag(entry.language)) if place else ""]
    shown += f" {add_button(item.key)}"
    shown += f' <span class="sg-item-facts">{" · ".join(fact for fact in facts if fact)}</span>{sections}'
    if item.key not in seen:  # Zotero would save it twice
        seen.add(item.key)
        shown += " " + citations.coins(item.key, entry, site.catalogue.venues)
    return shown


def _link(site: Site, item: ReadingItem, here: str) -> str:
    return titled(site, item.key, here) if item.key in site.catalogue.entries else method_link(site, item.key, here)


def _sections(site: Site, reading_list: ReadingList, item: ReadingItem) -> str:
    words = either(item.sections or "", item.sections_zh, site.language, reading_list.language)
    return f' <span class="sg-sections">{words}</span>' if item.sections else ""


def _chat(site: Site, slug: str) -> str:
    """What is copied for a chat, in the list's own language whatever the page's."""
    reading_list = site.catalogue.lists[slug]
    block = code(lists.markdown(slug, reading_list, site.catalogue, site.settings.site))
    block = f'<div lang="{_tag(reading_list.language)}">\n{block}</div>\n'
    return ready(details(site.say("list.chat"), block, css="note sg-chat"))


def anchor(session: Session, number: int) -> str:
    """The session's name in the page's address: its id, or its number as long as it has none."""
    return session.id or f"session-{number}"


def _jump(site: Site, slug: str, number: int) -> str:
    """A session's title as a link to its place on the page."""
    session = site.catalogue.lists[slug].sessions[number - 1]
    title = f"[{text(_title(site, session))}](#{anchor(session, number)})"
    return f"{title}{{ lang={_tongue(site, session, slug)} }}"


def _when(site: Site, reading_list: ReadingList, session: Session, *, short: bool = False) -> str:
    """The date as a ``time`` element; short: without the end and the time zone."""
    start = lists.begins(session, reading_list.timezone)
    if start is None:
        return ""
    long = lists.when(session, reading_list.timezone, site.language)
    shown = lists.moment(start, site.language) if short else long
    return f'<time datetime="{start.isoformat()}">{text(shown)}</time>'


def _span(site: Site, slug: str) -> str:
    """The first and the last day of a list."""
    reading_list = site.catalogue.lists[slug]
    moments = [lists.begins(session, reading_list.timezone) for session in lists.meetings(reading_list)]
    days = sorted(moment for moment in moments if moment)
    return " – ".join(dict.fromkeys(text(lists.day(day, site.language)) for day in (days[:1] + days[-1:])))


def _status(site: Site, session: Session) -> str:
    css = "sg-status sg-dead" if session.status == "cancelled" else "sg-status"
    return f' <span class="{css}">{site.say(f"list.{session.status}")}</span>' if session.status != "planned" else ""


def _common_place(reading_list: ReadingList) -> str:
    """The place, if all sessions are in the same."""
    places = {session.place for session in reading_list.sessions}
    return next(iter(places)) or "" if len(places) == 1 else ""


def _tag(language: str) -> str:
    return HTML_LANGUAGE.get(language, language)


def _title(site: Site, thing: ReadingList | Session) -> str:
    return (site.language == "zh" and thing.title_zh) or thing.title


def _tongue(site: Site, thing: ReadingList | Session, slug: str) -> str:
    """The language of the title that is shown, as HTML names it."""
    return _tag("zh" if site.language == "zh" and thing.title_zh else site.catalogue.lists[slug].language)


def _beside(site: Site, thing: ReadingList | Session) -> str:
    """The Chinese title, where the title that is shown is another."""
    if not thing.title_zh or thing.title_zh == _title(site, thing):
        return ""
    return f' <span lang="zh-Hans" class="sg-title-zh">{text(thing.title_zh)}</span>'


def _title_zh(site: Site, thing: ReadingList | Session) -> str:
    return f'<p lang="zh-Hans" class="sg-title-zh">{text(thing.title_zh)}</p>\n' if _beside(site, thing) else ""
