"""Grad-CAM++ beside Grad-CAM: coverage of several objects, and the confidence that the masked image keeps."""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn import functional

from repro.attribution import grad_cam_pp as equations
from repro.attribution.grad_cam import grad_cam, heatmap
from repro.attribution.grad_cam_pp import grad_cam_pp
from repro.engine import gradients
from repro.engine.heatmaps import min_max_normalise, upsample
from repro.lab import figures, networks, photo_panels, protocols, scenes

METHODS: dict[str, protocols.Method] = {"grad-cam-pp": grad_cam_pp, "grad-cam": grad_cam}


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """The claims' quantities on fc-scenes: 300 held-out scenes with two or three objects of one class, 400 of all.

    An object's coverage is the share of it where the map is above a quarter of its maximum.  Confidences are softmax
    probabilities of the predicted class; maps, scaled to run from 0 to 1, mask the image on black as in the paper, or
    on grey.
    """
    model = networks.load("fc-scenes", seed).to(device)
    held_out = scenes.load(2000, seed)
    several = held_out.take(np.flatnonzero((held_out.instance_classes >= 0).sum(1) > 1)[:300])
    given = networks.inputs(several.images, several.labels, device)
    quantities: dict[str, float] = {}
    for name, method in METHODS.items():
        coverage = _coverage(min_max_normalise(method(model, *given)), several)
        quantities |= {f"{name}-{key}": value for key, value in coverage.items()}
    images, _ = networks.inputs(held_out.images[:400], held_out.labels[:400], device)
    with torch.no_grad():
        classes = model(images).argmax(1)
    maps = {name: min_max_normalise(method(model, images, classes)) for name, method in METHODS.items()}
    fills = {"black": 0.0, "grey": 0.5}
    kept = protocols.masked_confidence(model, images, classes, maps, fills)
    return quantities | kept | _special_cases(model, images, classes)


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """Three scenes with three objects of one class: Grad-CAM, Grad-CAM++, Grad-CAM with positive gradients only."""
    model = networks.load("fc-scenes", seed).to(device)
    held_out = scenes.load(2000, seed)
    three = held_out.take(np.flatnonzero((held_out.instance_classes >= 0).sum(1) == 3)[:3])
    given = networks.inputs(three.images, three.labels, device)
    methods: dict[str, protocols.Method] = {"Grad-CAM": grad_cam, "Grad-CAM++": grad_cam_pp}
    methods["positive gradients"] = _positive_gradients
    columns = {title: min_max_normalise(method(model, *given)) for title, method in methods.items()}
    rows = [
        [figures.Panel(f"three times {scenes.CLASSES[three.labels[i]]}", given[0][i])]
        + [figures.Panel(title, given[0][i], maps[i]) for title, maps in columns.items()]
        for i in range(3)
    ]
    return figures.panels(rows, "Grad-CAM++ on scenes with several objects", "relative to the map's maximum")


def photograph() -> photo_panels.Panels:
    """A cat beside a cup of coffee, and the heatmap of each."""
    return photo_panels.regions(grad_cam_pp)


def _coverage(heatmaps: Tensor, several: scenes.Scenes) -> dict[str, float]:
    """Of the objects: mean and weakest coverage, share found at all; "overlap" with their boxes at two thresholds."""
    above = upsample(heatmaps, (scenes.SIZE, scenes.SIZE))[:, 0].cpu().numpy()
    there = several.instance_classes >= 0
    areas = several.instance_masks.sum((2, 3))
    covered = (several.instance_masks & (above > 0.25)[:, None]).sum((2, 3)) / np.maximum(areas, 1)
    found = {
        "coverage": covered[there].mean(),
        "weakest-coverage": np.where(there, covered, 1).min(1).mean(),
        "found": (covered[there] > 0).mean(),
    }
    inside = np.zeros_like(above, bool)
    for i, boxes in enumerate(several.boxes):
        for left, top, right, bottom in boxes:
            inside[i, top:bottom, left:right] = True
    for threshold in (0.25, 0.5):
        shown = above > threshold
        overlap = (shown & inside).sum((1, 2)) / (
            inside.sum((1, 2)) + (shown & ~inside).sum((1, 2))
        )  # the paper's Eq. 26
        found[f"overlap-{round(100 * threshold)}"] = overlap.mean()
    return {key: float(value) for key, value in found.items()}


def _special_cases(model: nn.Module, images: Tensor, classes: Tensor) -> dict[str, float]:
    """How far the map is from Grad-CAM's if all alpha are 1/Z, of feature maps without a negative gradient; and how
    similar the map is to Grad-CAM's with the positive gradients only.
    """
    feature_maps, gradient = gradients.layer_gradient(model, images, classes)
    constant = torch.full_like(gradient, 1 / gradient[0, 0].numel())
    rising = feature_maps * (gradient >= 0).all(3).all(2)[:, :, None, None]
    theirs = heatmap(rising, gradient)
    ours = equations.heatmap(rising, equations.channel_weights(constant, gradient))
    maps, positive = (each(model, images, classes).flatten(1) for each in (grad_cam_pp, _positive_gradients))
    return {
        "constant-alpha-difference": float((ours - theirs).abs().max() / theirs.max()),
        "like-positive-gradients": float(functional.cosine_similarity(maps, positive).mean()),
    }


def _positive_gradients(model: nn.Module, images: Tensor, classes: Tensor) -> Tensor:
    """Grad-CAM++ with every alpha equal."""
    feature_maps, gradient = gradients.layer_gradient(model, images, classes)
    return equations.heatmap(feature_maps, equations.channel_weights(torch.ones_like(gradient), gradient))
