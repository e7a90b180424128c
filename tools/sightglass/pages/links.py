"""The page of links that are not fine: those that the catalogue marks, and those that the checker found."""

from __future__ import annotations

from collections import defaultdict

from sightglass import links
from sightglass.catalogue.models import Entry, Link, Method
from sightglass.links import Address, Record
from sightglass.pages.entries import method_link, titled
from sightglass.pages.markup import bullets, either, out, page, ready, spoken, text
from sightglass.pages.phrases import day
from sightglass.pages.site import Site

HERE = "links.md"


def links_page(site: Site) -> str:
    """The report; raises ``StoredError`` if the stored results cannot be read."""
    known = links.addresses(site.catalogue)
    records = {url: record for url, record in links.load(site.root).items() if url in known}
    marked = _marked(site)
    items: defaultdict[str, list[str]] = defaultdict(list)
    for url in sorted({*records, *marked}, key=_plain):
        link, record = marked.get(url), records.get(url)
        items[_state(link, record)].append(_item(site, url, known[url], link, record))
    asked = max((record.checked for record in records.values()), default=None)
    when = site.say("links asked", day=day(site.language, str(asked))) if asked else site.say("links not asked")
    lead = f"# {site.say('nav.Links')}\n\n{site.say('links lead', count=len(known))}\n\n{when}\n{{ .sg-meta }}\n\n"
    sections = [
        f"## {site.say(f'links.{state}')}\n\n{site.say(f'links.{state} means')} "
        f"{site.say('in all', count=len(items[state]))}\n\n" + ready(bullets(items[state]))
        for state in links.STATES
        if items[state]
    ]
    return page(site.say("nav.Links"), lead + "\n".join(sections))


def _marked(site: Site) -> dict[str, Link]:
    """The links that the catalogue marks, by address without fragment."""
    holders: list[Entry | Method] = [*site.catalogue.entries.values(), *site.catalogue.methods.values()]
    return {link.url.partition("#")[0]: link for holder in holders for link in holder.links if link.status}


def _state(link: Link | None, record: Record | None) -> str:
    if record and record.state == "answers":
        return "answers"
    return (link.status if link else None) or (record.state if record else "unknown")


def _item(site: Site, url: str, address: Address, link: Link | None, record: Record | None) -> str:
    where = ", ".join(_where(site, key) for key in dict.fromkeys(place.key for place in address.places))
    now = (link.now if link else None) or (record.now if record else None)
    said = []
    if link:
        said.append(site.say("links marked", mark=site.say(f"status.{link.status}")))
        said += [either(link.note, link.note_zh, site.language)] if link.note else []
    if record:
        said.append(f"{day(site.language, str(record.checked))}: {spoken(text(record.said), 'en', site.language)}")
    if record and record.failures:
        said.append(site.say("links since", day=day(site.language, str(record.failures[0]))))
    shown = out(url, _plain(url), css="sg-address") + (f" → {out(now, _plain(now), css='sg-address')}" if now else "")
    return f'{where}<br>{shown}<br><span class="sg-meta">{" · ".join(said)}</span>'


def _plain(url: str) -> str:
    return url.split("://", 1)[-1].removeprefix("www.").rstrip("/")


def _where(site: Site, key: str) -> str:
    """The page that shows an address, by the key of its place."""
    slug = key.removeprefix("methods/")
    if key in site.catalogue.entries:
        return titled(site, key, HERE)
    if slug in site.catalogue.methods:
        return method_link(site, slug, HERE)
    venue = site.catalogue.venues[key]
    return spoken(text(site.name_of(venue)), site.tongue_of(venue), site.language)
