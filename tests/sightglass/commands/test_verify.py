"""``verify`` and ``stale`` as a user meets them."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from sightglass import catalogue, ledger
from sightglass.catalogue.models import Claim
from sightglass.ledger import figure_labels, keys, selecting

from tests.sightglass.commands.calling import call, refused

ROOT = Path(__file__).resolve().parents[3]
EXPERIMENT = "repro/experiments/attribution/cam.py"


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A separate checkout: CAM with a one-line experiment and two claims, one of which is expected to fail."""
    low, high = (
        Claim(
            id=name, statement="s", paper="zhou2016learning", place="1", quantity="q", unit="u", at_least=bound, **more
        )
        for name, bound, more in (("low", 0.5, {}), ("high", 0.9, {"expect": "fails", "reason": "r"}))
    )
    monkeypatch.setenv("SIGHTGLASS_ROOT", str(ROOT))
    whole = catalogue.load()
    methods = {slug: whole.methods[slug] for slug in ("cam", "grad-cam")}
    methods["cam"] = methods["cam"].model_copy(update={"claims": [low, high]})
    monkeypatch.setattr(catalogue, "load", lambda: dataclasses.replace(whole, root=tmp_path, methods=methods))
    (tmp_path / EXPERIMENT).parent.mkdir(parents=True)
    (tmp_path / EXPERIMENT).write_text("FACTOR = 2\n\n\ndef measure(): return FACTOR\n\n\ndef figure(): return 3\n")
    return tmp_path


@pytest.fixture
def made(own: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Instead of minutes of measuring: 'value' for all quantities; and what was asked for."""
    pytest.importorskip("torch", reason="the light installation has no torch")  # the light installation has no torch
    asked: dict[str, Any] = {"value": 0.7, "outside": [], "device_name": "x"}

    def measure(jobs, root, *, report, **options):
        asked.update(options, jobs=jobs)
        for job in jobs:
            code = keys.code_of(root, job.slug)
            result = ledger.Result(
                method=job.slug,
                device="cpu",
                device_name=asked["device_name"],
                command="c",
                date="2026-01-02",
                seconds=60,
                seeds=list(job.seeds),
                verdicts={claim.id: "holds" for claim in job.method.claims},
                quantities={"q": ledger.Quantity.of([asked["value"]] * len(job.seeds))},
                versions={},
                key=keys.key(code.measure, {}, job.seeds, "cpu"),
                objects=code.measure,
                picture_key=keys.key(code.figure, {}, job.seeds[:1], "cpu"),
            )
            chinese = f'{{"key": "{figure_labels.key(result, job.labels_zh)}"}}'.encode()
            pictures = (b"picture", chinese) if job.picture else (None, None)
            yield ledger.Measured(job.slug, result, pictures[0], asked["outside"], pictures[1])

    monkeypatch.setattr(ledger, "measure", measure)
    return asked


def test_verify_writes_the_ledger_and_compares_with_what_is_expected(own: Path, made: dict) -> None:
    output = call("verify", "cam", "--seeds", "3,4", "--jobs", "1").stdout
    assert (made["device"], made["processes"], made["guarded"]) == ("cpu", 1, False)
    assert [(job.slug, job.seeds, job.numbers, job.picture) for job in made["jobs"]] == [("cam", [3, 4], True, True)]
    assert "low" in output
    assert ledger.picture_of(own, "cpu", "cam").read_bytes() == b"picture"
    assert ledger.load(ledger.path_of(own, "cpu", "cam")).seeds == [3, 4]
    call("verify")
    assert made["jobs"][0].seeds == [3, 4]  # those of the ledger


@pytest.mark.parametrize(("value", "said"), [(0.4, "low does not hold, expected: holds"), (0.95, "high holds")])
def test_verify_fails_when_a_claim_turns_out_otherwise(own: Path, made: dict, value: float, said: str) -> None:
    made["value"] = value
    assert said in call("verify", code=1).stderr
    assert ledger.path_of(own, "cpu", "cam").exists()  # what was measured is kept all the same


def test_check_writes_nothing_and_compares_with_the_ledger(own: Path, made: dict) -> None:
    assert "nothing in the ledger" in call("verify", "--check", code=1).stderr
    assert not ledger.path_of(own, "cpu", "cam").exists()
    call("verify")
    before = ledger.path_of(own, "cpu", "cam").read_bytes()
    call("verify", "--check")
    assert made["guarded"]
    made["value"] = 0.70001
    assert "q is 0.70001" in call("verify", "--check", code=1).stderr
    made["device_name"] = "y"
    call("verify", "--check")
    made["value"] = 0.71
    assert "Moved by more than seeds differ: cam: q is 0.71" in call("verify", "--check").stdout
    made["value"] = 0.4
    assert "low does not hold, in the ledger: holds" in call("verify", "--check", code=1).stderr
    assert ledger.path_of(own, "cpu", "cam").read_bytes() == before


def test_a_value_edited_by_hand_is_found_within_a_budget(own: Path, made: dict, monkeypatch) -> None:
    monkeypatch.setattr(selecting, "turn", lambda slug: -1)
    call("verify")
    path = ledger.path_of(own, "cpu", "cam")
    path.write_text(path.read_text().replace("0.7", "0.8"))
    output = call("verify", "--check", "--budget", "0", code=1)
    assert "q is 0.7, in the ledger 0.8" in output.stderr
    assert "Measured: cam (changed since ever)." in output.stdout  # there is no history
    assert "these were measured with one seed only: cam" in output.stdout
    assert [(len(job.seeds), job.picture) for job in made["jobs"]] == [(1, False)]


def test_a_budget_says_what_was_measured_and_what_rests_on_its_key(own: Path, made: dict, monkeypatch) -> None:
    (own / EXPERIMENT.replace("cam", "grad_cam")).write_text("measure = figure = print\n")
    call("verify", code=1)  # the real claims of Grad-CAM have other quantities
    monkeypatch.setattr(selecting._History, "changed", lambda self, base: (set(), base or "2 days ago", []))
    monkeypatch.setattr(selecting._History, "run_number", lambda self: 0)
    monkeypatch.setattr(selecting, "turn", lambda slug: {"cam": 0, "grad-cam": 1}[slug])
    output = call("verify", "--check", "--budget", "0.5", "--jobs", "1").stdout
    assert "Measured: cam (its turn)." in output
    assert "Not measured, as their key is the same: grad-cam (last on 2026-01-02)." in output
    assert "takes about 1 minutes, more than the budget of 0.5" in output
    data = json.loads(call("verify", "--check", "--budget", "0.5", "--json").stdout)
    assert data["measured"] == {"cam": "its turn"}
    assert data["rest_on_their_key"] == {"grad-cam": "2026-01-02"}
    assert "grad-cam (within the budget)" in call("verify", "--check", "--budget", "9").stdout


def test_what_a_key_does_not_hold_fails_a_check(own: Path, made: dict) -> None:
    call("verify")
    made["outside"] = ["repro.x:f was called"]
    assert "cam: repro.x:f was called, though its key does not hold it" in call("verify", "--check", code=1).stderr


def test_only_what_is_stale_is_measured(own: Path, made: dict) -> None:
    call("verify", "--stale")
    assert [job.slug for job in made["jobs"]] == ["cam"]  # never measured
    assert "up to date" in call("verify", "--stale").stdout
    assert made["jobs"] == []
    path = own / EXPERIMENT
    path.write_text(path.read_text().replace("return 3", "return 4"))
    call("verify", "--stale")
    assert [(job.numbers, job.picture) for job in made["jobs"]] == [(False, True)]
    path.write_text(path.read_text().replace("FACTOR = 2", "FACTOR = 3"))
    call("verify", "--stale")
    assert [(job.numbers, job.picture) for job in made["jobs"]] == [(True, False)]


def test_shards_share_the_methods(own: Path, made: dict) -> None:
    call("verify", "--shard", "1/2")
    assert [job.slug for job in made["jobs"]] == ["cam"]
    call("verify", "--shard", "2/2")
    assert made["jobs"] == []


def test_a_damaged_ledger_is_told_and_measured_over(own: Path, made: dict) -> None:
    path = ledger.path_of(own, "cpu", "cam")
    path.parent.mkdir(parents=True)
    path.write_text("{")
    assert "cam.json" in call("verify", "--check", code=2).stderr
    assert "cam.json" in call("stale", code=2).stderr
    call("verify")
    assert ledger.load(path).quantities["q"].values == [0.7] * 3


def test_verify_refuses_what_does_not_fit(own: Path) -> None:
    pytest.importorskip("torch", reason="the light installation has no torch")
    assert "did you mean 'cam'" in refused("verify", "cams")
    assert "no reproduction" in refused("verify", "grad-cam")
    assert "as 0,1,2" in refused("verify", "cam", "--seeds", "0,one")
    assert "as 0,1,2" in refused("verify", "cam", "--seeds", "1,1")
    assert "--budget goes with --check" in refused("verify", "--budget", "8")
    assert "--base with --budget" in refused("verify", "--check", "--base", "HEAD")
    for shard in ("2", "0/4", "5/4", "a/b"):
        assert "2/4 is the second of four" in refused("verify", "--shard", shard)


def test_stale_names_what_changed(own: Path, made: dict) -> None:
    assert "cam: never measured" in call("stale").stdout
    call("verify")
    assert call("stale", "--check").stdout == "nothing is stale\n"
    path = own / EXPERIMENT
    path.write_text("# a comment\n" + path.read_text().replace("= 2", "= 3  # another"))
    output = call("stale").stdout
    assert output.splitlines() == [
        "cam: repro.experiments.attribution.cam:FACTOR changed",
        "stale: 1 result; run sightglass verify --stale",
    ]
    call("stale", "--check", code=1)
    (row,) = json.loads(call("stale", "cam", "--json").stdout)
    assert row["because"] == ["repro.experiments.attribution.cam:FACTOR changed"]
    path.write_text("a = b = c = d = e = 1\n\n\ndef measure(): return a, b, c, d, e\n\n\nfigure = measure\n")
    assert "; and 4 more\nstale: 1 result, 1 picture;" in call("stale").stdout


@pytest.mark.parametrize("command", ["verify", "stale"])
def test_help_has_examples(command: str) -> None:
    assert f"sightglass {command}" in " ".join(call(command, "--help").stdout.split())
