"""From the paper to the code: each equation typeset beside the statement that computes it."""

from __future__ import annotations

import ast
import functools
import textwrap
from collections.abc import Sequence

from latex2mathml.converter import convert

from sightglass.catalogue import equations
from sightglass.catalogue.equations import Mark
from sightglass.catalogue.models import Equation, Method
from sightglass.pages.entries import located
from sightglass.pages.markup import code, details, out, ready, text
from sightglass.pages.site import Site


def equations_section(site: Site, slug: str, method: Method, here: str) -> str:
    """The equations, then on English pages the module's docstring: the idea, shapes, units, differences from the paper.

    Empty for a method without a module.
    """
    module = site.module_of(slug)
    if module is None:
        return ""
    marks = [mark for path in equations.modules(site.root, site.root / module) for mark in equations.marks(path)]
    parts = []
    for equation in method.equations:
        beside = [mark for mark in marks if mark.number == equation.number]
        parts.append(_equation(site, equation, method, beside, here))
    docstring = _docstring((site.root / module).read_text(encoding="utf-8"))
    if docstring and site.language == "en":
        parts.append(details(site.say("docstring"), code(docstring)))
    return f"## {site.say('paper to code')}\n\n{ready(''.join(parts))}" if parts else ""


@functools.lru_cache(maxsize=1024)
def _docstring(source: str) -> str | None:
    return ast.get_docstring(ast.parse(source))


@functools.lru_cache(maxsize=4096)
def mathml(latex: str) -> str:
    """An equation in LaTeX as MathML, which browsers draw, as a separate line."""
    return str(convert(latex, display="block"))


def _equation(site: Site, equation: Equation, method: Method, marks: Sequence[Mark], here: str) -> str:
    """Number and place, the equation as MathML, what it says, and the statements that compute it."""
    paper = equation.paper or next(iter(method.proposed_by), "")
    place = located(site, equation, paper, here)
    name = site.say("equation", number=text(equation.number))
    drawn = mathml(equation.latex)
    meaning = equation.meaning_zh if site.language == "zh" else equation.meaning
    shown = [
        f'<p class="sg-equation-place"><strong>{name}</strong> {place}</p>\n',
        f'<div class="sg-equation" tabindex="0">{drawn}</div>\n<p>{text(meaning)}</p>\n',
    ]
    for mark in marks:
        path = mark.path.relative_to(site.root).as_posix()
        repository = site.settings.repository
        address = f"{repository}blob/main/{path}#L{mark.line}"
        where = out(address, f"{path}:{mark.line}") if repository else f"<code>{text(f'{path}:{mark.line}')}</code>"
        shown.append(f'<p class="sg-facts">{where}</p>\n{code(textwrap.dedent(mark.code), "python")}')
    return "".join(shown)
