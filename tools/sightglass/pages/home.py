"""The home page: its text stands in ``docs/index.md`` and ``docs/zh/index.md``; markers in it are filled in here."""

from __future__ import annotations

import json
from collections import Counter

from sightglass import ledger, links
from sightglass.catalogue import ENTRY_FOLDERS
from sightglass.catalogue.models import Claim
from sightglass.ledger import Result
from sightglass.pages.guidance import first_sentence, said
from sightglass.pages.markup import address, text, to
from sightglass.pages.phrases import day
from sightglass.pages.site import Site

PHOTOGRAPH = "five-methods"  # its panels: the photograph, then what each of these methods finds in it
SEEN = ("grad-cam", "occlusion", "guided-backprop", "guided-grad-cam", "lrp")
FIRST = 1  # the panel that is shown first: the photograph alone says nothing
STATES = ("holds", "fails as expected", "fails", "reported", "stale", "not run")


def home(site: Site, markdown: str) -> str:
    """The home page with its markers filled in, such as ``<!-- search -->``."""
    for marker, made in MARKERS.items():
        markdown = markdown.replace(f"<!-- {marker} -->", made(site))
    return markdown


def _search(site: Site) -> str:
    return (
        f'<form class="sg-home-search" role="search" action="{address("browse.md", "index.md")}">'
        f'<label for="sg-home-query" class="sg-hidden">{site.say("search label")}</label>'
        f'<input id="sg-home-query" type="search" name="q" placeholder="{site.say("search example")}">'
        f'<button type="submit" class="md-button md-button--primary">{site.say("search button")}</button></form>\n'
    )


def _photograph(site: Site) -> str:
    """A photograph and what methods see in it: one picture, of which CSS shows the panel that is chosen."""
    path = site.photograph_of(PHOTOGRAPH)
    methods = site.catalogue.methods
    if path is None or not methods.keys() >= set(SEEN):
        return ""
    names = [site.say("seen.photograph"), *(site.name_of(methods[slug]) for slug in SEEN)]
    below = [f"<p>{site.say('seen.as it is')}</p>"]
    for slug in SEEN:
        idea = [words and first_sentence(words)[0] for words in (methods[slug].idea, methods[slug].idea_zh)]
        more = to(f"methods/{slug}.md", site.say("seen.more", name=site.name_of(methods[slug])), "index.md")
        below.append(f"<p>{said(site, *idea)} {more}</p>")
    choices = "".join(
        f'<label><input type="radio" name="sg-seen"{" checked" if number == FIRST else ""}>'
        f"<span>{text(name)}</span></label>\n"
        for number, name in enumerate(names)
    )
    picture = f'<img alt="{text(site.say("seen.alt"))}" width="300" height="300" src="{site.shared(path)}">'
    return (
        f'<figure class="sg-seen">\n{picture}\n'
        f'<fieldset><legend class="sg-hidden">{site.say("seen.choose")}</legend>\n{choices}</fieldset>\n'
        f'<figcaption>\n<div class="sg-seen-said">{"".join(below)}</div>\n'
        f'<p class="sg-meta">{site.say("seen.how")}</p>\n</figcaption>\n</figure>\n'
    )


def runs(site: Site) -> int:
    """How many methods have code here."""
    return sum(site.module_of(slug) is not None for slug in site.catalogue.methods)


def _description(site: Site) -> str:
    """The page in a sentence for search engines and cards, with what is reproduced, as YAML."""
    counted = states(site)
    counts = {"entries": len(site.catalogue.entries), "methods": len(site.catalogue.methods), "runs": runs(site)}
    claims = {"claims": counted.total(), "holds": counted["holds"]}
    return json.dumps(site.say("home description", **counts, **claims), ensure_ascii=False)


def _holds(site: Site) -> str:
    """What the catalogue holds, in numbers."""
    counts = {folder: len(site.catalogue.of_folder(folder)) for folder in ENTRY_FOLDERS}
    years = [entry.year for entry in site.catalogue.of_folder("papers").values() if entry.year]
    between = site.say("home.years", first=min(years), last=max(years)) if years else ""
    return site.say("home.holds", **counts, between=between, methods=len(site.catalogue.methods))


def _current(site: Site) -> str:
    """When the newest entry came, what was compared with a source, what is known of the links."""
    entries, addresses = site.catalogue.entries.values(), links.addresses(site.catalogue).values()
    came = [when for file, when in site.added.items() if file.split("/")[1] in ENTRY_FOLDERS]
    newest = site.say("home.newest", date=day(site.language, max(came).isoformat())) if came else ""
    compared = site.say("home.compared", count=sum(bool(entry.confirmed) for entry in entries), all=len(entries))
    known = site.say("home.links", count=len(addresses), marked=sum(each.marked is not None for each in addresses))
    return ("" if site.language == "zh" else " ").join(part for part in (newest, compared, known) if part)


def state(claim: Claim, results: list[Result], site: Site) -> str:
    """How a claim stands today, by the first device that it was measured on: one of ``STATES``."""
    if not results:
        return "not run"
    if site.is_stale(results[0]):
        return "stale"
    found = ledger.verdict(claim, results[0])
    return "fails as expected" if found == "fails" == claim.expect else found


def states(site: Site) -> Counter[str]:
    """How many of the papers' claims stand in each state today; comparisons of our own are not among them."""
    return Counter(
        state(claim, site.results.get(slug, []), site)
        for slug, method in site.catalogue.methods.items()
        for claim in method.claims
        if not claim.ours
    )


def _verified(site: Site) -> str:
    """How many methods run and how their papers' claims stand; leads to the ledger."""
    counted = states(site)
    if not counted:
        return ""
    link = address("claims.md", "index.md")
    running = site.say("home.run", runs=f"<strong>{runs(site)}</strong>", methods=len(site.catalogue.methods))
    parts = [f"<li>{running}</li>"]
    for name in (name for name in STATES if counted[name] or name == "holds"):
        words = site.say(f"state.{name}", all=counted.total())
        parts.append(f'<li class="{_css(name)}"><strong>{counted[name]}</strong> {words}</li>')
    dates = [result.date for results in site.results.values() for result in results]
    when = site.say("measured until", date=text(day(site.language, max(dates)))) if dates else ""
    heading = f'<h2 id="verified">{site.say("verified today")}</h2>'
    more = f'<a href="{link}">{site.say("to the ledger")}</a>'
    body = f'{heading}<ul>{"".join(parts)}</ul><p class="sg-meta">{when} {more}</p>'
    return f'<section class="sg-verified" aria-labelledby="verified">{body}</section>\n'


def _css(state: str) -> str:
    return f"sg-state-{state.replace(' ', '-')}"


MARKERS = {
    "description": _description,
    "search": _search,
    "photograph": _photograph,
    "verified": _verified,
    "holds": _holds,
    "current": _current,
}
