"""Which methods a run measures: one of several shards, or what a check has to measure and what it has time for."""

from __future__ import annotations

import hashlib
import os
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from sightglass.errors import HistoryError
from sightglass.ledger import keys
from sightglass.ledger.measuring import seconds_of
from sightglass.ledger.results import Result, path_of

T = TypeVar("T")
ROUNDS = 20  # each method is measured anew at least once in so many runs
BASE_AGE = 2 * 24 * 3600  # seconds


@dataclass
class Plan:
    """What a check measures and why, what it leaves to its key, and how long that will take on so many processes."""

    reasons: dict[str, str] = field(default_factory=dict)
    seeds: dict[str, list[int]] = field(default_factory=dict)  # where not all are measured
    resting: dict[str, str] = field(default_factory=dict)  # with the date of the last measurement
    minutes: float = 0.0  # for all that is measured
    must: float = 0.0  # for what must be measured however long it takes
    notes: list[str] = field(default_factory=list)


def plan(
    root: Path,
    stored: Mapping[str, Result | None],
    device: str,
    *,
    budget: float,
    base: str | None = None,
    processes: int = 1,
) -> Plan:
    """What a check within ``budget`` minutes measures, for a clone that has no store of earlier measurements.

    Results that are stale or changed since ``base``, and the methods whose turn it is, whatever they take; then those
    that were measured longest ago, while the time lasts.  If what must be measured takes longer than the budget, each
    changed result is measured with one seed only, a different one in each run.  Raises HistoryError if there is no
    commit ``base``.
    """
    found, history, shortened = Plan(), _History(root), dict[str, list[int]]()
    changed, since, found.notes = history.changed(base)
    number = history.run_number()
    for slug, result in stored.items():
        if result is None:
            found.reasons[slug] = "not in the ledger"
        elif why := keys.why_stale(result, root):
            found.reasons[slug] = f"stale: {why[0]}"
        elif turn(slug) == number % ROUNDS:
            found.reasons[slug] = "its turn"
        elif path_of(root, device, slug).relative_to(root).as_posix() in changed:
            found.reasons[slug] = f"changed since {since}"
            shortened[slug] = [result.seeds[number % len(result.seeds)]]
    found.minutes = found.must = minutes(stored, found.reasons, processes)
    if shortened and found.must > budget:
        found.seeds = shortened
        found.minutes = found.must = minutes(stored, found.reasons, processes, shortened)
    others = [(result.date, -((number - turn(slug)) % ROUNDS), slug) for slug, result in stored.items() if result]
    for date, _, slug in sorted(others):
        if slug not in found.reasons:
            together = minutes(stored, [*found.reasons, slug], processes, found.seeds)
            if together <= budget:
                found.reasons[slug], found.minutes = "within the budget", together
            else:
                found.resting[slug] = date
    return found


def turn(slug: str) -> int:
    """In which of the ROUNDS runs a method is measured in any case."""
    return int(hashlib.sha256(slug.encode()).hexdigest(), 16) % ROUNDS


def run_number(root: Path) -> int:
    """The number of this run, by which what has its turn is chosen."""
    return _History(root).run_number()


def minutes(
    stored: Mapping[str, Result | None],
    slugs: Iterable[str],
    processes: int,
    shortened: Mapping[str, Sequence[int]] = MappingProxyType({}),
) -> float:
    """How long measuring these takes, by what it took the last time: longest first, each seed on a free process.

    What is ``shortened`` is measured with these seeds alone, and not drawn.
    """
    tasks = []
    for slug in slugs:
        result, seconds = stored[slug], seconds_of(stored[slug])
        seeds = shortened.get(slug) or (result.seeds if result else (0, 1, 2))
        tasks += [seconds["seed"]] * len(seeds) + [seconds["picture"]] * (slug not in shortened)
    return max(_shared(tasks, processes, lambda task: task)[1], default=0.0) / 60


def shard(stored: Mapping[str, Result | None], part: int, count: int) -> list[str]:
    """The methods of one of ``count`` shards that take about as long as each other; parts are numbered from 1."""
    costs = {slug: minutes(stored, [slug], 1) for slug in sorted(stored)}
    return _shared(list(costs), count, costs.__getitem__)[0][part - 1]


def _shared(tasks: list[T], count: int, cost: Callable[[T], float]) -> tuple[list[list[T]], list[float]]:
    """Tasks dealt out longest first, each to whoever has least to do so far; and what each then has to do."""
    hands: list[list[T]] = [[] for _ in range(count)]
    loads = [0.0] * count
    for task in sorted(tasks, key=cost, reverse=True):
        least = loads.index(min(loads))
        hands[least].append(task)
        loads[least] += cost(task)
    return hands, loads


class _History:
    """What git knows; a folder without it has no history."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.commits = [line.split() for line in self._git("log", "--first-parent", "--format=%H %ct").splitlines()]
        self.shallow = self._git("rev-parse", "--is-shallow-repository").strip() == "true"

    def _git(self, *arguments: str) -> str:
        command = ["git", "-C", str(self.root), *arguments]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # our own arguments
        except OSError:
            return ""
        return done.stdout if done.returncode == 0 else ""

    def run_number(self) -> int:
        """CI's own number of the run, else the number of commits; a shallow clone does not know that: any number."""
        if given := os.environ.get("GITHUB_RUN_NUMBER", ""):
            return int(given)
        if self.shallow and self.commits:
            return int(self.commits[0][0], 16)
        return int(self._git("rev-list", "--count", "HEAD").strip() or 0)

    def changed(self, base: str | None) -> tuple[set[str], str, list[str]]:
        """Paths under ``results/`` that differ from the base, files that git does not know yet included; the base; and
        what there is to say of it.
        """
        notes = []
        everything = {path.relative_to(self.root).as_posix() for path in (self.root / "results").rglob("*.json")}
        if base:
            found = self._git("rev-parse", "--verify", "--quiet", f"{base}^{{commit}}").strip()
            if not found:
                raise HistoryError(f"git knows no commit '{base}'")
        elif not self.commits:
            return everything, "ever", ["no history of git here: every result counts as changed"]
        else:
            old = [commit for commit, seconds in self.commits if time.time() - int(seconds) > BASE_AGE]
            found = old[0] if old else self.commits[-1][0]
            if not old and self.shallow:
                notes.append(f"a shallow clone: what changed before {found[:7]} is not seen")
            elif not old:
                return everything, "ever", ["the history is younger than two days: every result counts as changed"]
        differing = self._git("diff", "--name-only", "--relative", "--no-renames", found, "--", "results")
        unknown = self._git("ls-files", "--others", "--exclude-standard", "--", "results")
        return {*differing.splitlines(), *unknown.splitlines()}, found[:7], notes
