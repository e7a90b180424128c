"""Simple Taylor decomposition: does it add up to the logit, does it find the object, and is there a root point near?"""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from repro.attribution.simple_taylor import residual, root_points, simple_taylor
from repro.attribution.vanilla_gradient import vanilla_gradient
from repro.engine.heatmaps import channel_absolute_sum, max_normalise
from repro.lab import controls, figures, metrics, networks, photo_panels, scenes

WITH = "zf-scenes"
WITHOUT = "bias-free-scenes"


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """The claims' quantities on 60 held-out scenes with one object, on a network without biases and one with.

    "misses": the mean share of the logit that the sum of the relevance misses.  "negative": the share of the
    relevance's absolute values that is negative.  "auc": how well a map finds the object, of the signed relevance, its
    absolute values, the gradient, and the distance from grey, which knows no network.  "root-found": the share of
    scenes with a root point on the way to grey; "root-misses": what the terms at that point miss of the logit there.
    """
    one = scenes.one_object(60, seed)
    images, classes = networks.inputs(one.images, one.labels, device)
    without, biased = (networks.load(name, seed).to(device) for name in (WITHOUT, WITH))
    relevance = simple_taylor(without, images, classes)
    roots = root_points(biased, images, classes)
    found = (roots != 0.5).flatten(1).any(1)
    at_root = simple_taylor(biased, images[found], classes[found], root=True)
    masks = one.class_masks()
    maps = {
        "signed": relevance.sum(1, keepdim=True),
        "absolute": channel_absolute_sum(relevance),
        "gradient": vanilla_gradient(without, images, classes).square().sum(1, keepdim=True),
        "grey-distance": channel_absolute_sum(images - 0.5),
        "edges": controls.edges(images),
    }
    return {
        "bias-free-misses": _misses(without, images, classes, relevance),
        "biased-misses": _misses(biased, images, classes, simple_taylor(biased, images, classes)),
        "negative": float((relevance.clamp_max(0).sum((1, 2, 3)) / relevance.abs().sum((1, 2, 3))).abs().mean()),
        **{f"{name}-auc": float(metrics.pixel_auc(each, masks).mean()) for name, each in maps.items()},
        "root-found": float(found.double().mean()),
        "root-misses": _misses(biased, images[found], classes[found], at_root),
    }


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """Three scenes: relevance without biases and with, and what it misses of the logit; the distance from grey."""
    one = scenes.one_object(40, seed).take(np.array([1, 4, 9]))
    images, classes = networks.inputs(one.images, one.labels, device)
    rows = [[figures.Panel(scenes.CLASSES[one.labels[i]], images[i])] for i in range(3)]
    for name in (WITHOUT, WITH):
        model = networks.load(name, seed).to(device)
        relevance = simple_taylor(model, images, classes)
        sums, missing = relevance.sum((1, 2, 3)), residual(model, images, classes, relevance)
        shown = max_normalise(relevance.sum(1, keepdim=True))
        for i, row in enumerate(rows):
            title = f"{name}: {float(sums[i]):.1f} of {float(sums[i] + missing[i]):.1f}"
            row.append(figures.Panel(title, heatmap=shown[i]))
    distance = max_normalise(channel_absolute_sum(images - 0.5))
    for i, row in enumerate(rows):
        row.append(figures.Panel("distance from grey", heatmap=distance[i]))
    return figures.panels(rows, "Simple Taylor decomposition", "relative to the map's maximum")


def photograph() -> photo_panels.Panels:
    return photo_panels.pixels(simple_taylor, "coffee", photo_panels.ESPRESSO, signed=True)


def _misses(model: torch.nn.Module, images: Tensor, classes: Tensor, relevance: Tensor) -> float:
    missing = residual(model, images, classes, relevance)
    return float((missing / (missing + relevance.sum((1, 2, 3)))).abs().mean())
