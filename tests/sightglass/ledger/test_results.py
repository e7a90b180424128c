"""Results as they are stored, and what claims make of them."""

import math
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError
from sightglass import ledger
from sightglass.errors import StoredError
from sightglass.ledger.measuring import PICTURE_BYTES

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("values", "bounds", "expected"),
    [
        ([0.5, 0.6], {"at_least": 0.5}, "holds"),
        ([0.49, 0.6], {"at_least": 0.5}, "fails"),  # one seed is enough
        ([0.5, 0.6], {"at_most": 0.6}, "holds"),
        ([0.5, 0.61], {"at_most": 0.6}, "fails"),
        ([0.5], {"at_least": 0.4, "at_most": 0.45}, "fails"),
        ([0.5, math.nan], {"at_least": 0.0}, "fails"),
        ([], {"at_least": 0.0}, "not run"),
        ([0.5], {"at_least": 0.9, "gated": False}, "reported"),
        ([0.5], {"gated": False}, "reported"),
        ([], {"gated": False}, "not run"),
    ],
)
def test_a_claim_holds_if_every_seed_does(claim, result, values: list[float], bounds: dict, expected: str) -> None:
    assert ledger.verdict(claim(**bounds), result(values)) == expected


def test_what_was_not_measured_is_not_run(claim, result) -> None:
    assert ledger.verdict(claim(at_least=0), None) == "not run"
    assert ledger.verdict(claim(at_least=0, quantity="other"), result([1.0])) == "not run"
    assert ledger.verdict(claim(at_least=0, minus="other"), result([1.0])) == "not run"


def test_a_claim_subtracts_seed_by_seed(claim, result) -> None:
    stored = result([0.9, 0.6], quantities={"q": ledger.Quantity.of([0.9, 0.6]), "r": ledger.Quantity.of([0.5, 0.4])})
    found = ledger.measured(claim(at_least=0, minus="r"), stored)
    assert found is not None
    assert found.values == pytest.approx([0.4, 0.2])
    assert ledger.verdict(claim(at_least=0.3, minus="r"), stored) == "fails"  # the difference of the means would hold


def test_what_is_only_reported_is_always_as_expected(claim) -> None:
    assert ledger.is_expected(claim(at_least=0), "holds")
    assert not ledger.is_expected(claim(at_least=0), "fails")
    assert not ledger.is_expected(claim(at_least=0), "not run")
    assert ledger.is_expected(claim(gated=False), "reported")
    with pytest.raises(ValidationError):
        claim()  # no bound
    with pytest.raises(ValidationError):
        claim(gated=False, expect="fails", reason="r")


def test_mean_and_spread() -> None:
    quantity = ledger.Quantity.of([0.1, 0.2, 0.6])
    assert quantity.mean == pytest.approx(0.3)
    assert quantity.spread == pytest.approx(0.3)  # from the mean to the furthest


def test_what_is_written_is_read_and_looks_the_same_each_time(result, tmp_path: Path) -> None:
    quantities = {key: ledger.Quantity.of([0.25, 0.5]) for key in ("z", "a")}
    stored = result([1.0], quantities=quantities, verdicts={"y": "holds", "b": "fails"}, objects={"repro.a:b": "12"})
    path = ledger.write(tmp_path, stored)
    path.with_suffix(".png").write_bytes(b"of earlier times")
    assert ledger.write(tmp_path, stored, b"picture") == path == tmp_path / "results" / "cpu" / "m.json"
    assert ledger.picture_of(tmp_path, "cpu", "m").read_bytes() == b"picture"
    assert ledger.load(path) == stored
    text = path.read_text()
    assert '"values": [0.25, 0.5],' in text
    assert text.index('"a"') < text.index('"z"')
    assert text.index('"b"') < text.index('"y"')
    ledger.write(tmp_path, ledger.load(path))
    assert path.read_text() == text
    assert sorted(file.name for file in path.parent.iterdir()) == ["m.json", "m.webp"]
    unending = ledger.load(ledger.write(tmp_path, result([math.nan, math.inf], method="n")))
    assert math.isnan(unending.quantities["q"].values[0])  # a division by zero can be stored, and read
    ledger.write(tmp_path, result([1.0], device="cuda"))
    assert [found.device for found in ledger.load_all(tmp_path)["m"]] == ["cpu", "cuda"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"method": "m"}'])
def test_a_file_that_is_no_result_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "cam.json"
    path.write_text(text)
    with pytest.raises(StoredError) as caught:
        ledger.load(path)
    assert str(path) in str(caught.value)


def test_reading_the_ledger_does_not_import_torch() -> None:
    code = (
        "import sys; from pathlib import Path; from sightglass import ledger; from sightglass.commands import verify;"
        f"root = Path({str(ROOT)!r}); ledger.stale_parts(root, ledger.load_all(root)); ledger.source_digest(root, 'cam');"
        "sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_the_committed_ledger_is_in_canonical_form(tmp_path: Path) -> None:
    paths = [path for device in ledger.DEVICES for path in sorted((ROOT / "results" / device).glob("*.json"))]
    assert paths
    for path in paths:
        stored = ledger.load(path)
        assert (stored.method, stored.device) == (path.stem, path.parent.name)
        assert path.read_text() == ledger.write(tmp_path, stored).read_text()
        assert path.with_suffix(".webp").stat().st_size <= PICTURE_BYTES
    assert not list((ROOT / "results" / "cpu").glob("*.png"))
