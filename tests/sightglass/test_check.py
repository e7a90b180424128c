"""Every rule has a fixture that breaks it; hostile files give problems and never an exception."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import os
import random
import shutil
import sys
import zoneinfo
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sightglass import catalogue
from sightglass.catalogue import check, yaml_source
from sightglass.catalogue.yaml_source import Problem

TOY = Path(__file__).parent / "toy"
PROJECT = Path(__file__).resolve().parents[2]
MARK = "▸"  # where in a fixture the problem is expected; it is taken out before the file is written

PAPER = "papers/lin2015where.yaml"
GLOW = "papers/okafor2013glow.yaml"
TOOL = "tools/glowkit.yaml"
POST = "posts/zhihu-heat-sum.yaml"
COURSE = "resources/seeing-layers.yaml"
METHOD = "methods/heat-sum.yaml"
OTHER_METHOD = "methods/gradient-glow.yaml"
LIST = "lists/first-weeks.yaml"

Change = Callable[[bytes], bytes]


@dataclasses.dataclass(frozen=True)
class Broken:
    """A rule, the file of the toy catalogue that is changed, how, and a part of the message that must come."""

    rule: str
    file: str
    change: Change | None  # None: the test prepares the folder by itself
    message: str
    prepare: Callable[[Path], object] | None = None
    place: tuple[int, int] | None = None


def swap(*pairs: str) -> Change:
    """Replace the first text by the second, the third by the fourth ...; each must stand once in the file."""

    def change(raw: bytes) -> bytes:
        text = raw.decode()
        for old, new in zip(pairs[::2], pairs[1::2], strict=True):
            assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in the fixture"
            text = text.replace(old, new)
        return text.encode()

    return change


def whole(content: str | bytes) -> Change:
    return lambda raw: content.encode() if isinstance(content, str) else content


def add(tail: str) -> Change:
    return lambda raw: raw + tail.encode()


def folder(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir()


def copied(source: str) -> Callable[[Path], None]:
    def prepare(path: Path) -> None:
        path.write_bytes((path.parents[1] / source).read_bytes())

    return prepare


def touched(path: Path) -> None:
    path.write_text("x")


def dangling(path: Path) -> None:
    path.symlink_to("nowhere.yaml")


def pipe(path: Path) -> None:
    os.mkfifo(path)


def without_folder(path: Path) -> None:
    (path / "first-weeks.yaml").unlink()
    path.rmdir()
    path.write_text("no folder")


def module_with(*lines: str) -> Callable[[Path], None]:
    """Give the toy method a module with these lines."""

    def prepare(path: Path) -> None:
        module = Path(str(path).partition("/catalog/")[0]) / "repro" / "attribution" / "heat_sum.py"
        module.parent.mkdir(parents=True, exist_ok=True)
        module.write_text("\n".join(lines) + "\n", encoding="utf-8")

    return prepare


def link_with(url: str) -> Change:
    return swap("url: https://example.org/glow.pdf", f"url: {MARK}{url}")


def with_equations(*numbers: str) -> Change:
    equation = (
        "equations:\n  - number: {}\n    place: Sec. 3\n    latex: y = x\n    meaning: Equal.\n    meaning_zh: 相等。\n"
    )
    second = "".join(equation.format(number).replace("equations:\n", "") for number in numbers[1:])
    return swap("claims:\n", f"{equation.format(numbers[0])}{second}claims:\n")


BROKEN = [
    # one file by itself: can it be read
    Broken("file-readable", "papers/folder2020x.yaml", None, "is no file", folder),
    Broken("file-readable", "papers/gone2020x.yaml", None, "No such file", dangling),
    Broken("file-readable", "papers/pipe2020x.yaml", None, "is no file", pipe),
    Broken(
        "file-size", PAPER, whole(b"title: " + b"a" * 10_000_000), "10,000,007 bytes; a catalogue file holds at most"
    ),
    Broken(
        "file-encoding",
        PAPER,
        whole("title: Grün\n".encode() + "x: Grün\n".encode("latin-1")),
        "not UTF-8: byte 0xfc",
        place=(2, 6),
    ),
    Broken("file-encoding", PAPER, whole("title: 热图".encode() + b"\xff\n"), "not UTF-8: byte 0xff", place=(1, 10)),
    Broken("file-empty", PAPER, whole(""), "empty"),
    Broken("file-empty", PAPER, whole("# only a comment\n"), "empty"),
    Broken("file-character", PAPER, swap("Heat Sums for", f"Heat{MARK}\x00Sums for"), "U+0000"),
    Broken("file-character", GLOW, swap("Gradients that", f"Gradients{MARK}\u2028that"), "U+2028"),
    Broken("yaml-tab", GLOW, swap("  - Okafor", f"{MARK}\t- Okafor"), "a tab in the indentation"),
    Broken("yaml-syntax", GLOW, swap("title: Gradients that Glow", f"title: Gradients{MARK}: that glow"), "mapping"),
    Broken("yaml-syntax", GLOW, swap("  - Okafor, Chidi", "  - [Okafor\n  - x"), "flow sequence", place=(5, 5)),
    Broken("yaml-syntax", GLOW, add(f"{MARK}---\ntitle: second\n"), "a second document"),
    Broken("yaml-syntax", GLOW, add(f"? {MARK}[a, b]\n: c\n"), "a key must be a word"),
    Broken("yaml-syntax", GLOW, swap("year: 2013", f"year: {MARK}.inf"), "unreadable value '.inf'"),
    Broken("yaml-syntax", GLOW, swap("year: 2013", f"year: {MARK}0x{'f' * 5000}"), "unreadable value"),
    Broken(
        "yaml-duplicate-key",
        GLOW,
        swap("venue: JTV", f"venue: JTV\n{MARK}year: 2014"),
        "the key 'year' stands twice; the first is on line 4",
    ),
    Broken("yaml-alias", GLOW, swap("year: 2013", f"year: {MARK}&a 2013"), "anchor or alias 'a'"),
    Broken("yaml-alias", GLOW, whole(f"a: {MARK}&a [x, x]\nb: &b [*a, *a, *a]\nc: [*b, *b, *b]\n"), "not allowed"),
    Broken("yaml-alias", GLOW, swap("year: 2013", f"year: {MARK}!!python/object/apply:os.system [x]"), "tag"),
    Broken("yaml-depth", GLOW, whole("a: " + "[" * 20 + MARK + "[" * 100_000), "deeper than 20"),
    # one file by itself: keys and values of a field
    Broken(
        "unknown-key", PAPER, swap("venue: CVPR", f"{MARK}veneu: CVPR"), "'veneu', did you mean 'venue'?; allowed here"
    ),
    Broken("unknown-key", PAPER, swap("framework: torch", f"{MARK}framewrok: torch"), "did you mean 'framework'?"),
    Broken("unknown-key", LIST, swap("presenter: Ada", f"{MARK}Presenter: Ada"), "did you mean 'presenter'?"),
    Broken("unknown-key", GLOW, add(f"{MARK}<<: {{a: 1}}\n"), "unknown key '<<'"),
    Broken("unknown-key", GLOW, add(f"{MARK}1: one\n"), "unknown key '1'"),
    Broken("missing-key", TOOL, swap("title: Glowkit\n", MARK), "the key 'title' is missing"),
    Broken(
        "missing-key",
        METHOD,
        swap(
            "  - id: points-at-object\n    statement: The brightest point lies on the object.\n",
            f"  - {MARK}id: points-at-object\n",
        ),
        "the key 'statement' is missing",
    ),
    Broken(
        "vocabulary", PAPER, swap("kind: conference", f"kind: {MARK}conferense"), "did you mean 'conference'?; allowed"
    ),
    Broken("vocabulary", PAPER, swap("role: code", f"role: {MARK}coed"), "unknown role 'coed', did you mean 'code'?"),
    Broken("form", PAPER, swap("year: 2015", f'year: {MARK}"2015"'), "should be a valid integer, found '2015'"),
    Broken("form", PAPER, swap("year: 2015", f"year: {MARK}2015-06-01"), "should be a valid integer"),
    Broken("form", TOOL, swap("title: Glowkit", f"title: {MARK}yes"), "should be a valid string, found 'true'"),
    Broken(
        "form", PAPER, swap("month: 6", f"month: {MARK}13"), "'month' should be less than or equal to 12, found '13'"
    ),
    Broken(
        "form",
        PAPER,
        swap("  - gradient-glow", f"  - {MARK}Gradient_Glow"),
        "'Gradient_Glow' is not of the form of about: small letters",
    ),
    Broken("form", PAPER, swap('  lines:\n    - "000:L16"', f"  lines:\n    - {MARK}line 16"), "as 004:L16"),
    Broken(
        "form", METHOD, swap("- id: beats", f"- {MARK}id: beats", "    at_least: 0.1\n", ""), "a claim needs a bound"
    ),
    Broken(
        "form",
        METHOD,
        swap("- id: beats", f"- {MARK}id: beats", "    reason: The toy network is too small.\n", ""),
        "expected to fail needs a reason",
    ),
    Broken("form", GLOW, whole("- a\n- b\n"), "expected keys and values"),
    Broken("form", GLOW, whole("42\n"), "expected keys and values, found '42'"),
    Broken("form", "venues.yaml", whole("id: CVPR\n"), "must be a list of venues"),
    Broken(
        "form",
        "venues.yaml",
        swap("- id: JTV\n  name: Journal of Toy Vision\n  kind: journal", f"- {MARK}5"),
        "expected keys and values",
    ),
    Broken("form", "venues.yaml", swap("id: JTV", f"id: {MARK}J TV"), "as ICLR-workshop"),
    # names and places of files
    Broken("file-place", "paper", None, "'paper' has no place in catalog/, did you mean 'papers'?", folder),
    Broken("file-place", "lists", None, "'lists' has no place", without_folder),
    Broken("file-place", "papers/lin2015where.yml", None, "holds .yaml files only", copied(PAPER)),
    Broken("file-place", "papers/2015", None, "holds .yaml files only", folder),
    Broken("file-name", "papers/Lin_2015.yaml", None, "'Lin_2015' can't be a key", copied(PAPER)),
    Broken("file-name", "papers/.lin2015.yaml", None, "can't be a key", copied(PAPER)),
    Broken(
        "duplicate-key", "tools/lin2015where.yaml", None, "is taken by catalog/papers/lin2015where.yaml", copied(TOOL)
    ),
    Broken("duplicate-key", "methods/glowkit.yaml", None, "is taken by catalog/tools/glowkit.yaml", copied(METHOD)),
    # the catalogue's own vocabularies
    Broken(
        "vocabulary", PAPER, swap("venue: CVPR", f"venue: {MARK}CPVR"), "unknown venue 'CPVR', did you mean 'CVPR'?"
    ),
    Broken(
        "vocabulary",
        PAPER,
        swap("topics:\n  - attribution", f"topics:\n  - {MARK}atribution"),
        "did you mean 'attribution'?",
    ),
    Broken(
        "vocabulary",
        METHOD,
        swap("family: attribution", f"family: {MARK}survey"),
        "unknown family 'survey'; allowed: attribution, visualisation",
    ),
    Broken("duplicate-topic", "taxonomy.yaml", swap("id: survey", f"id: {MARK}attribution"), "stands twice"),
    Broken("duplicate-venue", "venues.yaml", swap("id: Zhihu", f"id: {MARK}CVPR"), "venue 'CVPR' stands twice"),
    Broken("duplicate-venue", "venues.yaml", swap("id: Zhihu", f"id: {MARK}Arxiv"), "in capitals only"),
    # references, in both directions
    Broken(
        "reference",
        POST,
        swap("  - heat-sum", f"  - {MARK}heat-sums"),
        "no method 'heat-sums', did you mean 'heat-sum'?",
    ),
    Broken("reference", TOOL, swap("  - okafor2013glow", f"  - {MARK}okafor2013glo"), "no entry 'okafor2013glo', did"),
    Broken(
        "reference",
        PAPER,
        swap("builds_on:\n  - okafor2013glow", f"builds_on:\n  - {MARK}glowkit"),
        "no paper 'glowkit'",
    ),
    Broken("reference", PAPER, swap("proposes:\n  - heat-sum", f"proposes:\n  - {MARK}heat"), "no method 'heat'"),
    Broken(
        "reference",
        METHOD,
        swap("proposed_by:\n  - lin2015where", f"proposed_by:\n  - {MARK}lin2015"),
        "no paper 'lin2015'",
    ),
    Broken(
        "reference", METHOD, swap("builds_on:\n  - gradient-glow", f"builds_on:\n  - {MARK}glow"), "no method 'glow'"
    ),
    Broken(
        "reference", METHOD, swap("builds_on:\n  - gradient-glow", f"builds_on:\n  - {MARK}heat-sum"), "names itself"
    ),
    Broken("reference", POST, swap("  - heat-sum", f"  - heat-sum\n  - {MARK}heat-sum"), "stands twice in 'about'"),
    Broken(
        "reference",
        METHOD,
        swap("paper: lin2015where\n    place: Sec. 4, Tab. 1", f"paper: {MARK}lin2014where\n    place: Sec. 4, Tab. 1"),
        "did you mean 'lin2015where'?",
    ),
    Broken(
        "reference",
        LIST,
        swap("key: heat-sum", f"key: {MARK}heat-summ"),
        "no entry or method 'heat-summ', did you mean",
    ),
    Broken(
        "proposal",
        METHOD,
        swap("proposed_by:\n  - lin2015where", f"proposed_by:\n  - lin2015where\n  - {MARK}okafor2013glow"),
        "catalog/papers/okafor2013glow.yaml does not name it in proposes",
    ),
    Broken(
        "proposal",
        PAPER,
        swap("proposes:\n  - heat-sum", f"proposes:\n  - heat-sum\n  - {MARK}gradient-glow"),
        "catalog/methods/gradient-glow.yaml does not name it in proposed_by",
    ),
    Broken(
        "cycle",
        OTHER_METHOD,
        swap("summary: The", f"{MARK}builds_on:\n  - heat-sum\nsummary: The"),
        "gradient-glow -> heat-sum -> gradient-glow",
    ),
    Broken(
        "cycle",
        PAPER,
        swap("builds_on:", f"{MARK}builds_on:"),
        "lin2015where -> okafor2013glow -> lin2015where",
        lambda path: (path.parent / "okafor2013glow.yaml").write_bytes(
            (path.parent / "okafor2013glow.yaml").read_bytes() + b"builds_on:\n  - lin2015where\n"
        ),
    ),
    # one work, one entry
    Broken(
        "duplicate",
        GLOW,
        add(f"doi: {MARK}10.5555/CVPR.2015.101\n"),
        "the same doi as catalog/papers/lin2015where.yaml",
    ),
    Broken("duplicate", GLOW, add(f'arxiv: {MARK}"1504.01234"\n'), "the same arxiv as"),
    Broken("duplicate", GLOW, add(f"isbn: {MARK}3-16-148410-X\n"), "the same isbn as"),
    Broken(
        "duplicate",
        GLOW,
        swap("title: Gradients that Glow", f'title: {MARK}"Where the network looks – heat sums for CNNs"'),
        "the same title as catalog/papers/lin2015where.yaml",
    ),
    # identifiers and years
    Broken(
        "identifier", PAPER, swap('doi: "10.5555', f'doi: {MARK}"https://doi.org/10.5555'), "is no DOI; write it bare"
    ),
    Broken("identifier", PAPER, swap('"1504.01234"', f'{MARK}"1504.01234v2"'), "without version"),
    Broken("identifier", PAPER, swap('"1504.01234"', f'{MARK}"1513.01234"'), "is no arXiv number"),
    Broken("identifier", GLOW, add(f"arxiv_class: {MARK}cs.CV\n"), "an arXiv class without an arXiv number"),
    Broken("identifier", PAPER, swap('148410-0"', '148410-1"', 'isbn: "', f'isbn: {MARK}"'), "check digit"),
    Broken("year", GLOW, swap("year: 2013", f"year: {MARK}1066"), "1066 is not a possible year (1800 to"),
    Broken("year", GLOW, swap("year: 2013", f"year: {MARK}0"), "0 is not a possible year"),
    Broken("year", GLOW, swap("year: 2013", f"year: {MARK}20133"), "20133 is not a possible year"),
    Broken("year", PAPER, swap("year: 2015", f"year: {MARK}2012"), "long before arXiv:1504.01234 was submitted (2015)"),
    # addresses
    Broken("url", GLOW, link_with("javascript:alert(1)"), "'javascript' is not allowed"),
    Broken("url", GLOW, link_with("data:text/html,hello"), "'data' is not allowed"),
    Broken("url", GLOW, link_with("//example.org/x"), "'no scheme' is not allowed"),
    Broken("url", GLOW, link_with("https://localhost/x"), "no valid host"),
    Broken("url", GLOW, link_with("https://10.0.0.10/x"), "no valid host"),
    Broken("url", GLOW, link_with("https:///x.html"), "no valid host"),
    Broken("url", GLOW, link_with("https://user:secret@example.org/"), "no user name or password"),
    Broken("url", GLOW, link_with("https://example.org:0/"), "impossible port"),
    Broken("url", GLOW, link_with("https://example.org:99999/"), "malformed address"),
    Broken("url", GLOW, link_with("https://[example.org/"), "malformed address"),
    Broken("url", GLOW, link_with('"https://example.org/a b"'), "no spaces"),
    Broken("url", GLOW, link_with("https://example.org/<script>"), "'<' must be percent-encoded"),
    Broken("url", GLOW, link_with("https://example.org/50%"), "'%' must be percent-encoded"),
    Broken("url", PAPER, swap("now: https", f"now: {MARK}ftp"), "'ftp' is not allowed"),
    Broken("url", METHOD, swap("url: https", f"url: {MARK}gopher"), "'gopher' is not allowed"),
    Broken("url", PAPER, swap("at: https", f"at: {MARK}file"), "'file' is not allowed"),
    Broken("url", "venues.yaml", swap("url: https", f"url: {MARK}file"), "'file' is not allowed"),
    Broken(
        "url",
        GLOW,
        swap("    role: paper\n", f"    role: paper\n  - url: {MARK}https://example.org/glow.pdf\n    role: data\n"),
        "stands twice",
    ),
    # people
    Broken(
        "name", GLOW, swap("  - Okafor, Chidi", f"  - Okafor, Chidi\n  - {MARK}Lin, A. et al."), "list every author"
    ),
    Broken("name", GLOW, swap("  - Okafor, Chidi", f"  - {MARK}Chidi Okafor"), "must be 'Last, First'"),
    Broken("name", GLOW, swap("  - Okafor, Chidi", f'  - {MARK}"Okafor, "'), "must be 'Last, First'"),
    Broken("name", GLOW, swap("  - Okafor, Chidi", f"  - {MARK}周, 文"), "needs sort"),
    Broken("name", GLOW, swap("  - Okafor, Chidi", f"  - {MARK}OKAFOR, Chidi"), "is in capitals"),
    Broken("name", GLOW, swap("  - Okafor, Chidi", f"  - Okafor, Chidi\n  - {MARK}Okafor, Chidi"), "stands twice"),
    # confirmations
    Broken("confirmation", PAPER, swap("      - isbn", f"      - {MARK}isnb"), "no field 'isnb', did you mean 'isbn'?"),
    Broken(
        "confirmation",
        GLOW,
        swap("      - volume", f"      - volume\n      - {MARK}doi"),
        "'doi' is confirmed but not set",
    ),
    Broken(
        "confirmation",
        GLOW,
        swap('pages: "33-48"', f'pages: "33-48"\n{MARK}doi: 10.5555/glow'),
        "'doi' is stated but no source confirms it",
    ),
    Broken(
        "confirmation",
        POST,
        swap(
            "unconfirmed: The date of the post; the stored copy does not show it.\n",
            "",
            "identified: false",
            f"identified: {MARK}false",
        ),
        "says in 'unconfirmed'",
    ),
    # texts
    Broken("text", TOOL, swap("title: Glowkit", f'title: {MARK}" Glowkit"'), "spaces around it"),
    Broken("text", TOOL, swap("title: Glowkit", f'title: {MARK}"Glow\\u202Ekit"'), "U+202E"),
    Broken("text", TOOL, swap("title: Glowkit", f'title: {MARK}"Glow\\0kit"'), "U+0000"),
    Broken("summary", TOOL, swap("A small library", f"{MARK}{'Long. ' * 160}A small library"), "at most 900"),
    Broken(
        "summary",
        TOOL,
        swap("A small library with gradient maps for convolutional networks.", f"{MARK}To be written."),
        "still to be written",
    ),
    Broken("subject", TOOL, swap("topics:\n  - toolkit\n", ""), "at least one topic"),
    Broken("about-none", TOOL, swap("about_none: its README names no method\n", ""), "or say why there are none"),
    Broken(
        "about-none",
        POST,
        swap("links:", f"{MARK}about_none: a short post\nlinks:"),
        "about 'heat-sum': leave this out",
    ),
    Broken("protect", PAPER, swap("  - CNNs", f"  - {MARK}CNN"), "'CNN' is no word of the title"),
    Broken("link", PAPER, swap("    status: moved\n    now: ", f"    now: {MARK}"), "a new address needs a status"),
    # founding notes, claims, schedules
    Broken(
        "founding-notes",
        METHOD,
        swap("    - heat-sum\n  lines", f"    - {MARK}heat-sum-paper\n  lines"),
        "is carried by catalog/papers/lin2015where.yaml too",
    ),
    Broken("founding-notes", PAPER, swap('line: "000:L16"', f'line: {MARK}"000:L17"'), "is not among the lines"),
    Broken("claim", METHOD, swap("id: beats-glow", f"id: {MARK}points-at-object"), "stands twice"),
    Broken("claim", METHOD, swap("at_least: 0.6", f"at_least: {MARK}1.6"), "at_least is above at_most"),
    # equations, in the file and beside the code
    Broken("guidance", METHOD, None, "say idea, idea_zh, use_when", module_with("x = 1")),
    Broken(
        "guidance",
        METHOD,
        swap("\nfeasible:", f"\nlimits:\n  - {MARK}points-at-objct\nfeasible:"),
        "no claim 'points-at-objct' in this file, did you mean",
    ),
    Broken("equation", METHOD, None, "state its equations", module_with("x = 1")),
    Broken(
        "equation",
        METHOD,
        with_equations(f'{MARK}"1"', '"2"'),
        "no line of repro/attribution/heat_sum.py, or of what it imports, ends in '# Eq. (1)'",
        module_with("x = 1  # Eq. (2)", 'y = "# Eq. (1)"'),
    ),
    Broken("equation", METHOD, with_equations('"1"', f'{MARK}"1"'), "the number '1' stands twice"),
    Broken(
        "equation",
        "../repro/attribution/heat_sum.py",
        None,
        "Eq. (3) is not among the equations of catalog/methods/heat-sum.yaml",
        module_with("x = 1", "y = 2  # Eq. (3)"),
        place=(2, 10),
    ),
    Broken("schedule", LIST, swap("Europe/Berlin", f"{MARK}Europe/Berlim"), "did you mean 'Europe/Berlin'?"),
    Broken("schedule", LIST, swap('"2026-03-05 16:00"', f'{MARK}"2026-02-30 16:00"'), "is no date and time"),
    # the canonical form
    Broken("canonical", GLOW, swap("year: 2013", f"year: {MARK}  2013"), "check --fix"),
    Broken("canonical", GLOW, lambda raw: raw + b"\n", "check --fix", place=(25, 1)),
    Broken("canonical", GLOW, lambda raw: b"\xef\xbb\xbf" + raw, "check --fix"),
    Broken("canonical", GLOW, lambda raw: raw.replace(b"\n", b"\r\n"), "check --fix", place=(1, 27)),
    Broken("canonical", GLOW, whole("{}\n"), "without changing what it says"),
    Broken("canonical", "taxonomy.yaml", swap("name: Surveys", f'name: {MARK}"Surveys"'), "check --fix"),
]


def broken(row: Broken, toy: Path) -> tuple[list[Problem], Problem]:
    """The problems of the toy catalogue after the change, and the one that must be among them."""
    path = toy / "catalog" / row.file
    line, column = row.place or (1, 1)
    if row.prepare:
        row.prepare(path)
    if row.change:
        raw = row.change(path.read_bytes())
        if MARK.encode() in raw:
            before = raw.decode().partition(MARK)[0]
            line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        path.write_bytes(raw.replace(MARK.encode(), b""))
    return check.check(toy)[1], Problem(os.path.normpath(f"catalog/{row.file}"), line, column, row.rule, row.message)


@pytest.mark.parametrize("row", BROKEN, ids=lambda row: f"{row.rule}-{row.file}-{row.message[:24]}")
def test_every_rule_has_a_fixture_that_breaks_it(row: Broken, toy: Path) -> None:
    problems, expected = broken(row, toy)
    place = (expected.file, expected.line, expected.column, expected.rule)
    at_place = [p for p in problems if (p.file, p.line, p.column, p.rule) == place]
    assert any(row.message in p.message for p in at_place), "\n".join(map(str, problems)) or "no problem"
    assert all("\n" not in str(p) and len(str(p)) < 1000 for p in problems)


def reports(module: object) -> Iterator[tuple[str, int, int]]:
    """File, first and last line of every place in ``module`` that makes a problem."""
    file = inspect.getsourcefile(module)
    assert file
    for node in ast.walk(ast.parse(Path(file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in ("Problem", "problem", "_refused"):
                yield file, node.lineno, node.end_lineno or node.lineno


def test_every_place_that_reports_a_problem_is_reached_by_a_fixture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached: set[tuple[str, int]] = set()
    make = Problem.__init__

    def noted(self: Problem, *args: object, **named: object) -> None:
        frame = sys._getframe(1)
        for _ in range(3):
            reached.add((frame.f_code.co_filename, frame.f_lineno))
            if frame.f_back is None:
                break
            frame = frame.f_back
        make(self, *args, **named)

    monkeypatch.setattr(Problem, "__init__", noted)
    for number, row in enumerate(BROKEN):
        toy = tmp_path / str(number)
        shutil.copytree(TOY, toy)
        broken(row, toy)
    modules = (yaml_source, catalogue, check)
    without = [
        f"{Path(file).name}:{first}"
        for module in modules
        for file, first, last in reports(module)
        if not any((file, line) in reached for line in range(first, last + 1))
    ]
    # two are no rules: there is no catalogue at all (test_catalogue), and what --fix leaves alone (test_canonical)
    allowed = {inspect.getsource(catalogue.find_root), inspect.getsource(check.fix)}
    texts = {Path(inspect.getsourcefile(m) or "").name: inspect.getsource(m).split("\n") for m in modules}
    unexplained = [
        at for at in without if not any(texts[at.split(":")[0]][int(at.split(":")[1]) - 1] in text for text in allowed)
    ]
    assert not unexplained, f"no fixture in BROKEN reaches {unexplained}"


def test_the_toy_catalogue_has_no_problem() -> None:
    books, problems = check.check(TOY)
    assert problems == []
    assert (len(books.entries), len(books.methods), len(books.lists)) == (5, 2, 1)


def test_the_catalogue_has_no_problem() -> None:
    problems = check.check(PROJECT)[1]
    assert not problems, "\n" + "\n".join(map(str, problems))


def test_all_problems_come_at_once_sorted_by_place(toy: Path) -> None:
    for row in BROKEN[:1], [r for r in BROKEN if r.file == TOOL][:1], [r for r in BROKEN if r.file == LIST][:1]:
        broken(row[0], toy)
    problems = check.check(toy)[1]
    assert len({p.file for p in problems}) == 3
    assert problems == sorted(problems, key=lambda p: (p.file, p.line, p.column))


def test_what_names_an_unreadable_file_is_not_blamed_for_it(toy: Path) -> None:
    (toy / "catalog" / GLOW).write_text("title: [", encoding="utf-8")
    (toy / "catalog" / METHOD).write_text("nome: x\n", encoding="utf-8")
    (toy / "catalog" / "venues.yaml").write_text("x: [", encoding="utf-8")
    (toy / "catalog" / "taxonomy.yaml").write_text("x: [", encoding="utf-8")
    blamed = {p.file for p in check.check(toy)[1]}
    assert blamed == {f"catalog/{name}" for name in (GLOW, METHOD, "venues.yaml", "taxonomy.yaml")}


def test_time_zones_are_known_where_the_system_has_none() -> None:
    zoneinfo.reset_tzpath(to=[])
    try:
        assert check.check(TOY)[1] == []
    finally:
        zoneinfo.reset_tzpath()


def test_two_posts_may_share_a_title(toy: Path) -> None:
    post = toy / "catalog" / POST
    post.with_name("zhihu-heat-sum-2.yaml").write_bytes(post.read_bytes())
    assert check.check(toy)[1] == []


def unharmed(toy: Path) -> list[Problem]:
    """The problems of ``toy``, which neither check nor --fix may choke on; fixing twice changes nothing more."""
    problems = check.check(toy)[1]
    check.fix(toy)
    assert check.fix(toy)[0] == []
    return problems


HOSTILE = {
    "empty": b"",
    "null": b"null\n",
    "a word": b"hello\n",
    "a number": b"42\n",
    "NUL": b"title: a\0b\n",
    "only a byte-order mark": b"\xef\xbb\xbf",
    "UTF-16": "title: x\n".encode("utf-16"),
    "deep flow": b"[" * 50_000,
    "deep mappings": b"{a: " * 20_000,
    "deep keys": b"? " * 20_000 + b"a",
    "deep blocks": b"".join(b" " * i + b"a:\n" for i in range(600)),
    "many documents": b"---\n" * 10_000,
    "many anchors": b"- &a x\n" * 10_000,
    "long word": b"kind: " + b"x" * 200_000 + b"\n",
    "long key": b"x" * 200_000 + b": 1\n",
    "many keys": b"".join(b"k%d: 1\n" % i for i in range(1_000)),
    "many tabs": b"\t\n" * 60_000,
    "huge number": b"year: " + b"9" * 100_000 + b"\n",
    "huge hexadecimal number": b"year: 0x" + b"f" * 100_000 + b"\n",
    "huge base 60 number": b"year: 1" + b":59" * 5_000 + b"\n",
    "number without digits": b"year: 0x_\nmonth: 0b_\nvolume: ._\n",
    "infinite": b"year: 1.0e+999\nmonth: -.inf\nvolume: .nan\n",
    "big exponent": b"year: 1e999\n",
    "date": b"year: 2015-01-01\n",
    "impossible date": b"year: 2015-99-99 99:99:99\n",
    "yes": b"title: yes\nyear: no\n",
    "keys": b"1: a\n2.5: b\nyes: c\nnull: d\n? ''\n: e\n[f]: g\n{h: i}: j\n<<: {k: l}\n=: m\n",
    "tags": b"title: !!binary aGVsbG8=\nauthors: !!set {a, b}\n",
    "surrogate": b'title: "\\ud800"\n',
    "next line": b'title: "a\\Nb\\Lc\\Pd\\_e"\n',
    "raw next line": "title: a\x85b\n".encode(),
    "directive": b"%YAML 9.9\n%TAG ! !\n---\ntitle: x\n",
    "comment in the wrong place": b"title: [a, # b\n# c\n] # d\n# e\n",
    "links of all sorts": b"links: [1, null, [], {}, {url: 5}, {url: 'http://[', role: page}]\n",
}


@pytest.mark.parametrize("file", [PAPER, "venues.yaml"])
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_gives_problems_and_never_an_exception(name: str, file: str, toy: Path) -> None:
    (toy / "catalog" / file).write_bytes(HOSTILE[name])
    problems = unharmed(toy)
    assert f"catalog/{file}" in {p.file for p in problems}
    assert all("\n" not in str(p) and len(str(p)) < 1000 for p in problems)


@pytest.mark.parametrize("file", [PAPER, METHOD, LIST, "taxonomy.yaml", "venues.yaml"])
def test_mutated_files_never_raise(file: str, toy: Path) -> None:
    draw = random.Random(f"mutations of {file}")  # noqa: S311  # no secret
    path = toy / "catalog" / file
    valid = path.read_bytes()
    tokens = [
        *(
            word.encode()
            for word in (*"\0\t\r\n#'\"[{|%", ": ", "- ", " #", "&a ", "*a", "!x ", ">-", "? ", "---\n", "1e999")
        ),
        *(word.encode() for word in (".inf", "yes", "\ufeff", "\u202e", "𝕏", "\u2028")),
        b"\xff",
    ]
    for _ in range(100):
        raw = bytearray(valid)
        for _ in range(draw.randint(1, 4)):
            at, to = sorted(draw.randrange(len(raw) + 1) for _ in range(2))
            change = draw.randrange(4)
            if change == 0:
                raw[at:at] = draw.choice(tokens)
            elif change == 1:
                del raw[at : min(to, at + 40)]
            elif change == 2 and at < len(raw):
                raw[at] = draw.randrange(256)
            else:
                raw[at:at] = raw[to : to + 60]
        path.write_bytes(raw)
        unharmed(toy)


def test_a_folder_without_a_catalogue_is_a_problem(tmp_path: Path) -> None:
    problems = check.check(tmp_path)[1]
    assert [(p.file, p.rule) for p in problems] == [
        ("catalog/taxonomy.yaml", "file-readable"),
        ("catalog/venues.yaml", "file-readable"),
    ]


def test_finding_the_nearest_word_is_cheap_even_for_hostile_words() -> None:
    assert catalogue.nearest("x" * 1_000_000, ["CVPR", "ICCV"]) == ""
    assert catalogue.nearest("CPVR", []) == ""
    assert catalogue.nearest("cpvr", ["ICCV", "CVPR"]) == ", did you mean 'CVPR'?"
