"""Pages that list: folders, families, topics, methods, venues, years, people, reading lists, the ledger, everything."""

from __future__ import annotations

from sightglass.models import ReadingList
from sightglass.pages.entries import items
from sightglass.pages.markup import chinese, page, table, text, to
from sightglass.pages.methods import CLAIMS_HEADER, claims_table
from sightglass.pages.site import Site

FOLDERS = {
    "papers": ("Papers", "Every paper of the catalogue, newest first."),
    "tools": ("Tools", "Libraries, applications, demonstrations and code."),
    "posts": ("Posts", "Blogs, news, answers and advice."),
    "resources": ("Resources", "Courses, books, videos, lists, groups and people."),
}


def index_pages(site: Site) -> dict[str, str]:
    """All pages that list, by path."""
    pages: dict[str, str] = {}
    for folder, (title, lead) in FOLDERS.items():
        here = f"{folder}/index.md"
        keys = site.newest_first(list(site.catalogue.of_folder(folder)))
        pages[here] = page(title, f"# {title}\n\n{lead} {len(keys)} in all.\n\n{items(site, keys, here)}")
    pages |= _families(site) | _methods_index(site) | _topics(site) | _venues(site) | _years(site) | _people(site)
    pages |= _lists(site)
    pages["claims.md"] = _claims(site)
    pages["browse.md"] = _browse()
    return pages


def _card(site: Site, slug: str, here: str) -> str:
    """A method as a card of a gallery."""
    method = site.catalogue.methods[slug]
    picture = site.picture_of(slug)
    shown = f"    ![](../{picture}){{ loading=lazy .sg-thumb }}\n\n" if picture else ""
    state = (
        "runs here"
        if site.module_of(slug)
        else ("to be reproduced" if method.feasible != "no" else "not on small data")
    )
    chinese_name = f' <span lang="zh-Hans" class="sg-title-zh">{text(method.name_zh)}</span>' if method.name_zh else ""
    count = len(site.by_method.get(slug, []))
    return (
        f"-   **{to(f'methods/{slug}.md', method.name, here)}**{chinese_name}\n\n{shown}    {text(method.summary)}\n\n"
        f'    <span class="sg-meta">{count} entries · {state}</span>\n'
    )


def gallery(site: Site, slugs: list[str], here: str) -> str:
    """A grid of cards."""
    return '<div class="grid cards" markdown>\n\n' + "\n".join(_card(site, s, here) for s in slugs) + "\n</div>\n"


def _runs_first(site: Site, slugs: list[str]) -> list[str]:
    methods = site.catalogue.methods
    return sorted(
        slugs, key=lambda s: (site.module_of(s) is None, methods[s].scope != "core", methods[s].name.casefold())
    )


def _families(site: Site) -> dict[str, str]:
    pages = {}
    rows = []
    for family in site.catalogue.taxonomy.families:
        here = f"families/{family.id}.md"
        slugs = _runs_first(site, [s for s, m in site.catalogue.methods.items() if m.family == family.id])
        keys = site.by_family.get(family.id, [])
        body = f'# {text(family.name)}\n\n<p lang="zh-Hans" class="sg-title-zh">{text(family.name_zh)}</p>\n\n'
        body += f"{text(family.description)}\n\n{chinese(family.description_zh)}\n"
        body += f"## Methods\n\n{gallery(site, slugs, here)}\n" if slugs else ""
        pages[here] = page(
            family.name, body + f"\n## Entries\n\n{items(site, keys, here)}", description=family.description
        )
        index = "families/index.md"
        rows.append([f"**{to(here, family.name, index)}**", text(family.description), str(len(slugs)), str(len(keys))])
    lead = "# Families\n\nThe branches of the taxonomy; every method belongs to one.\n\n"
    pages["families/index.md"] = page("Families", lead + table(["Family", "The question", "Methods", "Entries"], rows))
    return pages


def _methods_index(site: Site) -> dict[str, str]:
    here = "methods/index.md"
    runs = sum(site.module_of(slug) is not None for slug in site.catalogue.methods)
    body = f"# Methods\n\n{len(site.catalogue.methods)} techniques; {runs} run here.\n\n"
    for family in site.catalogue.taxonomy.families:
        slugs = _runs_first(site, [s for s, m in site.catalogue.methods.items() if m.family == family.id])
        if slugs:
            body += f"## {to(f'families/{family.id}.md', family.name, here)}\n\n{gallery(site, slugs, here)}\n"
    return {here: page("Methods", body)}


def _topics(site: Site) -> dict[str, str]:
    pages = {}
    for topic in site.catalogue.taxonomy.topics:
        here = f"topics/{topic.id}.md"
        keys = site.newest_first([k for k, entry in site.catalogue.entries.items() if topic.id in entry.topics])
        body = f'# {text(topic.name)}\n\n<p lang="zh-Hans" class="sg-title-zh">{text(topic.name_zh)}</p>\n\n'
        pages[here] = page(topic.name, body + items(site, keys, here))
    return pages


def _venues(site: Site) -> dict[str, str]:
    pages = {}
    here = "venues/index.md"
    rows = []
    used = [venue for venue in site.catalogue.venues if site.by_venue.get(venue)]
    for venue_id in sorted(used, key=lambda v: (-len(site.by_venue[v]), v.casefold())):
        venue, keys = site.catalogue.venues[venue_id], site.by_venue[venue_id]
        own = f"venues/{venue_id.lower()}.md"
        name_zh = f'<p lang="zh-Hans" class="sg-title-zh">{text(venue.name_zh)}</p>\n\n' if venue.name_zh else ""
        body = f"# {text(venue.name)}\n\n{name_zh}{items(site, keys, own)}"
        pages[own] = page(venue.name, body)
        rows.append([to(own, venue.name, here), text(venue_id), text(venue.kind), str(len(keys))])
    body = "# Venues\n\n" + table(["Venue", "Short", "Kind", "Entries"], rows)
    return pages | {here: page("Venues", body)}


def _years(site: Site) -> dict[str, str]:
    pages = {}
    for year, keys in site.by_year.items():
        here = f"years/{year}.md"
        pages[here] = page(str(year), f"# {year}\n\n{items(site, keys, here)}")
    here = "years/index.md"
    rows = [[to(f"years/{year}.md", year, here), str(len(keys))] for year, keys in site.by_year.items()]
    undated = [key for key, entry in site.catalogue.entries.items() if not entry.year]
    body = "# Years\n\n" + table(["Year", "Entries"], rows)
    body += f"\n## Without a confirmed year\n\n{items(site, site.newest_first(undated), here)}" if undated else ""
    return pages | {here: page("Years", body)}


def _people(site: Site) -> dict[str, str]:
    pages = {}
    here = "people/index.md"
    rows = []
    for slug, (person, keys) in site.people.items():
        own = f"people/{slug}.md"
        name_zh = f'<p lang="zh-Hans" class="sg-title-zh">{text(person.zh)}</p>\n\n' if person.zh else ""
        pages[own] = page(person.display, f"# {text(person.display)}\n\n{name_zh}{items(site, keys, own)}")
        rows.append([to(own, person.display, here), str(len(keys))])
    rows.sort(key=lambda row: -int(row[1]))
    body = "# People\n\nAuthors of three or more papers of the catalogue.\n\n" + table(["Person", "Papers"], rows)
    return pages | {here: page("People", body)}


def _lists(site: Site) -> dict[str, str]:
    pages = {f"lists/{slug}.md": _list(site, slug, lst) for slug, lst in site.catalogue.lists.items()}
    here = "lists/index.md"
    lines = ["# Reading lists\n"]
    for slug, lst in site.catalogue.lists.items():
        title_zh = f' <span lang="zh-Hans" class="sg-title-zh">{text(lst.title_zh)}</span>' if lst.title_zh else ""
        count = sum(len(session.items) for session in lst.sessions)
        lines.append(
            f"- **{to(f'lists/{slug}.md', lst.title, here)}**{title_zh}"
            f' <span class="sg-meta">{len(lst.sessions)} sessions, {count} items</span>  \n  {text(lst.summary)}'
        )
    return pages | {here: page("Reading lists", "\n".join(lines) + "\n")}


def _list(site: Site, slug: str, lst: ReadingList) -> str:
    here = f"lists/{slug}.md"
    lines = [f"# {text(lst.title)}\n"]
    if lst.title_zh:
        lines.append(f'<p lang="zh-Hans" class="sg-title-zh">{text(lst.title_zh)}</p>\n')
    facts = [text(fact) for fact in (lst.group, lst.term) if fact]
    lines += [" · ".join(facts) + "\n{ .sg-facts }\n"] if facts else []
    lines.append(text(lst.summary) + "\n{ .sg-summary }\n")
    lines += [chinese(lst.summary_zh)] if lst.summary_zh else []
    for number, session in enumerate(lst.sessions, 1):
        lines.append(f"## {number}. {text(session.title)}\n")
        if session.title_zh:
            lines.append(f'<p lang="zh-Hans" class="sg-title-zh">{text(session.title_zh)}</p>\n')
        when = [session.start and f"{session.start} ({lst.timezone})", session.place, session.presenter]
        if any(when):
            lines.append(" · ".join(text(part) for part in when if part) + "\n{ .sg-facts }\n")
        for item in session.items:
            if item.key in site.catalogue.entries:
                entry = site.catalogue.entries[item.key]
                link = to(site.page_of(item.key), entry.title, here)
            else:
                link = to(f"methods/{item.key}.md", site.catalogue.methods[item.key].name, here)
            sections = f" – {text(item.sections)}" if item.sections else ""
            lines.append(f"- {link}{sections}")
            lines += [f"    - {text(question)}" for question in item.questions]
        lines.append("")
        if session.notes:
            lines.append(text(session.notes) + "\n")
    lines.append(f'Download: <a href="../{slug}.bib" download>.bib</a> · <a href="../{slug}.ris" download>.ris</a>\n')
    return page(lst.title, "\n".join(lines), description=lst.summary)


def _claims(site: Site) -> str:
    here = "claims.md"
    rows = [
        row
        for slug, method in site.catalogue.methods.items()
        if method.claims
        for row in claims_table(site, slug, here, with_method=True)
    ]
    lead = (
        "# The ledger of claims\n\nEach row is one checkable statement of a paper: where the paper makes it, what the "
        "paper measured, what the code here measures, and whether it holds. A claim that does not hold at this scale "
        "is shown with the reason. *Stale* means that the code has changed since the number was measured.\n\n"
        "`sightglass verify` measures everything anew.\n\n"
    )
    body = table(["Method", *CLAIMS_HEADER], rows, css="sg-claims") if rows else "No claims yet.\n"
    return page("Claims", lead + body)


def _browse() -> str:
    links = ", ".join(f"[{title.lower()}]({folder}/index.md)" for folder, (title, _) in FOLDERS.items())
    body = (
        "# Browse\n\n"
        '<div id="sg-browse" data-catalogue="../catalogue.json"></div>\n\n'
        f"<noscript markdown>Without JavaScript, everything is found in these lists.</noscript>\n\n"
        f"All {links}; by [family](families/index.md), [method](methods/index.md), [venue](venues/index.md), "
        "[year](years/index.md) and [person](people/index.md).\n{ .sg-meta }\n"
    )
    return page("Browse", body, hide=["navigation", "toc"])
