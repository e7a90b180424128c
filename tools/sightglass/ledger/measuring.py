"""Measuring: run the experiments of methods, one method and seed at a time, and draw their pictures.

torch is imported only here, and only when something is measured.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import platform
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from types import ModuleType
from typing import Any

from sightglass.catalogue.models import Method
from sightglass.errors import MeasurementError
from sightglass.ledger import figure_labels, guards, keys
from sightglass.ledger.results import Quantity, Result, verdict

PICTURE_BYTES = 200_000  # a page should open on a slow line
DESCRIPTION, SOFTWARE = 0x010E, 0x0131  # tags of Exif


@dataclass(frozen=True)
class Job:
    """What to do for one method: measure with these seeds, draw, or both; the rest is taken from ``stored``."""

    slug: str
    method: Method
    seeds: Sequence[int]
    stored: Result | None = None
    numbers: bool = True
    picture: bool = True
    labels_zh: Mapping[str, str] = field(default_factory=dict)  # draws the figure with these labels too


@dataclass(frozen=True)
class Measured:
    """What one method gave.

    ``outside_key`` names what a guarded run used although its key does not hold it; ``unlabelled`` the figure's labels
    that have no Chinese.
    """

    slug: str
    result: Result
    picture: bytes | None
    outside_key: list[str]
    picture_zh: bytes | None = None
    unlabelled: Sequence[str] = ()


@dataclass(frozen=True)
class _Task:
    """One call of ``measure``, or of ``figure``."""

    slug: str
    module: str
    seed: int
    device: str
    draws: bool
    seconds: float  # that it took the last time
    root: Path
    guarded: bool
    labels_zh: tuple[tuple[str, str], ...] = ()


@dataclass
class _Outcome:
    value: Any  # the quantities, or the picture as PNG, the Chinese one and the labels without Chinese
    seconds: float
    files: set[Path]
    trace: guards.Trace = field(default_factory=guards.Trace)


def measure(
    jobs: Sequence[Job],
    root: Path,
    *,
    device: str = "cpu",
    processes: int = 1,
    guarded: bool = False,
    report: Callable[[str], None] = lambda slug: None,
) -> Iterator[Measured]:
    """Run jobs, those that take longest first; each method is handed over as soon as it is done.

    Nothing is written here, so that whoever asks can keep each method's result when a later one fails.  ``processes``
    share the work; ``report`` hears of each task that is done.  Raises MeasurementError if a method fails,
    NoExperimentError if it has no experiment.
    """
    codes = {job.slug: keys.code_of(root, job.slug) for job in jobs}  # before: a file may change while it is measured
    by_slug = {job.slug: job for job in jobs}
    tasks = [task for job in jobs for task in _tasks(job, root, device, guarded)]
    left = {job.slug: sum(task.slug == job.slug for task in tasks) for job in jobs}
    done: dict[str, dict[_Task, _Outcome]] = {job.slug: {} for job in jobs}
    for task, outcome in _run(sorted(tasks, key=lambda task: -task.seconds), processes):
        done[task.slug][task] = outcome
        left[task.slug] -= 1
        report(task.slug)
        if not left[task.slug]:
            yield _measured(by_slug[task.slug], codes[task.slug], root, device, done.pop(task.slug))


def _tasks(job: Job, root: Path, device: str, guarded: bool) -> Iterator[_Task]:
    module = keys.experiment_of(root, job.slug) or ""
    seconds = seconds_of(job.stored)
    if job.numbers:
        for seed in job.seeds:
            yield _Task(job.slug, module, seed, device, False, seconds["seed"], root, guarded)
    if job.picture:
        labels = tuple(sorted(job.labels_zh.items()))
        yield _Task(job.slug, module, job.seeds[0], device, True, seconds["picture"], root, guarded, labels)


def seconds_of(stored: Result | None) -> dict[str, float]:
    """How long one seed and the picture took the last time; a minute each if that is not known."""
    seed = stored.seconds / len(stored.seeds) if stored and stored.seeds and stored.seconds else 60.0
    return {"seed": seed, "picture": stored.picture_seconds if stored and stored.picture_seconds else seed}


def _run(tasks: Sequence[_Task], processes: int) -> Iterator[tuple[_Task, _Outcome]]:
    """Tasks with their outcomes as they finish: in this process if one is enough, else in others."""
    if processes == 1:
        for task in tasks:
            with _named(task):
                outcome = _outcome(task)
            yield task, outcome
        return
    # 'spawn', for a forked process cannot use CUDA
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as executor:
        futures = {executor.submit(_outcome, task): task for task in tasks}
        try:
            for future in as_completed(futures):
                with _named(futures[future]):
                    outcome = future.result()
                yield futures[future], outcome
        except BaseException:  # Ctrl-C too: what has not begun does not begin
            executor.shutdown(wait=False, cancel_futures=True)
            raise


@contextmanager
def _named(task: _Task) -> Iterator[None]:
    """Whatever a method's own code raises ends in one line that names the method."""
    try:
        yield
    except Exception as error:  # a method may raise anything, and one line has to name it
        what = "figure" if task.draws else f"measure, seed {task.seed}"
        raise MeasurementError(f"{task.slug} ({what}): {type(error).__name__}: {error}") from error


def _outcome(task: _Task) -> _Outcome:
    """Do one task, with the files that it reads and the seconds that it takes."""
    module = _module(task.module)
    from repro.lab import files

    # a processor's own seconds: those of a clock depend on what else it does
    clock = time.process_time if task.device == "cpu" else time.perf_counter
    start = clock()
    with files.recording() as paths, guards.traced(task.root) if task.guarded else nullcontext(guards.Trace()) as trace:
        if task.draws:
            drawn = io.BytesIO()
            figure = module.figure(task.seed, task.device)
            figure.savefig(drawn, format="png", dpi=100)
            again = figure_labels.redraw(figure, dict(task.labels_zh)) if task.labels_zh else (None, [])
            value: Any = (drawn.getvalue(), *again)
        else:
            value = {key: float(value) for key, value in module.measure(task.seed, task.device).items()}
    return _Outcome(value, clock() - start, set(paths), trace)


def _module(name: str) -> ModuleType:
    import torch

    torch.backends.cudnn.allow_tf32 = False  # single precision is the same on every device
    torch.set_num_threads(1)  # the same numbers whatever the number of processors, and one job does not slow another
    return importlib.import_module(name)


def _measured(job: Job, code: keys.Code, root: Path, device: str, done: Mapping[_Task, _Outcome]) -> Measured:
    seeds = {task.seed: outcome for task, outcome in done.items() if not task.draws}
    drawn = [outcome for task, outcome in done.items() if task.draws]
    outside: set[str] = set()
    fields: dict[str, Any] = {}
    if job.numbers:
        files = keys.digests(root, _files(seeds.values()))
        fields |= _numbers(job, device, [seeds[seed] for seed in job.seeds])
        fields |= {"key": keys.key(code.measure, files, job.seeds, device), "files": files}
        outside |= guards.outside(root, [each.trace for each in seeds.values()], code.measure, files)
    picture, chinese_png, unlabelled, provenance = None, None, [], {}
    if job.picture:
        files = keys.digests(root, _files(drawn))
        key = keys.key(code.figure, files, job.seeds[:1], device)
        fields |= {"picture_key": key, "picture_files": files, "picture_seconds": round(drawn[0].seconds, 1)}
        provenance = {"method": job.slug, "key": key, "device": device, "seed": job.seeds[0]}
        picture_png, chinese_png, unlabelled = drawn[0].value
        picture = webp(picture_png, provenance)
        outside |= guards.outside(root, [each.trace for each in drawn], code.figure, files)
    # what was not done is fresh: so the digests of today are those of all objects
    fields |= {
        **_versions(root, code),
        "objects": code.measure,
        "picture_objects": {name: digest for name, digest in code.figure.items() if name not in code.measure},
    }
    result = Result.model_validate((job.stored.model_dump() if job.stored else {}) | fields)
    verdicts = {claim.id: verdict(claim, result) for claim in job.method.claims}
    result = result.model_copy(update={"verdicts": verdicts})
    labelled = {**provenance, "key": figure_labels.key(result, job.labels_zh), "language": "zh"}
    chinese = webp(chinese_png, labelled) if chinese_png else None
    return Measured(job.slug, result, picture, sorted(outside), chinese, unlabelled)


def _files(outcomes: Iterable[_Outcome]) -> set[Path]:
    return {path for outcome in outcomes for path in outcome.files}


def _numbers(job: Job, device: str, outcomes: Sequence[_Outcome]) -> dict[str, Any]:
    """The fields of a result that come from the quantities of all seeds."""
    first = outcomes[0].value
    for seed, outcome in zip(job.seeds, outcomes, strict=True):
        if outcome.value.keys() != first.keys():
            raise MeasurementError(f"{job.slug}: seed {seed} measures other quantities than seed {job.seeds[0]}")
    options = ("" if device == "cpu" else f" --device {device}") + f" --seeds {','.join(map(str, job.seeds))}"
    return {
        "method": job.slug,
        "device": device,
        "device_name": _device_name(device),
        "command": f"sightglass verify {job.slug}{options}",
        "date": datetime.now(UTC).date().isoformat(),
        "seconds": round(sum(outcome.seconds for outcome in outcomes), 1),
        "seeds": list(job.seeds),
        "quantities": {name: Quantity.of(outcome.value[name] for outcome in outcomes) for name in first},
        "verdicts": {},
    }


def _versions(root: Path, code: keys.Code) -> dict[str, Any]:
    """Versions of what the code imports, as installed here, and a digest of those that the project pins."""
    pinned = keys.versions_of(root, code.packages)
    installed = {name: version(name) for name in pinned}
    return {
        "versions": {"python": platform.python_version()} | installed,
        "environment": keys.environment(pinned),
    }


def webp(png: bytes, provenance: Mapping[str, Any]) -> bytes:
    """A picture as WebP, its provenance in its Exif: without loss if that is light enough, else with little."""
    from PIL import Image

    image = Image.open(io.BytesIO(png)).convert("RGB")
    notes = Image.Exif()
    notes[DESCRIPTION], notes[SOFTWARE] = json.dumps(provenance, sort_keys=True), "Sightglass"
    ways: list[dict[str, Any]] = [{"lossless": True}, *({"quality": each} for each in (95, 90, 80, 65, 50, 30))]
    for options in ways:
        written = io.BytesIO()
        image.save(written, "WEBP", exif=notes.tobytes(), method=4, **options)
        if written.tell() <= PICTURE_BYTES:
            break
    return written.getvalue()


def _device_name(device: str) -> str:
    """The device's name; of a processor its vector instructions too, without which the last digits differ."""
    import torch

    from repro.lab.devices import device_name

    name = device_name(device)
    return f"{name}, {torch.backends.cpu.get_cpu_capability()}" if device == "cpu" else name


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
