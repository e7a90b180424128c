"""The home page: its text stands in ``docs/index.md`` and ``docs/zh/index.md``; markers in it are filled in here."""

from __future__ import annotations

from collections import Counter

from sightglass import ledger
from sightglass.catalogue.models import Claim
from sightglass.ledger import Result
from sightglass.pages import pictures
from sightglass.pages.markup import address, text
from sightglass.pages.phrases import day
from sightglass.pages.site import Site

SHOWN = 6  # pictures: as many as fit beside each other on a wide screen
STATES = ("holds", "fails as expected", "fails", "reported", "stale", "not run")


def home(site: Site, markdown: str) -> str:
    """The home page with its markers filled in: search box, numbers, gallery, what is verified today."""
    for marker, made in (("search", _search), ("numbers", _numbers), ("gallery", _gallery), ("verified", _verified)):
        markdown = markdown.replace(f"<!-- {marker} -->", made(site))
    return markdown


def _search(site: Site) -> str:
    return (
        f'<form class="sg-home-search" role="search" action="{address("browse.md", "index.md")}">'
        f'<label for="sg-home-query" class="sg-hidden">{site.say("search label")}</label>'
        f'<input id="sg-home-query" type="search" name="q" placeholder="{site.say("search example")}">'
        f'<button type="submit" class="md-button md-button--primary">{site.say("search button")}</button></form>\n'
    )


def _numbers(site: Site) -> str:
    entries, methods = site.catalogue.entries, site.catalogue.methods
    runs = sum(site.module_of(slug) is not None for slug in methods)
    claims = sum(not claim.ours for method in methods.values() for claim in method.claims)
    counts = {"entries": len(entries), "methods": len(methods), "runs": runs, "claims": claims}
    return " · ".join(site.say(f"count {what}", count=f"**{count}**") for what, count in counts.items())


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
    """One line of counts that leads to the ledger."""
    counted = states(site)
    if not counted:
        return ""
    link = address("claims.md", "index.md")
    parts = [
        f'<li class="{_css(name)}"><strong>{counted[name]}</strong> {site.say(f"state.{name}")}</li>'
        for name in STATES
        if counted[name] or name == "holds"
    ]
    dates = [result.date for results in site.results.values() for result in results]
    when = (
        f'<p class="sg-meta">{site.say("measured until", date=text(day(site.language, max(dates))))}</p>'
        if dates
        else ""
    )
    heading = f'<h2 id="verified">{site.say("verified today")}</h2>'
    more = f'<a href="{link}">{site.say("to the ledger")}</a>'
    body = f"{heading}<ul>{''.join(parts)}</ul>{when}{more}"
    return f'<section class="sg-verified" aria-labelledby="verified">{body}</section>\n'


def _css(state: str) -> str:
    return f"sg-state-{state.replace(' ', '-')}"


def _gallery(site: Site) -> str:
    """What runs, by its picture; families, by a drawing, where there is room left."""
    cards: list[str] = []
    for slug, method in site.catalogue.methods.items():
        path = site.icon_of(slug)
        if path and len(cards) < SHOWN:
            width, height = pictures.size(site.root / path.replace("pictures/", "results/", 1))
            image = f'src="{site.shared(path)}" width="{width}" height="{height}"'
            cards.append(_card(site.name_of(method), address(f"methods/{slug}.md", "index.md"), image))
    for family in site.catalogue.taxonomy.families[: max(0, SHOWN - len(cards))]:
        if drawing := pictures.drawing_of(site, family.id):
            width, height = pictures.DRAWING
            image = f'src="{site.shared(drawing)}" width="{width}" height="{height}"'
            cards.append(_card(site.name_of(family), address(f"families/{family.id}.md", "index.md"), image))
    return f'<ul class="sg-strip">{"".join(cards)}</ul>\n' if cards else ""


def _card(name: str, link: str, image: str) -> str:
    """A picture over a name, both one link; the name says what the picture shows, so the picture stays silent."""
    return f'<li><a href="{link}"><img alt="" {image}><span>{text(name)}</span></a></li>'
