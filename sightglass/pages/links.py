"""The page of links that are not fine: those that the catalogue marks, and those that the checker found."""

from __future__ import annotations

from sightglass import links
from sightglass.links import Record
from sightglass.pages.markup import out, page, table, text, to
from sightglass.pages.site import Site

HEADINGS = {
    "dead": "Dead",
    "failing": "Failing",
    "moved": "Moved",
    "doubtful": "Doubtful",
    "answers": "Answering after all",
    "unknown": "Unknown",
}
HERE = "links.md"
SHOWN = 60  # characters of an address


def links_page(site: Site) -> str:
    """The report; raises ``LinksError`` if the stored results cannot be read."""
    known = links.addresses(site.catalogue)
    records = {url: record for url, record in links.load(site.root).items() if url in known}
    asked = max((record.checked for record in records.values()), default=None)
    lead = (
        f"# Links\n\n{len(known)} addresses stand in the catalogue, and on the web some always break. "
        "`sightglass links` asks each of them; an entry's page offers an archived copy beside every link.\n\n"
    )
    lead += f"Asked until {asked}.\n{{ .sg-meta }}\n\n" if asked else "Not asked yet.\n{ .sg-meta }\n\n"
    return page("Links", lead + _marked(site, records) + _found(site, known, records))


def _shown(url: str) -> str:
    plain = url.split("://", 1)[-1].removeprefix("www.")
    return out(url, plain if len(plain) <= SHOWN else f"{plain[: SHOWN - 1]}…")


def _where(site: Site, key: str) -> str:
    """The page that shows an address, by the key of its place."""
    catalogue = site.catalogue
    if key in catalogue.entries:
        return to(site.page_of(key), catalogue.entries[key].title, HERE)
    slug = key.removeprefix("methods/")
    if slug in catalogue.methods:
        return to(f"methods/{slug}.md", catalogue.methods[slug].name, HERE)
    return text(catalogue.venues[key].name)


def _marked(site: Site, records: dict[str, Record]) -> str:
    places = [(key, entry.links) for key, entry in site.catalogue.entries.items()]
    places += [(f"methods/{slug}", method.links) for slug, method in site.catalogue.methods.items()]
    rows = []
    for status in ("dead", "moved", "doubtful"):
        for key, its in places:
            for link in its:
                if link.status == status:
                    record = records.get(link.url.partition("#")[0])
                    rows.append(
                        [
                            f'<span class="sg-status sg-{status}">{status}</span>',
                            _where(site, key),
                            _shown(link.url),
                            _shown(link.now) if link.now else "",
                            text(link.note or ""),
                            record.state if record else "",
                        ]
                    )
    header = ["Mark", "Of", "Address", "Now", "Note", "When asked"]
    return "## Marked in the catalogue\n\n" + (table(header, rows) if rows else "None.\n")


def _found(site: Site, known: dict[str, links.Address], records: dict[str, Record]) -> str:
    blocks = ["\n## Found by asking\n"]
    for state, meaning in links.STATES.items():
        rows = []
        for url, record in sorted(records.items()):
            if record.state == state:
                where = ", ".join(_where(site, key) for key in dict.fromkeys(p.key for p in known[url].places))
                since = f" since {record.failures[0]}" if record.failures else ""
                now = _shown(record.now) if record.now else ""
                rows.append([_shown(url), where, text(record.said) + since, now, str(record.checked)])
        if rows:
            body = table(["Address", "Of", "The server's answer", "Now", "Asked"], rows)
            blocks.append(f"### {HEADINGS[state]}\n\n{len(rows)}: {meaning}.\n\n{body}")
    return "\n".join(blocks if len(blocks) > 1 else [*blocks, "Nothing.\n"])
