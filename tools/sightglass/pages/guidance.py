"""What a reader of a method's page comes for: the photograph, the idea, how to run it, when to use it."""

from __future__ import annotations

import re

from sightglass import ledger
from sightglass.catalogue.models import Method
from sightglass.ledger.photographs import ANIMATION, still
from sightglass.pages import pictures, snippets
from sightglass.pages.entries import summary
from sightglass.pages.markup import address, bullets, code, definitions, either, inline, out, ready, text
from sightglass.pages.site import Site
from sightglass.running import runnable

_SENTENCE = re.compile(r"(?<=[.!?]) (?=[A-Z])|(?<=[。！？])")


def said(site: Site, english: str | None, in_chinese: str | None) -> str:
    """A text of the catalogue as HTML, in the page's language if it is there; empty without one."""
    return either(english, in_chinese, site.language) if english else ""


def first_sentence(words: str) -> tuple[str, str]:
    """The first sentence of an English or Chinese text, and the rest."""
    first, *rest = _SENTENCE.split(" ".join(words.split()), maxsplit=1)
    return first, "".join(rest)


def lead(site: Site, method: Method) -> str:
    """The sentence under the name: the first of the idea, or the summary of a method that has none yet."""
    if not method.idea:
        return summary(site, method.summary, method.summary_zh)
    parts = [words and first_sentence(words)[0] for words in (method.idea, method.idea_zh)]
    return f'<p class="sg-summary">{said(site, *parts)}</p>\n'


def photograph(site: Site, slug: str, method: Method, here: str) -> str:
    """What the method shows on a photograph, or the laboratory's picture with the reason; empty without either."""
    name = site.name_of(method)
    said_here = (site.language == "zh" and method.photograph_says_zh) or method.photograph_says or ""
    below = f'<figcaption aria-hidden="true">{text(said_here)}</figcaption>\n' if said_here else ""  # the alternative
    if path := site.photograph_of(slug):
        alternative = said_here or site.say("photograph of", name=name)
    elif path := site.picture_of(slug):
        alternative = site.say("picture of method", name=name)
        below = f"<figcaption>{text(said_here or site.say('no photograph'))}</figcaption>\n"
    else:
        return ""
    shown = pictures.picture(site, path, alternative, here, css="sg-picture", lazy=False)
    return f"<figure>\n{shown}\n{below}</figure>\n"


def animation(site: Site, slug: str, method: Method, here: str) -> str:
    """The animation of how a picture comes about, or its last frame for readers who ask for reduced motion; empty if
    there is none.
    """
    path = ANIMATION.path(site.root, slug)
    if not path.is_file():
        return ""
    moves, stands = (f"pictures/animations/{each.name}" for each in (path, still(path)))
    resting = address(site.shared(stands), here)
    shown = pictures.picture(site, moves, site.say("animation of", name=site.name_of(method)), here, css="sg-picture")
    source = f'<source media="(prefers-reduced-motion: reduce)" srcset="{resting}">'
    below = f"<figcaption>{site.say('comes about')}</figcaption>"
    return f"<figure>\n<picture>{source}{shown}</picture>\n{below}\n</figure>\n"


def idea(site: Site, method: Method) -> str:
    """The section with the rest of the idea, and the summary in the field's terms."""
    if not method.idea:
        return ""
    rest = [words and first_sentence(words)[1] for words in (method.idea, method.idea_zh)]
    return f"## {site.say('the idea')}\n\n" + ready(
        f"<p>{said(site, *rest)}</p>\n<p>{said(site, method.summary, method.summary_zh)}</p>"
    )


def run_it(site: Site, slug: str) -> str:
    """The section with what to paste: a line that installs the project, a command, Python; and where the code is."""
    module, python = site.module_of(slug), snippets.python(site.root, slug)
    if module is None:
        return ""
    repository = site.settings.repository
    where = out(f"{repository}blob/main/{module}", module) if repository else f"<code>{module}</code>"
    install = site.say("install" if repository else "install here")
    made = f"<p>{install}</p>\n{code(snippets.install(repository), 'sh')}"
    if command := snippets.command(site.root, slug):
        found = runnable.find(site.root, slug)
        words = "on the command line" if found and found.takes("images") else "made from nothing"
        words += " without class" * bool(found and not found.takes("target_classes"))
        made += f"<p>{inline(site.say(words))}</p>\n{code(command, 'sh')}"
    if python:
        made += f"<p>{site.say('in python')}</p>\n{code(python, 'python')}"
    made += f"<p>{site.say('code is', where=where)} {inline(site.say('measure again', slug=slug))}</p>\n"
    return f"## {site.say('run it')}\n\n{ready(made)}"


def when(site: Site, slug: str, method: Method, here: str) -> str:
    """The section on what the method is good for and what not, with the claims that show it, needs and cost."""
    if not (method.use_when or method.avoid_when):
        return ""
    claims = {claim.id: claim for claim in method.claims}
    result = next(iter(site.results.get(slug, [])), None)
    shown = [
        f'<a href="#{limit}">{said(site, claims[limit].statement, claims[limit].statement_zh)}</a> '
        f'<span class="sg-meta">({site.say(f"verdict.{ledger.verdict(claims[limit], result)}")})</span>'
        for limit in method.limits
        if limit in claims
    ]
    because = f"<br>{site.say('shown by')}{bullets(shown)}" if shown else ""
    rows = {
        site.say("use it"): said(site, method.use_when, method.use_when_zh),
        site.say("avoid it"): said(site, method.avoid_when, method.avoid_when_zh) + because,
        site.say("needs of network"): site.say(f"network.{method.network}") if method.network else "",
        site.say("resolution"): resolution(site, slug),
        site.say("cost"): said(site, method.passes, method.passes_zh),
    }
    others = f"<p>{inline(site.say('others', page=address('choose.md', here)))}</p>\n"
    return f"## {site.say('when to use it')}\n\n{ready(definitions(rows, css='sg-when') + others)}"


def resolution(site: Site, slug: str) -> str:
    """How fine the method's map is, by what its function takes and returns; empty for what is no map."""
    found = runnable.find(site.root, slug)
    if found is None or found.gives not in runnable.MAPS:
        return ""
    coarse = "squares" if found.takes("patch") else "map"
    return site.say(f"resolution.{coarse if found.gives == 'heatmap' else 'pixels'}")
