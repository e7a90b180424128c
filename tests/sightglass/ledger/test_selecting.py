"""Which methods a run measures, in made-up histories of git."""

import os
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from sightglass import ledger
from sightglass.errors import HistoryError
from sightglass.ledger import selecting

DAY = 24 * 3600
NOW = 1_800_000_000
SLUGS = [f"method-{i}" for i in range(8)]


@pytest.fixture
def history(tmp_path: Path, result, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Eight methods of 60 seconds, committed five days ago; nothing is stale; no turn is due at run 0."""
    monkeypatch.delenv("GITHUB_RUN_NUMBER", raising=False)
    monkeypatch.setattr(selecting.time, "time", lambda: NOW)
    monkeypatch.setattr(selecting.keys, "why_stale", lambda result, root: [])
    monkeypatch.setattr(selecting, "turn", lambda slug: 1 + SLUGS.index(slug))
    root = tmp_path / "root"
    for day, slug in enumerate(SLUGS, 1):
        stored = result([1.0, 2.0, 3.0], method=slug, seconds=45, picture_seconds=15, date=f"2026-01-{day:02}")
        ledger.write(root, stored)
    git(root, "init", "-q")
    commit(root, NOW - 5 * DAY)
    monkeypatch.setenv("GITHUB_RUN_NUMBER", "0")
    return root


def git(root: Path, *arguments: str, **environment: str) -> str:
    names = {"GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@b"}
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(
        command, check=True, capture_output=True, text=True, env=os.environ | names | environment
    ).stdout


def commit(root: Path, when: int) -> str:
    git(root, "add", "-A")
    git(
        root,
        "commit",
        "-q",
        "--allow-empty",
        "-m",
        "c",
        GIT_AUTHOR_DATE=f"{when} +0000",
        GIT_COMMITTER_DATE=f"{when} +0000",
    )
    return git(root, "rev-parse", "HEAD").strip()


def touch(root: Path, slug: str) -> None:
    path = ledger.path_of(root, "cpu", slug)
    path.write_text(path.read_text().replace("1.0", "1.5"))


def planned(root: Path, budget: float = 0, **options) -> selecting.Plan:
    stored = {slug: ledger.load(ledger.path_of(root, "cpu", slug)) for slug in SLUGS}
    return selecting.plan(root, stored, "cpu", budget=budget, **options)


def test_what_rests_has_the_date_of_its_measurement(history: Path) -> None:
    plan = planned(history)
    assert plan.reasons == {}
    assert plan.resting == {slug: f"2026-01-{day:02}" for day, slug in enumerate(SLUGS, 1)}
    assert (plan.minutes, plan.must, plan.notes) == (0, 0, [])


def test_changed_results_are_measured_committed_or_not(history: Path) -> None:
    before = git(history, "rev-parse", "HEAD").strip()
    touch(history, "method-1")
    commit(history, NOW - 3 * DAY)
    touch(history, "method-2")
    since = git(history, "rev-parse", "HEAD").strip()[:7]
    commit(history, NOW - DAY)
    touch(history, "method-3")
    assert planned(history).reasons == dict.fromkeys(["method-2", "method-3"], f"changed since {since}")
    assert planned(history, base=before).reasons.keys() == {"method-1", "method-2", "method-3"}
    with pytest.raises(HistoryError):
        planned(history, base="nowhere")


def test_if_time_is_short_what_changed_is_measured_with_one_seed_that_turns(history: Path, monkeypatch) -> None:
    touch(history, "method-2")
    touch(history, "method-3")
    enough = planned(history, budget=2)
    assert (enough.seeds, enough.must) == ({}, 2)
    found = []
    for number in ("30", "31", "32"):
        monkeypatch.setenv("GITHUB_RUN_NUMBER", number)
        plan = planned(history, budget=0.5)
        assert plan.seeds.keys() == plan.reasons.keys() == {"method-2", "method-3"}
        assert plan.must == plan.minutes == 0.5  # 15 seconds each, and no picture
        found.append(plan.seeds["method-2"])
    assert sorted(found) == [[0], [1], [2]]
    monkeypatch.setenv("GITHUB_RUN_NUMBER", "3")  # the turn of method-2: all of it
    plan = planned(history, budget=1)
    assert plan.seeds.keys() == {"method-3"}
    assert plan.reasons["method-2"] == "its turn"
    monkeypatch.setattr(selecting.keys, "why_stale", lambda result, root: ["x:y changed"])
    assert planned(history, budget=1).seeds == {}


def test_stale_and_missing_results_are_measured_whatever_it_takes(history: Path, monkeypatch) -> None:
    monkeypatch.setattr(
        selecting.keys, "why_stale", lambda result, root: ["x:y changed"] if result.method in SLUGS[:3] else []
    )
    plan = planned(history, budget=1)
    assert plan.reasons == dict.fromkeys(SLUGS[:3], "stale: x:y changed")
    assert plan.must == plan.minutes == 3
    assert len(plan.resting) == 5
    stored: dict = {"new": None} | {slug: ledger.load(ledger.path_of(history, "cpu", slug)) for slug in SLUGS}
    monkeypatch.setattr(selecting, "turn", lambda slug: 1)
    assert selecting.plan(history, stored, "cpu", budget=1).reasons["new"] == "not in the ledger"


def test_each_method_has_its_turn(history: Path, monkeypatch) -> None:
    seen: Counter[str] = Counter()
    for number in range(100, 120):
        monkeypatch.setenv("GITHUB_RUN_NUMBER", str(number))
        seen.update(slug for slug, why in planned(history).reasons.items() if why == "its turn")
    assert seen == dict.fromkeys(SLUGS, 1)
    monkeypatch.delenv("GITHUB_RUN_NUMBER")  # then the number of commits, which is 1
    assert planned(history).reasons == {"method-0": "its turn"}


def test_turns_are_spread_out() -> None:
    turns = Counter(selecting.turn(f"method-{i}") for i in range(400))
    assert set(turns) == set(range(selecting.ROUNDS))


def test_time_that_is_left_goes_to_what_was_measured_longest_ago(history: Path) -> None:
    plan = planned(history, budget=2.5)  # a minute each
    assert plan.reasons == dict.fromkeys(SLUGS[:2], "within the budget")
    assert plan.minutes == 2
    assert planned(history, budget=2.5, processes=2).reasons.keys() == set(SLUGS[:5])


def test_a_shallow_clone_says_what_it_cannot_see(history: Path, tmp_path: Path, monkeypatch) -> None:
    touch(history, "method-1")
    head = commit(history, NOW - DAY)
    git(tmp_path, "clone", "-q", "--depth", "1", history.as_uri(), "shallow")
    shallow = tmp_path / "shallow"
    touch(shallow, "method-2")
    plan = planned(shallow)
    assert plan.reasons == {"method-2": f"changed since {head[:7]}"}
    assert plan.notes == [f"a shallow clone: what changed before {head[:7]} is not seen"]
    monkeypatch.delenv("GITHUB_RUN_NUMBER")
    monkeypatch.setattr(selecting, "turn", lambda slug: int(head, 16) % selecting.ROUNDS)
    assert set(planned(shallow).reasons.values()) == {"its turn"}


def test_without_a_history_everything_counts_as_changed(history: Path, tmp_path: Path, result) -> None:
    young = tmp_path / "young"
    for slug in SLUGS:
        ledger.write(young, result([1.0], method=slug))
    plan = planned(young)
    assert plan.reasons.keys() == set(SLUGS)
    assert "no history" in plan.notes[0]
    git(young, "init", "-q")
    commit(young, NOW - DAY)
    assert planned(young).reasons.keys() == set(SLUGS)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_shards_take_about_as_long_and_leave_nothing_out(result, count: int) -> None:
    stored = {slug: result([1.0], seconds=10.0 * (i + 1)) for i, slug in enumerate(SLUGS)} | {"new": None}
    parts = [selecting.shard(stored, part, count) for part in range(1, count + 1)]
    assert sorted(slug for part in parts for slug in part) == sorted(stored)
    loads = [selecting.minutes(stored, part, 1) for part in parts]
    assert max(loads) - min(loads) <= 4  # the longest takes four minutes, as nobody has measured it
