"""A Chinese page is Chinese: no sentence in English but quotations, code, names and titles; and the other way round."""

from __future__ import annotations

import html.parser
import re
from collections.abc import Iterator
from pathlib import Path

from sightglass import catalogue
from sightglass.catalogue import ENTRY_FOLDERS, Catalogue

ROOT = Path(__file__).resolve().parents[2]

BLOCKS = {"p", "li", "td", "th", "figcaption", "summary", "h1", "h2", "h3", "h4", "dt", "dd", "option", "label"}
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
    ("q", "", ""): "a quotation",
    ("span", "class", "Z3988"): "what Zotero reads",
    ("p", "class", "sg-byline"): "names",
    ("p", "class", "sg-title-zh"): "the name in the other language",
    ("span", "class", "sg-title-zh"): "the name in the other language",
}


EXCEPTIONS = {"zh/benchmark/": "names and versions of packages"}  # pages that may have more, with the reason


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
        keys = {(tag, "", "")} | {(tag, name, part) for name, value in values.items() for part in value.split()}
        self.found += [[text] for text in spoken if not keys & NOT_OURS.keys()]
        if tag in VOID:
            return
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
        if len(self.open) > 1 and not self.stack[-1][1]:  # outside the blocks stand names and numbers alone
            self.found[self.open[-1]].append(data)


def _english(text: str) -> float:
    """The share of English words among the words and characters of a text, 0 if there are only a few."""
    plain = QUOTED.sub("", " ".join(text.split()))
    words = len(WORD.findall(plain))
    return words / (words + len(HAN.findall(plain))) if words >= FEW else 0.0


def _names(books: Catalogue) -> list[str]:
    """Titles and names, which stay as they are, the longest first; and the summaries that nobody has translated yet."""
    names = {venue.name for venue in books.venues.values()}
    for method in books.methods.values():
        names |= {method.name, *method.aliases}
    for entry in books.entries.values():
        names |= {entry.title, *(person.display for person in entry.authors)}
        if not entry.summary_zh:
            summary = " ".join(entry.summary.split())
            names |= {summary, summary[:300].strip()}
    return sorted((" ".join(name.split()) for name in names), key=len, reverse=True)


def _without(text: str, names: list[str]) -> str:
    plain = " ".join(text.split())
    for name in names:
        plain = plain.replace(name, "")
    return plain


def _texts(source: str) -> list[str]:
    return ["".join(parts) for parts in _Blocks(source).found]


def _pages(built: Path, folder: str) -> Iterator[tuple[str, str]]:
    for path in sorted((built / folder).rglob("*.html")):
        source = path.read_text(encoding="utf-8")
        if 'http-equiv="refresh"' not in source[:1000]:
            yield path.relative_to(built).as_posix().removesuffix("index.html"), source


def test_no_block_of_a_chinese_page_is_english(built: Path) -> None:
    names, found, seen = _names(catalogue.load(ROOT)), {}, 0
    for page, source in _pages(built, "zh"):
        seen += 1
        suspects = [text for text in _texts(source) if _english(text) > SHARE]
        blocks = [" ".join(text.split())[:100] for text in suspects if _english(_without(text, names)) > SHARE]
        if blocks and page not in EXCEPTIONS:
            found[page] = blocks
    assert seen > 500
    assert found == {}


def test_the_measure_sees_english_and_leaves_names_alone() -> None:
    page = (
        "<ul><li>图 <code>a b c d e</code> <a lang='en'>the map of a class</a></li><li>of the map and class</li></ul>"
    )
    assert [_english(text) > SHARE for text in _texts(page)] == [False, False, True]
    title = "Ten simple rules for structuring papers"
    assert _english(f"见 {title} 一文") > SHARE
    assert _english(_without(f"见 {title} 一文", [title])) == 0
    assert "what the map shows here" in _texts('<p>图</p><img alt="what the map shows here">')


def test_an_english_page_does_not_repeat_the_chinese_summary(built: Path) -> None:
    summaries = {entry.summary_zh for entry in catalogue.load(ROOT).entries.values() if entry.summary_zh}
    assert len(summaries) > 200
    for folder in ENTRY_FOLDERS:
        for page, source in _pages(built, folder):
            assert not [text for text in _texts(source) if " ".join(text.split()) in summaries], page
