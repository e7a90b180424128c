"""The page of links that are not fine: those that the catalogue marks, and those that the checker found."""

from __future__ import annotations

from collections import defaultdict

from sightglass import links
from sightglass.links import Address, Record
from sightglass.models import Entry, Link, Method
from sightglass.pages.markup import out, page, text, to
from sightglass.pages.site import Site

HERE = "links.md"
HEADINGS = {
    "dead": "Dead",
    "failing": "Failing",
    "moved": "Moved",
    "doubtful": "Doubtful",
    "answers": "Answering after all",
    "unknown": "Unknown",
}
MEANINGS = {
    "dead": "Gone: so says the catalogue, or they failed on three different days.",
    "failing": "They failed when they were asked last, but on fewer than three days.",
    "moved": "Found at another address today.",
    "doubtful": "They may well be gone: so says the catalogue, or they lead to a home page.",
    "answers": "The catalogue marks them dead or doubtful, and yet they answer: somebody should look.",
    "unknown": "The server would not say to a program (403, 429, robots.txt); a browser may do better.",
}


def links_page(site: Site) -> str:
    """The report; raises ``LinksError`` if the stored results cannot be read."""
    known = links.addresses(site.catalogue)
    records = {url: record for url, record in links.load(site.root).items() if url in known}
    marked = _marked(site)
    items: defaultdict[str, list[str]] = defaultdict(list)
    for url in sorted({*records, *marked}, key=lambda url: url.split("://", 1)[-1].removeprefix("www.")):
        link, record = marked.get(url), records.get(url)
        state = _state(link, record)
        items[state].append(_item(site, url, known[url], link, record))
    asked = max((record.checked for record in records.values()), default=None)
    lead = (
        f"# Links\n\n{len(known)} addresses stand in the catalogue, and some always break. An entry's page offers an "
        "archived copy beside every link; `sightglass links` asks all of them whether they are still there.\n\n"
    )
    lead += f"Asked last on {asked}.\n{{ .sg-meta }}\n\n" if asked else "Not asked yet.\n{ .sg-meta }\n\n"
    sections = [
        f"## {HEADINGS[state]}\n\n{meaning} {len(items[state])} in all.\n\n" + "\n".join(items[state]) + "\n"
        for state, meaning in MEANINGS.items()
        if items[state]
    ]
    return page("Links", lead + "\n".join(sections or ["All is well.\n"]))


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
        said.append(f"marked {link.status} in the catalogue")
        said += [text(link.note)] if link.note else []
    if record:
        since = f", failing since {record.failures[0]}" if record.failures else ""
        said.append(f"{text(record.said)} on {record.checked}{since}")
    shown = out(url, _plain(url), css="sg-address") + (f" → {out(now, _plain(now), css='sg-address')}" if now else "")
    return f'- {where}<br>{shown}<br><span class="sg-meta">{" · ".join(said)}</span>'


def _plain(url: str) -> str:
    return url.split("://", 1)[-1].removeprefix("www.").rstrip("/")


def _where(site: Site, key: str) -> str:
    """The page that shows an address, by the key of its place."""
    catalogue = site.catalogue
    if key in catalogue.entries:
        return to(site.page_of(key), catalogue.entries[key].title, HERE)
    slug = key.removeprefix("methods/")
    if slug in catalogue.methods:
        return to(f"methods/{slug}.md", catalogue.methods[slug].name, HERE)
    return text(catalogue.venues[key].name)
