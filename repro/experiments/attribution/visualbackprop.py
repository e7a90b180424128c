"""VisualBackProp: does the product find more than its deepest factor, and than an untrained network's product?"""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor, nn

from repro.attribution.lrp import lrp
from repro.attribution.visualbackprop import averages, masks, visualbackprop
from repro.engine.heatmaps import max_normalise, upsample
from repro.lab import controls, figures, networks, photo_panels, protocols, scenes


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """The claims' quantities on vgg-scenes and 100 held-out scenes with one object.

    "energy": the share of a map that lies on the object; "deepest" is the deepest average alone, "shuffled" is
    VisualBackProp of the network with all its convolutions' weights shuffled.  "on-object" and "on-distractors":
    how dense a map is there, 1 if it is even.  "like-lrp" and "like-edges": rank correlation of the maps.
    """
    model, one = networks.load("vgg-scenes", seed).to(device), scenes.one_object(100, seed)
    images, classes = networks.inputs(one.images, one.labels, device)
    found = averages(model, images)
    convolutions = [name for name, module in model.named_modules() if isinstance(module, nn.Conv2d)]
    maps = {
        "visualbackprop": masks(found)[-1],
        "deepest": upsample(found[-1][1], images.shape[2:]),
        "shuffled": visualbackprop(controls.randomised(model, *convolutions), images),
        "edges": controls.edges(images),
    }
    relevance = lrp(model, images, classes)
    mask = maps["visualbackprop"]
    quantities = protocols.energy(maps, one.class_masks())
    for name in ("visualbackprop", "edges"):
        quantities[f"{name}-on-object"] = _density(maps[name], one.class_masks())
        quantities[f"{name}-on-distractors"] = _density(maps[name], one.distractor_mask)
    return quantities | {
        "like-lrp": protocols.similarity(mask, relevance),
        "like-edges": protocols.similarity(mask, maps["edges"]),
        "edges-like-lrp": protocols.similarity(maps["edges"], relevance),
    }


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """Three scenes: the averages from the deepest to the first, below them the masks on the same grids."""
    model, one = networks.load("vgg-scenes", seed).to(device), scenes.one_object(40, seed).take(np.array([1, 4, 9]))
    images, _ = networks.inputs(one.images, one.labels, device)
    found = averages(model, images)
    columns = {"deepest average": found[-1][1], "first average": found[0][1]}
    grids = {each.shape[2]: each for each in masks(found)}
    columns |= {f"mask, {size} x {size}": each for size, each in grids.items()}
    rows = []
    for i, label in enumerate(one.labels):
        row = [figures.Panel(scenes.CLASSES[label], images[i])]
        rows.append(row + [figures.Panel(name, heatmap=max_normalise(each)[i]) for name, each in columns.items()])
    return figures.panels(rows, "VisualBackProp", "relative to the map's maximum")


def photograph() -> photo_panels.Panels:
    images = photo_panels.view("cat")
    return [images[0], photo_panels.over(images[0], visualbackprop(photo_panels.network(), images)[0])]


def _density(maps: Tensor, regions: NDArray[np.bool_]) -> float:
    """Mean over the images that have such a region of the map's mean there, relative to its mean everywhere."""
    there = torch.from_numpy(regions).to(maps)
    inside = (maps[:, 0] * there).sum((1, 2)) / there.sum((1, 2)).clamp_min(1)
    relative = inside / maps.mean((1, 2, 3))
    return float(relative[there.any(2).any(1)].mean())
