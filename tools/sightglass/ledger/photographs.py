"""What methods see in photographs, ``results/photographs/<slug>.webp``: what draws each picture, and which are stale.

An experiment that has ``photograph()`` draws one.  The picture's Exif data hold the command and a key: one digest of
all objects that ``photograph`` reaches.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import re
from pathlib import Path

from sightglass.errors import UnreadableError
from sightglass.ledger import objects

FOLDER = Path("results/photographs")
HAS_ONE = re.compile(r"^def photograph\(", re.MULTILINE)
KEY = re.compile(rb"; key ([0-9a-f]{16})")


def drawn_by(root: Path) -> dict[str, str]:
    """By slug, the module that draws the picture."""
    found = {}
    for path in sorted(root.glob("repro/experiments/*/*.py")):
        if HAS_ONE.search(path.read_text(encoding="utf-8")):
            found[path.stem.replace("_", "-")] = f"repro.experiments.{path.parent.name}.{path.stem}"
    return found


def key(root: Path, module: str) -> str:
    """One digest of the code behind a picture; UnreadableError if that can't be followed."""
    reached = objects.reached(root, module, ["photograph"])
    return hashlib.sha256(json.dumps(reached, sort_keys=True).encode()).hexdigest()[:16]


def why_stale(root: Path, slug: str, module: str) -> str | None:
    """What is amiss with a method's picture, in words; None if the code of today drew it."""
    path = root / FOLDER / f"{slug}.webp"
    if not path.is_file():
        return "it is missing"
    kept = KEY.search(path.read_bytes())
    try:
        return None if kept and kept[1].decode() == key(root, module) else "its code has changed"
    except UnreadableError as error:
        return str(error)


def draw(root: Path, slug: str, module: str) -> int:
    """Draw a method's picture and write it; the bytes that it takes."""
    from repro.lab import files, models, photo_panels

    panels = importlib.import_module(module).photograph()
    made_by = f"sightglass photographs {slug}; {models.PHOTO}; key {key(root, module)}"
    written = photo_panels.light(photo_panels.picture(panels), made_by)
    (root / FOLDER).mkdir(parents=True, exist_ok=True)
    with files.whole(root / FOLDER / f"{slug}.webp") as file:
        file.write(written)
    return len(written)
