"""The page of a method: what it is, its picture, how to run it, its claims with what was measured, who writes on it."""

from __future__ import annotations

import ast
from pathlib import Path

from sightglass import ledger
from sightglass.ledger import Result
from sightglass.models import Claim, Method
from sightglass.pages.entries import items, seeds_section
from sightglass.pages.markup import chinese, code, out, page, table, text, to
from sightglass.pages.site import Site

FEASIBLE = {
    "yes": "It can be reproduced on small data, and waits for somebody to do it.",
    "partly": "It can be reproduced in part on small data.",
    "no": "It cannot be reproduced on small data.",
}


def bound(claim: Claim) -> str:
    """The bound of a claim as it is read: '≥ 0.1', '0.9 to 1.1'."""
    if claim.at_least is not None and claim.at_most is not None:
        return f"{claim.at_least:g} to {claim.at_most:g}"
    return f"≥ {claim.at_least:g}" if claim.at_least is not None else f"≤ {claim.at_most:g}"


def measured(claim: Claim, result: Result | None) -> str:
    """The measured quantity with its spread over seeds: '0.412 ± 0.021'."""
    quantity = result.quantities.get(claim.quantity) if result else None
    if quantity is None:
        return "–"
    spread = f" ± {quantity.spread:.2g}" if len(quantity.values) > 1 else ""
    return f"{quantity.mean:.3g}{spread}"


def verdict(claim: Claim, result: Result | None, root: Path) -> str:
    """A badge: holds, fails, not run; 'stale' beside it when the code has changed since the run."""
    if result is None:
        return '<span class="sg-verdict sg-not-run">not run</span>'
    word = ledger.verdict(claim, result)
    css = word.replace(" ", "-")
    badge = f'<span class="sg-verdict sg-{css}">{word}</span>'
    if claim.expect == "fails":
        badge += ' <span class="sg-meta">as expected here</span>' if word == "fails" else ""
    if ledger.is_stale(result, root):
        badge += ' <span class="sg-verdict sg-stale">stale</span>'
    return badge


def claims_table(site: Site, slug: str, here: str, *, with_method: bool = False) -> list[list[str]]:
    """Rows of the table of claims, one for each claim and device that it was measured on."""
    method = site.catalogue.methods[slug]
    rows = []
    for claim in method.claims:
        for result in site.results.get(slug) or [None]:  # type: ignore[list-item]
            statement = text(claim.statement)
            if claim.expect == "fails":
                statement += f"<br><small>{text(claim.reason)}</small>"
            paper = site.catalogue.entries.get(claim.paper)
            place = to(f"papers/{claim.paper}.md", claim.place, here) if paper else text(claim.place)
            row = [
                statement,
                place,
                text(claim.reported or "–"),
                text(measured(claim, result)) + f"<br><small>{text(claim.unit)}</small>",
                text(bound(claim)),
                verdict(claim, result, site.root),
                text(result.device if result else "–"),
            ]
            rows.append([to(f"methods/{slug}.md", method.name, here), *row] if with_method else row)
    return rows


CLAIMS_HEADER = ["Claim", "In the paper", "The paper measured", "Measured here", "Bound", "Verdict", "Device"]


def method_page(site: Site, slug: str) -> str:
    """The page of one method."""
    method = site.catalogue.methods[slug]
    here = f"methods/{slug}.md"
    sections = [
        _head(site, slug, method, here),
        _reproduction(site, slug, method, here),
        _claims(site, slug, here),
        _equations(site, slug),
        "## Read\n\n" + items(site, site.by_method.get(slug, []), here),
        seeds_section(method.seeds),
    ]
    return page(
        method.name,
        "\n".join(section for section in sections if section),
        description=" ".join(method.summary.split())[:300],
        hide=["navigation"],
        source=f"catalog/methods/{slug}.yaml",
    )


def _head(site: Site, slug: str, method: Method, here: str) -> str:
    lines = [f"# {text(method.name)} {{ data-sg-key={slug} }}\n"]
    if method.name_zh:
        lines.append(f'<p lang="zh-Hans" class="sg-title-zh">{text(method.name_zh)}</p>\n')
    family = to(f"families/{method.family}.md", site.catalogue.families[method.family].name, here, css="sg-tag")
    lines.append(f"{family}\n{{ .sg-tags }}\n")
    picture = site.picture_of(slug)
    if picture:
        lines.append(f"![{text(f'{method.name} on scenes with known truth')}](../{picture}){{ .sg-picture }}\n")
    lines.append(text(method.summary) + "\n{ .sg-summary }\n")
    lines.append(chinese(method.summary_zh))
    if method.aliases:
        lines.append(f"Also called {text(', '.join(method.aliases))}.\n{{ .sg-facts }}\n")
    methods = site.catalogue.methods
    proposed = [to(site.page_of(key), site.catalogue.entries[key].title, here) for key in method.proposed_by]
    if proposed:
        lines.append("Proposed in " + "; ".join(proposed) + ".\n")
    for label, slugs in (
        ("Builds on", [other for other in method.builds_on if other in methods]),
        ("Taken further by", [other for other, m in methods.items() if slug in m.builds_on]),
    ):
        if slugs:
            lines.append(f"{label} " + ", ".join(to(f"methods/{s}.md", methods[s].name, here) for s in slugs) + ".\n")
    lists = [to(f"lists/{s}.md", site.catalogue.lists[s].title, here) for s in site.lists_with.get(slug, [])]
    if lists:
        lines.append("In the reading lists " + ", ".join(lists) + ".\n")
    if method.unconfirmed:
        lines.append(f"Not confirmed: {text(method.unconfirmed)}\n")
    return "\n".join(lines)


def _reproduction(site: Site, slug: str, method: Method, here: str) -> str:
    module = site.module_of(slug)
    if module is None:
        why = f" {text(method.feasible_why)}" if method.feasible_why else ""
        return f"## Reproduction\n\nNone here yet. {FEASIBLE[method.feasible]}{why}\n"
    repository = site.settings.repository
    where = out(f"{repository}blob/main/{module}", module) if repository else f"`{module}`"
    command = f"sightglass run {slug} --image photo.jpg --out {slug}.png\nsightglass verify {slug}"
    name = slug.replace("-", "_")
    python = f"from {module.removesuffix('.py').replace('/', '.')} import {name}"
    lines = [
        f"## Run it\n\nThe code is {where}.\n",
        code(command, "sh"),
        code(python, "python"),
    ]
    tutorial = site.tutorial_of(slug)
    if tutorial:
        lines.append(to(tutorial, f"Tutorial: {method.name}, step by step", here) + "\n")
    return "\n".join(lines)


def _claims(site: Site, slug: str, here: str) -> str:
    rows = claims_table(site, slug, here)
    if not rows:
        return ""
    notes = [
        f"Measured with `{result.command}` on {text(result.device)} ({text(result.device_name)}), {text(result.date)}, "
        f"in {result.seconds:.0f} s, over {len(result.seeds)} seeds."
        for result in site.results.get(slug, [])
    ]
    controls = _controls(site, slug)
    return "## Claims\n\n" + table(CLAIMS_HEADER, rows, css="sg-claims") + "\n" + "\n".join(notes) + "\n" + controls


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
    body = table(["Quantity", *(result.device for result in results)], rows)
    indented = "".join(f"    {line}\n" if line else "\n" for line in body.split("\n"))
    return f'\n??? note "Everything that was measured, controls included"\n\n{indented}\n'


def _equations(site: Site, slug: str) -> str:
    """The module's docstring: the idea, the equations by number, shapes, units, differences from the paper."""
    module = site.module_of(slug)
    if module is None:
        return ""
    docstring = ast.get_docstring(ast.parse((site.root / module).read_text(encoding="utf-8")))
    return f"## From the paper to the code\n\n{code(docstring, 'text')}" if docstring else ""
