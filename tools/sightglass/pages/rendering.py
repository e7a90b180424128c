"""From a page's Markdown to its HTML, as MkDocs asks for it, without reading what is HTML already.

Most pages are headings with ``markup.ready`` blocks between them.  For these no Markdown is needed: headings get their
ids, links to themselves and their place in the table of contents by the rules of Markdown's ``toc``.  Any other page
goes to Markdown, which is given placeholders for the blocks.
"""

from __future__ import annotations

import html
import json
import posixpath
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

import jinja2
import markdown
from markdown.extensions.toc import nest_toc_tokens, slugify, unique
from markupsafe import Markup
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page
from mkdocs.structure.toc import get_toc

from sightglass.pages.markup import READY

_BLOCK = re.compile(rf"^{READY[0]}\n(.*?)\n{READY[1]}$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"(#{1,3}) (.+?)(?: \{((?: [\w-]+=[\w.-]+)+) \})?")
_LINK = re.compile(r' (?:href|src)="([^"]*)"')
_MARKED = re.compile(r"[*`_~!\\\[\]]|\{ ?[.#:]")  # what a heading can hold that only Markdown can read
_BREAK = re.compile(r"\s*\n\s*")
_VERBATIM = re.compile(r"(<(?:pre|script|style|textarea)\b.*?</(?:pre|script|style|textarea)>)", re.DOTALL)
_FRONT = re.compile(r"---\n((?:\w+: .*\n)*)---\n\n")


class Ready(markdown.Extension):  # type: ignore[misc]  # the package has no types
    """Hands blocks that are HTML already past Markdown."""

    def extendMarkdown(self, md: markdown.Markdown) -> None:  # noqa: N802  # Markdown's name for it
        """Register the one preprocessor, right after the one that tidies white space, before all that read the text."""
        md.preprocessors.register(_Past(md), "ready", 29)


class _Past(markdown.preprocessors.Preprocessor):  # type: ignore[misc]  # nor here
    def run(self, lines: list[str]) -> list[str]:
        return _BLOCK.sub(lambda block: f"\n{self.md.htmlStash.store(block[1])}\n", "\n".join(lines)).split("\n")


class ReadyPage(Page):
    """A page that is not in the navigation, read and rendered the quick way where that is the same."""

    def read_source(self, config: MkDocsConfig) -> None:
        """Take the front matter that ``markup.page`` wrote, which is JSON line by line."""
        source = self.file.content_string
        front = _FRONT.match(source)
        if front is None:
            super().read_source(config)
            return
        fields = (line.partition(": ") for line in front[1].splitlines())
        self.meta = {name: json.loads(value) for name, _, value in fields}
        self.markdown = source[front.end() :]

    def render(self, config: MkDocsConfig, files: Files) -> None:
        """Make the page's HTML and its table of contents."""
        made = without_markdown(self.markdown or "")
        if made is None:
            super().render(config, files)
        else:
            self.content, tokens = made
            self.toc = get_toc(tokens)  # type: ignore[arg-type]  # dictionaries of the same form
            self.present_anchor_ids = set()


def without_markdown(text: str) -> tuple[str, list[dict[str, Any]]] | None:
    """The HTML and the tokens of the table of contents of headings and ready blocks, or None if there is more."""
    made: list[str] = []
    tokens: list[dict[str, Any]] = []
    used: set[str] = set()
    for part, ready in _parts(text):
        if ready:
            made.append(part)
            continue
        for line in filter(None, part.split("\n")):
            found = _HEADING.fullmatch(line)
            if found is None or _MARKED.search(found[2]):
                return None
            attributes = re.sub(r"=([\w.-]+)", r'="\1"', found[3] or "")
            made.append(heading(len(found[1]), found[2].strip(), used, tokens, attributes))
    return "\n".join(made), nest_toc_tokens(tokens)


def heading(level: int, inside: str, used: set[str], tokens: list[dict[str, Any]], attributes: str = "") -> str:
    """A heading with an id that is not ``used`` yet and a link to itself; its place goes to ``tokens``."""
    name = html.unescape(re.sub(r"<[^>]*>", "", inside)).strip()
    anchor = unique(slugify(name, "-"), used)
    tokens.append({"level": level, "id": anchor, "name": html.escape(name, quote=False)})
    link = f'<a class="headerlink" href="#{anchor}" title="Permanent link">&para;</a>'
    return f'<h{level}{attributes} id="{anchor}">{inside}{link}</h{level}>'


def _parts(text: str) -> Iterator[tuple[str, bool]]:
    """The text's parts in their order, each with whether it is HTML already."""
    for number, part in enumerate(_BLOCK.split(text)):
        yield part, bool(number % 2)


def kept_templates() -> Callable[..., Markup]:
    """``kept(name)`` for templates: a template that shows nothing of a page but whether and where it is in the
    navigation, rendered once for all pages of a folder that are not in it; ``kept(name, super)`` for such a block.
    """
    made: dict[tuple[str, str], str] = {}

    @jinja2.pass_context
    def kept(context: jinja2.runtime.Context, name: str, block: Callable[[], str] | None = None) -> Markup:
        def render() -> str:
            return block() if block else context.environment.get_template(name).render(context.get_all())

        page = context.get("page")
        if page is None or any(page is listed for listed in context["nav"].pages):
            return Markup(render())  # noqa: S704  # the template has escaped it
        place = (name, posixpath.dirname(page.url.rstrip("/")))  # from which all links are the same
        if place not in made:
            made[place] = render()
        return Markup(made[place])  # noqa: S704  # as above

    return kept


def squeezed(page: str) -> str:
    """A page without the white space around its line breaks, but for the elements in which that can matter."""
    parts = _VERBATIM.split(page)
    return "".join(part if number % 2 else _BREAK.sub("\n", part) for number, part in enumerate(parts))


def broken_links(made: str, here: str, known: frozenset[str]) -> list[str]:
    """Links in HTML of the page at ``here`` that lead to no file of the site: MkDocs looks at Markdown's only."""
    return sorted(target for target in set(_LINK.findall(made)) if not _leads(here, html.unescape(target), known))


def blocks(text: str) -> str:
    """What of a page's Markdown is HTML already."""
    return "\n".join(_BLOCK.findall(text))


def _leads(here: str, target: str, known: frozenset[str]) -> bool:
    if "://" in target or not (path := unquote(urlsplit(target).path)):
        return True
    place = posixpath.normpath(posixpath.join(here, path))
    return (posixpath.normpath(f"{place}/index.html") if path.endswith("/") else place) in known
