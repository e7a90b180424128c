"""What experiments draw for the pages on the network of photographs, and which of it is stale.

An experiment that has ``photograph()`` draws the picture at the head of its method's page, one that has ``animation()``
how an image comes about.  A picture's Exif data hold the command and a key: one digest of all objects that the function
reaches.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from sightglass.errors import UnreadableError
from sightglass.ledger import objects

KEY = re.compile(rb"; key ([0-9a-f]{16})")


@dataclass(frozen=True)
class Kind:
    """One kind of picture: the function of an experiment that draws it, and where it lies."""

    function: str
    folder: Path

    def path(self, root: Path, slug: str) -> Path:
        return root / self.folder / f"{slug}.webp"


PHOTOGRAPH = Kind("photograph", Path("results/photographs"))
ANIMATION = Kind("animation", Path("results/animations"))
KINDS = (PHOTOGRAPH, ANIMATION)


def still(path: Path) -> Path:
    """Beside an animation, its last frame, for readers who ask for reduced motion."""
    return path.with_name(f"{path.stem}-still.webp")


def drawn_by(root: Path, kind: Kind = PHOTOGRAPH) -> dict[str, str]:
    """By slug, the module that draws the picture."""
    has_one = re.compile(rf"^def {kind.function}\(", re.MULTILINE)
    found = {}
    for path in sorted(root.glob("repro/experiments/*/*.py")):
        if has_one.search(path.read_text(encoding="utf-8")):
            found[path.stem.replace("_", "-")] = f"repro.experiments.{path.parent.name}.{path.stem}"
    return found


def key(root: Path, module: str, kind: Kind = PHOTOGRAPH) -> str:
    """One digest of the code behind a picture; UnreadableError if that can't be followed."""
    reached = objects.reached(root, module, [kind.function])
    return hashlib.sha256(json.dumps(reached, sort_keys=True).encode()).hexdigest()[:16]


def why_stale(root: Path, slug: str, module: str, kind: Kind = PHOTOGRAPH) -> str | None:
    """What is amiss with a method's picture, in words; None if the code of today drew it."""
    path = kind.path(root, slug)
    if not path.is_file():
        return "it is missing"
    kept = KEY.search(path.read_bytes())
    try:
        return None if kept and kept[1].decode() == key(root, module, kind) else "its code has changed"
    except UnreadableError as error:
        return str(error)


def draw(root: Path, slug: str, module: str, kind: Kind = PHOTOGRAPH) -> int:
    """Draw a method's picture and write it; the bytes that it takes."""
    from repro.lab import files, models, photo_panels

    drawn = getattr(importlib.import_module(module), kind.function)()
    made_by = f"sightglass photographs {slug}; {models.PHOTO}; key {key(root, module, kind)}"
    path = kind.path(root, slug)
    if kind is ANIMATION:
        written = {
            path: photo_panels.moving(drawn, made_by),
            still(path): photo_panels.light(photo_panels.picture(drawn[-1:]), made_by),
        }
    else:
        written = {path: photo_panels.light(photo_panels.picture(drawn), made_by)}
    path.parent.mkdir(parents=True, exist_ok=True)
    for place, content in written.items():
        with files.whole(place) as file:
            file.write(content)
    return len(written[path])
