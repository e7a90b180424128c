"""Prediction difference analysis: what do conditional samples add?  Controls: marginal samples, a plain grey window."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor, nn

from repro.attribution.prediction_difference import prediction_difference
from repro.engine import patches
from repro.engine.heatmaps import max_normalise
from repro.engine.patches import Windows
from repro.lab import digits, figures, metrics, networks, photo_panels, protocols, scenes
from repro.lab.protocols import Maps

Run = Callable[..., Tensor]
ON_SCENES: Run = partial(prediction_difference, window=10, rim=2, stride=9, trained_on=24_000)  # window as in the paper
WINDOW, RIM, STRIDE, SAMPLES = 6, 2, 4, 10  # on digits; ten samples as in the paper
ON_DIGITS: Run = partial(
    prediction_difference, window=WINDOW, rim=RIM, stride=STRIDE, samples=SAMPLES, trained_on=4_000, batch=250
)


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """The claims' quantities on zf-scenes, 3 scenes with one object and 8 with objects of two classes, and 12 digits.

    "auc": the chance that a pixel of the object has more evidence than one beside it; "ink": the share of the positive
    evidence on a digit's strokes.  "predictable": the share of all evidence on the half
    of the pixels that samples miss least.  "agreement": rank correlation of maps from two draws of samples.
    "other-object" and "ground": mean evidence there for the first class.
    """
    model, others = networks.load("zf-scenes", seed).to(device), _others(scenes.load(100, seed, held_out=False), device)
    one, two = scenes.one_object(3, seed), scenes.load(8, seed, two_classes=True)
    given, masks = (model, *networks.inputs(one.images, one.labels, device), others), one.class_masks()
    maps = _maps(ON_SCENES, *given)
    single = [ON_SCENES(*given, samples=1, seed=draw) for draw in (1, 2)]
    images, classes = networks.inputs(two.images, two.instance_classes[:, 0], device)
    of_first = ON_SCENES(model, images, classes, others, samples=3)
    return _on_digits(seed, device) | {
        **{f"{name}-auc": float(metrics.pixel_auc(each, masks).mean()) for name, each in maps.items()},
        "agreement-1": float(metrics.rank_correlation(*single).mean()),
        "agreement-10": float(metrics.rank_correlation(maps["conditional"], ON_SCENES(*given, seed=1)).mean()),
        "other-object": _mean(of_first, two.instance_masks[:, 1]),
        "ground": _mean(of_first, two.instance_masks.sum(1) == 0),
    }


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """Three scenes: evidence by conditional samples, by marginal samples, by a grey window."""
    model, others = networks.load("zf-scenes", seed).to(device), _others(scenes.load(100, seed, held_out=False), device)
    one = scenes.one_object(40, seed).take(np.array([1, 4, 9]))
    images, classes = networks.inputs(one.images, one.labels, device)
    maps = _maps(partial(ON_SCENES, stride=5), model, images, classes, others)
    rows = [[figures.Panel(scenes.CLASSES[label], image)] for label, image in zip(one.labels, images, strict=True)]
    for name, each in maps.items():
        for row, image, heatmap in zip(rows, images, max_normalise(each), strict=True):
            row.append(figures.Panel(name, image, heatmap))
    return figures.panels(rows, "Prediction difference analysis", "evidence relative to the map's largest")


def photograph() -> photo_panels.Panels:
    one = partial(prediction_difference, window=28, stride=14, samples=1)
    return photo_panels.regions(one, "coffee", (photo_panels.ESPRESSO,))


def _others(training: scenes.Scenes | digits.Digits, device: str) -> Tensor:
    return torch.from_numpy(training.images).to(device) / 255


def _maps(run: Run, model: nn.Module, images: Tensor, classes: Tensor, others: Tensor, grey: float = 0.5) -> Maps:
    """Evidence by conditional and by marginal samples, and by one pass a window in which it is ``grey``."""
    one = torch.full_like(others[:1], grey)
    return {
        "conditional": run(model, images, classes, others),
        "marginal": run(model, images, classes, others, sampling="marginal"),
        "grey": run(model, images, classes, one, samples=1, sampling="marginal"),
    }


def _on_digits(seed: int, device: str) -> dict[str, float]:
    model, some = networks.load("lenet-mnist", seed).to(device), digits.load(12, seed)
    images, classes = networks.inputs(some.images, some.labels, device)
    others = _others(digits.load(200, seed, held_out=False), device)
    maps = _maps(ON_DIGITS, model, images, classes, others, grey=0.0)
    found, easy = protocols.energy(maps, some.images[:, 0] > 127), _predictable(images, others)
    shares = {name: (each.abs() * easy).sum((1, 2, 3)) / each.abs().sum((1, 2, 3)) for name, each in maps.items()}
    predictable = {f"{name}-predictable": float(each.nanmean()) for name, each in shares.items()}
    return {name.replace("energy", "ink"): value for name, value in found.items()} | predictable


def _predictable(images: Tensor, others: Tensor) -> Tensor:
    """The half of the pixels whose windows the samples miss least, by the mean squared error, ``(B, 1, H, W)``."""
    windows, errors = Windows.on(images, WINDOW, RIM, STRIDE), []
    versions = torch.arange(windows.count * SAMPLES, device=images.device)
    fill = patches.conditional(windows, images, others, SAMPLES)
    for row, pixels in enumerate(images.flatten(2)):
        there = pixels[:, windows.pixels[versions // SAMPLES]].transpose(0, 1)
        errors.append((fill(torch.full_like(versions, row), versions) - there).square().mean((1, 2)))
    error = windows.mean(torch.stack(errors).view(len(images), -1, SAMPLES).mean(2))
    return error <= error.flatten(1).median(1).values[:, None, None, None]


def _mean(maps: Tensor, masks: NDArray[np.bool_]) -> float:
    there = torch.from_numpy(masks)[:, None].to(maps)
    return float(((maps * there).sum((1, 2, 3)) / there.sum((1, 2, 3))).mean())
