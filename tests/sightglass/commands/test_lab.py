"""``methods``, ``verify`` and ``train`` as a user meets them."""

import dataclasses
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from sightglass import catalogue, ledger
from sightglass.catalogue.models import Claim
from sightglass.commands import lab
from typer.testing import CliRunner

pytest.importorskip("torch")  # the light installation has no torch
app = typer.Typer()
for name in ("methods", "verify", "train"):
    app.command(name)(getattr(lab, name))
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def _in_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGHTGLASS_ROOT", str(ROOT))


def call(*arguments: object, code: int = 0):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, (result.output, result.exception)
    return result


def refused(*arguments: object) -> str:
    """What a command says that ends with exit code 2: one line on stderr, nothing on stdout, no traceback."""
    result = call(*arguments, code=2)
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert "Traceback" not in result.stderr
    return result.stderr


def test_without_torch_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "torch" else found(name))
    assert "pip install" in refused("verify")
    assert "pip install" in refused("train")
    assert "cam" in call("methods").stdout  # looking up does without


def test_methods_lists_cam_with_its_verdicts() -> None:
    rows = {row["method"]: row for row in json.loads(call("methods", "--json").stdout)}
    assert rows["cam"]["family"] == "attribution"
    assert rows["cam"]["needs"] == ["image", "(class)", "(layer)"]
    assert rows["guided-backprop"]["needs"] == ["image", "(class)"]
    assert rows["cam"]["gives"] == "heatmap"
    assert "cam" in call("methods").stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
def test_a_full_disk_is_told_in_one_line() -> None:
    command = [sys.executable, "-c", "from sightglass.cli import main; main()", "methods"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "sightglass: the output: No space left on device\n")


def made(monkeypatch: pytest.MonkeyPatch, value: float) -> dict:
    """Instead of minutes of measuring: what measuring would return for CAM, with one value for all quantities."""
    asked: dict = {}

    def measure(methods, root, *, seeds, report, **options):
        asked.update(options, seeds=list(seeds), methods=list(methods))
        quantities = {claim.quantity: ledger.Quantity.of([value]) for claim in methods["cam"].claims}
        fields = {"device_name": "x", "command": "c", "date": "2026-01-02", "seconds": 1, "versions": {}}
        result = ledger.Result(
            method="cam", device="cpu", seeds=[0], verdicts={}, quantities=quantities, source_hash="0", **fields
        )
        verdicts = {claim.id: ledger.verdict(claim, result) for claim in methods["cam"].claims}
        yield "cam", result.model_copy(update={"verdicts": verdicts}), b"picture"

    monkeypatch.setattr(ledger, "measure", measure)
    return asked


@pytest.fixture
def own_ledger(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A ledger in a folder of its own, and a catalogue in which CAM has two claims, one of them expected to fail."""
    low, high = (
        Claim(
            id=name, statement="s", paper="zhou2016learning", place="1", quantity="q", unit="u", at_least=bound, **more
        )
        for name, bound, more in (("low", 0.5, {}), ("high", 0.9, {"expect": "fails", "reason": "r"}))
    )
    whole = catalogue.load()
    methods = {"cam": whole.methods["cam"].model_copy(update={"claims": [low, high]})}
    monkeypatch.setattr(catalogue, "load", lambda: dataclasses.replace(whole, methods=methods))
    path = tmp_path / "cam.json"
    monkeypatch.setattr(ledger, "path_of", lambda *_: path)
    monkeypatch.setattr(ledger, "load_all", lambda _: {"cam": [ledger.load(path)]} if path.exists() else {})
    return tmp_path


def test_verify_writes_the_ledger_and_compares_with_what_is_expected(own_ledger: Path, monkeypatch) -> None:
    asked = made(monkeypatch, 0.7)
    output = call("verify", "cam", "--seeds", "3,4", "--jobs", "1").stdout
    assert asked == {"seeds": [3, 4], "methods": ["cam"], "device": "cpu", "jobs": 1}
    assert "low" in output
    assert (own_ledger / "cam.png").read_bytes() == b"picture"
    assert ledger.load(own_ledger / "cam.json").verdicts == {"high": "fails", "low": "holds"}


@pytest.mark.parametrize(("value", "said"), [(0.4, "low does not hold, expected: holds"), (0.95, "high holds")])
def test_verify_fails_when_a_claim_turns_out_otherwise(own_ledger: Path, monkeypatch, value: float, said: str) -> None:
    made(monkeypatch, value)
    assert said in call("verify", code=1).stderr
    assert (own_ledger / "cam.json").exists()  # what was measured is kept all the same


def test_check_writes_nothing_and_compares_with_the_ledger(own_ledger: Path, monkeypatch) -> None:
    made(monkeypatch, 0.7)
    assert "nothing in the ledger" in call("verify", "--check", code=1).stderr
    assert not (own_ledger / "cam.json").exists()
    call("verify")
    before = (own_ledger / "cam.json").read_bytes()
    made(monkeypatch, 0.71)
    call("verify", "--check")
    made(monkeypatch, 0.4)
    assert "low does not hold, in the ledger: holds" in call("verify", "--check", code=1).stderr
    assert (own_ledger / "cam.json").read_bytes() == before


def test_a_damaged_ledger_is_told_and_measured_over(own_ledger: Path, monkeypatch) -> None:
    made(monkeypatch, 0.7)
    (own_ledger / "cam.json").write_text("{")
    assert "cam.json" in call("verify", "--check", code=2).stderr
    call("verify")
    assert ledger.load(own_ledger / "cam.json").verdicts == {"high": "fails", "low": "holds"}
    (own_ledger / "cam.json").write_text("{")
    assert "cam.json" in call("methods", code=2).stderr


def test_verify_refuses_what_does_not_fit() -> None:
    assert "did you mean 'cam'" in refused("verify", "cams")
    assert "as 0,1,2" in refused("verify", "cam", "--seeds", "0,one")
    assert "as 0,1,2" in refused("verify", "cam", "--seeds", "1,1")


def test_train_names_the_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    from repro.lab import training

    trained = []
    monkeypatch.setattr(
        training, "train", lambda name, seed: (trained.append((name, seed)), {"accuracy": 0.5, "seconds": 60.0})[1]
    )
    assert "accuracy 0.500 in 60 s" in call("train", "gap-scenes", "--seed", "4", "--seed", "5").stdout
    assert trained == [("gap-scenes", 4), ("gap-scenes", 5)]
    assert "did you mean 'gap-scenes'" in refused("train", "gap-scene")


@pytest.mark.parametrize("command", ["methods", "verify", "train"])
def test_help_has_examples(command: str) -> None:
    assert f"sightglass {command}" in " ".join(call(command, "--help").stdout.split())
