"""``sightglass list`` as people run it: what is on stdout, what on stderr, which exit code, what on disk."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
import yaml
from icalendar import Calendar
from sightglass.catalogue import check
from sightglass.cli import app
from sightglass.commands import lists as command
from typer.testing import CliRunner

LIST = "catalog/lists/term.yaml"
FILES = {
    "taxonomy.yaml": (
        "families:\n  - id: f\n    name: F\n    name_zh: 法\n    description: d\n    description_zh: 述\ntopics: []\n"
    ),
    "venues.yaml": "[]\n",
    "papers/zhou2016learning.yaml": (
        "title: Deep Features\nabbreviation: CAM\nsummary: s\nsummary_zh: 要\nkind: preprint\nproposes:\n  - cam\n"
    ),
    "methods/cam.yaml": (
        'name: CAM\nfamily: f\nproposed_by:\n  - zhou2016learning\nsummary: s\nsummary_zh: 要\nfeasible: "yes"\n'
    ),
    "lists/term.yaml": """\
title: Term
timezone: Europe/Berlin
summary: s
sessions:
  - id: first
    title: First
    items:
      - key: cam
        questions:
          - Why an average?
  - title: Second
    notes: Bring pictures.
  - title: 第三次
""",
}
PLAN = ("schedule", "term", "--from", "2026-10-14", "--every", "thursday", "--time", "16:00")


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in FILES.items():
        path = tmp_path / "catalog" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text("[tool.sightglass]\nsite = 'https://x.example/s'\n")
    monkeypatch.setenv("SIGHTGLASS_ROOT", str(tmp_path))
    monkeypatch.delenv("SIGHTGLASS_SITE", raising=False)
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["list", *arguments], catch_exceptions=False)
    return result.exit_code, result.stdout, result.stderr


def stored(root: Path) -> dict:
    return yaml.safe_load((root / LIST).read_text(encoding="utf-8"))


def starts(root: Path) -> list[str | None]:
    return [session.get("start") for session in stored(root)["sessions"]]


def test_a_bare_list_shows_all_and_a_name_shows_one() -> None:
    code, out, _ = run()
    assert code == 0
    assert out.split() == ["list", "sessions", "title", "term", "3", "Term"]
    assert json.loads(run("--json")[1])["term"]["title"] == "Term"
    code, out, _ = run("term")
    assert code == 0
    assert "1. First" in out
    assert "cam: CAM" in out
    assert run("show", "term")[1] == out
    for arguments in (("term", "--json"), ("show", "term", "--json"), ("--json", "term")):
        assert json.loads(run(*arguments)[1])["sessions"][0]["id"] == "first", arguments


def test_show_marks_the_next_session(root: Path) -> None:
    assert run("schedule", "term", "--from", "2999-01-03", "--time", "16:00")[0] == 0
    lines = [line for line in run("term")[1].splitlines() if "next" in line]
    assert len(lines) == 1
    assert lines[0].startswith("1. First  (Thu 3 Jan 2999, 16:00–17:00 (Europe/Berlin) · next)")


def test_a_name_that_no_list_has_gives_the_nearest() -> None:
    for arguments in (("trem",), ("show", "trem"), ("schedule", "trem"), ("export", "trem")):
        code, out, err = run(*arguments)
        assert (code, out) == (2, ""), arguments
        assert err == "sightglass: no reading list 'trem', did you mean 'term'?\n"


def test_new_writes_a_list_that_the_check_takes_once_it_has_a_summary(root: Path) -> None:
    code, out, err = run(
        "new", "our-term", "cam", "zhou2016learning", "--group", "Vision", "--timezone", "Asia/Shanghai"
    )
    assert (code, out) == (0, "written: catalog/lists/our-term.yaml\n")
    assert "write the summary" in err
    assert [str(p) for p in check.check(root)[1] if "our-term" in p.file] == [
        "catalog/lists/our-term.yaml:5:10: the summary is still to be written [summary]"
    ]
    data = yaml.safe_load((root / "catalog/lists/our-term.yaml").read_text())
    assert data["title"] == "Our term"
    assert [session["items"] for session in data["sessions"]] == [[{"key": "cam"}], [{"key": "zhou2016learning"}]]
    assert run("new", "other", "--summary", "What we read.", "--title", "我们的学期", "--language", "zh")[0] == 0
    assert not [p for p in check.check(root)[1] if "other" in p.file]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("term",), "catalog/lists/term.yaml exists"),
        (("A b",), "can't be a list's name"),
        (("../x",), "can't be a list's name"),
        (("show",), "is a command"),
        (("x", "zhou2016lerning"), "did you mean 'zhou2016learning'?"),
        (("x", "cam", "cam"), "'cam' stands twice"),
        (("x", "--timezone", "Berlin"), "unknown time zone 'Berlin'"),
        (("x", "--language", "xx"), "does not make a valid list"),
    ],
)
def test_new_refuses_and_writes_nothing(root: Path, arguments: tuple[str, ...], says: str) -> None:
    before = sorted((root / "catalog").rglob("*"))
    code, out, err = run("new", *arguments)
    assert (code, out) == (2, "")
    assert says in err
    assert sorted((root / "catalog").rglob("*")) == before


def test_schedule_writes_dates_ids_presenters_and_keeps_everything_else(root: Path) -> None:
    code, out, _ = run(*PLAN, "--skip", "2026-10-20", "--presenters", "Ada，Bo", "--place", "Room 1", "--minutes", "90")
    assert code == 0
    assert "Thu 29 Oct 2026, 16:00–17:30 (Europe/Berlin)  Second  Bo" in out
    sessions = stored(root)["sessions"]
    assert starts(root) == ["2026-10-15 16:00", "2026-10-29 16:00", "2026-11-05 16:00"]
    assert [session["presenter"] for session in sessions] == ["Ada", "Bo", "Ada"]
    assert [session["id"] for session in sessions] == ["first", "second", "session-3"]
    assert sessions[1]["notes"] == "Bring pictures."
    assert sessions[1]["announced"][0]["start"] == "2026-10-29 15:00"  # UTC, after the clocks went back
    assert not [p for p in check.check(root)[1] if p.file == LIST]


def test_schedule_refuses_a_list_with_a_comment(root: Path) -> None:
    commented = (root / LIST).read_text(encoding="utf-8") + "# ask Ada\n"
    (root / LIST).write_text(commented, encoding="utf-8")
    code, out, err = run(*PLAN)
    assert (code, out) == (2, "")
    assert f"{LIST}:14:1: " in err
    assert (root / LIST).read_text(encoding="utf-8") == commented


def test_rescheduling_moves_what_is_planned_and_tells_it(root: Path) -> None:
    run(*PLAN)
    text = (root / LIST).read_text(encoding="utf-8")
    held = text.replace("    announced", "    notes: We read Fig. 2.\n    status: done\n    announced", 1)
    (root / LIST).write_text(held, encoding="utf-8")
    code, out, _ = run("schedule", "term", "--from", "2026-10-30", "--every", "Fri")  # the time is what it was
    assert code == 0
    assert starts(root) == ["2026-10-15 16:00", "2026-10-30 16:00", "2026-11-06 16:00"]
    assert "Fri 30 Oct 2026, 16:00–17:00 (Europe/Berlin)  Second  (was 2026-10-22 16:00)" in out
    sessions = stored(root)["sessions"]
    assert (sessions[0]["notes"], sessions[0]["status"]) == ("We read Fig. 2.", "done")
    assert [len(session["announced"]) for session in sessions] == [1, 2, 2]


def test_schedule_without_a_date_announces_what_was_changed_by_hand(root: Path) -> None:
    run(*PLAN)
    path = root / LIST
    edited = path.read_text(encoding="utf-8").replace('"2026-10-22 16:00"', '"2026-10-23 10:00"')
    path.write_text(edited, encoding="utf-8")
    code, _, err = run("export", "term", "--format", "ics")
    assert code == 2
    assert f"{LIST}:17:12: " in err
    assert "'sightglass list schedule term' announces it" in err
    assert run("term")[0] == 0  # to look at it is allowed
    assert run("schedule", "term")[0] == 0
    assert starts(root) == ["2026-10-15 16:00", "2026-10-23 10:00", "2026-10-29 16:00"]
    assert [len(session["announced"]) for session in stored(root)["sessions"]] == [1, 2, 1]
    before = path.read_bytes()
    assert run("schedule", "term")[1].endswith("nothing has changed\n")
    assert path.read_bytes() == before


def test_a_dry_run_writes_nothing(root: Path) -> None:
    before = (root / LIST).read_bytes()
    code, out, _ = run(*PLAN, "--dry-run")
    assert code == 0
    assert "Thu 15 Oct 2026" in out
    assert (root / LIST).read_bytes() == before


def test_a_past_session_that_moves_is_pointed_out(root: Path) -> None:
    run("schedule", "term", "--from", "2020-01-02", "--time", "16:00")
    _, _, err = run("schedule", "term", "--from", "2020-02-06", "--time", "16:00")
    assert "2020-01-02 16:00 is past: if that session took place" in err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--from", "2026-02-30", "--time", "16:00"), "does not match the format"),
        (("--from", "2026-10-14"), "at what time"),
        (("--from", "2026-10-14", "--time", "25:00"), "'25:00' is no time; write it as 16:00"),
        (("--from", "2026-10-14", "--time", "16:00", "--every", "thirsday"), "did you mean 'thursday'?"),
        (("--from", "2026-10-14", "--time", "16:00", "--every", "t"), "unknown day 't'"),
        (("--from", "2026-10-14", "--time", "16:00", "--skip", "christmas"), "'christmas' is no day"),
        (("--from", "2026-10-14", "--time", "16:00", "--timezone", "Europe/Berlim"), "did you mean 'Europe/Berlin'?"),
        (("--from", "9999-12-30", "--time", "16:00"), "after the year 9999"),
        (("--from", "2027-03-28", "--time", "02:30"), "never show 2027-03-28 02:30"),
        (("--every", "thursday"), "say from when"),
        (("--from", "2026-10-14", "--time", "16:00", "--weeks", "0"), "Invalid value for '--weeks'"),
    ],
)
def test_schedule_refuses_and_writes_nothing(root: Path, arguments: tuple[str, ...], says: str) -> None:
    before = (root / LIST).read_bytes()
    code, out, err = run("schedule", "term", *arguments)
    assert (code, out) == (2, "")
    assert says in " ".join(err.replace("│", " ").split())
    assert (root / LIST).read_bytes() == before


def test_a_list_whose_sessions_are_all_done_is_not_scheduled(root: Path) -> None:
    (root / LIST).write_text("title: T\nsummary: s\nsessions:\n  - title: A\n    status: done\n", encoding="utf-8")
    code, _, err = run(*PLAN)
    assert code == 2
    assert "no session of 'term' is planned" in err


def test_a_broken_list_is_refused_with_file_and_line(root: Path) -> None:
    path = root / LIST
    path.write_text(path.read_text(encoding="utf-8").replace("key: cam", "key: camm"), encoding="utf-8")
    for arguments in (PLAN, ("export", "term")):
        code, out, err = run(*arguments)
        assert (code, out) == (2, ""), arguments
        assert f"{LIST}:8:14: no entry or method 'camm', did you mean 'cam'? [reference]" in err


def test_export_in_every_format(root: Path) -> None:
    run(*PLAN)
    for style, suffix, begins in (
        ("bib", "bib", "@misc{zhou2016learning,"),
        ("ris", "ris", "TY  - "),
        ("markdown", "md", "**Term**\n<https://x.example/s/lists/term/>\n"),
        ("ics", "ics", "BEGIN:VCALENDAR\r\n"),
    ):
        code, out, err = run("export", "term", "--format", style, "--output", f"term.{suffix}")
        assert (code, out, err) == (0, "", "")
        content = (root / f"term.{suffix}").read_bytes()
        assert content.decode().startswith(begins)
        printed = CliRunner().invoke(app, ["list", "export", "term", "--format", style])
        assert printed.stdout_bytes == content
    assert len(Calendar.from_ical((root / "term.ics").read_bytes()).walk("VEVENT")) == 3
    assert sorted(path.name for path in root.iterdir()) == [
        "catalog",
        "pyproject.toml",
        "term.bib",
        "term.ics",
        "term.md",
        "term.ris",
    ]


OWN = (
    "plan",
    "term",
    "--from",
    "2026-10-14",
    "--every",
    "thursday",
    "--time",
    "16:00",
    "--announced",
    "2026-09-01 08:00",
)


def test_plan_writes_a_calendar_and_not_the_list(root: Path) -> None:
    before = (root / LIST).read_bytes()
    options = ("--timezone", "Asia/Tokyo", "--skip", "2026-10-20", "--presenters", "Ada，Bo", "--minutes", "90")
    code, out, err = run(*OWN, *options, "--place", "Room 1")
    assert code == 0
    assert "Thu 29 Oct 2026, 16:00–17:30 (Asia/Tokyo)  Second  Bo\n" in err
    assert (root / LIST).read_bytes() == before
    found = Calendar.from_ical(out).walk("VEVENT")
    assert [f"{event.start:%m-%d %H:%M}" for event in found] == ["10-15 07:00", "10-29 07:00", "11-05 07:00"]
    assert {event["location"] for event in found} == {"Room 1"}
    assert found[0]["uid"] == "first.term.202609010800@sightglass"
    assert run(*OWN, *options, "--place", "Room 1", "--output", "own.ics")[:2] == (0, "")
    assert (root / "own.ics").read_bytes().decode() == out.replace("\r\n", "\n").replace("\n", "\r\n")
    again = run(*OWN, "--announced", "2026-09-02 08:00")[1]
    assert {event["sequence"] for event in Calendar.from_ical(again).walk("VEVENT")} == {1}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "from when on? --from 2026-03-05"),
        (("--from", "2026-10-14"), "at what time"),
        (("--from", "2026-10-14", "--time", "4pm"), "'4pm' is no time"),
        (("--from", "2026-10-14", "--time", "16:00", "--timezone", "Berlin"), "unknown time zone 'Berlin'"),
        (("--from", "2026-10-14", "--time", "16:00", "--skip", "easter"), "'easter' is no day"),
        (("--from", "2027-03-28", "--time", "02:30"), "never show 2027-03-28 02:30: summer time begins"),
        (("--from", "9999-12-30", "--time", "16:00"), "after the year 9999"),
        (("--from", "2026-10-14", "--time", "16:00", "--announced", "now"), "does not match the format"),
        (("--from", "2026-10-14", "--time", "16:00", "--output", "no/such/x.ics"), "cannot write no/such/x.ics"),
    ],
)
def test_plan_refuses(arguments: tuple[str, ...], says: str) -> None:
    code, out, err = run("plan", "term", *arguments)
    assert (code, out) == (2, "")
    assert says in " ".join(err.replace("│", " ").split())


def test_export_refuses() -> None:
    code, out, err = run("export", "term", "--format", "ics")
    assert (code, out) == (1, "")
    assert "no session of 'term' has a date" in err
    code, _, err = run("export", "term", "--format", "docx")
    assert code == 2
    assert "known: bib, ris, ics, markdown" in err
    code, _, err = run("export", "term", "--output", "no/such/folder/x.md")
    assert code == 2
    assert "cannot write no/such/folder/x.md" in err


def test_the_guide_works_as_it_is_written(root: Path) -> None:
    guide = (Path(__file__).parents[3] / "docs" / "guide.md").read_text(encoding="utf-8")
    section = guide.split("## Read as a group")[1].split("\n## ")[0]
    commands = [shlex.split(line)[2:] for line in section.splitlines() if line.startswith("sightglass list")]
    assert [arguments[0] for arguments in commands] == ["new", "schedule", "our-term", "export", "export"]
    for arguments in commands:
        assert run(*arguments)[0] == 0, arguments
    assert not [str(problem) for problem in check.check(root)[1] if "our-term" in problem.file]
    assert (root / "our-term.ics").read_bytes().count(b"BEGIN:VEVENT") == 2
    held = section.split("```yaml\n")[1].split("```")[0]
    path = root / "catalog/lists/held.yaml"
    path.write_text(f"title: T\ntimezone: Europe/Berlin\nsummary: s\nsessions:\n{held}", encoding="utf-8")
    assert not [str(problem) for problem in check.check(root)[1] if "held" in problem.file]


def test_every_command_is_explained_with_an_example() -> None:
    for name in command.typer.main.get_group(command.app).commands:
        result = CliRunner().invoke(app, ["list", name, "--help"])
        assert f"sightglass list {name}" in " ".join(result.stdout.split()), name
