"""Markdown and HTML in small pieces.  Everything that comes out of the catalogue passes through ``text``.

Pages are Markdown: headings and sentences.  What is made in bulk (lists of entries, tables, citations, cards) is HTML
from the start, in blocks marked by ``ready``, which the site's Markdown hands on unread: most of a build's time went
into reading them.
"""

from __future__ import annotations

import functools
import html
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Any

import pygments
from pygments.formatters import HtmlFormatter
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name

HTML_LANGUAGE = {"zh": "zh-Hans"}
READY = ("<!-- ready -->", "<!-- /ready -->")
_FORMATTER = HtmlFormatter(wrapcode=True)
_SPACE = re.compile(r'<span class="w">(\s*)</span>')  # which has no colour
_MARKDOWN = re.compile(r"[\\`*_{}\[\]|~^$]")
_BLOCK_START = re.compile(r"^\s*(?:[#+>=:!?-]|\d+[.)])")


def text(value: object) -> str:
    """``value`` as it reads, in Markdown or HTML: nothing in it is markup any more, line breaks become spaces."""
    return _escaped(str(value))


@functools.lru_cache(maxsize=65536)  # names and titles stand on many pages
def _escaped(value: str) -> str:
    plain = html.escape(" ".join(value.split()), quote=True)
    escaped = _MARKDOWN.sub(lambda match: f"&#{ord(match[0])};", plain)
    if _BLOCK_START.match(escaped):
        first = next(i for i, character in enumerate(escaped) if character in "#+>=:!?-.)")
        escaped = f"{escaped[:first]}&#{ord(escaped[first])};{escaped[first + 1 :]}"
    return escaped


def ready(made: str) -> str:
    """A block of a page that is HTML already; the site checks its links and leaves it as it is."""
    return f"{READY[0]}\n{made.strip()}\n{READY[1]}\n"


def to(page: str, label: object, here: str, *, css: str = "", language: str = "") -> str:
    """A link from page ``here`` to page ``page`` (``papers/key.md``, or ``papers/key/``), label in ``language``."""
    attributes = (f' class="{css}"' if css else "") + (f' lang="{language}"' if language else "")
    return f'<a{attributes} href="{address(page, here)}">{text(label)}</a>'


def out(url: str, label: object, *, css: str = "", language: str = "") -> str:
    """A link to another site."""
    attributes = f' class="{css}"' if css else ""
    attributes += f' hreflang="{language}"' if language else ""
    return f'<a href="{html.escape(url, quote=True)}" rel="noopener"{attributes}>{text(label)}</a>'


def table(
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    css: str = "",
    stacks: bool = False,
    marks: Sequence[str] = (),
) -> str:
    """A table of ready-made cells, in a box that scrolls sideways on a narrow screen; ``marks`` are rows' attributes.

    With ``stacks`` each cell carries its column's name, so that a narrow screen can show the cells one below the other.
    """
    css = " ".join(part for part in ("sg-table", css, "sg-stacks" if stacks else "") if part)
    labels = [f' data-label="{re.sub("<[^>]*>", "", label)}"' if stacks else "" for label in header]
    head = "".join(f"<th>{cell}</th>\n" for cell in header)
    body = "\n".join(
        f"<tr{f' {mark}' if mark else ''}>\n"
        + "".join(f"<td{label}>{cell}</td>\n" for cell, label in zip(row, labels, strict=True))
        + "</tr>"
        for row, mark in zip_longest(rows, marks, fillvalue="")
    )
    inner = f"<thead>\n<tr>\n{head}</tr>\n</thead>\n<tbody>\n{body}\n</tbody>"
    return f'<div class="{css}">\n<table>\n{inner}\n</table>\n</div>\n'


@functools.lru_cache(maxsize=65536)  # both languages show the same, and 'serve' shows it again
def code(source: str, language: str = "text") -> str:
    """A block of code, coloured as the site's Markdown colours it."""
    if language != "text":
        return _SPACE.sub(r"\1", pygments.highlight(source, _lexer(language), _FORMATTER))
    shown = html.escape(source.strip("\n"))
    return f'<div class="highlight"><pre><span></span><code>{shown}\n</code></pre></div>\n'


@functools.cache
def _lexer(language: str) -> Lexer:
    return get_lexer_by_name(language)


def bullets(items: Iterable[str]) -> str:
    """A list of ready-made items."""
    made = "".join(f"<li>{item}</li>\n" for item in items)
    return f"<ul>\n{made}</ul>\n"


def definitions(rows: Mapping[str, str], *, css: str = "") -> str:
    """A list of ready-made terms and what is said of each; a term without a word is left out."""
    made = "".join(f"<dt>{term}</dt>\n<dd>{said}</dd>\n" for term, said in rows.items() if said)
    return f'<dl class="{css}">\n{made}</dl>\n'


def details(title: str, body: str, *, css: str = "note") -> str:
    """A ready-made block that opens on a click."""
    return f'<details class="{css}">\n<summary>{title}</summary>\n{body}</details>\n'


def tabs(shown: Mapping[str, str]) -> str:
    """Ready-made blocks behind tabs, by label, the first one open; once on a page.  As pymdownx writes them."""
    marks = [f'id="__tabbed_1_{number}" name="__tabbed_1" type="radio"' for number in range(1, len(shown) + 1)]
    inputs = "".join(f"<input {'checked ' if number == 0 else ''}{mark}>" for number, mark in enumerate(marks))
    labels = "".join(f'<label for="__tabbed_1_{number}">{label}</label>' for number, label in enumerate(shown, 1))
    blocks = "".join(f'<div class="tabbed-block">\n{block}</div>\n' for block in shown.values())
    return (
        f'<div class="tabbed-set tabbed-alternate" data-tabs="1:{len(shown)}">{inputs}'
        f'<div class="tabbed-labels">{labels}</div>\n<div class="tabbed-content">\n{blocks}</div>\n</div>\n'
    )


def page(title: str, body: str, **front: Any) -> str:
    """A page with its front matter.  JSON is YAML, so nothing in a title can break out of it."""
    fields: Mapping[str, Any] = {"title": title, **{key: value for key, value in front.items() if value}}
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in fields.items()]
    return "---\n" + "\n".join(lines) + "\n---\n\n" + body.rstrip() + "\n"


def address(target: str, here: str) -> str:
    """Where file or page ``target`` lies as seen from the address of page ``here``, for links in HTML."""
    goal, folder = _places(target), _places(here)
    shared = 0
    while shared < min(len(goal), len(folder)) - 1 and goal[shared] == folder[shared]:
        shared += 1
    return "../" * (len(folder) - 1 - shared) + "/".join(goal[shared:]) or "./"


@functools.lru_cache(maxsize=65536)
def _places(path: str) -> list[str]:
    """The parts of a file's or page's address; a page's last one is empty, for its address is a folder."""
    folder = path.removesuffix("index.md") if path.endswith("index.md") else path.replace(".md", "/")
    return folder.split("/")


def inline(words: str) -> str:
    """A phrase's own Markdown (links, code, emphasis) as HTML; what ``text`` made of values holds none."""
    words = re.sub(r"\[([^]]*)\]\(([^)]*)\)", r'<a href="\2">\1</a>', words)
    words = re.sub(r"`([^`]*)`", r"<code>\1</code>", words)
    return re.sub(r"\*([^*]*)\*", r"<em>\1</em>", words)


def spoken(words: str, language: str, around: str) -> str:
    """Ready-made ``words`` in ``language``, marked as such where the page ``around`` them is in another."""
    return words if language == around else f'<span lang="{HTML_LANGUAGE.get(language, language)}">{words}</span>'


def either(original: str, in_chinese: str | None, around: str, language: str = "en") -> str:
    """As text what a page in the language ``around`` says: the Chinese on a Chinese page where there is one, else the
    original, marked with its ``language``.
    """
    if around == "zh" and in_chinese:
        return text(in_chinese)
    return spoken(text(original), language, around)


_FENCED = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
_BROKEN = re.compile(
    r"(?<=[，。；：、！？）”》])\n *(?=[\u4e00-\u9fffA-Za-z“（《`*\[])|(?<=[\u4e00-\u9fff])\n *(?=[\u4e00-\u9fff])"
)


def unbroken(chinese: str) -> str:
    """Markdown in Chinese without the line breaks inside a paragraph, which would be read as spaces; code stays."""
    parts = _FENCED.split(chinese)
    return "".join(part if number % 2 else _BROKEN.sub("", part) for number, part in enumerate(parts))
