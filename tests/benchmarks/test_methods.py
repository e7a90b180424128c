"""The benchmark's contestants run, and one that fails does not take the others' figures with it."""

import importlib.util
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("torch")  # the light installation has no torch
PATH = Path(__file__).resolve().parents[2] / "tools" / "benchmarks" / "methods.py"


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmarks_methods", PATH)
    module = importlib.util.module_from_spec(spec)
    sys.modules["benchmarks_methods"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.mark.filterwarnings("ignore")  # peers warn of hooks
def test_every_contestant_of_every_row_runs(bench: ModuleType) -> None:
    """On a small image and ResNet-18, which has the parts of ResNet-50: half an hour must not end in an error that a
    second shows.
    """
    whole = bench.subject("resnet18", "cpu")
    small = replace(bench.batch_of(whole, 1), images=whole.images[:1, :, :96, :96])  # no smaller than a window
    places, _ = bench.rows_of(list(bench.METHODS), ["resnet50"], [1])
    assert {place.method for place in places} >= {
        place.method for place in bench.rows_of(list(bench.METHODS), ["vgg16"], [1])[0]
    }  # so that the slow VGG16 need not run
    for place in places:
        runners = bench.runners(place)
        assert list(runners)[:2] == ["floor", "sightglass"]
        for name, run in runners.items():
            assert run(small) is not None or name == "floor", (place, name)


def test_the_memory_told_is_the_most_that_one_call_holds(bench: ModuleType) -> None:
    if not os.access(bench.FORGET, os.W_OK):
        pytest.skip("only Linux tells it")
    program = """
import torch
from benchmarks import methods

def run(subject):
    parts = [torch.ones(8 * 2**18) for _ in range(3)]  # of 8 MiB each
    del parts
    torch.ones(8 * 2**18)

layer, images = torch.nn.Identity(), torch.zeros(8, 3, 8, 8)
methods.subject = lambda name, device: methods.Subject(layer, layer, images, torch.zeros(8), layer, layer, layer)
methods.runners = lambda place: {"a": run}
print(methods.peak_memory(methods.Place("cam", "resnet50", 1), "cpu", "a"))
"""
    with bench._malloc_gives_back():
        told = subprocess.run([sys.executable, "-c", program], cwd=PATH.parents[1], capture_output=True, text=True)
    assert float(told.stdout) == pytest.approx(24, abs=0.5), told.stderr


def test_what_is_kept_must_be_readable_before_anything_is_measured(
    bench: ModuleType, monkeypatch, tmp_path, capsys
) -> None:
    monkeypatch.setattr(bench, "ROOT", tmp_path)
    assert bench.parse(["--keep", "--quick"]).before == ()
    with pytest.raises(SystemExit):
        bench.parse(["--keep", "--out", "x.json"])
    stored = bench.benchmark.path_of(tmp_path, "cpu")
    stored.parent.mkdir(parents=True)
    stored.write_text("{}")
    with pytest.raises(SystemExit):
        bench.parse(["--keep", "--quick"])
    assert str(stored) in capsys.readouterr().err


def test_what_a_peer_raises_leaves_it_out_and_ours_does_not(bench: ModuleType, monkeypatch) -> None:
    class Inline:
        """An executor without processes, so that what is patched here counts."""

        def __enter__(self) -> "Inline":
            return self

        def __exit__(self, *_: object) -> None: ...

        def submit(self, function, *arguments):
            future = bench.Future()
            try:
                future.set_result(function(*arguments))
            except RuntimeError as error:
                future.set_exception(error)
            return future

    def memory(place, device: str, name: str) -> float:
        if name == broken:
            raise RuntimeError("out of order")
        return 7.0

    place = bench.Place("cam", "resnet50", 1)
    monkeypatch.setattr(bench, "_executor", lambda jobs: Inline())
    monkeypatch.setattr(bench, "contestants", lambda place: ["floor", "sightglass", "peer"])
    monkeypatch.setattr(bench, "peak_memory", memory)
    monkeypatch.setattr(bench, "one_round", lambda place, device, number, names: dict.fromkeys(names, 1.0 + number))
    given = {"rounds": 2, "minutes": 1, "jobs": 1, "report": lambda what: None}
    broken = "peer"
    found, failed = bench.measure([place], "cpu", **given)
    assert {name: (run.seconds, run.memory) for name, run in found[place].items()} == {
        "floor": ([1, 2], 7),
        "sightglass": ([1, 2], 7),
    }
    assert failed == {"peer, cam resnet50 batch 1": "RuntimeError: out of order"}
    found, _ = bench.measure([place], "cpu", **given | {"rounds": 5, "minutes": 0})
    assert len(found[place]["floor"].seconds) == 2  # with one nobody knows by how much rounds differ
    broken = "sightglass"
    with pytest.raises(RuntimeError, match="out of order"):
        bench.measure([place], "cpu", **given)
