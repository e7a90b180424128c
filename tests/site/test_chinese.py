"""A Chinese page is Chinese: no sentence in English but quotations, code, names and titles; and the other way round."""

from __future__ import annotations

import html.parser
import re
from collections.abc import Iterator
from pathlib import Path

BLOCKS = {
    "p",
    "li",
    "td",
    "th",
    "figcaption",
    "summary",
    "h1",
    "h2",
    "h3",
    "h4",
    "dt",
    "dd",
    "option",
    "label",
    "title",
}
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
WORD = re.compile(r"(?<![\w./-])[a-z][a-z’'-]+(?![\w/]|\.\w)")  # lower case: names and titles begin with a capital
HAN = re.compile(r"[\u3400-\u9fff]")
FEW, SHARE = 4, 0.2  # so many words, and of all words and characters such a share, are a sentence in English
QUOTED = re.compile(r"“[^”]*”|《[^》]*》|‘[^’]*’|'[^']*'|\"[^\"]*\"")

# What stands in the middle of a page and is not ours to translate, by tag, attribute and its value, with the reason.
NOT_OURS = {
    ("code", "", ""): "code",
    ("pre", "", ""): "code, and what it printed",
    ("math", "", ""): "equations",
    ("em", "", ""): "titles of works",
    ("a", "lang", "en"): "the title of a work",
    ("h1", "lang", "en"): "the title of the work that the page is about",
    ("a", "rel", "noopener"): "an address",
    ("span", "class", "Z3988"): "what Zotero reads",
    ("p", "class", "sg-title-zh"): "the name in the other language",
    ("span", "class", "sg-title-zh"): "the name in the other language",
}


class _Blocks(html.parser.HTMLParser):
    """The texts of a page's blocks, and its alternative texts and descriptions."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.stack: list[tuple[str, bool]] = []  # open elements, and whether what they hold is left out
        self.found: list[list[str]] = [[]]
        self.open: list[int] = [0]
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        spoken = [values[name] for name in ("alt", "aria-label", "placeholder", "title") if name in values]
        if values.get("name") == "description":
            spoken.append(values.get("content", ""))
        self.found += [[text] for text in spoken]
        if tag in VOID:
            return
        keys = {(tag, "", "")} | {(tag, name, part) for name, value in values.items() for part in value.split()}
        left_out = tag in ("script", "style", "svg") or bool(keys & NOT_OURS.keys())
        self.stack.append((tag, left_out or (bool(self.stack) and self.stack[-1][1])))
        if tag in BLOCKS:
            self.found.append([])
            self.open.append(len(self.found) - 1)

    def handle_endtag(self, tag: str) -> None:
        while self.stack:
            last, _ = self.stack.pop()
            if last in BLOCKS and len(self.open) > 1:
                self.open.pop()
            if last == tag:
                break

    def handle_data(self, data: str) -> None:
        if not (self.stack and self.stack[-1][1]):
            self.found[self.open[-1]].append(data)


def _english(text: str) -> float:
    """The share of English words among the words and characters of a text, 0 if there are only a few."""
    plain = QUOTED.sub("", " ".join(text.split()))
    words = len(WORD.findall(plain))
    return words / (words + len(HAN.findall(plain))) if words >= FEW else 0.0


def _pages(built: Path) -> Iterator[tuple[str, str]]:
    for path in sorted((built / "zh").rglob("*.html")):
        source = path.read_text(encoding="utf-8")
        if 'http-equiv="refresh"' not in source[:1000]:
            yield path.relative_to(built).as_posix().removesuffix("index.html"), source


def test_no_block_of_a_chinese_page_is_english(built: Path) -> None:
    found = {}
    for page, source in _pages(built):
        texts = ["".join(parts) for parts in _Blocks(source).found]
        blocks = [" ".join(text.split())[:100] for text in texts if _english(text) > SHARE]
        if blocks:
            found[page] = blocks
    assert found == {}
