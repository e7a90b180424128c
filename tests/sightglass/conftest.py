"""The toy catalogue, and the command line on it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from sightglass import cli

TOY = Path(__file__).parent / "toy"


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
        monkeypatch.setattr(sys, "argv", ["sightglass", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capfd.readouterr()
        return Done(int(ended.value.code or 0), captured.out, captured.err)

    return run
