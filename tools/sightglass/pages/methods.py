"""The page of a method, in the order in which readers ask: what it shows, the idea, how to run it, the equations, when
to use it, its claims with what was measured, what to read."""

from __future__ import annotations

from collections.abc import Sequence

from sightglass import ledger
from sightglass.catalogue.models import Claim, Family, Method, Topic, Venue
from sightglass.ledger import Result
from sightglass.pages import benchmark, guidance, pictures
from sightglass.pages.entries import (
    description,
    founding_notes,
    items,
    list_link,
    located,
    marked_meta,
    method_link,
    titled,
)
from sightglass.pages.equations import equations_section
from sightglass.pages.guidance import said
from sightglass.pages.markup import (
    HTML_LANGUAGE,
    address,
    definitions,
    details,
    either,
    inline,
    page,
    ready,
    table,
    text,
    to,
)
from sightglass.pages.phrases import day
from sightglass.pages.site import Site


def bound(site: Site, claim: Claim) -> str:
    """The bound of a claim as it is read: '≥ 0.1', '0.9 to 1.1'."""
    if claim.at_least is not None and claim.at_most is not None:
        return site.say("range", low=f"{claim.at_least:g}", high=f"{claim.at_most:g}")
    if claim.at_least is not None:
        return f"≥ {claim.at_least:g}"
    return "–" if claim.at_most is None else f"≤ {claim.at_most:g}"


def measured(claim: Claim, result: Result | None) -> str:
    """The measured quantity with its spread over seeds: '0.412 ± 0.021'."""
    quantity = ledger.measured(claim, result)
    if quantity is None:
        return "–"
    spread = f" ± {quantity.spread:.2g}" if len(quantity.values) > 1 else ""
    return f"{quantity.mean:.3g}{spread}"


def verdict(site: Site, claim: Claim, result: Result | None) -> str:
    """A badge: holds, fails, not run; 'stale' beside it when the code has changed since the run."""
    if result is None:
        return f'<span class="sg-verdict sg-not-run">{site.say("verdict.not run")}</span>'
    word = ledger.verdict(claim, result)
    css = word.replace(" ", "-")
    badge = f'<span class="sg-verdict sg-{css}">{site.say(f"verdict.{word}")}</span>'
    if claim.expect == "fails":
        badge += f' <span class="sg-meta">{site.say("as expected")}</span>' if word == "fails" else ""
    if site.is_stale(result):
        badge += f' <span class="sg-verdict sg-stale">{site.say("verdict.stale")}</span>'
    return badge


def method_page(site: Site, slug: str) -> str:
    """The page of one method."""
    method = site.catalogue.methods[slug]
    here = f"methods/{slug}.md"
    sections = [
        _heading(site, slug, method) + _head(site, slug, method, here),
        guidance.idea(site, method),
        guidance.run_it(site, slug),
        equations_section(site, slug, method, here),
        guidance.when(site, slug, method, here),
        _claims(site, slug, here),
        _related(site, slug, method, here),
        _read(site, slug, here),
        _history(site, method, here),
    ]
    return page(
        site.name_of(method),
        "\n".join(section for section in sections if section),
        description=description(site, method.idea or method.summary, method.idea_zh or method.summary_zh),
        hide=["navigation"],
        source=f"catalog/methods/{slug}.yaml",
        picture=site.photograph_of(slug),
    )


def other_name(site: Site, thing: Method | Family | Topic | Venue) -> str:
    """The line under a heading with the name in the other language, or nothing where that is the same."""
    english = site.tongue_of(thing) == "zh"
    name = thing.name if english else thing.name_zh if site.language == "en" else None
    if not name or name == site.name_of(thing):
        return ""
    return f'<p lang="{"en" if english else "zh-Hans"}" class="sg-title-zh">{text(name)}</p>\n'


def _heading(site: Site, slug: str, method: Method) -> str:
    tongue = HTML_LANGUAGE.get(site.tongue_of(method), "en")
    return f"# {text(site.name_of(method))} {{ lang={tongue} data-sg-key={slug} }}\n\n"


def _head(site: Site, slug: str, method: Method, here: str) -> str:
    """Family, one sentence, where it was proposed, whether it runs, and what it shows on a photograph."""
    family = to(
        f"families/{method.family}.md", site.name_of(site.catalogue.families[method.family]), here, css="sg-tag"
    )
    lines = [other_name(site, method), f'<p class="sg-tags">{family}</p>', guidance.lead(site, method)]
    proposed = [titled(site, key, here) for key in method.proposed_by]
    if proposed:
        lines.append(f'<p class="sg-facts">{site.say("proposed in", papers="; ".join(proposed))}</p>')
    if tutorial := site.tutorial_of(slug):
        lines.append(f'<p class="sg-facts">{to(tutorial, site.say("tutorial", name=site.name_of(method)), here)}</p>')
    if method.aliases:
        lines.append(f'<p class="sg-facts">{site.say("also called", names=text(", ".join(method.aliases)))}</p>')
    if site.module_of(slug) is None:
        none = site.say("none here", why=site.say(f"feasible.{method.feasible}"))
        lines.append(f"<p>{none} {said(site, method.feasible_why, method.feasible_why_zh)}</p>")
    lines.append(guidance.photograph(site, slug, method, here))
    lines.append(guidance.animation(site, slug, method, here))
    return ready("\n".join(lines))


def _claims(site: Site, slug: str, here: str) -> str:
    """How many claims are reproduced, one row each that unfolds, then everything measured, the figure, the speed."""
    method, results = site.catalogue.methods[slug], site.results.get(slug, [])
    fast = benchmark.speed(site, slug, here)
    if not method.claims:
        return f"## {site.say('claims')}\n\n{ready(fast)}" if fast else ""
    counted = [claim for claim in method.claims if not claim.ours]
    held = sum(ledger.verdict(claim, results[0] if results else None) == "holds" for claim in counted)
    words = site.say("reproduced", held=held, all=len(counted)) if counted else site.say("ours alone")
    count = f"<strong>{words}</strong>"
    laboratory = inline(site.say("reproduced otherwise").replace("laboratory.md", address("laboratory.md", here)))
    made = f"<p>{count} {laboratory}</p>\n" + "".join(_claim(site, claim, results, here) for claim in method.claims)
    for result in results:
        measured_with = site.say(
            "measured with",
            command=result.command,
            device=text(result.device),
            name=text(result.device_name),
            date=text(day(site.language, result.date)),
            seconds=f"{result.seconds:.0f}",
            seeds=len(result.seeds),
        )
        made += f'<p class="sg-facts">{inline(measured_with)}</p>\n'
    made += _controls(site, slug)
    if site.photograph_of(slug) and (drawn := site.picture_of(slug)):
        alternative = site.say("picture of method", name=site.name_of(method))
        made += f"<p>{pictures.picture(site, drawn, alternative, here, css='sg-picture')}</p>\n"
    return f"## {site.say('claims')}\n\n{ready(made + fast)}"


def _claim(site: Site, claim: Claim, results: Sequence[Result], here: str) -> str:
    """One claim: verdict and statement; unfolded, all that is known of it.  Its address opens it."""
    first = results[0] if results else None
    statement = said(site, claim.statement, claim.statement_zh)
    ours = f' <span class="sg-verdict sg-ours">{site.say("ours")}</span>' if claim.ours else ""
    title = f"{verdict(site, claim, first)} {statement}{ours}"
    paper = marked_meta(site, site.catalogue.entries[claim.paper]) if claim.paper in site.catalogue.entries else ""
    rows = {
        site.say("in the paper"): f"{paper} {located(site, claim, claim.paper, here)}",
        site.say("paper measured"): said(site, claim.reported, claim.reported_zh),
        site.say("measured here"): "<br>".join(_measured(site, claim, result) for result in results) or "–",
        site.say("control"): _control(claim, first),
        site.say("bound"): text(bound(site, claim)),
        site.say("reason"): said(site, claim.reason, claim.reason_zh),
        site.say("address"): f'<a href="#{claim.id}">#{claim.id}</a>',
    }
    body = f'<div id="{claim.id}" class="sg-claim-body">\n{definitions(rows)}</div>\n'
    return details(title, body, css="sg-claim")


def _measured(site: Site, claim: Claim, result: Result) -> str:
    """The value with its spread, what it is, and its value for each seed: what the bound is held against."""
    quantity = ledger.measured(claim, result)
    shown = f"<strong>{text(measured(claim, result))}</strong> {said(site, claim.unit, claim.unit_zh)}"
    if quantity and len(quantity.values) > 1:
        shown += site.say("each seed", values=", ".join(f"{value:.3g}" for value in quantity.values))
    return shown + site.say("on device", device=text(result.device))


def _control(claim: Claim, result: Result | None) -> str:
    """The two numbers whose difference a claim is about, by their names in the ledger."""
    if not claim.minus or result is None:
        return ""
    both = [(name, result.quantities.get(name)) for name in (claim.quantity, claim.minus)]
    return " − ".join(f"<code>{text(name)}</code> {f'{found.mean:.3g}' if found else '–'}" for name, found in both)


def _controls(site: Site, slug: str) -> str:
    """Every number of the run, so that the controls stand beside the claims."""
    results = site.results.get(slug, [])
    if not results:
        return ""
    names = sorted({name for result in results for name in result.quantities})
    rows = [
        [text(name)]
        + [
            f"{q.mean:.3g}" + (f" ± {q.spread:.2g}" if len(q.values) > 1 else "")
            if (q := r.quantities.get(name))
            else "–"
            for r in results
        ]
        for name in names
    ]
    body = table([site.say("quantity"), *(result.device for result in results)], rows)
    return details(site.say("everything measured"), body)


def _related(site: Site, slug: str, method: Method, here: str) -> str:
    """What the method builds on, and what builds on it."""
    methods, lines = site.catalogue.methods, []
    for label, slugs in (
        ("method builds on", [other for other in method.builds_on if other in methods]),
        ("method taken further", [other for other, m in methods.items() if slug in m.builds_on]),
    ):
        if slugs:
            links = ("、" if site.language == "zh" else ", ").join(method_link(site, s, here) for s in slugs)
            lines.append(f"<p>{site.say(label, methods=links)}</p>")
    return f"## {site.say('related methods')}\n\n" + ready("\n".join(lines)) if lines else ""


def _read(site: Site, slug: str, here: str) -> str:
    """Entries on the method, and the reading lists that hold it."""
    made = items(site, site.by_method.get(slug, []), here)
    if lists := [list_link(site, each, here) for each in site.lists_with.get(slug, [])]:
        made += f"<p>{site.say('method in lists', lists=', '.join(lists))}</p>\n"
    return f"## {site.say('read')}\n\n{ready(made)}"


def _history(site: Site, method: Method, here: str) -> str:
    """What the founding notes say of the method and what could not be confirmed, folded."""
    made = founding_notes(site, method.founding_notes, here)
    if method.unconfirmed:
        what = either(method.unconfirmed, method.unconfirmed_zh, site.language)
        made += f"<p>{site.say('not confirmed', what=what)}</p>\n"
    return ready(details(site.say("record history"), made)) if made else ""
