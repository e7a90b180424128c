"""The page of a method: what it is, its picture, how to run it, its claims with what was measured, who writes on it."""

from __future__ import annotations

from sightglass import ledger
from sightglass.catalogue.models import Claim, Family, Method, Topic, Venue
from sightglass.ledger import Result
from sightglass.pages import pictures
from sightglass.pages.entries import (
    description,
    founding_notes_section,
    items,
    list_link,
    located,
    method_link,
    summary,
    titled,
)
from sightglass.pages.equations import equations_section
from sightglass.pages.markup import (
    HTML_LANGUAGE,
    code,
    details,
    either,
    inline,
    out,
    page,
    ready,
    table,
    text,
    to,
)
from sightglass.pages.phrases import day
from sightglass.pages.site import Site
from sightglass.running import runnable


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


def claims_table(site: Site, slug: str, here: str, *, with_method: bool = False) -> list[list[str]]:
    """Rows of the table of claims, one for each claim and device that it was measured on."""
    method = site.catalogue.methods[slug]
    rows = []
    for claim in method.claims:
        # a claim that was never measured has its row too, without a result
        for result in site.results.get(slug) or [None]:  # type: ignore[list-item]  # one row without a result
            statement = either(claim.statement, claim.statement_zh, site.language)
            if claim.ours:
                statement += f' <span class="sg-verdict sg-ours">{site.say("ours")}</span>'
            if claim.expect == "fails" and claim.reason:
                statement += f"<br><small>{either(claim.reason, claim.reason_zh, site.language)}</small>"
            place = located(site, claim, claim.paper, here)
            reported = either(claim.reported, claim.reported_zh, site.language) if claim.reported else "–"
            unit = either(claim.unit, claim.unit_zh, site.language)
            row = [
                statement,
                "–" if claim.ours else place,
                reported,
                text(measured(claim, result)) + f"<br><small>{unit}</small>",
                text(bound(site, claim)),
                verdict(site, claim, result),
                text(result.device if result else "–"),
            ]
            rows.append([method_link(site, slug, here), *row] if with_method else row)
    return rows


def claims_header(site: Site) -> list[str]:
    """The head of the table of claims."""
    names = ("claim", "in the paper", "paper measured", "measured here", "bound", "verdict", "device")
    return [site.say(name) for name in names]


def method_page(site: Site, slug: str) -> str:
    """The page of one method."""
    method = site.catalogue.methods[slug]
    here = f"methods/{slug}.md"
    sections = [
        _heading(site, slug, method) + _head(site, slug, method, here),
        _reproduction(site, slug, method, here),
        _claims(site, slug, here),
        equations_section(site, slug, method, here),
        f"## {site.say('read')}\n\n" + ready(items(site, site.by_method.get(slug, []), here)),
        founding_notes_section(site, method.founding_notes, here),
    ]
    return page(
        site.name_of(method),
        "\n".join(section for section in sections if section),
        description=description(site, method.summary, method.summary_zh),
        hide=["navigation"],
        source=f"catalog/methods/{slug}.yaml",
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
    lines = [other_name(site, method)]
    family = to(
        f"families/{method.family}.md", site.name_of(site.catalogue.families[method.family]), here, css="sg-tag"
    )
    lines.append(f'<p class="sg-tags">{family}</p>')
    picture = site.picture_of(slug)
    if picture:
        alternative = site.say("picture of method", name=site.name_of(method))
        lines.append(f"<p>{pictures.picture(site, picture, alternative, here, css='sg-picture', lazy=False)}</p>")
    lines.append(summary(site, method.summary, method.summary_zh))
    if method.aliases:
        lines.append(f'<p class="sg-facts">{site.say("also called", names=text(", ".join(method.aliases)))}</p>')
    methods = site.catalogue.methods
    proposed = [titled(site, key, here) for key in method.proposed_by]
    if proposed:
        lines.append(f"<p>{site.say('proposed in', papers='; '.join(proposed))}</p>")
    for label, slugs in (
        ("method builds on", [other for other in method.builds_on if other in methods]),
        ("method taken further", [other for other, m in methods.items() if slug in m.builds_on]),
    ):
        if slugs:
            links = ", ".join(method_link(site, s, here) for s in slugs)
            lines.append(f"<p>{site.say(label, methods=links)}</p>")
    lists = [list_link(site, s, here) for s in site.lists_with.get(slug, [])]
    if lists:
        lines.append(f"<p>{site.say('method in lists', lists=', '.join(lists))}</p>")
    if method.unconfirmed:
        what = either(method.unconfirmed, method.unconfirmed_zh, site.language)
        lines.append(f"<p>{site.say('not confirmed', what=what)}</p>")
    return ready("\n".join(lines))


def _reproduction(site: Site, slug: str, method: Method, here: str) -> str:
    module = site.module_of(slug)
    if module is None:
        why = either(method.feasible_why, method.feasible_why_zh, site.language) if method.feasible_why else ""
        none = site.say("none here", why=site.say(f"feasible.{method.feasible}"))
        return f"## {site.say('reproduction')}\n\n{ready(f'<p>{none} {why}</p>')}"
    repository = site.settings.repository
    where = out(f"{repository}blob/main/{module}", module) if repository else f"<code>{module}</code>"
    use = runnable.find(site.root, slug)
    run = use.command() if use else None
    command = "\n".join([*([run] if run else []), f"sightglass verify {slug}"])
    name = slug.replace("-", "_")
    python = f"from {module.removesuffix('.py').replace('/', '.')} import {name}"
    made = f"<p>{site.say('code is', where=where)}</p>\n{code(command, 'sh')}{code(python, 'python')}"
    tutorial = site.tutorial_of(slug)
    if tutorial:
        made += f"<p>{to(tutorial, site.say('tutorial', name=site.name_of(method)), here)}</p>"
    return f"## {site.say('run it')}\n\n{ready(made)}"


def _claims(site: Site, slug: str, here: str) -> str:
    rows = claims_table(site, slug, here)
    if not rows:
        return ""
    notes = [
        site.say(
            "measured with",
            command=result.command,
            device=text(result.device),
            name=text(result.device_name),
            date=text(day(site.language, result.date)),
            seconds=f"{result.seconds:.0f}",
            seeds=len(result.seeds),
        )
        for result in site.results.get(slug, [])
    ]
    made = table(claims_header(site), rows, css="sg-claims", stacks=True)
    made += "".join(f"<p>{inline(note)}</p>\n" for note in notes) + _controls(site, slug)
    return f"## {site.say('claims')}\n\n{ready(made)}"


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
