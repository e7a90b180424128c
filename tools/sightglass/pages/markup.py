"""Markdown and HTML in small pieces.  Everything that comes out of the catalogue passes through ``text``."""

from __future__ import annotations

import html
import json
import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

HTML_LANGUAGE = {"zh": "zh-Hans"}
_MARKDOWN = re.compile(r"[\\`*_{}\[\]|~^$]")
_BLOCK_START = re.compile(r"^\s*(?:[#+>=:!?-]|\d+[.)])")


def text(value: object) -> str:
    """``value`` as it reads, in Markdown or HTML: nothing in it is markup any more, line breaks become spaces."""
    plain = html.escape(" ".join(str(value).split()), quote=True)
    escaped = _MARKDOWN.sub(lambda match: f"&#{ord(match[0])};", plain)
    if _BLOCK_START.match(escaped):
        first = next(i for i, character in enumerate(escaped) if character in "#+>=:!?-.)")
        escaped = f"{escaped[:first]}&#{ord(escaped[first])};{escaped[first + 1 :]}"
    return escaped


def to(page: str, label: object, here: str, *, css: str = "") -> str:
    """A Markdown link from page ``here`` to page ``page`` (both as ``papers/key.md``), checked by MkDocs."""
    target = posixpath.relpath(page, posixpath.dirname(here) or ".")
    return f"[{text(label)}]({target})" + (f"{{ .{css} }}" if css else "")


def out(url: str, label: object, *, css: str = "", language: str = "") -> str:
    """A link to another site."""
    attributes = f' class="{css}"' if css else ""
    attributes += f' hreflang="{language}"' if language else ""
    return f'<a href="{html.escape(url, quote=True)}" rel="noopener"{attributes}>{text(label)}</a>'


def table(header: Sequence[str], rows: Iterable[Sequence[str]], *, css: str = "", stacks: bool = False) -> str:
    """A Markdown table of ready-made cells, in a box that scrolls sideways on a narrow screen.

    With ``stacks`` each cell carries its column's name, so that a narrow screen can show the cells one below the other.
    """
    if stacks:
        css += " sg-stacks"
        labels = [f'{{ data-label="{re.sub("<[^>]*>", "", label)}" }}' for label in header]  # an attribute has no tags
        rows = [[f"{cell} {label}" for cell, label in zip(row, labels, strict=True)] for row in rows]
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    lines += ["| " + " | ".join(cell or " " for cell in row) + " |" for row in rows]
    return f'<div class="sg-table {css}" markdown>\n\n' + "\n".join(lines) + "\n\n</div>\n"


def code(source: str, language: str = "") -> str:
    """A fenced block; its fence is longer than any that stands in ``source``."""
    longest = max((len(run) for run in re.findall(r"`+", source)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{source.rstrip()}\n{fence}\n"


def page(title: str, body: str, **front: Any) -> str:
    """A page with its front matter.  JSON is YAML, so nothing in a title can break out of it."""
    fields: Mapping[str, Any] = {"title": title, **{key: value for key, value in front.items() if value}}
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in fields.items()]
    return "---\n" + "\n".join(lines) + "\n---\n\n" + body.rstrip() + "\n"


def address(target: str, here: str) -> str:
    """Where file or page ``target`` lies as seen from the address of page ``here``, for links in HTML."""
    folder = here.removesuffix("index.md").removesuffix(".md")
    directory = target.removesuffix("index.md").removesuffix(".md") + "/" if target.endswith(".md") else target
    return posixpath.relpath(directory, folder or ".") + ("/" if target.endswith(".md") else "")


def spoken(words: str, language: str, around: str) -> str:
    """Ready-made ``words`` in ``language``, marked as such where the page ``around`` them is in another."""
    return words if language == around else f'<span lang="{HTML_LANGUAGE.get(language, language)}">{words}</span>'


def chinese(value: str) -> str:
    """A paragraph in Chinese, marked as such."""
    return f'<p lang="zh-Hans" class="sg-zh">{text(value)}</p>\n'
