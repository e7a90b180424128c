"""Guided Grad-CAM beside its two factors: does it follow the class, and is it finer than Grad-CAM's map?"""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from repro.attribution.grad_cam import grad_cam
from repro.attribution.guided_backprop import guided_backprop
from repro.attribution.guided_grad_cam import guided_grad_cam
from repro.engine.heatmaps import channel_absolute_sum, max_normalise, upsample
from repro.lab import figures, networks, photo_panels, protocols, scenes


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """The claims' quantities on fc-scenes and 300 held-out scenes with objects of two classes.

    "fineness" is the share of a map's energy in waves shorter than the grid of Grad-CAM's maps can carry.  "squared" is
    Grad-CAM's map squared, which is sharper without a new detail.
    """
    model = networks.load("fc-scenes", seed).to(device)
    two = scenes.load(400, seed, two_classes=True).take(np.arange(300))
    methods: dict[str, protocols.Method] = {
        "guided-grad-cam": guided_grad_cam,
        "guided": guided_backprop,
        "grad-cam": _enlarged,
        "squared": lambda *given: _enlarged(*given) ** 2,
    }
    maps = {name: protocols.for_both_classes(method, model, two) for name, method in methods.items()}
    fineness = {f"{name}-fineness": float(np.mean([_fineness(each) for each in pair])) for name, pair in maps.items()}
    return protocols.right_of_two(maps, two) | fineness


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """Three scenes of two classes: guided backpropagation and Guided Grad-CAM for one class and for the other."""
    model = networks.load("fc-scenes", seed).to(device)
    two = scenes.load(400, seed, two_classes=True).take(np.array([3, 5, 23]))
    images = torch.from_numpy(two.images) / 255
    methods = {"guided": guided_backprop, "Guided Grad-CAM": guided_grad_cam}
    maps = {
        title: [max_normalise(channel_absolute_sum(each)) for each in protocols.for_both_classes(method, model, two)]
        for title, method in methods.items()
    }
    rows = []
    for i, pair in enumerate(two.instance_classes[:, :2]):
        names = [scenes.CLASSES[c] for c in pair]
        row = [figures.Panel(" and ".join(names), images[i])]
        for which, name in enumerate(names):
            row += [figures.Panel(f"{title}: {name}", heatmap=each[which][i]) for title, each in maps.items()]
        rows.append(row)
    return figures.panels(rows, "Guided Grad-CAM", "relative to the map's maximum, absolute values, colours summed")


def photograph() -> photo_panels.Panels:
    return photo_panels.pixels(guided_grad_cam)


def _enlarged(model: nn.Module, images: Tensor, classes: Tensor) -> Tensor:
    return upsample(grad_cam(model, images, classes), images.shape[2:])


def _fineness(attributions: Tensor, grid: int = 16) -> float:
    """Share of the energy of the colours' sum, without its mean, above the Nyquist frequency of a map on a ``grid``."""
    size = attributions.shape[2]
    energy = torch.fft.fft2(attributions.sum(1)).abs().square()
    energy[:, 0, 0] = 0
    waves = (torch.fft.fftfreq(size, device=energy.device) * size).abs()
    short = torch.maximum(waves[:, None], waves) > grid / 2
    return float(((energy * short).sum((1, 2)) / energy.sum((1, 2)).clamp_min(1e-30)).mean())
