"""Pages that list: folders, families, topics, methods, venues, years, people, reading lists, the ledger, everything."""

from __future__ import annotations

from collections.abc import Iterable

from sightglass.catalogue import ENTRY_FOLDERS
from sightglass.pages import pictures
from sightglass.pages.entries import items, method_link, summary
from sightglass.pages.lists import list_pages
from sightglass.pages.markup import HTML_LANGUAGE, bullets, page, ready, spoken, table, text, to
from sightglass.pages.methods import claims_header, claims_table, other_name
from sightglass.pages.site import Site


def index_pages(site: Site) -> dict[str, str]:
    """All pages that list, by path."""
    pages: dict[str, str] = {}
    for folder in ENTRY_FOLDERS:
        here = f"{folder}/index.md"
        keys = site.newest_first(list(site.catalogue.of_folder(folder)))
        lead = f"{site.say(f'{folder} lead')} {site.say('in all', count=len(keys))}"
        pages[here] = page(site.say(folder), f"# {site.say(folder)}\n\n{lead}\n\n{ready(items(site, keys, here))}")
    pages |= _families(site) | _methods_index(site) | _topics(site) | _venues(site) | _years(site) | _people(site)
    pages |= list_pages(site)
    pages["claims.md"] = _claims(site)
    return pages


def _card(site: Site, slug: str, here: str) -> str:
    """A method as a card of a gallery."""
    method = site.catalogue.methods[slug]
    picture = site.picture_of(slug)
    shown = ""
    if picture:
        alternative = site.say("picture of method", name=site.name_of(method))
        shown = f"<p>{pictures.picture(site, picture, alternative, here, css='sg-thumb')}</p>\n"
    missing = "to be reproduced" if method.feasible != "no" else "not on small data"
    state = site.say("runs here" if site.module_of(slug) else missing)
    english = site.tongue_of(method) == "zh"
    other = method.name if english else method.name_zh
    beside = f' <span lang="{"en" if english else "zh-Hans"}" class="sg-title-zh">{text(other)}</span>'
    count = len(site.by_method.get(slug, []))
    return (
        f"<p><strong>{method_link(site, slug, here)}</strong>"
        f"{beside if other and other != site.name_of(method) else ''}</p>\n{shown}"
        f"<p>{text(method.summary_zh if site.language == 'zh' else method.summary)}</p>\n"
        f'<p><span class="sg-meta">{site.say("n entries", count=count)} · {state}</span></p>\n'
    )


def gallery(site: Site, slugs: list[str], here: str) -> str:
    """A grid of methods."""
    return _grid(_card(site, slug, here) for slug in slugs)


def _grid(cards: Iterable[str]) -> str:
    return ready(f'<div class="grid cards">\n{bullets(cards)}</div>')


def _runs_first(site: Site, slugs: list[str]) -> list[str]:
    methods = site.catalogue.methods
    return sorted(
        slugs, key=lambda s: (site.module_of(s) is None, methods[s].scope != "core", methods[s].name.casefold())
    )


def _families(site: Site) -> dict[str, str]:
    pages = {}
    cards = []
    for family in site.catalogue.taxonomy.families:
        here = f"families/{family.id}.md"
        slugs = _runs_first(site, [s for s, m in site.catalogue.methods.items() if m.family == family.id])
        keys = site.by_family.get(family.id, [])
        question = family.description_zh if site.language == "zh" else family.description
        body = f"# {text(site.name_of(family))}\n\n{other_name(site, family)}\n"
        drawn = pictures.drawing(site, family.id, here, css="sg-family")
        body += ready((f"<p>{drawn}</p>" if drawn else "") + summary(site, family.description, family.description_zh))
        body += f"## {site.say('methods')}\n\n{gallery(site, slugs, here)}\n" if slugs else ""
        body += f"\n## {site.say('entries')}\n\n{ready(items(site, keys, here))}"
        pages[here] = page(site.name_of(family), body, description=question)
        index = "families/index.md"
        drawn = pictures.drawing(site, family.id, index)
        counted = site.say("methods and entries", methods=len(slugs), entries=len(keys))
        cards.append(
            (f"<p>{drawn}</p>\n" if drawn else "")
            + f"<p><strong>{to(here, site.name_of(family), index)}</strong></p>\n"
            + f'<p>{text(question)}</p>\n<p><span class="sg-meta">{counted}</span></p>\n'
        )
    lead = f"# {site.say('families')}\n\n{site.say('families lead')}\n\n"
    pages["families/index.md"] = page(site.say("families"), lead + _grid(cards), hide=["navigation", "toc"])
    return pages


def _methods_index(site: Site) -> dict[str, str]:
    here = "methods/index.md"
    runs = sum(site.module_of(slug) is not None for slug in site.catalogue.methods)
    lead = site.say("methods lead", count=len(site.catalogue.methods), runs=runs)
    body = f"# {site.say('methods')}\n\n{lead}\n\n"
    for family in site.catalogue.taxonomy.families:
        slugs = _runs_first(site, [s for s, m in site.catalogue.methods.items() if m.family == family.id])
        if slugs:
            link = to(f"families/{family.id}.md", site.name_of(family), here)
            drawn = pictures.drawing(site, family.id, here, css="sg-family")
            body += f"## {link}\n\n{drawn}\n\n{gallery(site, slugs, here)}\n"
    return {here: page(site.say("methods"), body)}


def _topics(site: Site) -> dict[str, str]:
    pages = {}
    for topic in site.catalogue.taxonomy.topics:
        here = f"topics/{topic.id}.md"
        keys = site.newest_first([k for k, entry in site.catalogue.entries.items() if topic.id in entry.topics])
        body = f"# {text(site.name_of(topic))}\n\n{other_name(site, topic)}\n"
        pages[here] = page(site.name_of(topic), body + ready(items(site, keys, here)))
    return pages


def _venues(site: Site) -> dict[str, str]:
    pages = {}
    here = "venues/index.md"
    rows = []
    used = [venue for venue in site.catalogue.venues if site.by_venue.get(venue)]
    for venue_id in sorted(used, key=lambda v: (-len(site.by_venue[v]), v.casefold())):
        venue, keys = site.catalogue.venues[venue_id], site.by_venue[venue_id]
        own = f"venues/{venue_id.lower()}.md"
        name, tongue = site.name_of(venue), HTML_LANGUAGE.get(site.tongue_of(venue), "en")
        pages[own] = page(
            name, f"# {text(name)} {{ lang={tongue} }}\n\n{other_name(site, venue)}\n{ready(items(site, keys, own))}"
        )
        link = spoken(to(own, name, here), site.tongue_of(venue), site.language)
        rows.append([link, text(venue_id), site.say(f"venue.{venue.kind}"), str(len(keys))])
    header = [site.say(name) for name in ("venue", "short", "kind", "entries")]
    return pages | {here: page(site.say("venues"), f"# {site.say('venues')}\n\n" + ready(table(header, rows)))}


def _years(site: Site) -> dict[str, str]:
    pages = {}
    for year, keys in site.by_year.items():
        here = f"years/{year}.md"
        heading = site.say("year heading", year=year)
        pages[here] = page(heading, f"# {heading}\n\n{ready(items(site, keys, here))}")
    here = "years/index.md"
    rows = [[to(f"years/{year}.md", year, here), str(len(keys))] for year, keys in site.by_year.items()]
    undated = [key for key, entry in site.catalogue.entries.items() if not entry.year]
    body = f"# {site.say('years')}\n\n" + ready(table([site.say("year"), site.say("entries")], rows))
    if undated:
        body += f"\n## {site.say('without year')}\n\n{ready(items(site, site.newest_first(undated), here))}"
    return pages | {here: page(site.say("years"), body)}


def _people(site: Site) -> dict[str, str]:
    pages = {}
    here = "people/index.md"
    rows = []
    for slug, (person, keys) in site.people.items():
        own = f"people/{slug}.md"
        name_zh = f'<p lang="zh-Hans" class="sg-title-zh">{text(person.zh)}</p>\n\n' if person.zh else ""
        pages[own] = page(person.display, f"# {text(person.display)}\n\n{name_zh}{ready(items(site, keys, own))}")
        rows.append([to(own, person.display, here), str(len(keys))])
    rows.sort(key=lambda row: -int(row[1]))
    body = f"# {site.say('people')}\n\n{site.say('people lead')}\n\n"
    body += ready(table([site.say("person"), site.say("papers")], rows))
    return pages | {here: page(site.say("people"), body)}


def _claims(site: Site) -> str:
    here = "claims.md"
    rows = [
        row
        for slug, method in site.catalogue.methods.items()
        if method.claims
        for row in claims_table(site, slug, here, with_method=True)
    ]
    lead = f"# {site.say('ledger')}\n\n{site.say('ledger lead')}\n\n"
    header = [site.say("method"), *claims_header(site)]
    body = ready(table(header, rows, css="sg-claims sg-all", stacks=True)) if rows else site.say("no claims")
    return page(site.say("claims"), lead + body, hide=["navigation", "toc"])
