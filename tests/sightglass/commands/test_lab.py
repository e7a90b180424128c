"""``methods`` and ``train`` as a user meets them."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sightglass.commands.calling import call, refused

pytest.importorskip("torch")  # the light installation has no torch
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def _in_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGHTGLASS_ROOT", str(ROOT))


def test_without_torch_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "torch" else found(name))
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


def test_train_names_the_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    from repro.lab import training

    trained = []
    monkeypatch.setattr(
        training, "train", lambda name, seed: (trained.append((name, seed)), {"accuracy": 0.5, "seconds": 60.0})[1]
    )
    assert "accuracy 0.500 in 60 s" in call("train", "gap-scenes", "--seed", "4", "--seed", "5").stdout
    assert trained == [("gap-scenes", 4), ("gap-scenes", 5)]
    assert "did you mean 'gap-scenes'" in refused("train", "gap-scene")


@pytest.mark.parametrize("command", ["methods", "train"])
def test_help_has_examples(command: str) -> None:
    assert f"sightglass {command}" in " ".join(call(command, "--help").stdout.split())
