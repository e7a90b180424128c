"""Keys: which code, files, seeds and device a result came from, and so whether it is still what they would give.

Claims and their bounds are no part of a key: verdicts are computed when a result is read.  The picture has a key of its
own.  The versions of packages are recorded beside the keys: another version makes no result stale.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sightglass.errors import NoExperimentError, UnreadableError
from sightglass.ledger import objects, photographs
from sightglass.ledger.results import Result, load_all, picture_of

REMEDIES = {  # by what is stale
    "result": "sightglass verify --stale",
    "picture": "sightglass verify --stale",
    "photograph": "sightglass photographs --stale",
    "animation": "sightglass photographs --stale",
    "strip": "sightglass photographs --stale",
}
DISTRIBUTIONS = {
    "PIL": "pillow",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
}  # called otherwise than imported


def module_of(root: Path, slug: str) -> Path | None:
    """The module of a method, by its name alone: ``repro/<family>/<slug with underscores>.py``."""
    return next(iter(sorted(root.glob(f"repro/*/{slug.replace('-', '_')}.py"))), None)


def experiment_of(root: Path, slug: str) -> str | None:
    """The name of the module that measures a method: ``repro.experiments.<family>.<slug with underscores>``."""
    path = next(iter(sorted(root.glob(f"repro/experiments/*/{slug.replace('-', '_')}.py"))), None)
    return f"repro.experiments.{path.parent.name}.{path.stem}" if path else None


@dataclass(frozen=True)
class Code:
    """What an experiment is made of today: objects that ``measure`` and ``figure`` reach, packages that they import."""

    measure: dict[str, str]
    figure: dict[str, str]
    packages: frozenset[str]


def code_of(root: Path, slug: str) -> Code:
    """The code behind a method's numbers and its picture.

    Raises NoExperimentError if the method has none, UnreadableError if its code cannot be followed.
    """
    module = experiment_of(root, slug)
    if module is None:
        raise NoExperimentError(
            f"{slug} has no experiment: there is no repro/experiments/<family>/{slug.replace('-', '_')}.py"
        )
    measure, figure = (objects.follow(root, module, [name]) for name in ("measure", "figure"))
    return Code(measure.objects, figure.objects, measure.packages | figure.packages)


def key(reached: Mapping[str, str], files: Mapping[str, str], seeds: Sequence[int], device: str) -> str:
    """One SHA-256 over all that decides the numbers."""
    return hashlib.sha256(json.dumps([reached, files, list(seeds), device], sort_keys=True).encode()).hexdigest()


def digests(root: Path, paths: Iterable[str | Path]) -> dict[str, str]:
    """Digests of files below the root by their relative path; of those elsewhere none: a cache can be made again."""
    root, found = root.resolve(), {}
    for path in sorted({(root / path).resolve() for path in paths}):
        if path.is_relative_to(root):
            digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12] if path.is_file() else objects.MISSING
            found[path.relative_to(root).as_posix()] = digest
    return found


def source_digest(root: Path, slug: str) -> str:
    """One digest of the code of a method itself, without its experiment."""
    path = module_of(root, slug)
    if path is None:
        raise NoExperimentError(f"{slug} has no reproduction: there is no repro/<family>/{slug.replace('-', '_')}.py")
    return key(objects.reached(root, f"repro.{path.parent.name}.{path.stem}", [path.stem]), {}, [], "")


def why_stale(result: Result, root: Path) -> list[str]:
    """What has changed since the numbers were measured; nothing if they are what the code would give today."""
    return _why(result, root, "measure", result.key, result.objects, result.files)


def why_picture_stale(result: Result, root: Path) -> list[str]:
    """What has changed since the picture was drawn."""
    if not picture_of(root, result.device, result.method).is_file():
        return ["it is missing"]
    return _why(result, root, "figure", result.picture_key, result.picture_objects, result.picture_files)


def _why(
    result: Result, root: Path, part: str, stored: str, own: Mapping[str, str], read: Mapping[str, str]
) -> list[str]:
    """What has changed for a part of the experiment: the objects that it alone reaches, the files that it read."""
    if not stored:
        return ["it has no key"]
    try:
        now: dict[str, str] = getattr(code_of(root, result.method), part)
    except (NoExperimentError, UnreadableError) as error:
        return [str(error)]
    files = digests(root, read)
    seeds = result.seeds if part == "measure" else result.seeds[:1]
    if key(now, files, seeds, result.device) == stored:
        return []
    gone = own.keys() - now.keys()
    return changes({**result.objects, **own}, now, gone) + changes(read, files) or ["its key is another"]


def is_stale(result: Result, root: Path) -> bool:
    """Whether what decides the numbers has changed since the run."""
    return bool(why_stale(result, root))


def stale_parts(root: Path, slugs: Iterable[str]) -> list[dict[str, Any]]:
    """Results and pictures of these methods that are stale, each with what changed; and what was never measured."""
    stored, slugs = load_all(root), list(slugs)
    found: list[dict[str, Any]] = []
    for slug in slugs:
        for result in stored.get(slug, []):
            reasons = {"result": why_stale(result, root), "picture": why_picture_stale(result, root)}
            row = {"method": slug, "device": result.device}
            found += [row | {"part": part, "because": because} for part, because in reasons.items() if because]
        if slug not in stored and experiment_of(root, slug):
            found.append({"method": slug, "device": "cpu", "part": "result", "because": ["never measured"]})
    for kind in photographs.KINDS:
        for slug, module in photographs.drawn_by(root, kind).items():
            why = photographs.why_stale(root, slug, module, kind) if slug in slugs else None
            found += [{"method": slug, "device": "cpu", "part": kind.function, "because": [why]}] if why else []
    return found


def remedy(stale: Iterable[Mapping[str, Any]]) -> str:
    """The commands that make what is stale fresh."""
    return " and ".join(dict.fromkeys(REMEDIES[row["part"]] for row in stale))


def changes(then: Mapping[str, str], now: Mapping[str, str], gone: Iterable[str] = ()) -> list[str]:
    """What differs between two mappings of names to digests, in words."""
    found = {name: "changed" if name in then else "is new" for name in now if then.get(name) != now[name]}
    found |= dict.fromkeys(gone, "is no longer used")
    return [f"{name} {what}" for name, what in sorted(found.items(), key=lambda item: (item[1], item[0]))]


def versions_of(root: Path, packages: Iterable[str]) -> dict[str, str]:
    """Versions of the distributions behind imported packages, as constraints.txt pins them, else as installed."""
    path = root / "constraints.txt"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    pinned = {_plain(name): version for name, _, version in (line.partition("==") for line in lines) if version}
    found = {}
    for package in sorted(set(packages) - sys.stdlib_module_names):
        name = _plain(DISTRIBUTIONS.get(package, package))
        found[name] = pinned.get(name) or _installed(name)
    return found


def environment(versions: Mapping[str, str]) -> str:
    """One digest of the versions of packages."""
    return hashlib.sha256(json.dumps(versions, sort_keys=True).encode()).hexdigest()[:12]


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


def _installed(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
