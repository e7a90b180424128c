"""Inpainting what-if: what does the network say without the object, without a distractor, without some background?

Controls: as much background of the object's shape, a grey fill, the image's centre.
"""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor, nn

from repro.attribution.cam import cam
from repro.attribution.inpainting_what_if import Fill, WhatIf, inpainting_what_if, what_if
from repro.lab import controls, figures, metrics, networks, photo_panels, scenes, superpixels
from repro.lab.scenes import Scenes

PARTS = 40


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """The claims' quantities on gap-scenes: 24 scenes with one object and distractors, 24 with objects of two classes,
    and 8 for the maps of all superpixels.

    "fall" is how much probability the class loses without this region, "kept" how often the same class still comes
    first.  "ground" is as much background, of the object's shape.  "cam-on-other": without the first object, or as much
    background, the share of CAM, for the class that comes first, that lies on the second object.
    """
    model = networks.load("gap-scenes", seed).to(device)
    one, found = _with_distractors(model, seed, device), dict[str, float]()
    images, classes = networks.inputs(one.images, one.labels, device)
    regions = _regions(one)
    for name, masks in regions.items():
        found |= _told(name, _without(model, images, masks), classes)
    found |= _told("grey-object", _without(model, images, regions["object"], fill=0.5), classes)
    given = (model, images[:8], classes[:8], superpixels.slic(images[:8], PARTS))
    maps = {"inpainted": inpainting_what_if(*given), "grey": inpainting_what_if(*given, fill=0.5)}
    for name, each in (maps | {"centre": controls.centre(images[:8])}).items():
        found[f"{name}-auc"] = float(metrics.pixel_auc(each, regions["object"][:8]).mean())
    return found | _cam_on_other(model, scenes.load(24, seed, two_classes=True), device)


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """Three scenes without the object, the distractors, some background: the class that comes first, and its CAM."""
    model = networks.load("gap-scenes", seed).to(device)
    one = _with_distractors(model, seed, device).take(np.array([0, 1, 5]))
    images, _ = networks.inputs(one.images, one.labels, device)
    masks = {"image": np.zeros_like(one.distractor_mask)}
    masks |= {f"without {name}": each for name, each in _regions(one).items()}
    rows: list[list[figures.Panel]] = [[] for _ in images]
    for name, each in masks.items():
        removed = _without(model, images, each)
        chances, labels = removed.after.max(1)
        maps = cam(model, removed.images, labels).clamp_min(0)
        for row, image, heatmap, p, c in zip(rows, removed.images, maps, chances, labels, strict=True):
            row.append(figures.Panel(name, image))
            row.append(figures.Panel(f"{scenes.CLASSES[c]}: {p:.2f}", image, heatmap / heatmap.max()))
    return figures.panels(
        rows, "Inpainting what-if: the class that comes first, and its CAM", "relative to the maximum"
    )


def photograph() -> photo_panels.Panels:
    """A cup of coffee, without the superpixel that espresso needs most, and what it loses without each."""
    model, images, label = photo_panels.network(), photo_panels.view("coffee"), torch.tensor([photo_panels.ESPRESSO])
    falls = inpainting_what_if(model, images, label, superpixels.slic(images, PARTS))
    removed = what_if(model, images, falls[:, 0] == falls.max())
    return [images[0], removed.images[0], photo_panels.over(images[0], falls[0])]


def _with_distractors(model: nn.Module, seed: int, device: str) -> Scenes:
    """Scenes with one object, which the network recognises, and distractors that cover 60 pixels or more."""
    some = scenes.one_object(150, seed)
    images, classes = networks.inputs(some.images, some.labels, device)
    with torch.no_grad():
        right = (model(images).argmax(1) == classes).cpu().numpy()
    return some.take(np.flatnonzero(right & (some.distractor_mask.sum((1, 2)) >= 60))[:24])


def _regions(one: Scenes) -> dict[str, NDArray[np.bool_]]:
    masks = {"object": one.class_masks(), "distractors": one.distractor_mask}
    return masks | {"ground": _ground(masks["object"], masks["object"] | masks["distractors"])}


def _ground(masks: NDArray[np.bool_], busy: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Each mask moved, over the border if need be, to where it meets least that is busy, and without that."""
    steps = [(y, x) for y in range(0, scenes.SIZE, 8) for x in range(0, scenes.SIZE, 8)]
    moved = [[np.roll(mask, step, (0, 1)) & ~full for step in steps] for mask, full in zip(masks, busy, strict=True)]
    return np.stack([max(each, key=np.count_nonzero) for each in moved])


def _without(model: nn.Module, images: Tensor, masks: NDArray[np.bool_], fill: Fill = "inpainted") -> WhatIf:
    return what_if(model, images, torch.from_numpy(masks).to(images.device), fill=fill)


def _told(name: str, removed: WhatIf, classes: Tensor) -> dict[str, float]:
    falls, kept = removed.before - removed.after, removed.before.argmax(1) == removed.after.argmax(1)
    return {f"{name}-fall": float(falls.gather(1, classes[:, None]).mean()), f"{name}-kept": float(kept.float().mean())}


def _cam_on_other(model: nn.Module, two: Scenes, device: str) -> dict[str, float]:
    images, found = networks.inputs(two.images, two.labels, device)[0], dict[str, float]()
    first, other = two.instance_masks[:, 0], two.instance_masks[:, 1]
    ground = _ground(first, two.instance_masks.any(1) | two.distractor_mask)
    for name, masks in (("first", first), ("ground", ground)):
        removed = _without(model, images, masks)
        maps = cam(model, removed.images, removed.after.argmax(1))
        found[f"cam-on-other-without-{name}"] = float(metrics.energy_in_mask(maps, other).mean())
    return found
