"""Results and claims made by hand, and a made-up checkout whose one experiment can be measured in an instant."""

import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sightglass.catalogue.models import Claim, Method
from sightglass.ledger import Quantity, Result

FILES = {
    "repro/__init__.py": "",
    "repro/lab/__init__.py": "",
    "repro/lab/devices.py": "def device_name(device):\n    return 'a processor'\n",
    "repro/lab/far.py": "VALUE = 0.5\n",
    "repro/lab/files.py": """
        from contextlib import contextmanager

        paths = set()


        @contextmanager
        def recording():
            paths.clear()
            yield paths


        def read(path):
            paths.add(path)
            return path.read_bytes()
    """,
    "repro/lab/weights/small-0.safetensors": "weights",
    "repro/lab/weights/small-0.json": "{}",
    "repro/lab/weights/small-1.safetensors": "others",
    "repro/lab/weights/small-1.json": "{}",
    "repro/lab/weights/unused-0.safetensors": "not these",
    "repro/lab/figures.py": """
        import io


        class Figure:
            def savefig(self, file, format, dpi):
                from PIL import Image

                Image.new("RGB", (30, 20), "red").save(file, format)
    """,
    "repro/attribution/made_up.py": "def made_up(value):\n    return value\n",
    "repro/experiments/attribution/made_up.py": """
        from pathlib import Path

        from repro.attribution.made_up import made_up
        from repro.lab import far, figures, files

        WEIGHTS = Path(__file__).parents[2] / "lab" / "weights"


        def measure(seed, device="cpu"):
            files.read(WEIGHTS / f"small-{seed}.safetensors")
            return {"q": made_up(far.VALUE) + seed / 10, "control": 0.25}


        def figure(seed=0, device="cpu"):
            made_up(3)
            return figures.Figure()
    """,
}


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"))


@pytest.fixture
def claim() -> Callable[..., Claim]:
    basis = {"id": "c", "statement": "s", "paper": "p", "place": "1", "quantity": "q", "unit": "u"}
    return lambda **fields: Claim(**(basis | fields))


@pytest.fixture
def method() -> Callable[..., Method]:
    basis = {"name": "M", "family": "attribution", "summary": "s", "summary_zh": "s", "feasible": "yes"}
    return lambda **fields: Method(**(basis | fields))


@pytest.fixture
def result() -> Callable[..., Result]:
    def made(values: list[float], **fields: Any) -> Result:
        basis = {
            "method": "m",
            "device": "cpu",
            "device_name": "a processor",
            "command": "sightglass verify m",
            "date": "2026-01-02",
            "seconds": 1.5,
            "seeds": list(range(len(values))),
            "verdicts": {},
            "quantities": {"q": Quantity.of(values)} if values else {},
            "versions": {},
        }
        return Result(**(basis | fields))

    return made


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A made-up method with its experiment, beside nothing else."""
    write(tmp_path, FILES)
    return tmp_path


@pytest.fixture
def importable(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The made-up checkout, with ``repro`` imported from it and not from here."""
    torch = pytest.importorskip("torch")  # the light installation has no torch
    monkeypatch.setattr(torch, "set_num_threads", lambda count: None)
    monkeypatch.syspath_prepend(str(checkout))
    real = _forget_repro()
    yield checkout
    _forget_repro()
    sys.modules.update(real)


def _forget_repro() -> dict[str, ModuleType]:
    return {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] == "repro"}
