"""The page of an entry, and the line that stands for it in every list."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from sightglass import citations
from sightglass.catalogue import folder_of
from sightglass.models import Entry, Link, Paper, Seeds
from sightglass.pages.markup import chinese, code, out, page, table, text, to
from sightglass.pages.site import Site

ARCHIVE = "https://web.archive.org/web"
SEEDS_YEAR = 2019  # the seeds are of 2018 and 2019: an archived copy from then is what they meant
RELATED = 8
AUTHORS_IN_LISTS = 3

ROLES = {
    "page": "Page",
    "paper": "Paper",
    "code": "Code",
    "demo": "Demo",
    "video": "Video",
    "slides": "Slides",
    "review": "Review",
    "project": "Project page",
    "docs": "Documentation",
    "data": "Data",
    "archive": "Archive",
}
LANGUAGES = {
    "en": "English",
    "zh": "Chinese",
    "ja": "Japanese",
    "de": "German",
    "fr": "French",
    "ko": "Korean",
    "es": "Spanish",
    "und": "unknown",
}
SOURCES = {
    "publisher": "the publisher's page or file",
    "preprint": "the arXiv record",
    "index": "a bibliographic index",
    "repository": "the work's own repository",
    "page": "the page itself",
    "address": "the address of the page",
    "bibliography": "somebody's bibliography",
    "secondary": "a text about the work",
}


def archived(link: Link) -> str:
    """Where a stored copy of a link is found: the one that is known, or the archive's nearest to 2019."""
    return link.archived or f"{ARCHIVE}/{SEEDS_YEAR}/{link.url}"


def byline(entry: Entry) -> str:
    """Authors as they stand in lists: up to three names, more as 'and others'."""
    names = ", ".join(person.display for person in entry.authors[:AUTHORS_IN_LISTS])
    return f"{names} and others" if len(entry.authors) > AUTHORS_IN_LISTS else names


def meta_line(site: Site, entry: Entry) -> str:
    """'Zhou, Khosla, Lapedriza and others · CVPR 2016', as text."""
    venue = site.catalogue.venues.get(entry.venue or "")
    where = venue.name if venue else ""
    short = entry.venue if entry.venue and len(where) > 24 else where
    parts = [byline(entry), " ".join(str(part) for part in (short, entry.year) if part)]
    return " · ".join(part for part in parts if part)


def item(site: Site, key: str, here: str, *, coins: bool = True) -> str:
    """An entry as an item of a Markdown list.

    ``coins`` adds a span by which Zotero saves whole lists; on an entry's own page it would hide that entry.
    """
    entry = site.catalogue.entries[key]
    title = to(site.page_of(key), entry.title, here)
    lines = [f"{title}{{ lang={entry.language} }}"]
    if entry.title_zh:
        lines.append(f'<span lang="zh-Hans" class="sg-title-zh">{text(entry.title_zh)}</span>')
    lines.append(f'<span class="sg-meta">{text(meta_line(site, entry))}</span>')
    if coins:
        lines.append(citations.coins(key, entry, site.catalogue.venues))
    return "- " + " ".join(lines)


def items(site: Site, keys: list[str], here: str, *, coins: bool = True) -> str:
    """A Markdown list of entries, or a word that there are none."""
    return "\n".join(item(site, key, here, coins=coins) for key in keys) + "\n" if keys else "Nothing yet.\n"


def entry_page(site: Site, key: str) -> str:
    """The page of one entry."""
    entry = site.catalogue.entries[key]
    here = site.page_of(key)
    sections = [
        _head(site, key, entry, here),
        _methods(site, entry, here),
        _links(entry),
        _cite(site, key, entry),
        _related(site, key, entry, here),
        seeds_section(entry.seeds),
        _confirmed(entry),
    ]
    return page(
        entry.title,
        "\n".join(section for section in sections if section),
        description=" ".join(entry.summary.split())[:300],
        hide=["navigation"],
        citation=[list(pair) for pair in citations.meta_tags(key, entry, site.catalogue.venues)],
        source=f"catalog/{folder_of(entry)}/{key}.yaml",
    )


def _head(site: Site, key: str, entry: Entry, here: str) -> str:
    people = [
        to(f"people/{person.slug}.md", person.display, here) if person.slug in site.people else text(person.display)
        for person in entry.authors
    ]
    facts = []
    if entry.venue:
        facts.append(to(f"venues/{entry.venue.lower()}.md", site.catalogue.venues[entry.venue].name, here))
    if entry.year:
        facts.append(to(f"years/{entry.year}.md", entry.year, here))
    if entry.volume or entry.pages:
        volume = f"{entry.volume or ''}{f'({entry.number})' if entry.number else ''}"
        pages = f"pp. {entry.pages.replace('-', '–')}" if entry.pages and "-" in entry.pages else entry.pages
        facts.append(text(", ".join(part for part in (volume and f"vol. {volume}", pages) if part)))
    if entry.doi:
        facts.append(out(f"https://doi.org/{quote(entry.doi, safe='/:;()')}", f"doi:{entry.doi}"))
    if entry.arxiv:
        facts.append(out(f"https://arxiv.org/abs/{entry.arxiv}", f"arXiv:{entry.arxiv}"))
    if entry.isbn:
        facts.append(text(f"ISBN {entry.isbn}"))
    tags = [to(f"{folder_of(entry)}/index.md", entry.kind, here)]
    tags += [
        to(f"families/{topic}.md" if topic in site.catalogue.families else f"topics/{topic}.md", subject.name, here)
        for topic in entry.topics
        if (subject := site.catalogue.topics.get(topic))
    ]
    lines = [f"# {text(entry.title)} {{ lang={entry.language} data-sg-key={key} }}\n"]
    if entry.title_zh:
        lines.append(f'<p lang="zh-Hans" class="sg-title-zh">{text(entry.title_zh)}</p>\n')
    if people:
        lines.append(", ".join(people) + "\n{ .sg-byline }\n")
    if facts:
        lines.append(" · ".join(facts) + "\n{ .sg-facts }\n")
    lines.append(" ".join(f"{tag}{{ .sg-tag }}" for tag in tags) + "\n{ .sg-tags }\n")
    if not entry.identified:
        lines.append('!!! warning "Not identified"\n    The work behind the seeds\' words could not be found.\n')
    lines.append(text(entry.summary) + "\n{ .sg-summary }\n")
    if entry.summary_zh:
        lines.append(chinese(entry.summary_zh))
    return "\n".join(lines)


def _methods(site: Site, entry: Entry, here: str) -> str:
    slugs = [slug for slug in site.catalogue.methods_of(entry) if slug in site.catalogue.methods]
    if not slugs:
        return ""
    proposes = entry.proposes if isinstance(entry, Paper) else []
    blocks = ["## Methods\n"]
    for slug in slugs:
        method = site.catalogue.methods[slug]
        relation = "proposed here" if slug in proposes else "treated here"
        state = "runs here" if site.module_of(slug) else "no reproduction yet"
        link = to(f"methods/{slug}.md", method.name, here)
        blocks.append(f'- **{link}** <span class="sg-meta">{relation} · {state}</span>  \n  {text(method.summary)}')
    for slug in slugs:
        picture = site.picture_of(slug)
        if picture:
            alt = f"{site.catalogue.methods[slug].name}, as the reproduction here draws it"
            blocks.append(f"\n[![{text(alt)}](../{picture}){{ loading=lazy }}](../methods/{slug}.md)\n")
            break
    return "\n".join(blocks) + "\n"


def _links(entry: Entry) -> str:
    if not entry.links:
        return ""
    lines = []
    for link in entry.links:
        host = urlsplit(link.url).hostname or link.url
        language = link.language or entry.language
        parts = [f"**{ROLES[link.role]}** {out(link.url, host.removeprefix('www.'), language=language)}"]
        if link.framework:
            parts.append(link.framework)
        if language != entry.language or language != "en":
            parts.append(LANGUAGES[language])
        if link.status:
            parts.append(f'<span class="sg-status sg-{link.status}">{link.status}</span>')
        if link.now:
            parts.append(out(link.now, "now here"))
        parts.append(out(archived(link), "archived copy"))
        note = f" <br>{text(link.note)}" if link.note else ""
        lines.append("- " + " · ".join(parts) + note)
    return "## Links\n\n" + "\n".join(lines) + "\n"


def _cite(site: Site, key: str, entry: Entry) -> str:
    venues = site.catalogue.venues
    tabs = []
    for name, label in (("bibtex", "BibTeX"), ("biblatex", "biblatex"), ("apa", "APA"), ("gb7714", "GB/T 7714")):
        source = citations.FORMATS[name].render(key, entry, venues)
        block = code(source, "bibtex" if "bib" in name else "text")
        tabs.append(f'=== "{label}"\n\n' + "".join(f"    {line}\n" if line else "\n" for line in block.split("\n")))
    files = " · ".join(
        f'<a href="../{key}.{citations.FORMATS[name].extension}" download>{label}</a>'
        for name, label in (("bibtex", ".bib"), ("ris", ".ris"), ("csl-json", "CSL-JSON"))
    )
    return "## Cite\n\n" + "\n".join(tabs) + f"\nDownload: {files}\n"


def _related(site: Site, key: str, entry: Entry, here: str) -> str:
    entries = site.catalogue.entries
    groups = [
        ("Builds on", [k for k in (entry.builds_on if isinstance(entry, Paper) else []) if k in entries]),
        ("Goes with", [k for k in entry.accompanies if k in entries]),
        ("Taken further or accompanied by", site.points_here.get(key, [])),
    ]
    shown = {key}.union(*(keys for _, keys in groups))
    same = [k for slug in site.catalogue.methods_of(entry) for k in site.by_method.get(slug, []) if k not in shown]
    groups.append(("On the same methods", list(dict.fromkeys(same))[:RELATED]))
    lists = [to(f"lists/{slug}.md", site.catalogue.lists[slug].title, here) for slug in site.lists_with.get(key, [])]
    blocks = [f"**{label}**\n\n{items(site, keys, here, coins=False)}" for label, keys in groups if keys]
    if lists:
        blocks.append("**In the reading lists** " + ", ".join(lists) + "\n")
    return "## Related\n\n" + "\n".join(blocks) if blocks else ""


def seeds_section(seeds: Seeds | None) -> str:
    """Where the seed documents mention something, and what they say that is not so."""
    if seeds is None or not seeds.lines:
        return ""
    blocks = [f"## In the seeds\n\nMentioned in the [seed documents](../seeds.md) at {text(', '.join(seeds.lines))}.\n"]
    if seeds.corrections:
        rows = [[text(c.line), text(c.said), text(c.truth)] for c in seeds.corrections]
        blocks.append(table(["Line", "The seed says", "What is the case"], rows))
    return "\n".join(blocks)


def _confirmed(entry: Entry) -> str:
    lines = []
    for confirmation in entry.confirmed:
        fields = ", ".join(confirmation.fields)
        source = SOURCES[confirmation.source]
        shown = out(confirmation.at, source) if confirmation.at else text(source)
        lines.append(f"- {text(fields)}: compared with {shown}")
    if entry.unconfirmed:
        lines.append(f"- Not confirmed: {text(entry.unconfirmed)}")
    return "## How sure this is\n\n" + "\n".join(lines) + "\n" if lines else ""
