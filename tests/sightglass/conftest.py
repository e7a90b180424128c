"""The toy catalogue, and the command line on it."""

from __future__ import annotations

import importlib.util
import shutil
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

TOY = Path(__file__).parent / "toy"
PROJECT = Path(__file__).resolve().parents[2]

for name in ("cite", "lab"):  # the command line imports all commands; these two come with their own parts
    if importlib.util.find_spec(f"sightglass.commands.{name}") is None:
        stand_in = types.ModuleType(f"sightglass.commands.{name}")
        for function in ("cite", "methods", "run", "verify", "train"):
            setattr(stand_in, function, lambda: None)
        sys.modules[stand_in.__name__] = stand_in
        setattr(importlib.import_module("sightglass.commands"), name, stand_in)


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the toy catalogue that a test may spoil; commands work on it."""
    root = tmp_path / "toy"
    shutil.copytree(TOY, root)
    monkeypatch.setenv("SIGHTGLASS_ROOT", str(root))
    monkeypatch.setenv("COLUMNS", "200")
    return root


@dataclass(frozen=True)
class Done:
    """What a command left: exit code, stdout and stderr."""

    code: int
    out: str
    err: str


@pytest.fixture
def sightglass(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Run the command line as a shell does, ``sightglass("show", "cam")``; an exception that escapes fails the test."""

    def run(*words: str) -> Done:
        from sightglass import cli

        monkeypatch.setattr(sys, "argv", ["sightglass", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capfd.readouterr()
        return Done(int(ended.value.code or 0), captured.out, captured.err)

    return run
