"""Ratios of the benchmark by hand, and its file: written, read, refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from sightglass.errors import StoredError
from sightglass.ledger import benchmark
from sightglass.ledger.benchmark import Benchmark, Row, Run


def row(**runs: tuple[list[float], float | None]) -> Row:
    made = {name: Run(seconds=seconds, memory=memory) for name, (seconds, memory) in runs.items()}
    return Row(method="m", model="vgg16", batch=1, runs=made)


def result(*rows: Row) -> Benchmark:
    return Benchmark(
        device="cpu",
        device_name="a processor",
        command="python -m benchmarks.methods",
        date="2026-01-02",
        seconds=120,
        image_size=224,
        versions={"torch": "2", "captum": "0.9"},
        left_out={"torch-cam": "not installed"},
        rows=list(rows),
    )


def test_a_ratio_is_of_medians_and_its_spread_of_the_rounds() -> None:
    measured = row(floor=([1.0, 2.0, 4.0], 10), sightglass=([1.5, 2.0, 6.0], 12), captum=([3.0, 3.0, 3.0], None))
    assert measured.slower("floor") == (1, 0)
    # medians 2 and 2; the rounds' own ratios are 1.5, 1 and 1.5
    assert measured.slower("sightglass") == (1, 0.5)
    # medians 3 and 2; the rounds' own ratios are 3, 1.5 and 0.75
    assert measured.slower("captum") == (1.5, 1.5)
    assert measured.hungrier("sightglass") == 1.2
    assert measured.hungrier("captum") is None


def test_what_was_not_measured_has_no_ratio() -> None:
    measured = row(floor=([], None), sightglass=([], 3.0))
    assert measured.slower("sightglass") is None
    assert measured.hungrier("sightglass") is None
    assert measured.slower("zennit") is None


def test_a_result_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = benchmark.path_of(tmp_path, "cpu")
    assert benchmark.load_all(tmp_path) == {}
    one = result(row(floor=([1.0], 2.5), sightglass=([1.25], None)), row(floor=([2.0], 1.0)))
    for written in ((one,), (result(), one)):
        benchmark.write(path, written)
        assert benchmark.load_all(tmp_path) == {"cpu": written}


def test_a_further_run_takes_the_place_of_the_rows_that_it_measured_again() -> None:
    first, second = (row(floor=([1.0], 1.0)).model_copy(update={"method": name}) for name in ("m", "n"))
    left_out = {"captum, m vgg16": "a", "captum, n vgg16": "b", "zennit, m batch 8": "c", "torch-cam": "d"}
    old = result(first, second).model_copy(update={"left_out": left_out})
    new = result(first.model_copy(update={"runs": {"floor": Run(seconds=[3.0])}}))
    assert benchmark.after(new, [old]) == [
        new,
        old.model_copy(update={"rows": [second], "left_out": {"captum, n vgg16": "b", "torch-cam": "d"}}),
    ]
    assert benchmark.after(new, [new]) == [new]
    assert benchmark.after(new, []) == [new]


def test_a_file_that_is_no_result_is_named_with_the_remedy(tmp_path: Path) -> None:
    path = benchmark.path_of(tmp_path, "cuda")
    path.parent.mkdir(parents=True)
    path.write_text('{"device": "cuda"}')
    with pytest.raises(StoredError) as caught:
        benchmark.load_all(tmp_path)
    assert str(path) in str(caught.value)
    assert "make bench" in str(caught.value)


def test_the_committed_results_are_in_canonical_form(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    for device, stored in benchmark.load_all(root).items():
        benchmark.write(tmp_path / "written.json", stored)
        assert benchmark.path_of(root, device).read_text() == (tmp_path / "written.json").read_text()
        assert all(each.seconds for run in stored for row in run.rows for each in row.runs.values())
