"""Deep visual explanation: does it find the object, and do two scales add anything to the maps themselves?

Controls without any Fourier transform: the sum of squares of the same maps, and their contrast with their own mean; a
network whose weights are shuffled.
"""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from repro.attribution.deep_visual_explanation import deep_visual_explanation, filtered
from repro.engine.heatmaps import max_normalise
from repro.engine.pooling import maps_and_logits
from repro.lab import controls, figures, networks, photo_panels, protocols, scenes

WIDTH = 0.1  # of both Gaussians; from 0.05 to 0.15 little changes


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """The claims' quantities on gap-scenes: 50 scenes with one object, 50 with objects of two classes.

    "energy": the share of a map's positive values that lies on the object.  "squares" and "contrast" are the sums over
    the feature maps of x^2 and of x (x - mean of x); "shuffled" is of the network with its convolutions' weights
    shuffled.  "right-of-two": how often a map lies more on the object of the class that is asked about.
    """
    model, one = networks.load("gap-scenes", seed).to(device), scenes.one_object(50, seed)
    images, _ = networks.inputs(one.images, one.labels, device)
    convolutions = [name for name, module in model.named_modules() if isinstance(module, nn.Conv2d)]
    features = _features(model, images)
    maps = {
        "dve": _dve(model, images),
        "targeted": _dve(model, images, targeted=True),
        "squares": features.square().sum(1, keepdim=True),
        "contrast": _contrast(features),
        "twice": _contrast(_contrast(features)),
        "shuffled": _dve(controls.randomised(model, *convolutions), images),
    }
    two = scenes.load(50, seed, two_classes=True)
    pair = protocols.for_both_classes(lambda net, pixels, _: _dve(net, pixels), model, two)
    return protocols.energy(maps, one.class_masks()) | protocols.right_of_two({"dve": pair}, two)


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """Three scenes: the feature map that answers most, its low and its high frequencies, S, and S'."""
    model, one = networks.load("gap-scenes", seed).to(device), scenes.one_object(40, seed).take(np.array([1, 4, 9]))
    images, _ = networks.inputs(one.images, one.labels, device)
    features = _features(model, images)
    strongest = features.mean((2, 3)).argmax(1)
    each = features[torch.arange(len(images)), strongest][:, None]
    low = filtered(each, WIDTH)
    columns = {"strongest map": each, "low frequencies": low, "high frequencies": each - low}
    columns |= {"S": _dve(model, images), "S', targeted": _dve(model, images, targeted=True)}
    rows = []
    for i, label in enumerate(one.labels):
        row = [figures.Panel(scenes.CLASSES[label], images[i])]
        rows.append(row + [figures.Panel(name, heatmap=max_normalise(maps)[i]) for name, maps in columns.items()])
    return figures.panels(rows, "Deep visual explanation", "relative to the map's maximum")


def photograph() -> photo_panels.Panels:
    """A cat and a cup of coffee, S and S' over them."""
    images, model = photo_panels.view("cat-and-coffee"), photo_panels.network()
    shown = [deep_visual_explanation(model, images, targeted=each) for each in (False, True)]
    return [images[0], *(photo_panels.over(images[0], each[0].clamp_min(0)) for each in shown)]


def _dve(model: nn.Module, images: Tensor, *, targeted: bool = False) -> Tensor:
    return deep_visual_explanation(model, images, low=WIDTH, high=WIDTH, targeted=targeted)


def _features(model: nn.Module, images: Tensor) -> Tensor:
    with maps_and_logits(model, images) as (maps, _):
        return maps.detach()


def _contrast(maps: Tensor) -> Tensor:
    """The sum over the maps ``(B, C, h, w)`` of each map times what it exceeds its mean by."""
    return (maps * (maps - maps.mean((2, 3), keepdim=True))).sum(1, keepdim=True)
