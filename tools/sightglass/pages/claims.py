"""The ledger: how the papers' claims stand, by family and method, and each claim with an address of its own.

Everything is on the page, folded; ``docs/assets/claims.js`` unfolds what a filter leaves.  Without it the verdicts
still filter (by CSS), and everything unfolds by hand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from sightglass.catalogue.models import Claim
from sightglass.pages.entries import located, method_link
from sightglass.pages.guidance import said
from sightglass.pages.home import STATES, state
from sightglass.pages.markup import page, ready, text
from sightglass.pages.methods import bound, measured, verdict
from sightglass.pages.site import Site

HERE = "claims.md"
AT_ONCE = 20  # claims of a family, up to which they show as soon as the family is unfolded


def claims_page(site: Site) -> str:
    """The page that lists every claim, in the site's language."""
    counts = {slug: _counts(site, slug) for slug, method in site.catalogue.methods.items() if method.claims}
    body = f"# {site.say('ledger')}\n\n{site.say('ledger lead')}\n\n"
    if not counts:
        return page(site.say("claims"), body + site.say("no claims"), hide=["navigation", "toc"])
    families = []
    for family in site.catalogue.taxonomy.families:
        slugs = [slug for slug in counts if site.catalogue.methods[slug].family == family.id]
        if slugs:
            families.append(_family(site, family.id, slugs, counts))
    made = f'<div class="sg-ledger">\n{_filters(site, counts)}\n{"".join(families)}</div>'
    return page(
        site.say("claims"),
        body + ready(made),
        hide=["navigation", "toc"],
        scripts=["assets/claims.js"],
        styles=["assets/claims.css"],
    )


def _counts(site: Site, slug: str) -> Counter[str]:
    """How many claims of the papers stand in each state; comparisons of our own are counted as ``ours``."""
    results = site.results.get(slug, [])
    claims = site.catalogue.methods[slug].claims
    return Counter("ours" if claim.ours else state(claim, results, site) for claim in claims)


def _filters(site: Site, counts: dict[str, Counter[str]]) -> str:
    """A radio button for each verdict with the number of its rows, and a choice of method for the script."""
    methods, results = site.catalogue.methods, site.results
    whole = Counter(state(claim, results.get(slug, []), site) for slug in counts for claim in methods[slug].claims)
    rows = [("", site.say("all claims"), whole.total())]
    rows += [(name, site.say(f"claim.{name}"), whole[name]) for name in STATES if whole[name]]
    radios = "".join(
        f'<label><input type="radio" name="verdict" value="{value}"{"" if value else " checked"}> {label} '
        f'<span class="sg-count">{count}</span></label>\n'
        for value, label, count in rows
    )
    options = "".join(
        f'<option value="{slug}">{text(site.name_of(site.catalogue.methods[slug]))}</option>' for slug in counts
    )
    choice = f'<select name="method"><option value="">{site.say("all methods")}</option>{options}</select>'
    return f"""<form class="sg-ledger-bar">
<fieldset><legend>{site.say("verdict")}</legend>
{radios}</fieldset>
<label class="sg-scripted">{site.say("method")} {choice}</label>
</form>"""


def _family(site: Site, family: str, slugs: list[str], counts: dict[str, Counter[str]]) -> str:
    whole = sum((counts[slug] for slug in slugs), Counter())
    name = text(site.name_of(site.catalogue.families[family]))
    methods = "".join(_method(site, slug, counts[slug], unfolded=whole.total() <= AT_ONCE) for slug in slugs)
    heading = f'<h2 id="family-{family}">{name}</h2> {_stand(site, whole)}\n{_by_method(site, slugs, counts)}'
    return f'<details class="sg-fold">\n<summary>{heading}</summary>\n{methods}</details>\n'


def _by_method(site: Site, slugs: list[str], counts: dict[str, Counter[str]]) -> str:
    """'CAM 6/6, Grad-CAM 8/10': how many of each method's claims are reproduced."""
    names = {slug: text(site.name_of(site.catalogue.methods[slug])) for slug in slugs}
    judged = {slug: _judged(counts[slug]) for slug in slugs}  # none where all comparisons are ours
    parts = [names[slug] + (f" {counts[slug]['holds']}/{judged[slug]}" if judged[slug] else "") for slug in slugs]
    return f'<span class="sg-meta sg-by-method">{site.say("comma").join(parts)}</span>'


def _judged(counts: Counter[str]) -> int:
    return counts.total() - counts["reported"] - counts["ours"]


def _method(site: Site, slug: str, counts: Counter[str], *, unfolded: bool) -> str:
    method = site.catalogue.methods[slug]
    claims = "".join(_claim(site, slug, claim) for claim in method.claims)
    heading = f'<h3 id="{slug}">{text(site.name_of(method))}</h3> {_stand(site, counts)}'
    more = f'<p class="sg-meta">{site.say("page of the method", method=method_link(site, slug, HERE))}</p>'
    return (
        f'<details class="sg-fold sg-of-method" data-method="{slug}"{" open" if unfolded else ""}>\n'
        f"<summary>{heading}</summary>\n{more}\n<ul>\n{claims}</ul>\n</details>\n"
    )


def _stand(site: Site, counts: Counter[str]) -> str:
    """'10 of 13 claims reproduced · reported without a verdict: 2 · comparisons of our own: 3'."""
    judged = _judged(counts)
    parts = [site.say("claims stand", holds=counts["holds"], all=judged)] if judged else []
    others = {name: f"claim.{name}" for name in STATES[2:]} | {"ours": "claim.ours"}
    parts += [
        site.say("claims else", count=counts[name], state=site.say(key)) for name, key in others.items() if counts[name]
    ]
    return f'<span class="sg-meta">{" · ".join(parts)}</span>'


def _claim(site: Site, slug: str, claim: Claim) -> str:
    anchor = f"{slug}-{claim.id}"
    ours = f' <span class="sg-verdict sg-ours">{site.say("ours")}</span>' if claim.ours else ""
    link = f'<a class="sg-anchor" href="#{anchor}" aria-label="{site.say("address of claim")}">#</a>'
    statement = f"<p>{said(site, claim.statement, claim.statement_zh)}{ours} {link}</p>"
    facts = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in _facts(site, slug, claim))
    stands = _css(state(claim, site.results.get(slug, []), site))
    return f'<li class="sg-claim" id="{anchor}" data-state="{stands}">{statement}<dl>{facts}</dl></li>\n'


def _facts(site: Site, slug: str, claim: Claim) -> Iterator[tuple[str, str]]:
    """What is known of a claim: where the paper makes it, what was measured there and here, the bound, why it fails."""
    results = site.results.get(slug, [])
    if not claim.ours:
        yield site.say("in the paper"), located(site, claim, claim.paper, HERE)
    if claim.reported:
        yield site.say("paper measured"), said(site, claim.reported, claim.reported_zh)
    for result in results:
        where = f" ({text(result.device)})" if len(results) > 1 else ""
        value = f"{text(measured(claim, result))} {said(site, claim.unit, claim.unit_zh)}"
        yield site.say("measured here") + where, f"{value}; {verdict(site, claim, result)}"
    if not results:
        yield site.say("measured here"), verdict(site, claim, None)
    if claim.gated:
        yield site.say("bound"), text(bound(site, claim))
    if claim.expect == "fails":
        yield site.say("why not"), said(site, claim.reason, claim.reason_zh)


def _css(name: str) -> str:
    return name.replace(" ", "-")
