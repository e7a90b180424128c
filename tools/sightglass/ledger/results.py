"""Results: what a run measured for one method on one device, how it is stored, and what a claim makes of it.

``results/<device>/<method>.json`` holds the quantities for each seed, and ``<method>.webp`` beside it the picture that
the run drew.
"""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from sightglass.catalogue.models import Claim
from sightglass.errors import StoredError, first_fault
from sightglass.files import write_whole

DEVICES = ("cpu", "cuda", "mps")
Verdict = Literal["holds", "fails", "reported", "not run"]


class Quantity(BaseModel):
    """One number of a run: its value for each seed, their mean, and how far from it the furthest lies."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="constants")

    values: list[float]
    mean: float
    spread: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Quantity:
        """From the values of all seeds, rounded to nine digits: a difference of two of them keeps six of its own."""
        values = [float(f"{value:.9g}") for value in values]
        mean = statistics.fmean(values)
        spread = max(abs(value - mean) for value in values)
        return cls(values=values, mean=float(f"{mean:.6g}"), spread=float(f"{spread:.3g}"))


class Result(BaseModel):
    """What one run measured for one method on one device, with everything needed to run it again.

    ``key`` and ``picture_key`` say which code and files the numbers and the picture came from, see
    ``sightglass.ledger.keys``.  ``objects`` are those that ``measure`` reaches, ``picture_objects`` those that only
    ``figure`` does.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="constants")

    method: str
    device: str
    device_name: str
    command: str
    date: str
    seconds: float
    picture_seconds: float = 0.0
    seeds: list[int]
    verdicts: dict[str, Verdict]
    quantities: dict[str, Quantity]
    versions: dict[str, str]
    environment: str = ""
    key: str = ""
    files: dict[str, str] = {}
    objects: dict[str, str] = {}
    picture_key: str = ""
    picture_files: dict[str, str] = {}
    picture_objects: dict[str, str] = {}


def path_of(root: Path, device: str, method: str) -> Path:
    """Where the result of a method on a device is kept."""
    return root / "results" / device / f"{method}.json"


def picture_of(root: Path, device: str, method: str) -> Path:
    """Where the picture of a method on a device is kept."""
    return path_of(root, device, method).with_suffix(".webp")


def load(path: Path) -> Result:
    """One stored result; StoredError, with the file's name, if it is not one."""
    try:
        return Result.model_validate_json(path.read_bytes())
    except ValidationError as error:
        said = f"{path} is no result ({first_fault(error)}): run sightglass verify {path.stem}"
        raise StoredError(said) from error


def load_all(root: Path) -> dict[str, list[Result]]:
    """All stored results by method, each device's in the order cpu, cuda, mps."""
    found: dict[str, list[Result]] = {}
    for device in DEVICES:
        for path in sorted((root / "results" / device).glob("*.json")):
            found.setdefault(path.stem, []).append(load(path))
    return dict(sorted(found.items()))


def write(root: Path, result: Result, picture: bytes | None = None, picture_zh: bytes | None = None) -> Path:
    """Store a result and its pictures; quantities and verdicts in alphabetical order.  Returns the result's path."""
    path = path_of(root, result.device, result.method)
    path.parent.mkdir(parents=True, exist_ok=True)
    ordered = result.model_copy(
        update={
            "quantities": dict(sorted(result.quantities.items())),
            "verdicts": dict(sorted(result.verdicts.items())),
        }
    )
    if picture is not None:
        write_whole(picture_of(root, result.device, result.method), picture)
        path.with_suffix(".png").unlink(missing_ok=True)  # of a time when pictures were PNG
    if picture_zh is not None:
        write_whole(path.with_suffix(".zh.webp"), picture_zh)
    text = re.sub(r"\[[^][{}]*\]", lambda found: " ".join(found[0].split()), ordered.model_dump_json(indent=2))
    write_whole(path, text.replace("[ ", "[").replace(" ]", "]") + "\n")  # the values of all seeds on one line
    return path


def measured(claim: Claim, result: Result | None) -> Quantity | None:
    """What a claim is about: its quantity, less the one that it names as ``minus``, seed by seed.  None if either was
    not measured.
    """
    found = [result.quantities.get(name) for name in (claim.quantity, claim.minus) if name] if result else [None]
    if not all(each and each.values for each in found):
        return None
    first, *others = [each.values for each in found if each]
    return Quantity.of(value - sum(rest) for value, *rest in zip(first, *others, strict=True))


def verdict(claim: Claim, result: Result | None) -> Verdict:
    """A claim holds if its value is within the bounds for every seed; a value that is not a number is not."""
    quantity = measured(claim, result)
    if quantity is None:
        return "not run"
    if not claim.gated:
        return "reported"
    low = -math.inf if claim.at_least is None else claim.at_least
    high = math.inf if claim.at_most is None else claim.at_most
    return "holds" if all(low <= value <= high for value in quantity.values) else "fails"


def is_expected(claim: Claim, word: Verdict) -> bool:
    """Whether a verdict is the one that the catalogue expects; a value that is only reported always is."""
    return word in (claim.expect, "reported")
