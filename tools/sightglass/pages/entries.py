"""The page of an entry, and the line that stands for it in every list."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from sightglass import citations
from sightglass.catalogue import folder_of
from sightglass.catalogue.models import Claim, Entry, Equation, FoundingNotes, Link, Paper
from sightglass.citations.work import address as address_today
from sightglass.citations.work import safe_url, url_of
from sightglass.pages import pictures
from sightglass.pages.markup import (
    HTML_LANGUAGE,
    address,
    bullets,
    code,
    either,
    inline,
    out,
    page,
    ready,
    spoken,
    table,
    tabs,
    text,
    to,
)
from sightglass.pages.phrases import PHRASES, abbreviated
from sightglass.pages.site import Site

ARCHIVE = "https://web.archive.org/web"
NOTES_YEAR = 2019  # the founding notes are of 2018 and 2019: an archived copy from then is what they meant
RELATED = 8
AUTHORS_IN_LISTS = 3
LONG_VENUE = 24  # characters

# What a downloaded citation is called after the key: two formats share an extension, so most say their name.
ENDINGS = {
    "bibtex": ".bib",
    "biblatex": "-biblatex.bib",
    "ris": ".ris",
    "csl-json": "-csl.json",
    "apa": "-apa.txt",
    "gb7714": "-gb7714.txt",
    "gb7714-2015": "-gb7714-2015.txt",
}


def archived(link: Link) -> str:
    """Where a stored copy of a link is found: the one that is known, or the archive's nearest to 2019."""
    return link.archived or f"{ARCHIVE}/{NOTES_YEAR}/{link.url}"


def byline(site: Site, entry: Entry) -> str:
    """Authors as they stand in lists: up to three names, more as 'and others'."""
    names = ", ".join(person.display for person in entry.authors[:AUTHORS_IN_LISTS])
    return site.say("and others", names=names) if len(entry.authors) > AUTHORS_IN_LISTS else names


def meta_line(site: Site, entry: Entry) -> str:
    """'Zhou, Khosla, Lapedriza and others · CVPR 2016', as text."""
    parts = [byline(site, entry), " ".join(str(part) for part in (_where(site, entry)[0], entry.year) if part)]
    return " · ".join(part for part in parts if part)


def _where(site: Site, entry: Entry) -> tuple[str, str]:
    """The venue as it stands in lists, a long name as its abbreviation, and its language."""
    venue = site.catalogue.venues.get(entry.venue or "")
    if venue is None:
        return "", site.language
    name = site.name_of(venue)
    return (str(entry.venue), site.language) if len(name) > LONG_VENUE else (name, site.tongue_of(venue))


def marked_meta(site: Site, entry: Entry) -> str:
    """``meta_line`` as HTML, a venue's name marked with its language where that is not the page's."""
    where, tongue = _where(site, entry)
    place = " ".join(
        part for part in (where and spoken(text(where), tongue, site.language), str(entry.year or "")) if part
    )
    return " · ".join(part for part in (text(byline(site, entry)), place) if part)


def meta_span(site: Site, entry: Entry) -> str:
    """``marked_meta`` as lists and hits show it."""
    return f'<span class="sg-meta">{marked_meta(site, entry)}</span>'


def titled(site: Site, key: str, here: str) -> str:
    """An entry's title as a link to its page, marked with the title's language."""
    entry = site.catalogue.entries[key]
    return to(site.page_of(key), entry.title, here, language=entry.language)


def method_link(site: Site, slug: str, here: str) -> str:
    """A method's name as a link to its page."""
    method = site.catalogue.methods[slug]
    return to(f"methods/{slug}.md", site.name_of(method), here)


def list_link(site: Site, slug: str, here: str) -> str:
    """A reading list's title as a link to its page, marked with the title's language."""
    lst = site.catalogue.lists[slug]
    chosen = (lst.title_zh, "zh") if site.language == "zh" and lst.title_zh else (lst.title, lst.language)
    return to(f"lists/{slug}.md", chosen[0], here, language=HTML_LANGUAGE.get(chosen[1], chosen[1]))


def summary(site: Site, english: str, in_chinese: str | None) -> str:
    """A summary as HTML, in the page's language where there is one in it."""
    shown, tongue = (in_chinese, "zh-Hans") if site.language == "zh" and in_chinese else (english, "en")
    return f'<p class="sg-summary" lang="{tongue}">{text(shown)}</p>\n'


def located(site: Site, thing: Claim | Equation, paper: str, here: str) -> str:
    """Where in a paper or a post a claim or an equation stands, as a link to its page."""
    place = (thing.place_zh or abbreviated(thing.place)) if site.language == "zh" else thing.place
    return to(site.page_of(paper), place, here) if paper in site.catalogue.entries else text(place)


def add_button(key: str, label: str = "") -> str:
    """A button that puts an entry into the basket; ``docs/assets/basket.js`` names it."""
    return f'<button type="button" class="sg-add" data-sg-add="{key}">{label}</button>'


def item(site: Site, key: str, here: str, *, coins: bool = True) -> str:
    """An entry as an item of a list.

    ``coins`` adds a span by which Zotero saves whole lists; on an entry's own page it would hide that entry.
    """
    entry = site.catalogue.entries[key]
    lines = [titled(site, key, here)]
    if entry.title_zh:
        lines.append(f'<span lang="zh-Hans" class="sg-title-zh">{text(entry.title_zh)}</span>')
    lines.append(meta_span(site, entry))
    lines.append(add_button(key))
    if coins:
        lines.append(citations.coins(key, entry, site.catalogue.venues))
    return " ".join(lines)


def items(site: Site, keys: list[str], here: str, *, coins: bool = True) -> str:
    """A list of entries as HTML, or a word that there are none."""
    return bullets(item(site, key, here, coins=coins) for key in keys) if keys else f"<p>{site.say('nothing')}</p>\n"


def entry_page(site: Site, key: str) -> str:
    """The page of one entry."""
    entry = site.catalogue.entries[key]
    here = site.page_of(key)
    sections = [
        f"# {text(entry.title)} {{ lang={entry.language} data-sg-key={key} }}\n",
        _head(site, entry, key, here),
        _methods(site, entry, here),
        _links(site, entry),
        _cite(site, key, entry, here),
        _related(site, key, entry, here),
        founding_notes_section(site, entry.founding_notes, here),
        _confirmed(site, entry),
    ]
    return page(
        entry.title,
        "\n".join(section for section in sections if section),
        card=description(site, entry.summary, entry.summary_zh),  # Zotero would take a description for the abstract
        hide=["navigation"],
        citation=[list(pair) for pair in citations.meta_tags(key, entry, site.catalogue.venues)],
        source=f"catalog/{folder_of(entry)}/{key}.yaml",
    )


def description(site: Site, english: str, in_chinese: str | None) -> str:
    """What search engines and social cards show of a page."""
    return " ".join(((site.language == "zh" and in_chinese) or english).split())[:300]


def _head(site: Site, entry: Entry, key: str, here: str) -> str:
    people = [
        to(f"people/{person.slug}.md", person.display, here) if person.slug in site.people else text(person.display)
        for person in entry.authors
    ]
    facts = []
    if entry.venue:
        venue = site.catalogue.venues[entry.venue]
        link = to(f"venues/{entry.venue.lower()}.md", site.name_of(venue), here)
        facts.append(spoken(link, site.tongue_of(venue), site.language))
    if entry.year:
        facts.append(to(f"years/{entry.year}.md", entry.year, here))
    if entry.volume or entry.pages:
        volume = f"{entry.volume or ''}{f'({entry.number})' if entry.number else ''}"
        pages = entry.pages or ""
        if "-" in pages:
            pages = site.say("pages", pages=pages.replace("-", "–"))
        facts.append(text(", ".join(part for part in (volume and site.say("volume", volume=volume), pages) if part)))
    if entry.doi:
        facts.append(out(f"https://doi.org/{quote(entry.doi, safe='/:;()')}", f"doi:{entry.doi}"))
    if entry.arxiv:
        facts.append(out(f"https://arxiv.org/abs/{entry.arxiv}", f"arXiv:{entry.arxiv}"))
    if entry.isbn:
        facts.append(text(f"ISBN {entry.isbn}"))
    tags = [to(f"{folder_of(entry)}/index.md", site.say(f"kind.{entry.kind}"), here, css="sg-tag")]
    tags += [
        to(
            f"families/{topic}.md" if topic in site.catalogue.families else f"topics/{topic}.md",
            site.name_of(subject),
            here,
            css="sg-tag",
        )
        for topic in entry.topics
        if (subject := site.catalogue.topics.get(topic))
    ]
    lines = []
    if entry.title_zh:
        lines.append(f'<p lang="zh-Hans" class="sg-title-zh">{text(entry.title_zh)}</p>')
    if people:
        lines.append(f'<p class="sg-byline">{", ".join(people)}</p>')
    if facts:
        lines.append(f'<p class="sg-facts">{" · ".join(facts)}</p>')
    buttons = [out(url, site.say(f"way.{way}"), css="sg-button") for way, url in ways(entry).items()]
    buttons.append(add_button(key, site.say("add to basket")))
    lines.append(f'<p class="sg-choose">{" ".join(buttons)}</p>')
    lines.append(f'<p class="sg-tags">{" ".join(tags)}</p>')
    if not entry.identified:
        title = f'<p class="admonition-title">{site.say("not identified")}</p>'
        lines.append(f'<div class="admonition warning">\n{title}\n<p>{site.say("not identified why")}</p>\n</div>')
    lines.append(summary(site, entry.summary, entry.summary_zh))
    return ready("\n".join(lines))


def ways(entry: Entry) -> dict[str, str]:
    """Addresses of the thing itself by what they lead to: visit, pdf, code, doi, archived.  Each address once."""
    living = sorted((link for link in entry.links if link.status != "dead"), key=lambda link: link.part)
    found = [("visit", address_today(link)) for link in living if link.role in ("page", "project", "demo")]
    pdfs = [address_today(link) for link in living if link.role in ("paper", "slides", "page")]
    found += [("pdf", url) for url in pdfs if urlsplit(url).path.lower().endswith(".pdf")]
    if entry.arxiv:
        found.append(("pdf", f"https://arxiv.org/pdf/{entry.arxiv}"))
    found += [("code", address_today(link)) for link in living if link.role == "code"]
    found.append(("doi" if entry.doi else "visit", url_of(entry)))
    gone = [link for link in entry.links if link.archived or link.status in ("dead", "doubtful")]
    found += [("archived", archived(link)) for link in gone]
    chosen: dict[str, str] = {}
    for way in ("pdf", "code", "doi", "archived", "visit"):  # a paper that is a page is a PDF first
        urls = [url for kind, url in found if kind == way and url and url not in chosen.values()]
        if urls:
            chosen[way] = safe_url(urls[0])
    return {way: chosen[way] for way in ("visit", "pdf", "code", "doi", "archived") if way in chosen}


def _methods(site: Site, entry: Entry, here: str) -> str:
    slugs = [slug for slug in site.catalogue.methods_of(entry) if slug in site.catalogue.methods]
    if not slugs:
        return _no_method(site, entry)
    proposes = entry.proposes if isinstance(entry, Paper) else []
    found = []
    for slug in slugs:
        method = site.catalogue.methods[slug]
        relation = site.say("proposed here" if slug in proposes else "treated here")
        shown = method.summary_zh if site.language == "zh" else method.summary
        link = method_link(site, slug, here)
        facts = [relation, _state(site, slug, here)]
        if tutorial := site.tutorial_of(slug):
            facts.append(to(tutorial, site.say("hit.tutorial"), here))
        found.append(f'<strong>{link}</strong> <span class="sg-meta">{" · ".join(facts)}</span><br>\n{text(shown)}')
    drawn = next((figure for slug in proposes if (figure := _figure(site, slug, here))), "")
    return f"## {site.say('methods')}\n\n{ready(bullets(found) + drawn)}"


def _state(site: Site, slug: str, here: str) -> str:
    """Whether a method runs here; if not, those next to it in the genealogy that do."""
    if site.module_of(slug):
        return site.say("runs here")
    methods = site.catalogue.methods
    related = [
        other
        for other in methods
        if site.module_of(other) and (other in methods[slug].builds_on or slug in methods[other].builds_on)
    ]
    links = ", ".join(method_link(site, other, here) for other in related)
    return site.say("related runs", methods=links) if links else site.say("no reproduction")


def _figure(site: Site, slug: str, here: str) -> str:
    """The picture that the reproduction of a method drew, with a caption that says so; nothing where there is none."""
    picture = site.icon_of(slug)
    if not picture:
        return ""
    name = site.name_of(site.catalogue.methods[slug])
    shown = pictures.picture(site, picture, site.say("picture alt", name=name), here)
    caption = site.say("picture caption", name=text(name))
    link = address(f"methods/{slug}.md", here)
    return f'<figure>\n<a href="{link}">{shown}</a>\n<figcaption>{caption}</figcaption>\n</figure>\n'


def _no_method(site: Site, entry: Entry) -> str:
    """Why an entry names no method, if it says so."""
    why = (site.language == "zh" and entry.about_none_zh) or entry.about_none
    if not why:
        return ""
    shown = spoken(text(why), "zh" if why == entry.about_none_zh else "en", site.language)
    made = f"<p>{site.say('about none', why=shown)}</p>"
    return f"## {site.say('methods')}\n\n{ready(made)}"


def _links(site: Site, entry: Entry) -> str:
    if not entry.links:
        return ""
    lines = []
    for link in entry.links:
        host = urlsplit(link.url).hostname or link.url
        language = link.language or entry.language
        shown = out(link.url, host.removeprefix("www."), language=language)
        parts = [f"<strong>{site.say(f'role.{link.role}')}</strong> {shown}"]
        if link.part:
            parts.append(site.say("a part"))
        if link.framework:
            parts.append(link.framework)
        if language != entry.language or language != site.language:
            parts.append(site.say(f"language.{language}"))
        if link.status:
            parts.append(f'<span class="sg-status sg-{link.status}">{site.say(f"status.{link.status}")}</span>')
        if link.now:
            parts.append(out(link.now, site.say("now here")))
        parts.append(out(archived(link), site.say("archived copy")))
        note = f" <br>{either(link.note, link.note_zh, site.language)}" if link.note else ""
        lines.append(" · ".join(parts) + note)
    return f"## {site.say('links')}\n\n{ready(bullets(lines))}"


def _cite(site: Site, key: str, entry: Entry, here: str) -> str:
    venues, keywords = site.catalogue.venues, citations.keywords(entry, site.catalogue)
    shown = {}
    for name, label in (("bibtex", "BibTeX"), ("biblatex", "biblatex"), ("apa", "APA"), ("gb7714", "GB/T 7714")):
        source = citations.FORMATS[name].render(key, entry, venues, None, keywords)
        copy = site.say("copy", format=label)
        shown[label] = (
            code(source, "bibtex" if "bib" in name else "text")
            + f'<p><button type="button" class="sg-copy" data-sg-copy>{copy}</button></p>\n'
        )
    stem = site.shared(site.page_of(key).removesuffix(".md"))
    files = " · ".join(
        f'<a href="{address(f"{stem}.{citations.FORMATS[name].extension}", here)}" download="{key}{ENDINGS[name]}">'
        f"{label}</a>"
        for name, label in (("bibtex", ".bib"), ("ris", ".ris"), ("csl-json", "CSL-JSON"))
    )
    download = site.say("download", files=files)
    made = f'<div class="sg-cite">\n{tabs(shown)}</div>\n<p>{download}</p>\n'
    return f"## {site.say('cite')}\n\n{ready(made)}"


def _related(site: Site, key: str, entry: Entry, here: str) -> str:
    entries = site.catalogue.entries
    groups = [
        (site.say("builds on"), [k for k in (entry.builds_on if isinstance(entry, Paper) else []) if k in entries]),
        (site.say("goes with"), [k for k in entry.accompanies if k in entries]),
        (site.say("taken further"), site.points_here.get(key, [])),
    ]
    shown = {key}.union(*(keys for _, keys in groups))
    same = [k for slug in site.catalogue.methods_of(entry) for k in site.by_method.get(slug, []) if k not in shown]
    groups.append((site.say("same methods"), list(dict.fromkeys(same))[:RELATED]))
    lists = [list_link(site, slug, here) for slug in site.lists_with.get(key, [])]
    made = "".join(
        f"<p><strong>{label}</strong></p>\n{items(site, keys, here, coins=False)}" for label, keys in groups if keys
    )
    if lists:
        made += f"<p>{site.say('in lists', lists=', '.join(lists))}</p>"
    return f"## {site.say('related')}\n\n{ready(made)}" if made else ""


def founding_notes_section(site: Site, notes: FoundingNotes | None, here: str) -> str:
    """``founding_notes`` below a heading of its own."""
    made = founding_notes(site, notes, here)
    return f"## {site.say('in the founding notes')}\n\n{ready(made)}" if made else ""


def founding_notes(site: Site, notes: FoundingNotes | None, here: str) -> str:
    """Where the founding notes mention something, and what they say that is not so, as HTML; empty if nowhere."""
    if notes is None or not notes.lines:
        return ""
    guide = address(site.written("founding-notes.md"), here)
    made = f"<p>{inline(site.say('mentioned', page=guide, lines=text(', '.join(notes.lines))))}</p>\n"
    if notes.corrections:
        rows = [
            [text(c.line), f"<q>{text(c.said)}</q>", either(c.truth, c.truth_zh, site.language)]
            for c in notes.corrections
        ]
        made += table([site.say("line"), site.say("founding note says"), site.say("is the case")], rows)
    return made


def _confirmed(site: Site, entry: Entry) -> str:
    lines = []
    for confirmation in entry.confirmed:
        fields = ("、" if site.language == "zh" else ", ").join(_field(site, name) for name in confirmation.fields)
        source = site.say(f"source.{confirmation.source}")
        shown = out(confirmation.at, source) if confirmation.at else text(source)
        phrase = "compared with" if confirmation.at else "compared without address"
        lines.append(site.say(phrase, fields=text(fields), source=shown))
    if entry.unconfirmed:
        what = either(entry.unconfirmed, entry.unconfirmed_zh, site.language)
        lines.append(site.say("not confirmed", what=what))
    return f"## {site.say('how sure')}\n\n{ready(bullets(lines))}" if lines else ""


def _field(site: Site, name: str) -> str:
    """A field of an entry as it is called on the page."""
    return site.say(f"field.{name}") if f"field.{name}" in PHRASES else name
