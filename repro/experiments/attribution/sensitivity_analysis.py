"""Sensitivity analysis: what its heatmap adds up to, and where the explanation vector points."""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from repro.attribution.sensitivity_analysis import explanation_vectors, sensitivity_analysis
from repro.attribution.simple_taylor import simple_taylor
from repro.engine.gradients import pixel_gradient
from repro.engine.heatmaps import max_normalise
from repro.lab import figures, metrics, networks, photo_panels, protocols, scenes

STEP = 0.5  # length of the step: as much as half the range of one value of one pixel, spread over all
SURE = 0.01


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """The claims' quantities on bias-free-scenes and 100 held-out scenes with one object, for the predicted class.

    "follows-the-logit": rank correlation over the scenes between a map's sum and the logit.  "flips": the share of
    images that change class after a step along the explanation vector, down the logit's gradient, or at random.
    "auc": how well a map finds the object.  "hardly-a-vector": the share of images whose probability has a gradient
    shorter than a hundredth of the logit's.
    """
    model, one = networks.load("bias-free-scenes", seed).to(device), scenes.one_object(100, seed)
    images, _ = networks.inputs(one.images, one.labels, device)
    with torch.no_grad():
        logits, classes = model(images).max(1)
    maps: dict[str, protocols.Method] = {"sensitivity": sensitivity_analysis, "taylor": simple_taylor}
    sums = {name: method(model, images, classes).sum((1, 2, 3)) for name, method in maps.items()}
    vectors = explanation_vectors(model, images, classes)
    gradient = pixel_gradient(model, images, classes)
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(seed)).to(images)
    steps = {"vector": vectors, "logit": -gradient, "random": noise}
    shorter = vectors.flatten(1).norm(dim=1) < SURE * gradient.flatten(1).norm(dim=1)
    masks = one.class_masks()
    aucs = {"sensitivity": gradient.square(), "probability": _along(vectors).square()}
    return {
        **{f"{name}-follows-the-logit": _correlation(each, logits) for name, each in sums.items()},
        **{f"{name}-flips": _flips(model, images, classes, each) for name, each in steps.items()},
        **{f"{k}-auc": float(metrics.pixel_auc(v.sum(1, keepdim=True), masks).mean()) for k, v in aucs.items()},
        "hardly-a-vector": float(shorter.double().mean()),
    }


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """Three scenes: the heatmap of the logit and of the probability, and the image after steps along the vector."""
    model, one = networks.load("bias-free-scenes", seed).to(device), scenes.one_object(40, seed)
    one = one.take(np.array([1, 4, 9]))
    images, classes = networks.inputs(one.images, one.labels, device)
    vectors = _along(explanation_vectors(model, images, classes))
    rows = []
    for i, label in enumerate(one.labels):
        row = [figures.Panel(scenes.CLASSES[label], images[i])]
        for of in ("logit", "probability"):
            heatmap = sensitivity_analysis(model, images[i : i + 1], classes[i : i + 1], of=of)
            row.append(figures.Panel(f"of the {of}", images[i], max_normalise(heatmap)[0]))
        for length in (0.5, 1.0, 2.0):
            moved = (images[i] + length * vectors[i])[None]
            name = scenes.CLASSES[int(model(moved).argmax())]
            row.append(figures.Panel(f"{name}, after a step of {length:g}", moved[0]))
        rows.append(row)
    return figures.panels(rows, "Sensitivity analysis and steps along the explanation vector", "share of the maximum")


def photograph() -> photo_panels.Panels:
    return photo_panels.pixels(sensitivity_analysis, "coffee", photo_panels.ESPRESSO)


@torch.no_grad()
def _flips(model: nn.Module, images: Tensor, classes: Tensor, directions: Tensor) -> float:
    return float((model(images + STEP * _along(directions)).argmax(1) != classes).double().mean())


def _along(directions: Tensor) -> Tensor:
    """Each of length 1."""
    return directions / directions.flatten(1).norm(dim=1).clamp_min(1e-30)[:, None, None, None]  # type: ignore[no-any-return]  # norm() has no types


def _correlation(sums: Tensor, logits: Tensor) -> float:
    return float(metrics.rank_correlation(sums[None], logits[None])[0])
