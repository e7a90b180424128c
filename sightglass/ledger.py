"""The ledger of results (placeholder until the laboratory's own arrives)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sightglass.models import Claim


@dataclass(frozen=True)
class Quantity:
    values: list[float]
    mean: float
    spread: float


@dataclass(frozen=True)
class Result:
    method: str
    device: str
    quantities: dict[str, Quantity]
    seeds: list[int]
    command: str
    date: str
    seconds: float
    device_name: str
    versions: dict[str, str]
    verdicts: dict[str, str]
    source_hash: str


def load_all(root: Path) -> dict[str, list[Result]]:
    return {}


def verdict(claim: Claim, result: Result) -> str:
    return "not run"


def is_stale(result: Result, root: Any) -> bool:
    return True
