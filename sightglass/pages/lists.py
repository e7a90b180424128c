"""The pages of reading lists: the next session first, what to read, progress that a reader ticks off, downloads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from sightglass import citations, lists
from sightglass.models import ReadingItem, ReadingList, Session
from sightglass.pages.entries import meta_line
from sightglass.pages.markup import chinese, code, out, page, text, to
from sightglass.pages.site import Site

DOWNLOADS = {"bib": "bibtex", "ris": "ris"}

WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "lists": "Reading lists",
        "lead": "What a group, or a reader alone, reads in which order.",
        "counted": "{sessions} sessions, {items} things to read",
        "next": "Next session",
        "following": "next",
        "over": "All planned sessions are over.",
        "schedule": "Schedule",
        "times": "Times are those of {zone}.",
        "done": "done",
        "cancelled": "cancelled",
        "moved": "moved from {when}",
        "notes": "Notes",
        "method": "Method",
        "tick": "Read: {title}",
        "progress": "{done} of {all} read",
        "unkept": "{done} of {all} read (this browser does not keep it)",
        "calendar": "Add to calendar",
        "subscribe": "Subscribe",
        "download": "Download",
        "print": "Print",
        "copy": "Copy as Markdown",
        "copied": "Copied",
        "uncopied": "Select it below and copy it",
        "chat": "Markdown for a chat",
    },
    "zh": {
        "lists": "阅读清单",
        "lead": "小组或个人按什么顺序读什么。",
        "counted": "{sessions} 次讨论，{items} 项阅读内容",
        "next": "下一次讨论",
        "following": "下一次",
        "over": "计划中的讨论都已结束。",
        "schedule": "日程",
        "times": "时间为 {zone} 时区。",
        "done": "已结束",
        "cancelled": "已取消",
        "moved": "原定 {when}",
        "notes": "记录",
        "method": "方法",
        "tick": "已读：{title}",
        "progress": "已读 {done}/{all}",
        "unkept": "已读 {done}/{all}（此浏览器无法保存）",
        "calendar": "加入日历",
        "subscribe": "订阅",
        "download": "下载",
        "print": "打印",
        "copy": "复制为 Markdown",
        "copied": "已复制",
        "uncopied": "请在下方选中并复制",
        "chat": "用于聊天的 Markdown",
    },
}


def list_pages(site: Site, language: str = "en") -> dict[str, str]:
    """The page of every reading list, and the page that lists them."""
    words = WORDS[language]
    here = "lists/index.md"
    lines = [f"# {words['lists']}\n", words["lead"] + "\n"]
    for slug, reading_list in site.catalogue.lists.items():
        count = len({(i, item.key) for i, session in enumerate(reading_list.sessions) for item in session.items})
        facts = [words["counted"].format(sessions=len(reading_list.sessions), items=count)]
        days = sorted(
            start for session in lists.meetings(reading_list) if (start := lists.begins(session, reading_list.timezone))
        )
        if days:
            facts.append(" – ".join(dict.fromkeys(lists.day(day, language) for day in (days[0], days[-1]))))
        lines.append(
            f"- **{to(f'lists/{slug}.md', _title(reading_list, language), here)}**{_beside(reading_list, language)}"
            f' <span class="sg-meta">{text(" · ".join(facts))}</span>  \n  {text(_summary(reading_list, language))}'
        )
    pages = {here: page(words["lists"], "\n".join(lines) + "\n")}
    return pages | {f"lists/{slug}.md": _list(site, slug, language) for slug in site.catalogue.lists}


def list_files(site: Site) -> dict[str, str | bytes]:
    """What is downloaded from the lists' pages: the bibliography of each, and the calendar of those with dates."""
    files: dict[str, str | bytes] = {}
    for slug, reading_list in site.catalogue.lists.items():
        keys = lists.entry_keys(reading_list, site.catalogue)
        for suffix, name in DOWNLOADS.items():
            files[f"lists/{slug}.{suffix}"] = citations.format_entries(keys, site.catalogue, name)
        calendar = lists.calendar(slug, reading_list, site.catalogue, site.settings.site)
        if calendar is not None:
            files[f"lists/{slug}.ics"] = calendar
    return files


def _list(site: Site, slug: str, language: str) -> str:
    reading_list = site.catalogue.lists[slug]
    words = WORDS[language]
    parts = [f"# {_marked(reading_list, reading_list.language, language, f'data-sg-list={slug}')}\n"]
    if other := _beside(reading_list, language):
        parts.append(f'<p class="sg-title-zh">{other}</p>\n')
    facts = [text(fact) for fact in (reading_list.group, reading_list.term, _common_place(reading_list)) if fact]
    parts += [" · ".join(facts) + "\n{ .sg-facts }\n"] if facts else []
    parts.append(_next(site, slug, language))
    parts.append(text(_summary(reading_list, language)) + "\n{ .sg-summary }\n")
    parts += [chinese(reading_list.summary_zh)] if reading_list.summary_zh and language != "zh" else []
    parts.append(_tools(site, slug, language))
    parts.append(_progress(reading_list, words))
    parts.append(_schedule(site, slug, language))
    seen: set[str] = set()
    for number in range(1, len(reading_list.sessions) + 1):
        parts.append(_session(site, slug, number, language, seen))
    parts.append(_chat(site, slug, words))
    return page(
        _title(reading_list, language),
        "\n".join(part for part in parts if part),
        description=_summary(reading_list, language),
        source=f"catalog/lists/{slug}.yaml",
        sessions=[
            [anchor(reading_list.sessions[number - 1], number), end.isoformat()]
            for end, number in _candidates(reading_list)
        ],
        scripts=["assets/lists.js"],
        styles=["assets/lists.css"],
    )


def _tools(site: Site, slug: str, language: str) -> str:
    """Calendar, downloads, and what the script offers: printing and copying."""
    words = WORDS[language]
    here = "../" if language == "en" else "../../../lists/"  # files exist once, beside the English pages
    suffixes = list(DOWNLOADS)
    links = []
    if lists.meetings(site.catalogue.lists[slug]):
        # without 'download' a phone opens its calendar instead of keeping a file
        links.append(f'<a href="{here}{slug}.ics" type="text/calendar">{words["calendar"]}</a>')
        if site.settings.site:
            address = re.sub("^https?:", "webcal:", f"{site.settings.site}lists/{slug}.ics")
            links.append(out(address, words["subscribe"]))
        suffixes.append("ics")
    files = " ".join(f'<a href="{here}{slug}.{suffix}" download="{slug}.{suffix}">.{suffix}</a>' for suffix in suffixes)
    links.append(f"{words['download']} {files}")
    buttons = f'<button type="button" data-sg-print>{words["print"]}</button>'
    buttons += (
        f' <button type="button" data-sg-copy-chat data-sg-copied="{words["copied"]}"'
        f' data-sg-uncopied="{words["uncopied"]}">{words["copy"]}</button> <span role="status"></span>'
    )
    shown = " · ".join(links)
    return f'<p class="sg-tools">{shown} <span class="sg-tools-buttons">{buttons}</span></p>\n'


def _progress(reading_list: ReadingList, words: Mapping[str, str]) -> str:
    """A bar for what the reader has ticked off; it has its place, but is seen only once the script fills it."""
    total = sum(len(session.items) for session in reading_list.sessions)
    start = words["progress"].format(done=0, all=total)
    return (
        f'<p class="sg-progress" data-sg-progress="{words["progress"]}" data-sg-unkept="{words["unkept"]}">'
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


def _next(site: Site, slug: str, language: str) -> str:
    """The next session, as known when the site was built, and hidden beside it those that become it later.

    ``lists-next.js`` chooses again by the reader's clock before anything is drawn, so that nothing on the page moves.
    """
    reading_list, words = site.catalogue.lists[slug], WORDS[language]
    candidates = _candidates(reading_list)
    if not candidates:
        return ""
    following = _following(site, reading_list)
    cards = []
    for _, number in candidates:
        session = reading_list.sessions[number - 1]
        when = _when(session, reading_list.timezone, language)
        facts = [when, text(session.place or ""), text(session.presenter or "")]
        link = f"[{number}. {text(_title(session, language))}](#{anchor(session, number)})"
        link += f"{{ lang={_tongue(session, reading_list.language, language)} }}"
        lines = [f'<span class="sg-meta">{words["next"]}</span> **{link}**\n']
        lines.append(" · ".join(fact for fact in facts if fact) + "\n")
        lines += [f"- {_link(site, item, f'lists/{slug}.md')}{_sections(item)}" for item in session.items]
        cards.append(_card("\n".join(lines), anchor(session, number), following == number))
    cards.append(_card(words["over"] + "\n", "", following is None))
    body = "\n".join(cards)
    return f'<section class="sg-next" aria-label="{words["next"]}" markdown>\n\n{body}\n</section>\n'


def _card(body: str, name: str, is_next: bool) -> str:
    css = "sg-next-card sg-now" if is_next else "sg-next-card"
    return f'<div class="{css}" data-sg-session="{name}" markdown>\n\n{body}\n\n</div>\n'


def _following(site: Site, reading_list: ReadingList) -> int | None:
    """The number of the next session when the site was built."""
    following = lists.upcoming(reading_list, site.now) if site.now else []
    return following[0] + 1 if following else None


def _schedule(site: Site, slug: str, language: str) -> str:
    """One line for each session, if there is anything to say about when, where or by whom."""
    reading_list, words = site.catalogue.lists[slug], WORDS[language]
    sessions = reading_list.sessions
    if not any(session.start or session.presenter for session in sessions):
        return ""
    following = _following(site, reading_list)
    lines = []
    for number, session in enumerate(sessions, 1):
        name = anchor(session, number)
        when = _when(session, reading_list.timezone, language, short=True)
        facts = [session.presenter, session.place if not _common_place(reading_list) else None]
        about = "".join(f' <span class="sg-meta">· {text(fact)}</span>' for fact in facts if fact)
        css = "sg-mark sg-now" if number == following else "sg-mark"
        mark = f' <span class="{css}" data-sg-session="{name}">{words["following"]}</span>'
        title = f"[{text(_title(session, language))}](#{name})"
        title += f"{{ lang={_tongue(session, reading_list.language, language)} }}"
        lines.append(f"{number}. {when} {title}{about}{_status(session, words)}{mark}")
    zone = words["times"].format(zone=text(reading_list.timezone)) + "\n{ .sg-meta }\n"
    dated = any(session.start for session in sessions)
    body = "\n".join(lines) + "\n\n</div>\n" + (f"\n{zone}" if dated else "")
    return f'## {words["schedule"]} {{ #sg-schedule }}\n\n<div class="sg-schedule" markdown>\n\n{body}'


def _session(site: Site, slug: str, number: int, language: str, seen: set[str]) -> str:
    reading_list, words = site.catalogue.lists[slug], WORDS[language]
    session = reading_list.sessions[number - 1]
    here, tag = f"lists/{slug}.md", _tag(reading_list.language)
    heading = _marked(session, reading_list.language, language, f"#{anchor(session, number)}")
    lines = [f"## {number}. {heading}\n"]
    if other := _beside(session, language):
        lines.append(f'<p class="sg-title-zh">{other}</p>\n')
    facts = [_when(session, reading_list.timezone, language) + _status(session, words)]
    moved = lists.moved_from(session, reading_list.timezone)
    if moved and session.status == "planned":
        facts.append(text(words["moved"].format(when=lists.moment(moved, language))))
    facts += [text(fact) for fact in (session.place, session.presenter) if fact]
    if any(facts):
        lines.append(" · ".join(fact for fact in facts if fact) + "\n{ .sg-facts }\n")
    lines.append('<div class="sg-items" markdown>\n')
    for item in session.items:
        lines.append(f"- {_item(site, item, here, anchor(session, number), words, seen)}")
        lines += [f"    - {_spoken(question, tag)}" for question in item.questions]
    lines.append("\n</div>\n")
    if session.notes:
        lines.append(f"**{words['notes']}**\n\n")
        lines += [_spoken(paragraph, tag) + "\n" for paragraph in re.split(r"\n\s*\n", session.notes.strip())]
    return "\n".join(lines)


def _item(site: Site, item: ReadingItem, here: str, session: str, words: Mapping[str, str], seen: set[str]) -> str:
    """A thing to read: a box to tick, the title, who wrote it, where it can be read, and what of it."""
    label = text(words["tick"].format(title=lists.title_of(item, site.catalogue)))
    box = f'<input type="checkbox" class="sg-read" data-sg-item="{session}/{item.key}" aria-label="{label}">'
    shown = f"{box} **{_link(site, item, here)}**"
    entry = site.catalogue.entries.get(item.key)
    if entry is None:
        return f'{shown} <span class="sg-item-facts">{words["method"]}</span>' + _sections(item)
    place = lists.read_at(entry)
    facts = [text(meta_line(site, entry)), out(place[0], place[1], language=_tag(entry.language)) if place else ""]
    shown += f' <span class="sg-item-facts">{" · ".join(fact for fact in facts if fact)}</span>' + _sections(item)
    if item.key not in seen:  # Zotero would save it twice
        seen.add(item.key)
        shown += " " + citations.coins(item.key, entry, site.catalogue.venues)
    return shown


def _link(site: Site, item: ReadingItem, here: str) -> str:
    entry = site.catalogue.entries.get(item.key)
    if entry is None:
        return to(f"methods/{item.key}.md", site.catalogue.methods[item.key].name, here)
    return to(site.page_of(item.key), entry.title, here) + f"{{ lang={_tag(entry.language)} }}"


def _sections(item: ReadingItem) -> str:
    return f' <span class="sg-sections">{text(item.sections)}</span>' if item.sections else ""


def _chat(site: Site, slug: str, words: Mapping[str, str]) -> str:
    source = lists.markdown(slug, site.catalogue.lists[slug], site.catalogue, site.settings.site)
    block = "".join(f"    {line}\n" if line else "\n" for line in code(source, "text").split("\n"))
    return f'??? note sg-chat "{words["chat"]}"\n\n{block}\n'


def anchor(session: Session, number: int) -> str:
    """The session's name in the page's address: its id, or its number as long as it has none."""
    return session.id or f"session-{number}"


def _when(session: Session, timezone: str, language: str, *, short: bool = False) -> str:
    """The date as a ``time`` element; short: without the end and the time zone."""
    start = lists.begins(session, timezone)
    if start is None:
        return ""
    shown = lists.moment(start, language) if short else lists.when(session, timezone, language)
    return f'<time datetime="{start.isoformat()}">{text(shown)}</time>'


def _status(session: Session, words: Mapping[str, str]) -> str:
    css = "sg-status sg-dead" if session.status == "cancelled" else "sg-status"
    return f' <span class="{css}">{words[session.status]}</span>' if session.status != "planned" else ""


def _common_place(reading_list: ReadingList) -> str:
    """The place, if all sessions are in the same."""
    places = {session.place for session in reading_list.sessions}
    return next(iter(places)) or "" if len(places) == 1 else ""


def _spoken(words: str, tag: str) -> str:
    return text(words) if tag == "en" else f'<span lang="{tag}">{text(words)}</span>'


def _tag(language: str) -> str:
    return "zh-Hans" if language == "zh" else language


def _title(thing: ReadingList | Session, language: str) -> str:
    return (language == "zh" and thing.title_zh) or thing.title


def _summary(reading_list: ReadingList, language: str) -> str:
    return (language == "zh" and reading_list.summary_zh) or reading_list.summary


def _tongue(thing: ReadingList | Session, own: str, language: str) -> str:
    """The language of the title that is shown, as HTML names it."""
    return "zh-Hans" if _title(thing, language) == thing.title_zh != thing.title else _tag(own)


def _marked(thing: ReadingList | Session, own: str, language: str, attributes: str) -> str:
    """The title of a heading with its language."""
    return f"{text(_title(thing, language))} {{ {attributes} lang={_tongue(thing, own, language)} }}"


def _beside(thing: ReadingList | Session, language: str) -> str:
    """The Chinese title, where the title that is shown is another."""
    if not thing.title_zh or thing.title_zh == _title(thing, language):
        return ""
    return f' <span lang="zh-Hans" class="sg-title-zh">{text(thing.title_zh)}</span>'
