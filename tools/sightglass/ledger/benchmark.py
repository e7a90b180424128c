"""What ``make bench`` measured: seconds and memory of methods, of the passes that they cannot do without, and of peers.

``results/bench/<device>.json`` holds the raw figures of the runs on a device, each row from the last run that measured
it; the ratios are computed here.  Reading needs no torch.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

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


_RUNS = TypeAdapter(tuple[Benchmark, ...])


def path_of(root: Path, device: str) -> Path:
    """Where the runs on a device are kept."""
    return root / "results" / "bench" / f"{device}.json"


def load(path: Path) -> tuple[Benchmark, ...]:
    """The runs in a file, the newest first; none if there is no file, StoredError if it holds something else."""
    if not path.is_file():
        return ()
    try:
        return _parsed(path.read_bytes())
    except ValidationError as error:
        said = f"{path} is no result of the benchmark ({first_fault(error)}): run make bench"
        raise StoredError(said) from error


def load_all(root: Path) -> dict[str, tuple[Benchmark, ...]]:
    """The runs of each device that has some, in the order cpu, cuda, mps; StoredError as ``load`` raises it."""
    found = {device: load(path_of(root, device)) for device in DEVICES}
    return {device: runs for device, runs in found.items() if runs}


@lru_cache(maxsize=8)  # each page of a method asks
def _parsed(content: bytes) -> tuple[Benchmark, ...]:
    return _RUNS.validate_json(content)


def after(new: Benchmark, before: Sequence[Benchmark]) -> list[Benchmark]:
    """The new run, then the older ones without the rows that it measured again and without what they left out there."""
    again, runs = {(row.method, row.model, row.batch) for row in new.rows}, [new]
    for run in before:
        rows = [row for row in run.rows if (row.method, row.model, row.batch) not in again]
        kept = {f"{row.method} {row.model}" for row in rows} | {row.method for row in rows}
        left_out = {
            what: why
            for what, why in run.left_out.items()
            if not (row := what.partition(", ")[2]) or row.partition(" batch ")[0] in kept
        }
        runs += [run.model_copy(update={"rows": rows, "left_out": left_out})] if rows else []
    return runs


def write(path: Path, runs: Sequence[Benchmark]) -> None:
    """Store the runs of a device, one contestant a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, "[" + ",\n".join(_written(run) for run in runs) + "]\n")


def _written(run: Benchmark) -> str:
    head = run.model_copy(update={"rows": []}).model_dump_json(indent=2).removesuffix('"rows": []\n}')
    lines = []
    for row in run.rows:
        runs = ",\n".join(f'        "{who}": {one.model_dump_json()}' for who, one in row.runs.items())
        name = f'"method": "{row.method}", "model": "{row.model}", "batch": {row.batch}'
        lines.append(f'    {{{name},\n      "runs": {{\n{runs}}}}}')
    return f'{head}"rows": [\n' + ",\n".join(lines) + "\n  ]\n}"
