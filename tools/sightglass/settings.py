"""The project's public addresses: ``[tool.sightglass]`` of pyproject.toml, and nowhere else.

The environment overrides them (``SIGHTGLASS_REPOSITORY``, ``SIGHTGLASS_SITE``), so that a fork's CI publishes under
its own addresses without a commit.  Both end in a slash or are empty; empty means: not published, links stay local.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """Addresses with a trailing slash, or empty."""

    repository: str = ""
    site: str = ""


def load(root: Path) -> Settings:
    """The settings of the checkout at ``root``, with the environment's overrides."""
    with (root / "pyproject.toml").open("rb") as file:
        stored = tomllib.load(file).get("tool", {}).get("sightglass", {})
    values = {}
    for name in ("repository", "site"):
        value = os.environ.get(f"SIGHTGLASS_{name.upper()}", stored.get(name, ""))
        values[name] = value.rstrip("/") + "/" if value else ""
    return Settings(**values)
