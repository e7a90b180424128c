"""All methods that map an image on the same three photographs: ``results/strips/<slug>.webp``, for the page that
compares them.

Which methods is found as ``sightglass run`` finds them; only drawing needs torch.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sightglass.catalogue import Catalogue
from sightglass.errors import UnreadableError
from sightglass.ledger import objects
from sightglass.ledger.photographs import KEY
from sightglass.running import runnable
from sightglass.running.runnable import Runnable

if TYPE_CHECKING:
    from torch import Tensor

    from repro.lab import models

FOLDER = Path("results/strips")
# The photographs, each with the class that is asked about, else what the network sees.  On the last one a map shows
# whether it depends on the class.
VIEWS = (("cat", None), ("coffee", None), ("cat-and-coffee", "espresso"))
QUICKER = {  # options where the default takes minutes
    "lime": {"samples": 250},
    "prediction-difference": {"window": 28, "stride": 14, "samples": 1},
}
SIDE, GAP = 160, 4  # of a panel and between two, in pixels
BYTES = 20_000  # of a strip
UNMET = ("chain",)  # what the network of photographs is not (``Method.network``)
DRAWING = ("over", "picture", "light")  # of repro.lab.photo_panels
THEMSELVES = "photographs"  # the strip without a map


def drawn(catalogue: Catalogue) -> dict[str, Runnable]:
    """By slug, the methods that have a strip: they map an image, can be called and fit the network of photographs."""
    found = {slug: runnable.find(catalogue.root, slug) for slug in catalogue.methods}
    return {
        slug: method
        for slug, method in found.items()
        if method
        and method.gives in runnable.MAPS
        and not method.why_not
        and catalogue.methods[slug].network not in UNMET
    }


def key(root: Path, method: Runnable) -> str:
    """One digest of the code behind a strip; UnreadableError if that can't be followed."""
    reached = objects.reached(root, method.module, [method.module.rpartition(".")[2]])
    reached |= objects.reached(root, "repro.lab.photo_panels", DRAWING)
    return hashlib.sha256(json.dumps([reached, VIEWS], sort_keys=True).encode()).hexdigest()[:16]


def why_stale(root: Path, method: Runnable) -> str | None:
    """What is amiss with a method's strip, in words; None if the code of today drew it."""
    path = root / FOLDER / f"{method.slug}.webp"
    if not path.is_file():
        return "it is missing"
    kept = KEY.search(path.read_bytes())
    try:
        return None if kept and kept[1].decode() == key(root, method) else "its code has changed"
    except UnreadableError as error:
        return str(error)


def stale_parts(catalogue: Catalogue, slugs: Iterable[str]) -> list[dict[str, Any]]:
    """The strips of these methods that are stale, as ``ledger.stale_parts`` lists results and pictures."""
    found = drawn(catalogue)
    why = {slug: why_stale(catalogue.root, found[slug]) for slug in slugs if slug in found}
    return [{"method": s, "device": "cpu", "part": "strip", "because": [reason]} for s, reason in why.items() if reason]


def panels(method: Runnable | None) -> list[Tensor]:
    """The method's map over each photograph, or the photographs themselves; each ``(3, H, W)`` in [0, 1].

    Raises ValueError, of a class that says which, if the method does not fit the network of photographs.
    """
    from sightglass.running import explain

    from repro.engine.heatmaps import channel_absolute_sum
    from repro.lab import models, photo_panels, photographs

    found = []
    for name, target in VIEWS:
        image = photographs.load(name)
        if method is None:
            found.append(_network().preprocessing.view(image))
            continue
        options = QUICKER.get(method.slug)
        call = explain.Call(method, method.function(), _network(), models.PHOTO, "cpu", target=target, options=options)
        seen = explain.compute(call, image)
        flat = seen.result[None]
        if seen.like_the_image:
            flat = flat.sum(1, keepdim=True) if method.gives == "relevance" else channel_absolute_sum(flat)
        else:
            flat = explain.on_pixels(call, seen.result, seen.start)[None]
        found.append(photo_panels.over(seen.start, flat[0]))
    return found


def draw(root: Path, method: Runnable | None) -> int:
    """Draw a strip and write it; the bytes that it takes."""
    from repro.lab import files, models, photo_panels

    slug = method.slug if method else THEMSELVES
    made_by = f"sightglass photographs {slug}; {models.PHOTO}" + (f"; key {key(root, method)}" if method else "")
    whole = photo_panels.picture(panels(method), SIDE, GAP)
    written = photo_panels.light(whole, made_by, BYTES)
    (root / FOLDER).mkdir(parents=True, exist_ok=True)
    with files.whole(root / FOLDER / f"{slug}.webp") as file:
        file.write(written)
    return len(written)


@cache
def _network() -> models.LoadedModel:
    from repro.lab import models

    return models.load(models.PHOTO)
