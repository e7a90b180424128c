"""The ledger of claims: what was measured for each method, on which device, and by which sources.

``results/<device>/<method>.json`` holds a run's quantities for each seed, and ``<method>.png`` beside it the picture
that it drew.  Reading needs neither torch nor anything else of the laboratory; only ``measure`` does.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib
import io
import math
import os
import platform
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from datetime import UTC, datetime
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from sightglass.catalogue.models import Claim, Method
from sightglass.files import write_whole

DEVICES = ("cpu", "cuda", "mps")
PICTURE_BYTES = 200_000  # a page should open on a slow line
Verdict = Literal["holds", "fails", "not run"]


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
    """What one run measured for one method on one device, with everything needed to run it again."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="constants")

    method: str
    device: str
    device_name: str
    command: str
    date: str
    seconds: float
    seeds: list[int]
    verdicts: dict[str, Verdict]
    quantities: dict[str, Quantity]
    versions: dict[str, str]
    source_hash: str


def path_of(root: Path, device: str, method: str) -> Path:
    """Where the result of a method on a device is kept."""
    return root / "results" / device / f"{method}.json"


def load(path: Path) -> Result:
    """One stored result; ValueError, with the file's name, if it is not one."""
    try:
        return Result.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise ValueError(f"{path} is no result ({where}: {first['msg']}): run sightglass verify {path.stem}") from error


def load_all(root: Path) -> dict[str, list[Result]]:
    """All stored results by method, each device's in the order cpu, cuda, mps."""
    found: dict[str, list[Result]] = {}
    for device in DEVICES:
        for path in sorted((root / "results" / device).glob("*.json")):
            found.setdefault(path.stem, []).append(load(path))
    return dict(sorted(found.items()))


def write(root: Path, result: Result, picture: bytes | None = None) -> Path:
    """Store a result and its picture; quantities and verdicts in alphabetical order.  Returns the result's path."""
    path = path_of(root, result.device, result.method)
    path.parent.mkdir(parents=True, exist_ok=True)
    ordered = result.model_copy(
        update={
            "quantities": dict(sorted(result.quantities.items())),
            "verdicts": dict(sorted(result.verdicts.items())),
        }
    )
    if picture is not None:
        write_whole(path.with_suffix(".png"), picture)
    text = re.sub(r"\[[^][{}]*\]", lambda found: " ".join(found[0].split()), ordered.model_dump_json(indent=2))
    write_whole(path, text.replace("[ ", "[").replace(" ]", "]") + "\n")  # the values of all seeds on one line
    return path


def measured(claim: Claim, result: Result | None) -> Quantity | None:
    """What a claim speaks of: its quantity, less the one that it names as ``minus``, seed by seed.  None if either was
    not measured.
    """
    found = [result.quantities.get(name) for name in (claim.quantity, claim.minus) if name] if result else [None]
    if not all(each and each.values for each in found):
        return None
    first, *others = [each.values for each in found if each]
    return Quantity.of(value - sum(rest) for value, *rest in zip(first, *others, strict=True))


def verdict(claim: Claim, result: Result | None) -> Verdict:
    """A claim holds if what it speaks of is within the bounds for every seed; what is not a number is not."""
    quantity = measured(claim, result)
    if quantity is None or not quantity.values:
        return "not run"
    low = -math.inf if claim.at_least is None else claim.at_least
    high = math.inf if claim.at_most is None else claim.at_most
    return "holds" if all(low <= value <= high for value in quantity.values) else "fails"


# Which sources a result stands for


def module_of(root: Path, slug: str) -> Path | None:
    """The module that reproduces a method, by its name alone: ``repro/<family>/<slug with underscores>.py``."""
    return next(iter(sorted(root.glob(f"repro/*/{slug.replace('-', '_')}.py"))), None)


def sources(root: Path, slug: str) -> dict[str, str]:
    """SHA-256 of all that a method's numbers come from, by path: its module, every module under ``repro/`` that this
    imports, directly or not, and the weights of the networks that the module names.  Line endings don't count.

    Raises ValueError if the method has no module.
    """
    module = module_of(root, slug)
    if module is None:
        raise ValueError(f"{slug} has no reproduction: there is no repro/<family>/{slug.replace('-', '_')}.py")
    pending, modules = [module], set[Path]()
    while pending:
        path = pending.pop()
        if path not in modules:
            modules.add(path)
            pending += _imported(root, path)
    words = {node.value for node in _nodes(module.read_bytes()) if isinstance(node, ast.Constant)}
    weights = [
        path
        for path in (root / "repro" / "lab" / "weights").glob("*.safetensors")
        if path.stem.rpartition("-")[0] in words
    ]
    text = {path: path.read_bytes().replace(b"\r\n", b"\n") for path in modules}
    contents = text | {path: path.read_bytes() for path in weights}
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(data).hexdigest() for path, data in sorted(contents.items())
    }


def source_hash(root: Path, slug: str) -> str:
    """One SHA-256 over all sources of a method."""
    lines = "".join(f"{digest}  {path}\n" for path, digest in sources(root, slug).items())
    return hashlib.sha256(lines.encode()).hexdigest()


def is_stale(result: Result, root: Path) -> bool:
    """Whether the sources have changed since the run, or are gone."""
    return module_of(root, result.method) is None or source_hash(root, result.method) != result.source_hash


@functools.lru_cache(maxsize=512)
def _nodes(source: bytes) -> tuple[ast.Constant | ast.Import | ast.ImportFrom, ...]:
    """Constants and imports of a module, by its content: the pages ask again for every claim, and parsing is slow."""
    return tuple(
        node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant | ast.Import | ast.ImportFrom)
    )


def _imported(root: Path, path: Path) -> list[Path]:
    """Files under ``repro/`` that a module imports; ``from package import name`` may name a module or what is in it."""
    names = set[str]()
    for node in _nodes(path.read_bytes()):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = path.relative_to(root).with_suffix("").parts[: -node.level] if node.level else ()
            package = ".".join([*base, *([node.module] if node.module else [])])
            names |= {package, *(f"{package}.{alias.name}" for alias in node.names)}
    found = []
    for name in names:
        if name.split(".")[0] == "repro":
            place = root.joinpath(*name.split("."))
            found += [file for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file()]
    return found


# Measuring


class MeasurementError(Exception):
    """A method's ``measure`` or ``figure`` failed; the message says which and how."""


def measure(
    methods: Mapping[str, Method],
    root: Path,
    *,
    device: str = "cpu",
    seeds: Sequence[int] = (0, 1, 2),
    jobs: int = 1,
    report: Callable[[str], None] = lambda done: None,
) -> Iterator[tuple[str, Result, bytes]]:
    """Measure methods that have a module anew: for each, as soon as it is done, its result and its picture as PNG.

    Nothing is written here, so that whoever asks can keep each method's result when a later one fails.  ``jobs``
    processes share the work, one method and seed at a time; ``report`` hears of each that is done.  Raises
    MeasurementError if a method fails, ValueError if it has no module.
    """
    hashes = {slug: source_hash(root, slug) for slug in methods}  # before: a file may change while it is measured
    work: dict[Future[Any], tuple[str, int | None]] = {}
    done: dict[tuple[str, int | None], tuple[Any, float]] = {}
    with _executor(jobs) as executor:
        try:
            for slug, method in methods.items():
                name = f"repro.{method.family}.{slug.replace('-', '_')}"
                for seed in seeds:
                    work[executor.submit(_measure_seed, name, seed, device)] = (slug, seed)
                provenance = {"Method": slug, "Sources": hashes[slug], "Device": device, "Seed": str(seeds[0])}
                work[executor.submit(_draw, name, seeds[0], device, provenance)] = (slug, None)
            for future, (slug, part) in work.items():
                try:
                    done[slug, part] = future.result()
                except Exception as error:  # whatever a method's own code raises ends in a line that names it
                    what = "figure" if part is None else f"measure, seed {part}"
                    raise MeasurementError(f"{slug} ({what}): {type(error).__name__}: {error}") from error
                report(slug)
                if all((slug, part) in done for part in (*seeds, None)):
                    yield slug, _result(slug, methods[slug], hashes[slug], device, seeds, done), done[slug, None][0]
        except BaseException:  # Ctrl-C too: what still waits is not begun
            executor.shutdown(wait=False, cancel_futures=True)
            raise


def _result(
    slug: str,
    method: Method,
    hashed: str,
    device: str,
    seeds: Sequence[int],
    done: Mapping[tuple[str, int | None], tuple[Any, float]],
) -> Result:
    by_seed = [done[slug, seed][0] for seed in seeds]
    for seed, values in zip(seeds, by_seed, strict=True):
        if values.keys() != by_seed[0].keys():
            raise MeasurementError(f"{slug}: seed {seed} measures other quantities than seed {seeds[0]}")
    options = ("" if device == "cpu" else f" --device {device}") + f" --seeds {','.join(map(str, seeds))}"
    result = Result(
        method=slug,
        device=device,
        device_name=device_name(device),
        command=f"sightglass verify {slug}{options}",
        date=datetime.now(UTC).date().isoformat(),
        seconds=round(sum(done[slug, seed][1] for seed in seeds), 1),
        seeds=list(seeds),
        verdicts={},
        quantities={key: Quantity.of(values[key] for values in by_seed) for key in by_seed[0]},
        versions={"python": platform.python_version(), "torch": version("torch"), "numpy": version("numpy")},
        source_hash=hashed,
    )
    return result.model_copy(update={"verdicts": {claim.id: verdict(claim, result) for claim in method.claims}})


class _Here(Executor):
    """Does the work in this very process, when its result is asked for: for one job, and for tests."""

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **options: Any) -> Future[Any]:
        return _Later(functools.partial(function, *arguments, **options))


class _Later(Future[Any]):
    def __init__(self, call: Callable[[], Any]) -> None:
        super().__init__()
        self.call = call

    def result(self, timeout: float | None = None) -> Any:
        return self.call()


def _executor(jobs: int) -> Executor:
    # 'spawn', for a forked process cannot use CUDA
    return ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) if jobs > 1 else _Here()


def _measure_seed(name: str, seed: int, device: str) -> tuple[dict[str, float], float]:
    """A module's quantities and the seconds they took."""
    module = _module(name)
    start = time.perf_counter()
    values = {key: float(value) for key, value in module.measure(seed, device).items()}
    return values, time.perf_counter() - start


def _draw(name: str, seed: int, device: str, provenance: dict[str, str]) -> tuple[bytes, float]:
    """A module's figure as PNG, and 0 seconds: the picture is not part of the measurement."""
    module = _module(name)
    figures = importlib.import_module("repro.lab.figures")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "figure.png"
        figures.save(module.figure(seed, device), path, provenance)
        return light(path.read_bytes()), 0.0


def light(picture: bytes) -> bytes:
    """The PNG with as many colours as fit into PICTURE_BYTES, its metadata kept: noise can't be compressed."""
    if len(picture) <= PICTURE_BYTES:
        return picture
    from PIL import Image
    from PIL.PngImagePlugin import PngImageFile, PngInfo

    image, notes = PngImageFile(io.BytesIO(picture)), PngInfo()
    for key, value in image.text.items():
        notes.add_itxt(key, value)
    for colours in (256, 128, 64, 32, 16):
        written = io.BytesIO()
        fewer = image.convert("RGB").quantize(colours, dither=Image.Dither.NONE)
        fewer.save(written, "PNG", pnginfo=notes, optimize=True)
        if written.tell() <= PICTURE_BYTES:
            break
    return written.getvalue()


def _module(name: str) -> ModuleType:
    import torch

    torch.backends.cudnn.allow_tf32 = False  # single precision is the same on every device
    torch.set_num_threads(1)  # the same numbers whatever the number of processors, and one job does not slow another
    return importlib.import_module(name)


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
