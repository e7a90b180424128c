"""Which method?  All methods that map an image, side by side: what each needs, shows and costs, and what was measured.

Every number comes out of the ledger or the benchmark.  The questions above the table narrow it by CSS alone: each
answer hides the rows that do not carry its word, so that without an answer, or without CSS, all rows are there.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator

from sightglass.ledger import Quantity, Result, benchmark
from sightglass.ledger.benchmark import OURS
from sightglass.pages import pictures
from sightglass.pages.benchmark import rows_of
from sightglass.pages.entries import method_link
from sightglass.pages.guidance import first_sentence, resolution, said
from sightglass.pages.markup import page, ready, table
from sightglass.pages.site import Site
from sightglass.running import runnable, strips
from sightglass.running.strips import THEMSELVES

HERE = "choose.md"
# What is measured under which endings of a quantity's name; the plain gradient's, of the same run, stands beside it.
MEASURES = {
    "class": ("right-of-two",),
    "randomised": ("randomised",),
    "faithful": ("occlusion", "blurred-aopc"),
    "localises": ("boxes", "pointing", "energy", "auc", "found"),
}
NAMES = {"guided-backprop": ("guided", "fc-guided")}  # what quantities call a method, where that is not its slug
GRADIENT = ("gradient", "backprop", "fc-backprop")  # and what they call the plain gradient
# Which needs (``Method.network``) a network meets, by the answer to the first question.
MEETS = {
    "pooled": ("any", "gradients", "maps", "pooling", "relu", "rules"),
    "chain": ("any", "gradients", "maps", "relu", "rules", "chain"),
    "other": ("any", "gradients", "maps"),
    "scores": ("any",),
}
QUESTIONS = {"network": tuple(MEETS), "about": ("class", "unit"), "fine": ("regions", "pixels")}


def compared(site: Site) -> list[str]:
    """Slugs of the methods that map an image for a class or a unit and run, in the catalogue's order."""
    found = {slug: runnable.find(site.root, slug) for slug in site.catalogue.methods if site.module_of(slug)}
    shown = (*runnable.MAPS, "reconstruction")
    return [slug for slug, method in found.items() if method and method.gives in shown]


def choose_page(site: Site) -> str:
    """The page; ValueError if a stored benchmark cannot be read."""
    title = site.say("nav.Which method?")
    slugs = compared(site)
    names = ("method", "choose.shows", "needs of network", "cost", "choose.speed", *(f"choose.{m}" for m in MEASURES))
    rows = [_row(site, slug) for slug in slugs]
    marks = _marks(site, slugs)
    made = _strips(site, slugs, marks)
    made += table([site.say(name) for name in names], rows, css="sg-choice", stacks=True, marks=marks)
    body = f"# {title}\n\n{site.say('choose.lead')}\n\n{ready(_questions(site) + made)}\n"
    reading = "".join(f"- {site.say(f'choose.reading {part}')}\n" for part in (*MEASURES, "networks", "gaps"))
    return page(title, f"{body}## {site.say('choose.reading')}\n\n{reading}", hide=["navigation", "toc"])


def _questions(site: Site) -> str:
    """Radio buttons, the first of each group for no answer."""
    groups = []
    for question, answers in QUESTIONS.items():
        choices = "".join(
            f'<label><input type="radio" name="{question}" id="sg-{question}-{answer}"{checked}> '
            f"{site.say(f'choose.{question}.{answer}')}</label>\n"
            for answer, checked in [("all", " checked"), *((answer, "") for answer in answers)]
        )
        groups.append(f"<fieldset>\n<legend>{site.say(f'choose.{question}')}</legend>\n{choices}</fieldset>\n")
    return f'<form class="sg-questions">\n{"".join(groups)}</form>\n'


def _marks(site: Site, slugs: list[str]) -> list[str]:
    """For each row the answers that it fits."""
    marks = []
    for slug in slugs:
        found = runnable.find(site.root, slug)
        need = site.catalogue.methods[slug].network
        words = [answer for answer, met in MEETS.items() if need in met]
        words.append("unit" if found and found.takes("channels") else "class")
        words.append("regions" if found and found.gives == "heatmap" else "pixels")
        marks.append(f'data-fits="{" ".join(words)}"')
    return marks


def _strips(site: Site, slugs: list[str], marks: list[str]) -> str:
    """The photographs, and below them each method's map over them with one line that says what it does."""
    photographs = f"{site.say('on photographs')} {_strip(site, THEMSELVES, site.say('strip alt'))}"
    header = [site.say("method"), photographs, site.say("choose.does")]
    rows = []
    for slug in slugs:
        method = site.catalogue.methods[slug]
        does = [words and first_sentence(words)[0] for words in (method.idea, method.idea_zh)]
        if not method.idea:
            does = [method.summary, method.summary_zh]
        drawn = _strip(site, slug, site.say("strip of", name=site.name_of(method)))
        rows.append([method_link(site, slug, HERE), drawn or _why_none(site, slug), said(site, *does)])
    said_of_colours = f'<p class="sg-meta">{site.say("strips say")}</p>\n'
    return table(header, rows, css="sg-choice sg-strips", marks=marks) + said_of_colours


def _strip(site: Site, name: str, alternative: str) -> str:
    if not (site.root / strips.FOLDER / f"{name}.webp").is_file():
        return ""
    return pictures.picture(site, f"pictures/{strips.FOLDER.name}/{name}.webp", alternative, HERE)


def _why_none(site: Site, slug: str) -> str:
    """Why a method has no strip."""
    need, found = site.catalogue.methods[slug].network, runnable.find(site.root, slug)
    if found and found.why_not:
        return site.say("strip needs more")
    if need not in strips.UNMET:
        return site.say("strip missing")
    return site.say("no strip", needs=site.say(f"network.{need}"))


def _row(site: Site, slug: str) -> list[str]:
    method = site.catalogue.methods[slug]
    return [
        method_link(site, slug, HERE),
        resolution(site, slug) or site.say("resolution.pixels"),
        site.say(f"network.{method.network}") if method.network else "–",
        said(site, method.passes, method.passes_zh) or "–",
        _speed(site, slug),
        *("<br>".join(_measured(site, slug, measure)) or "–" for measure in MEASURES),
    ]


def _speed(site: Site, slug: str) -> str:
    """Seconds for one image and memory above the network, from the benchmark, one line for each variant."""
    lines: list[str] = []
    if site.catalogue.methods[slug].network == "chain":  # a ResNet is none: only its rule was measured there
        return "–"
    for runs in list(benchmark.load_all(site.root).values())[:1]:
        for variant, row in rows_of(runs, slug, site.catalogue.methods).items():
            run = row.runs[OURS]
            memory = "" if run.memory is None else f", {run.memory:.0f} MiB"
            name = f" <small><code>{variant}</code></small>" if variant else ""
            lines.append(f"{statistics.median(run.seconds):.2g} s{memory}{name}")
    found = runnable.find(site.root, slug)
    if lines and found and found.takes("patch"):
        lines.append(f"<small>{site.say('few squares')}</small>")
    return "<br>".join(lines) or "–"


def _measured(site: Site, slug: str, measure: str) -> Iterator[str]:
    """What the ledger holds of one method under the endings of a measure, its own result first."""
    own = site.results.get(slug, [])[:1]
    others = [each for other, results in site.results.items() if other != slug for each in results[:1]]
    for ending in MEASURES[measure]:
        for result in (*own, *others):
            if found := _first(result, NAMES.get(slug, (slug,)), ending):
                gradient = _first(result, GRADIENT, ending)
                words = ["" if measure == ending else site.say(f"choose.{ending}")]
                words += [site.say("choose.gradient", value=f"{gradient.mean:.2f}")] if gradient else []
                yield f"{found.mean:.2f} <small>{site.say('bench.then').join(filter(None, words))}</small>"
                break


def _first(result: Result, names: Iterable[str], ending: str) -> Quantity | None:
    """The first quantity of these names with the ending."""
    return next((found for name in names if (found := result.quantities.get(f"{name}-{ending}"))), None)
