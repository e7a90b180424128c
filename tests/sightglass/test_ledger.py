"""The ledger: verdicts, files, which sources a result stands for, and measuring with a small made-up method."""

import hashlib
import importlib
import io
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from sightglass import ledger
from sightglass.catalogue.models import Claim, Method

ROOT = Path(__file__).resolve().parents[2]


def claim(**fields) -> Claim:
    return Claim(**({"id": "c", "statement": "s", "paper": "p", "place": "1", "quantity": "q", "unit": "u"} | fields))


def result(values: list[float], **fields) -> ledger.Result:
    basis = {
        "method": "m",
        "device": "cpu",
        "device_name": "a processor",
        "command": "sightglass verify m",
        "date": "2026-01-02",
        "seconds": 1.5,
        "seeds": list(range(len(values))),
        "verdicts": {},
        "quantities": {"q": ledger.Quantity.of(values)} if values else {},
        "versions": {},
        "source_hash": "0",
    }
    return ledger.Result(**(basis | fields))


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
    ],
)
def test_a_claim_holds_if_every_seed_does(values: list[float], bounds: dict, expected: str) -> None:
    assert ledger.verdict(claim(**bounds), result(values)) == expected


def test_what_was_not_measured_is_not_run() -> None:
    assert ledger.verdict(claim(at_least=0), None) == "not run"
    assert ledger.verdict(claim(at_least=0, quantity="other"), result([1.0])) == "not run"


def test_mean_and_spread() -> None:
    quantity = ledger.Quantity.of([0.1, 0.2, 0.6])
    assert quantity.mean == pytest.approx(0.3)
    assert quantity.spread == pytest.approx(0.3)  # from the mean to the furthest


def test_what_is_written_is_read_and_looks_the_same_each_time(tmp_path: Path) -> None:
    quantities = {key: ledger.Quantity.of([0.25, 0.5]) for key in ("z", "a")}
    stored = result([1.0], quantities=quantities, verdicts={"y": "holds", "b": "fails"})
    path = ledger.write(tmp_path, stored, b"picture")
    assert path == tmp_path / "results" / "cpu" / "m.json"
    assert path.with_suffix(".png").read_bytes() == b"picture"
    assert ledger.load(path) == stored
    text = path.read_text()
    assert '"values": [0.25, 0.5],' in text
    assert text.index('"a"') < text.index('"z"')
    assert text.index('"b"') < text.index('"y"')
    ledger.write(tmp_path, ledger.load(path))
    assert path.read_text() == text
    assert sorted(file.name for file in path.parent.iterdir()) == ["m.json", "m.png"]
    unending = ledger.load(ledger.write(tmp_path, result([math.nan, math.inf], method="n")))
    assert math.isnan(unending.quantities["q"].values[0])  # a division by zero can be stored, and read
    ledger.write(tmp_path, result([1.0], device="cuda"))
    assert [found.device for found in ledger.load_all(tmp_path)["m"]] == ["cpu", "cuda"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"method": "m"}'])
def test_a_file_that_is_no_result_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "cam.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"cam\.json is no result .*: run sightglass verify cam"):
        ledger.load(path)


FILES = {
    "repro/__init__.py": "",
    "repro/lab/__init__.py": "",
    "repro/lab/near.py": "from repro.lab.far import value\n",
    "repro/lab/far.py": "value = 1\n",
    "repro/lab/figures.py": "def save(figure, path, provenance):\n    path.write_bytes(figure)\n",
    "repro/lab/unused.py": "value = 3\n",
    "repro/lab/relative.py": "from . import far\n",
    "repro/attribution/__init__.py": "",
    "repro/attribution/made_up.py": (
        "import math\n"
        "from repro.lab import near, nothing\n"
        'NETWORK = "small"\n'
        "def measure(seed, device):\n    return {'q': 0.5 + seed / 10}\n"
        "def figure(seed, device):\n    return b'picture'\n"
    ),
    "repro/lab/weights/small-0.safetensors": "weights\r\n",
    "repro/lab/weights/small-1.safetensors": "others",
    "repro/lab/weights/smaller-0.safetensors": "not these",
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    return tmp_path


def test_sources_are_what_the_module_needs_and_no_more(checkout: Path) -> None:
    expected = {"near", "far", "__init__"}
    found = ledger.sources(checkout, "made-up")
    modules = {Path(path).stem for path in found if path.startswith("repro/lab/") and path.endswith(".py")}
    assert modules == expected
    weights = {path for path in found if path.endswith(".safetensors")}
    assert weights == {"repro/lab/weights/small-0.safetensors", "repro/lab/weights/small-1.safetensors"}
    assert "repro/attribution/made_up.py" in found
    (checkout / "repro/attribution/made_up.py").write_text("from repro.lab import relative\n")
    assert {"repro/lab/relative.py", "repro/lab/far.py"} <= ledger.sources(checkout, "made-up").keys()


@pytest.mark.parametrize(
    ("name", "change", "stale"),
    [
        ("repro/attribution/made_up.py", lambda data: data + b"# changed\n", True),
        ("repro/lab/far.py", lambda data: data.replace(b"1", b"2"), True),
        ("repro/lab/weights/small-1.safetensors", lambda data: b"trained again", True),
        ("repro/lab/weights/small-0.safetensors", lambda data: data.replace(b"\r\n", b"\n"), True),  # not a text
        ("repro/lab/far.py", lambda data: data.replace(b"\n", b"\r\n"), False),  # a checkout on Windows
        ("repro/lab/unused.py", lambda data: b"value = 4\n", False),
        ("repro/lab/weights/smaller-0.safetensors", lambda data: b"trained again", False),
    ],
)
def test_a_result_is_stale_when_its_sources_change(checkout: Path, name: str, change, stale: bool) -> None:
    stored = result([1.0], method="made-up", source_hash=ledger.source_hash(checkout, "made-up"))
    assert not ledger.is_stale(stored, checkout)
    path = checkout / name
    path.write_bytes(change(path.read_bytes()))
    assert ledger.is_stale(stored, checkout) is stale


def test_a_result_without_its_module_is_stale(checkout: Path) -> None:
    stored = result([1.0], method="made-up", source_hash=ledger.source_hash(checkout, "made-up"))
    (checkout / "repro/attribution/made_up.py").unlink()
    assert ledger.is_stale(stored, checkout)
    with pytest.raises(ValueError, match="no reproduction"):
        ledger.sources(checkout, "made-up")


def test_reading_the_ledger_does_not_import_torch() -> None:
    code = (
        "import sys; from pathlib import Path; from sightglass import ledger; from sightglass.commands import lab;"
        f"root = Path({str(ROOT)!r}); [ledger.is_stale(r, root) for rs in ledger.load_all(root).values() for r in rs];"
        "ledger.sources(root, 'cam'); sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_the_sources_of_cam_are_all_there() -> None:
    found = ledger.sources(ROOT, "cam")
    for name in ("attribution/cam.py", "lab/scenes.py", "lab/networks.py", "lab/capture.py", "lab/metrics.py"):
        assert f"repro/{name}" in found
    assert sum(path.endswith(".safetensors") for path in found) == 6
    assert "repro/lab/models.py" not in found  # how people's own models are read does not change what was measured


def method(**fields) -> Method:
    basis = {"name": "M", "family": "attribution", "summary": "s", "summary_zh": "s", "feasible": "yes"}
    return Method(**(basis | fields))


@pytest.fixture
def importable(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The made-up checkout, with ``repro`` imported from it and not from here."""
    torch = pytest.importorskip("torch")  # the light installation has no torch
    monkeypatch.setattr(torch, "set_num_threads", lambda count: None)
    (checkout / "repro/lab/nothing.py").write_text("")
    monkeypatch.syspath_prepend(str(checkout))
    real = _forget_repro()
    yield checkout
    _forget_repro()
    sys.modules.update(real)


def _forget_repro() -> dict[str, ModuleType]:
    return {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] == "repro"}


def test_measuring_gathers_seeds_and_verdicts(importable: Path) -> None:
    claims = [claim(at_least=0.5), claim(id="d", at_least=0.6), claim(id="e", quantity="none", at_least=0)]
    heard: list[str] = []
    found = ledger.measure({"made-up": method(claims=claims)}, importable, seeds=(0, 1), report=heard.append)
    ((slug, measured, picture),) = found
    assert slug == "made-up"
    assert picture == b"picture"
    assert heard == ["made-up"] * 3
    assert measured.quantities["q"].values == [0.5, 0.6]
    assert measured.verdicts == {"c": "holds", "d": "fails", "e": "not run"}
    assert measured.command == "sightglass verify made-up --seeds 0,1"
    assert measured.source_hash == ledger.source_hash(importable, "made-up")
    assert measured.versions.keys() == {"python", "torch", "numpy"}
    assert measured.device_name
    assert not (importable / "results").exists()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("def measure(seed, device):\n    return {'q': 1 / seed}\n", r"made-up \(measure, seed 0\): ZeroDivisionError"),
        ("def measure(seed, device):\n    return {f'q{seed}': 1}\n", "other quantities"),
    ],
)
def test_a_method_that_fails_is_named(importable: Path, body: str, reason: str) -> None:
    (importable / "repro/attribution/made_up.py").write_text(body + "def figure(seed, device):\n    return b''\n")
    with pytest.raises(ledger.MeasurementError, match=reason):
        list(ledger.measure({"made-up": method()}, importable, seeds=(0, 1)))


def test_what_is_measured_is_handed_over_before_a_later_method_fails(importable: Path) -> None:
    (importable / "repro/attribution/worse.py").write_text("def measure(seed, device):\n    return {'q': 1 / seed}\n")
    found = ledger.measure({"made-up": method(), "worse": method()}, importable, seeds=(0, 1))
    assert next(found)[0] == "made-up"
    with pytest.raises(ledger.MeasurementError, match="worse"):
        next(found)


def test_the_committed_ledger_is_in_canonical_form(tmp_path: Path) -> None:
    paths = [path for device in ledger.DEVICES for path in sorted((ROOT / "results" / device).glob("*.json"))]
    assert paths
    for path in paths:
        stored = ledger.load(path)
        assert (stored.method, stored.device) == (path.stem, path.parent.name)
        assert path.read_text() == ledger.write(tmp_path, stored).read_text()
        assert path.with_suffix(".png").stat().st_size <= ledger.PICTURE_BYTES


def test_a_heavy_picture_loses_colours_and_keeps_its_metadata() -> None:
    image = pytest.importorskip("PIL.Image")  # the light installation has no Pillow
    info = importlib.import_module("PIL.PngImagePlugin").PngInfo()
    info.add_itxt("Method", "made-up")
    noise = b"".join(hashlib.sha256(str(i).encode()).digest() for i in range(300 * 300 * 3 // 32 + 1))[: 300 * 300 * 3]
    written = io.BytesIO()
    image.frombytes("RGB", (300, 300), noise).save(written, "PNG", pnginfo=info)
    heavy = written.getvalue()
    assert len(heavy) > ledger.PICTURE_BYTES
    found = ledger.light(heavy)
    assert len(found) <= ledger.PICTURE_BYTES
    assert ledger.light(found) == found
    opened = image.open(io.BytesIO(found))
    assert (opened.size, opened.text["Method"]) == ((300, 300), "made-up")
