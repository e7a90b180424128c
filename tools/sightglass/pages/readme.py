"""The README's table of the methods that run: family, what each gives, its claims, its files."""

from __future__ import annotations

from collections import Counter

from sightglass import ledger
from sightglass.errors import ReadmeError
from sightglass.pages import snippets
from sightglass.pages.home import state
from sightglass.pages.site import Site
from sightglass.running import runnable

START, END = "<!-- methods: made by sightglass readme -->\n", "<!-- /methods -->\n"
OTHERS = {
    "Positions": "points",
    "DistilledPositions": "points",
    "ImitableNetwork": "network",
}  # what is neither a picture nor a tree, by what the function returns


def filled(site: Site, text: str) -> str:
    """The README with its table as it has to be now.  ReadmeError if it has no place for one."""
    before, start, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if not (start and end):
        raise ReadmeError(f"README.md has no lines {START.strip()} and {END.strip()}")
    return before + start + table(site) + end + after


def table(site: Site) -> str:
    """The methods that run, by family in the taxonomy's order, and how many more are described."""
    catalogue = site.catalogue
    running = {slug: path for slug in catalogue.methods if (path := site.module_of(slug))}
    rows = ["| Family | Method | Gives | Claims reproduced | Files |", "| --- | --- | --- | --- | --- |"]
    for family in catalogue.families.values():
        for slug, path in running.items():
            if catalogue.methods[slug].family == family.id:
                rows.append(f"| {family.name} | {_method(site, slug, path)} |")
    more = len(catalogue.methods) - len(running)
    return "\n".join(rows) + f"\n\n{more} more methods are described in `catalog/methods/`, without code.\n"


def _method(site: Site, slug: str, path: str) -> str:
    method, found = site.catalogue.methods[slug], runnable.find(site.root, slug)
    counted = Counter(state(claim, site.results.get(slug, []), site) for claim in method.claims if not claim.ours)
    experiment = (ledger.experiment_of(site.root, slug) or "").replace(".", "/")
    returns = found.returns if found else None
    gives = (found and found.gives) or ("tree" if returns in snippets.ROWS else OTHERS.get(returns or "", "numbers"))
    reproduced = f"{counted['holds']} of {counted.total()}" if counted else "–"  # some have comparisons of ours alone
    files = f"[code]({path}), [experiment]({experiment}.py), [entry](catalog/methods/{slug}.yaml)"
    return f"{method.name} | {gives} | {reproduced} | {files}"
