"""Pages that list: folders, families, topics, methods, venues, years, people, reading lists, the ledger, everything."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from sightglass.catalogue import ENTRY_FOLDERS
from sightglass.catalogue.models import Person
from sightglass.pages import pictures, together
from sightglass.pages.browse import shortened
from sightglass.pages.claims import claims_page
from sightglass.pages.entries import items, summary
from sightglass.pages.lists import list_pages
from sightglass.pages.markup import HTML_LANGUAGE, address, bullets, page, ready, spoken, table, text, to
from sightglass.pages.methods import other_name
from sightglass.pages.site import Site

STYLES = ["assets/gallery.css"]
MANY = 3  # papers: whoever wrote as many stands at the head of the list of people, too


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
    pages["claims.md"] = claims_page(site)
    return pages


def _card(site: Site, slug: str, here: str) -> str:
    """A method as a card of a gallery: its picture if it has run, else what it does."""
    method = site.catalogue.methods[slug]
    runs = site.module_of(slug) is not None
    picture = site.icon_of(slug)
    seen = ""
    if picture:
        width, height = pictures.size(site.root / picture.replace("pictures/", "results/", 1))
        seen = pictures.image(address(site.shared(picture), here), "", width, height)
    said = method.summary_zh if site.language == "zh" else method.summary
    name = f'<span class="sg-name">{text(site.name_of(method))}</span>'
    badge = f' <span class="sg-badge">{site.say("runs here")}</span>' if runs and not seen else ""
    gist = "" if seen else f'<span class="sg-gist">{text(shortened(said))}</span>'
    css = ' class="sg-runs"' if runs else ""
    return f'<li{css}><a href="{address(f"methods/{slug}.md", here)}">{seen}{name}{badge}{gist}</a></li>\n'


def gallery(site: Site, slugs: list[str], here: str) -> str:
    """Methods as cards, six beside each other on a wide screen."""
    return f'<ul class="sg-cards">\n{"".join(_card(site, slug, here) for slug in slugs)}</ul>\n'


def _all(site: Site, keys: list[str], here: str) -> str:
    """A list of entries, below it what is offered for all of them."""
    return ready(together.offered(site, keys, here) + items(site, keys, here))


def _grid(cards: Iterable[str]) -> str:
    return ready(f'<div class="grid cards">\n{bullets(cards)}</div>')


def _runs_first(site: Site, slugs: list[str]) -> list[str]:
    methods = site.catalogue.methods
    return sorted(
        slugs, key=lambda s: (site.module_of(s) is None, methods[s].scope != "core", methods[s].name.casefold())
    )


def by_family(site: Site) -> list[str]:
    """All methods as the gallery shows them: family by family, what runs first in each."""
    order = list(site.catalogue.families)
    return sorted(
        _runs_first(site, list(site.catalogue.methods)), key=lambda s: order.index(site.catalogue.methods[s].family)
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
        body += f"## {site.say('methods')}\n\n{ready(gallery(site, slugs, here))}\n" if slugs else ""
        body += f"\n## {site.say('entries')}\n\n{ready(items(site, keys, here))}"
        pages[here] = page(site.name_of(family), body, description=question, styles=STYLES)
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
    """The gallery: what runs, by its picture, then each family; the address alone chooses a family (``#inversion``)."""
    here = "methods/index.md"
    methods = site.catalogue.methods
    running = [slug for slug in _runs_first(site, list(methods)) if site.module_of(slug)]
    lead = site.say("methods lead", count=len(methods), runs=len(running))
    links, sections = [f'<li><a href="#all">{site.say("all families")}</a></li>'], []
    if running:
        heading = f"<h2>{site.say('run here')}</h2>"
        sections.append(f'<section class="sg-all-running">\n{heading}\n{gallery(site, running, here)}</section>\n')
    for family in site.catalogue.taxonomy.families:
        slugs = _runs_first(site, [slug for slug, method in methods.items() if method.family == family.id])
        if slugs:
            name, count = text(site.name_of(family)), f'<span class="sg-count">{len(slugs)}</span>'
            links.append(f'<li><a href="#{family.id}">{name} {count}</a></li>')
            page_of = to(f"families/{family.id}.md", site.say("page of the family"), here)
            sections.append(
                f'<section id="{family.id}">\n<h2><a href="#{family.id}">{name} {count}</a></h2>\n'
                f'{gallery(site, slugs, here)}<p class="sg-meta">{page_of}</p>\n</section>\n'
            )
    made = (
        f'<nav aria-label="{site.say("families")}"><ul class="sg-families">{"".join(links)}</ul></nav>\n'
        f'<label class="sg-runs-only"><input type="checkbox"> {site.say("only what runs")}</label>\n{"".join(sections)}'
    )
    body = f"# {site.say('methods')}\n\n{lead}\n\n" + ready(f'<div class="sg-gallery" id="all">\n{made}</div>')
    return {here: page(site.say("methods"), body, hide=["navigation", "toc"], styles=STYLES)}


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
            name, f"# {text(name)} {{ lang={tongue} }}\n\n{other_name(site, venue)}\n{_all(site, keys, own)}"
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
        pages[here] = page(heading, f"# {heading}\n\n{_all(site, keys, here)}")
    here = "years/index.md"
    rows = [[to(f"years/{year}.md", year, here), str(len(keys))] for year, keys in site.by_year.items()]
    undated = [key for key, entry in site.catalogue.entries.items() if not entry.year]
    body = f"# {site.say('years')}\n\n" + ready(table([site.say("year"), site.say("entries")], rows))
    if undated:
        body += f"\n## {site.say('without year')}\n\n{ready(items(site, site.newest_first(undated), here))}"
    return pages | {here: page(site.say("years"), body)}


def _people(site: Site) -> dict[str, str]:
    """A page for each author of a paper, and their list: those of several papers first, then all by family name."""
    pages = {}
    here = "people/index.md"
    letters: dict[str, list[str]] = defaultdict(list)
    for slug, (person, keys) in site.people.items():
        own = f"people/{slug}.md"
        name_zh = f'<p lang="zh-Hans" class="sg-title-zh">{text(person.zh)}</p>\n\n' if person.zh else ""
        pages[own] = page(person.display, f"# {text(person.display)}\n\n{ready(name_zh)}{_all(site, keys, own)}")
        letters[person.filed[:1].upper()].append(_filed(person, keys, own, here))
    most = sorted(site.people.items(), key=lambda named: -len(named[1][1]))
    first = [_filed(*of, f"people/{slug}.md", here) for slug, of in most if len(of[1]) >= MANY]
    links = "".join(f'<li><a class="sg-tag" href="#{letter}">{letter}</a></li>' for letter in letters)
    made = (
        f'<label class="sg-scripted">{site.say("filter names")} <input type="search" autocomplete="off"></label>\n'
        f'<p class="sg-meta" role="status" data-found="{site.say("people found")}"></p>\n'
        f'<nav aria-label="{site.say("letters")}"><ul class="sg-letters">{links}</ul></nav>\n'
    )
    if first:
        made += f"<section><h2>{site.say('many papers', count=MANY)}</h2>\n{bullets(first)}</section>\n"
    for letter, people in letters.items():
        made += f'<section><h2 id="{letter}">{letter}</h2>\n{bullets(people)}</section>\n'
    lead = f"# {site.say('people')}\n\n{site.say('people lead', count=len(site.people))}\n\n"
    body = lead + ready(f'<div class="sg-people">\n{made}</div>')
    return pages | {
        here: page(site.say("people"), body, hide=["toc"], scripts=["assets/people.js"], styles=["assets/people.css"])
    }


def _filed(person: Person, keys: list[str], own: str, here: str) -> str:
    """A person as an item of the list, family name first, with the number of papers if there are several."""
    name_zh = f' <span lang="zh-Hans">{text(person.zh)}</span>' if person.zh else ""
    count = f' <span class="sg-count">{len(keys)}</span>' if len(keys) > 1 else ""
    return to(own, person.display if person.is_cjk else person.name, here) + name_zh + count
