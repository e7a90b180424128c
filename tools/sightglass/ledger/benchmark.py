"""What ``make bench`` measured: seconds and memory of methods, of the passes that they cannot do without, and of peers.

``results/bench/<device>.json`` holds the raw figures; the ratios are computed here.  Reading needs no torch.
"""

from __future__ import annotations

import statistics
from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from sightglass.errors import StoredError, first_fault
from sightglass.files import write_whole
from sightglass.ledger import DEVICES

FLOOR, OURS = "floor", "sightglass"


class Run(BaseModel):
    """One contestant: seconds of each round, and peak memory above the loaded model in MiB, where it was measured."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seconds: list[float]
    memory: float | None = None


class Row(BaseModel):
    """One method on one model with one size of batch: its floor, ours and the peers, all in the same rounds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: str
    model: str
    batch: int
    runs: dict[str, Run]

    def slower(self, who: str) -> tuple[float, float] | None:
        """The ratio of medians to the floor, and how far the rounds' own ratios lie from it; None without rounds."""
        floor, run = (self.runs.get(name) for name in (FLOOR, who))
        if not floor or not run or not floor.seconds or not run.seconds:
            return None
        ratio = statistics.median(run.seconds) / statistics.median(floor.seconds)
        rounds = [mine / its for mine, its in zip(run.seconds, floor.seconds, strict=True)]
        return ratio, max(abs(each - ratio) for each in rounds)

    def hungrier(self, who: str) -> float | None:
        """The ratio of peak memory to the floor's; None where either was not measured."""
        floor, run = (self.runs.get(name) for name in (FLOOR, who))
        return run.memory / floor.memory if floor and run and floor.memory and run.memory is not None else None


class Benchmark(BaseModel):
    """One run of the benchmark on one device, with everything needed to run it again."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    device: str
    device_name: str
    command: str
    date: str
    seconds: float
    image_size: int
    versions: dict[str, str]
    left_out: dict[str, str]  # a peer, a method or a row to why
    rows: list[Row]


def path_of(root: Path, device: str) -> Path:
    """Where the result of a device is kept."""
    return root / "results" / "bench" / f"{device}.json"


def load_all(root: Path) -> list[Benchmark]:
    """All stored results, in the order cpu, cuda, mps; StoredError, with the file's name, for one that is not."""
    found = []
    for path in (path_of(root, device) for device in DEVICES):
        if path.is_file():
            try:
                found.append(_parsed(path.read_bytes()))
            except ValidationError as error:
                said = f"{path} is no result of the benchmark ({first_fault(error)}): run make bench"
                raise StoredError(said) from error
    return found


@lru_cache(maxsize=8)  # each page of a method asks
def _parsed(content: bytes) -> Benchmark:
    return Benchmark.model_validate_json(content)


def write(path: Path, result: Benchmark) -> None:
    """Store a result, one contestant a line."""
    rows = result.rows
    head = result.model_copy(update={"rows": []}).model_dump_json(indent=2).removesuffix('"rows": []\n}')
    lines = []
    for row in rows:
        runs = ",\n".join(f'        "{who}": {run.model_dump_json()}' for who, run in row.runs.items())
        name = f'"method": "{row.method}", "model": "{row.model}", "batch": {row.batch}'
        lines.append(f'    {{{name},\n      "runs": {{\n{runs}}}}}')
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, f'{head}"rows": [\n' + ",\n".join(lines) + "\n  ]\n}\n")
