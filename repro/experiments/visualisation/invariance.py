"""Feature invariance (Zeiler and Fergus 2014, Sec. 4 and Fig. 5): shifts, scales and rotations of the input."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from repro.experiments.visualisation.layers import LAYERS, changes, features, moved
from repro.lab import digits, figures, networks, scenes

ENDS = {number: LAYERS[number] for number in ("1", "7")}
COURSES = {"shift": np.arange(0, 18, 2.0), "scale": np.linspace(1, 1.8, 9), "angle": np.arange(0, 195, 15.0)}
LABELS = {"shift": "shift, pixels", "scale": "scale, factor", "angle": "rotation, degrees"}


def measured(seed: int, device: str) -> dict[str, float]:
    """On 100 scenes with one object; rotation also on digits, which have an upright.

    "layer" is how far a small change moves the features, 1 being another image; "probability-kept" the share of the
    true class's probability that is left after a larger one; "straightness" R squared of a straight line through the
    unmoved image.
    """
    model = networks.load("zf-scenes", seed).to(device)
    one = scenes.one_object(100, seed)
    images, classes = networks.inputs(one.images, one.labels, device)
    layers = [model.get_submodule(name) for name in ENDS.values()]
    whole, logits = features(model, images, layers)
    before, found = _confidence(logits, classes), {}
    for name, small, large in (("shift", 2.0, 4.0), ("scale", 1.1, None), ("angle", 10.0, 90.0)):
        changed, _ = features(model, moved(images, **{name: small}), layers)
        for number, *pair in zip(ENDS, whole, changed, strict=True):
            found[f"{name}-layer-{number}"] = float(changes(*pair).mean())
        if large is not None:
            _, logits = features(model, moved(images, **{name: large}), layers)
            found[f"{name}-probability-kept"] = _confidence(logits, classes) / before
    for name in ("shift", "scale"):
        steps, means = COURSES[name] - COURSES[name][0], course(model, images, layers, name)
        for number, each in zip(ENDS, means.T, strict=True):
            found[f"{name}-straightness-layer-{number}"] = straightness(steps, each)
    return found | _upside_down(seed, device)


def course(model: nn.Module, images: Tensor, layers: Sequence[nn.Module], name: str) -> NDArray[np.float64]:
    """Mean change of each layer's features ``(amounts, layers)`` as the images are moved further."""
    whole, _ = features(model, images, layers)
    means = []
    for amount in COURSES[name]:
        changed, _ = features(model, moved(images, **{name: float(amount)}), layers)
        means.append([float(changes(*pair).mean()) for pair in zip(whole, changed, strict=True)])
    return np.array(means)


def straightness(steps: NDArray[np.float64], values: NDArray[np.float64]) -> float:
    """R squared of the best straight line from zero through the values."""
    line = steps * (steps * values).sum() / np.square(steps).sum()
    return float(1 - np.square(values - line).sum() / np.square(values - values.mean()).sum())


def charts(seed: int, device: str) -> list[figures.Chart]:
    """As Fig. 5, columns 2 and 3: how far the features move, in the first and the last layer."""
    model = networks.load("zf-scenes", seed).to(device)
    one = scenes.one_object(100, seed)
    images, _ = networks.inputs(one.images, one.labels, device)
    layers = [model.get_submodule(name) for name in ENDS.values()]
    found = []
    for name, amounts in COURSES.items():
        means = course(model, images, layers, name)
        series = {f"layer {number}": each.tolist() for number, each in zip(ENDS, means.T, strict=True)}
        title, unit = f"features after a {LABELS[name].partition(',')[0]}", "change; 1 is another image"
        found.append(figures.lines(title, amounts.tolist(), series, LABELS[name], unit))
    return found


def _confidence(logits: Tensor, classes: Tensor) -> float:
    return float(logits.softmax(1).gather(1, classes[:, None]).mean())


def _upside_down(seed: int, device: str) -> dict[str, float]:
    """Accuracy on digits: shifted, turned sideways, and upside down; 0, 1 and 8 look the same then, others do not."""
    model = networks.load("lenet-mnist", seed).to(device)
    some = digits.load(500, seed)
    images, classes = networks.inputs(some.images, some.labels, device)
    symmetric = torch.isin(classes, classes.new_tensor([0, 1, 8]))
    with torch.no_grad():
        upside_down = (model(moved(images, angle=180)).argmax(1) == classes).float()
        sideways = (model(moved(images, angle=90)).argmax(1) == classes).float()
        shifted = (model(moved(images, shift=2)).argmax(1) == classes).float()
    return {
        "digits-shifted": float(shifted.mean()),
        "digits-turned": float(sideways.mean()),
        "digits-symmetric-upside-down": float(upside_down[symmetric].mean()),
        "digits-other-upside-down": float(upside_down[~symmetric].mean()),
    }
