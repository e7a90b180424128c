"""The one form of a file: stable, without loss of data, and written whole or not at all."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest
from sightglass import catalogue
from sightglass.catalogue import canonical, check, yaml_source
from sightglass.catalogue.models import Paper, Tool, Venue
from sightglass.catalogue.yaml_source import Source
from sightglass.errors import FormError

PROJECT = Path(__file__).resolve().parents[2]
TOY = Path(__file__).parent / "toy"

UNTIDY = """\
kind:   conference
title: "A # that is text"
summary: >-
    first # is text

    second
topics:
- a
- b
links:
  - role: page
    url: https://example.org/a#b
authors: [
  "Lin, Ada",
  "Okafor, Chidi"
]
year: 2016
"""

TIDY = """\
title: "A # that is text"
authors:
  - Lin, Ada
  - Okafor, Chidi
year: 2016
topics:
  - a
  - b
links:
  - url: https://example.org/a#b
    role: page
summary: "first # is text\\nsecond"
kind: conference
"""


def data_of(text: str) -> object:
    source = Source("text")
    yaml_source.parse(text, source)
    assert source.problems == []
    return source.data


def test_every_key_finds_its_place() -> None:
    assert canonical.canonical(UNTIDY, Paper) == TIDY
    assert canonical.canonical(TIDY, Paper) == TIDY


@pytest.mark.parametrize(
    ("line", "text", "column"),
    [
        (1, "# above everything", 1),
        (1, "  # beside a word", 21),
        (2, "  # beside quotes", 28),
        (3, "   # beside a folded text", 15),
        (7, "   # beside a key", 11),
        (9, "# between items", 1),
        (14, "  # in brackets", 16),
        (18, "# the end", 1),
    ],
)
def test_a_comment_is_refused_with_its_place(line: int, text: str, column: int) -> None:
    lines = UNTIDY.splitlines()
    if text.startswith("#"):
        lines.insert(line - 1, text)
    else:
        lines[line - 1] += text
    with pytest.raises(FormError) as caught:
        canonical.canonical("\n".join(lines) + "\n", Paper)
    assert caught.value.place == (line, column)


def test_windows_line_ends_and_a_byte_order_mark_go() -> None:
    windows = "\ufeff" + UNTIDY.replace("\n", "\r\n")
    assert canonical.canonical(windows, Paper) == TIDY


@pytest.mark.parametrize(
    ("written", "form"),
    [
        ("title: 'plain words'", "title: plain words"),
        ("title: 'yes'", 'title: "yes"'),
        ("title: 'NULL'", 'title: "NULL"'),
        ("title: '2016'", 'title: "2016"'),
        ("title: 10.5555/x", 'title: "10.5555/x"'),
        ("title: 2016-01-02", 'title: "2016-01-02"'),
        ("title: ''", 'title: ""'),
        ("title: 'a: b'", 'title: "a: b"'),
        ("title: 'a #b'", 'title: "a #b"'),
        ("title: a#b", "title: a#b"),
        ("title: '- a'", 'title: "- a"'),
        ("title: '*a'", 'title: "*a"'),
        ("title: '{a}'", 'title: "{a}"'),
        ("title: '=' ", 'title: "="'),
        ("title: '<<' ", 'title: "<<"'),
        ("title: ' a '", 'title: " a "'),
        ("title: 热图：求和", "title: 热图：求和"),
        ('title: "a\\u200bb"', 'title: "a\\U0000200bb"'),
        ('title: "a\\Nb\\Lc"', 'title: "a\\U00000085b\\U00002028c"'),
        ("title: |\n  two\n  lines\n", 'title: "two\\nlines\\n"'),
        ("year:", "year: null"),
        ("year: 0x10", "year: 16"),
        ("identified: no", "identified: false"),
        ("topics: []", "topics: []"),
        ("founding_notes: {}", "founding_notes: {}"),
        ("topics: [a, [b, {c: d}]]", "topics:\n  - a\n  - - b\n    - c: d"),
        ("unknown: x\ntitle: w", "title: w\nunknown: x"),
        ("'#x': w", '"#x": w'),
        ("title: 热图　求和", "title: 热图　求和"),
    ],
)
def test_forms_of_values(written: str, form: str) -> None:
    assert canonical.canonical(written, Paper) == form + "\n"


def test_long_texts_fold_at_the_margin_and_long_words_stay_whole() -> None:
    words = "word " * 60 + "x" * 150 + " end"
    lines = canonical.canonical(f"summary: {words}", Paper).splitlines()
    assert lines[0] == "summary: >-"
    assert all(len(line) <= canonical.WIDTH for line in lines if "x" not in line)
    assert data_of("\n".join(lines) + "\n") == {"summary": words}
    chinese = "网络" * 100
    assert canonical.canonical(f"summary: {chinese}", Paper) == f"summary: {chinese}\n"


def test_a_list_of_records() -> None:
    text = "- kind: conference\n  id: A\n- id: B\n"
    assert canonical.canonical(text, list[Venue]) == "- id: A\n  kind: conference\n- id: B\n"


@pytest.mark.parametrize("text", ["a: [", "", "word", "42", "{}", "title: A  # comment"])
def test_what_has_no_canonical_form_is_refused(text: str) -> None:
    with pytest.raises(FormError):
        canonical.canonical(text, Paper)


def files_of(root: Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path in sorted((root / "catalog").rglob("*.yaml"))]


@pytest.mark.parametrize("root", [TOY, PROJECT], ids=["toy", "catalogue"])
def test_every_file_keeps_its_data_and_is_stable(root: Path) -> None:
    for name in files_of(root):
        text = (root / name).read_text(encoding="utf-8")
        form = canonical.canonical(text, catalogue.model_of(name))
        assert data_of(form) == data_of(text), name
        assert canonical.canonical(form, catalogue.model_of(name)) == form, name


def test_keys_in_any_order_give_the_same_bytes(toy: Path) -> None:
    draw = random.Random(7)  # noqa: S311  # no secret
    for name in files_of(toy):
        text = (toy / name).read_text(encoding="utf-8")
        blocks: list[str] = []
        for line in text.splitlines(keepends=True):
            blocks += [line] if not line.startswith((" ", "-")) or not blocks else []
            blocks[-1] += line if line.startswith((" ", "-")) and blocks[-1] is not line else ""
        draw.shuffle(blocks)
        assert canonical.canonical("".join(blocks), catalogue.model_of(name)) == text, name


def test_a_commented_file_is_left_as_it_is_and_named(toy: Path) -> None:
    tool = toy / "catalog/tools/glowkit.yaml"
    commented = "# ask Ada\n" + tool.read_text("utf-8")
    tool.write_text(commented, "utf-8")
    changed, left = check.fix(toy)
    assert changed == []
    assert [(problem.file, problem.line, problem.rule) for problem in left] == [
        ("catalog/tools/glowkit.yaml", 1, "canonical")
    ]
    assert tool.read_text("utf-8") == commented
    assert [(problem.line, problem.rule) for problem in check.check(toy)[1]] == [(1, "canonical")]


def test_fix_writes_what_can_be_written_and_names_the_rest(toy: Path) -> None:
    tool, paper = toy / "catalog/tools/glowkit.yaml", toy / "catalog/papers/okafor2013glow.yaml"
    tool.write_text("kind: library\n" + tool.read_text("utf-8").replace("kind: library\n", ""), "utf-8")
    paper.write_bytes(b"title: [\n")
    changed, left = check.fix(toy)
    assert changed == ["catalog/tools/glowkit.yaml"]
    assert [(p.file, p.rule) for p in left] == [("catalog/papers/okafor2013glow.yaml", "yaml-syntax")]
    assert paper.read_bytes() == b"title: [\n"
    assert tool.read_bytes() == (TOY / "catalog/tools/glowkit.yaml").read_bytes()
    assert check.fix(toy)[0] == []


def test_a_file_that_cannot_be_written_is_named_and_stays(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = toy / "catalog/tools/glowkit.yaml"
    spoilt = tool.read_bytes().replace(b"title: ", b"title:    ")
    tool.write_bytes(spoilt)

    def full(part: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    changed, left = check.fix(toy)
    assert changed == []
    assert "No space left" in left[0].message
    assert tool.read_bytes() == spoilt
    assert sorted(path.name for path in tool.parent.iterdir()) == ["glowkit.yaml"]


def test_a_new_file_is_canonical() -> None:
    data = {
        "kind": "library",
        "links": [{"role": "page", "url": "https://example.org/"}],
        "title": "X: y",
        "protect": [],
    }
    text = canonical.write(data, Tool)
    assert text == canonical.canonical(text, Tool)
    assert data_of(text) == data


def test_fixing_a_copy_of_the_catalogue_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    shutil.copytree(PROJECT / "catalog", tmp_path / "catalog")
    check.fix(tmp_path)
    once = {name: (tmp_path / name).read_bytes() for name in files_of(tmp_path)}
    assert check.fix(tmp_path) == ([], [])
    assert {name: (tmp_path / name).read_bytes() for name in files_of(tmp_path)} == once
