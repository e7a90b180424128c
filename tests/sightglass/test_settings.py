"""The public addresses, and the environment's word over the file's."""

from __future__ import annotations

from pathlib import Path

import pytest
from sightglass import settings
from sightglass.settings import Settings


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("SIGHTGLASS_REPOSITORY", "SIGHTGLASS_SITE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "pyproject.toml").write_text(
        '[tool.sightglass]\nrepository = "https://code.example.org/x"\nsite = "https://x.example.org//"\n', "utf-8"
    )
    return tmp_path


def test_addresses_end_in_one_slash(root: Path) -> None:
    assert settings.load(root) == Settings("https://code.example.org/x/", "https://x.example.org/")


def test_the_environment_overrides_each_by_itself(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGHTGLASS_SITE", "https://fork.example.org")
    assert settings.load(root) == Settings("https://code.example.org/x/", "https://fork.example.org/")
    monkeypatch.setenv("SIGHTGLASS_REPOSITORY", "")
    assert settings.load(root).repository == ""


def test_without_addresses_everything_stays_local(root: Path) -> None:
    (root / "pyproject.toml").write_text("[project]\nname = 'x'\n", "utf-8")
    assert settings.load(root) == Settings("", "")
