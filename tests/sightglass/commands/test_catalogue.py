"""``check``, ``show``, ``find``, ``list`` and ``schema`` as they are typed; exit codes, and no traceback ever."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from sightglass import cli
from sightglass.catalogue import schema

PROJECT = Path(__file__).resolve().parents[3]
TOOL = "catalog/tools/glowkit.yaml"


def test_check_of_a_clean_catalogue(toy: Path, sightglass: Any) -> None:
    done = sightglass("check")
    assert (done.code, done.out, done.err) == (0, "5 entries, 2 methods, 6 links: 0 problems\n", "")
    assert json.loads(sightglass("check", "--json").out) == []


def test_check_says_in_one_line_that_results_are_stale(toy: Path, sightglass: Any) -> None:
    """It is no problem of the catalogue."""
    experiment = toy / "repro" / "experiments" / "attribution" / "heat_sum.py"
    experiment.parent.mkdir(parents=True)
    experiment.write_text("measure = figure = print\n")
    done = sightglass("check")
    assert (done.code, done.err) == (0, "stale: results of heat-sum; run sightglass verify --stale\n")


def test_check_accepts_an_entry_without_chinese_and_says_so(toy: Path, sightglass: Any) -> None:
    path = toy / "catalog/papers/okafor2013glow.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("summary_zh: 把类别得分的梯度画在图像上。\n", ""), "utf-8")
    done = sightglass("check")
    assert done.code == 0
    assert "no Chinese summary yet" in done.err
    assert done.err.rstrip().endswith("okafor2013glow")


def test_check_lists_places_and_counts(toy: Path, sightglass: Any) -> None:
    (toy / TOOL).write_text((toy / TOOL).read_text("utf-8").replace("kind: library", "kind: libary"), "utf-8")
    done = sightglass("check")
    line = f"{TOOL}:14:7: unknown kind 'libary', did you mean 'library'?; allowed: library, application, demo, code"
    assert (done.code, done.out) == (1, f"{line} [vocabulary]\n")
    assert done.err.endswith(": 1 problem\n")
    (problem,) = json.loads(sightglass("check", "--json").out)
    assert (problem["file"], problem["line"], problem["column"], problem["rule"]) == (TOOL, 14, 7, "vocabulary")


def test_fix_says_what_it_wrote_and_what_it_left(toy: Path, sightglass: Any) -> None:
    (toy / TOOL).write_text((toy / TOOL).read_text("utf-8").replace("title: ", "title:  "), "utf-8")
    (toy / "catalog/lists/first-weeks.yaml").write_text("title: x: y\n", "utf-8")
    done = sightglass("check", "--fix")
    assert done.code == 1
    assert f"rewritten: {TOOL}\n" in done.err
    assert "left as it is: catalog/lists/first-weeks.yaml:1:9: " in done.err
    assert "first-weeks.yaml:1:9: " in done.out


@pytest.mark.parametrize(
    "words", [["check"], ["find", "x"], ["show", "x"], ["list"], ["add", "x.bib"], ["schema", "--write"]]
)
def test_without_a_catalogue_every_command_says_so(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sightglass: Any
) -> None:
    monkeypatch.setenv("SIGHTGLASS_ROOT", str(tmp_path))
    done = sightglass(*words)
    assert (done.code, done.out) == (2, "")
    assert "no catalog/taxonomy.yaml here or above; run this in a checkout or set SIGHTGLASS_ROOT" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("words", [["find", "x"], ["show", "x"], ["list"]])
def test_a_catalogue_that_cannot_be_read_ends_in_its_problems(words: list[str], toy: Path, sightglass: Any) -> None:
    (toy / TOOL).write_text("title: x: y\n", "utf-8")
    done = sightglass(*words)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"{TOOL}:1:9: ")


def test_show_an_entry_and_a_method(toy: Path, sightglass: Any) -> None:
    done = sightglass("show", "lin2015where")
    assert done.code == 0
    for words in ("Where the Network Looks", "van der Berg, Jürgen", "周文", "catalog/papers/lin2015where.yaml"):
        assert words in done.out
    method = json.loads(sightglass("show", "heat-sum", "--json").out)
    assert (method["key"], method["name_zh"], method["claims"][1]["expect"]) == ("heat-sum", "热图求和", "fails")


def test_show_prints_brackets_as_they_are(toy: Path, sightglass: Any) -> None:
    path = toy / TOOL
    path.write_text(path.read_text("utf-8").replace("title: Glowkit", 'title: "[red]Glowkit[/] [link=x]"'), "utf-8")
    assert "[red]Glowkit[/] [link=x]" in sightglass("show", "glowkit").out
    assert "[red]Glowkit[/] [link=x]" in sightglass("find", "glowkit").out


def test_show_of_an_unknown_key_names_the_nearest(toy: Path, sightglass: Any) -> None:
    done = sightglass("show", "lin2015were")
    assert (done.code, done.out) == (2, "")
    assert done.err == "sightglass: no entry or method 'lin2015were', did you mean 'lin2015where'?\n"
    assert "try: sightglass find xyzzy" in sightglass("show", "xyzzy").err


def test_find_by_words_and_chinese_inside_a_title(toy: Path, sightglass: Any) -> None:
    done = sightglass("find", "heat", "2015")
    assert done.code == 0
    assert re.search(r"lin2015where +2015 +Where the Network Looks", done.out)
    assert "zhihu-heat-sum" in sightglass("find", "神经网络").out


def test_find_for_programs(toy: Path, sightglass: Any) -> None:
    (entry,) = json.loads(sightglass("find", "--kind", "posts", "--json").out)
    assert (entry["key"], entry["language"], entry["venue"]) == ("zhihu-heat-sum", "zh", "Zhihu")


def test_nothing_found(toy: Path, sightglass: Any) -> None:
    done = sightglass("find", "nothing like it")
    assert (done.code, done.out) == (1, "nothing found\n")
    done = sightglass("find", "nothing like it", "--json")
    assert (done.code, json.loads(done.out)) == (1, [])
    assert sightglass("find", "--kind", "thesis").code == 1  # a kind that there is, though no entry of it


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--kind", "paper"], "unknown kind 'paper', did you mean 'papers'?"),
        (["--family", "atribution"], "unknown family 'atribution', did you mean 'attribution'?"),
        (["--method", "heatsum"], "unknown method 'heatsum', did you mean 'heat-sum'?"),
        (["--venue", "CPVR"], "unknown venue 'CPVR', did you mean 'CVPR'?"),
        (["--venue", ""], "unknown venue ''"),
        (["--year", "MMXV"], "Invalid value for '--year'"),
    ],
)
def test_an_unknown_facet_names_the_nearest(words: list[str], said: str, toy: Path, sightglass: Any) -> None:
    done = sightglass("find", *words)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_a_venue_in_any_case(toy: Path, sightglass: Any) -> None:
    assert "lin2015where" in sightglass("find", "--venue", "cvpr").out


def test_reading_lists(toy: Path, sightglass: Any) -> None:
    assert re.search(r"first-weeks +2 +The first weeks", sightglass("list").out)
    done = sightglass("list", "first-weeks")
    assert done.code == 0
    assert "1. Gradients  (Thu 5 Mar 2026, 16:00–17:00 (Europe/Berlin) · Room 1 · Ada)" in done.out
    assert "   okafor2013glow: Gradients that Glow, Sec. 2" in done.out
    assert "   heat-sum: Heat sum" in done.out
    assert json.loads(sightglass("list", "--json").out)["first-weeks"]["title_zh"] == "最初几周"
    assert json.loads(sightglass("list", "first-weeks", "--json").out)["timezone"] == "Europe/Berlin"
    assert (
        sightglass("list", "first-week").err
        == "sightglass: no reading list 'first-week', did you mean 'first-weeks'?\n"
    )


def test_a_list_that_names_what_is_gone_is_still_shown(toy: Path, sightglass: Any) -> None:
    path = toy / "catalog/lists/first-weeks.yaml"
    path.write_text(path.read_text("utf-8").replace("key: heat-sum", "key: cold-sum"), "utf-8")
    done = sightglass("list", "first-weeks")
    assert done.code == 0
    assert "cold-sum: not in the catalogue" in done.out


def test_no_lists_yet(toy: Path, sightglass: Any) -> None:
    (toy / "catalog/lists/first-weeks.yaml").unlink()
    assert sightglass("list").out == "no reading lists yet\n"


def test_schemas(toy: Path, sightglass: Any) -> None:
    assert sightglass("schema", "venues").out == schema.schema("venues")
    assert sightglass("schema", "--write").out.splitlines()[0] == "schema/papers.json"
    assert (toy / "schema/lists.json").read_text("utf-8") == schema.schema("lists")
    done = sightglass("schema", "paper")
    assert done.code == 2
    assert "no schema 'paper', did you mean 'papers'?" in done.err
    assert sightglass("schema").code == 2


def test_a_schema_that_cannot_be_written_gives_one_line(toy: Path, sightglass: Any) -> None:
    (toy / "schema").write_text("no folder", "utf-8")
    done = sightglass("schema", "--write")
    assert (done.code, done.out, done.err) == (2, "", f"sightglass: {toy / 'schema'}: File exists\n")


def test_a_terminal_without_chinese_is_no_reason_to_fail(toy: Path) -> None:
    pty = pytest.importorskip("pty")  # Windows has none
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONPATH": str(PROJECT)}
    command = [sys.executable, "-c", "from sightglass.cli import main; main()", "show", "heat-sum"]
    terminal, output = pty.openpty()
    with subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.PIPE) as process:
        os.close(output)
        shown = b""
        with contextlib.suppress(OSError):  # of a terminal whose program has ended
            while part := os.read(terminal, 4096):
                shown += part
        assert process.stderr is not None
        assert (process.wait(), process.stderr.read()) == (0, b"")
    assert rb"\u70ed\u56fe\u6c42\u548c" in shown  # 热图求和


@pytest.mark.parametrize("words", [["chekc"], ["find", "--knd", "x"], ["show"], []])
def test_a_wrong_call_is_no_traceback(words: list[str], toy: Path, sightglass: Any) -> None:
    done = sightglass(*words)
    assert done.code == 2
    assert "Traceback" not in done.err


def commands() -> dict[str, Any]:
    return dict(typer.main.get_command(cli.app).commands)


def test_every_command_says_what_it_does_with_an_example_and_documents_its_options(sightglass: Any) -> None:
    for name, command in commands().items():
        out = sightglass(name, "--help").out
        assert f"sightglass {name}" in out.partition("Example")[2], f"no example in 'sightglass {name} --help'"
        assert [p.name for p in command.params if not getattr(p, "help", "")] == [], f"{name}: no help"


def test_every_command_stands_in_the_guide() -> None:
    guide = "".join((PROJECT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/guide.md"))
    assert [name for name in commands() if f"sightglass {name}" not in guide] == []
