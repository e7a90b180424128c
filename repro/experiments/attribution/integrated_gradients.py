"""Integrated gradients: do they add up, do they depend on how the network is written, and on the baseline?"""

from __future__ import annotations

import copy
import warnings
from functools import partial

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from repro.attribution.integrated_gradients import completeness_gap, integrated_gradients
from repro.attribution.lrp import epsilon_plus, lrp
from repro.engine.errors import CompletenessWarning
from repro.engine.gradients import pixel_gradient
from repro.engine.heatmaps import max_normalise
from repro.lab import figures, metrics, networks, photo_panels, protocols, scenes

GREY, ALLOWED = 0.5, 0.05
warnings.simplefilter("ignore", CompletenessWarning)  # gaps are what is measured


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """The claims' quantities on zf-scenes and 24 held-out scenes with one object.

    "complete" is the share of attributions whose sum is within 5% of the difference of the logits; "energy" the share
    of a map on the object; "rewritten" the norm of what changes, as a share, if the network is written in another way.
    """
    model = networks.load("zf-scenes", seed).to(device)
    one = scenes.one_object(24, seed)
    images, classes = networks.inputs(one.images, one.labels, device)
    gradient = pixel_gradient(model, images, classes)
    on_grey = partial(integrated_gradients, baseline=GREY, batch=32)
    maps = {
        "ig": on_grey(model, images, classes),
        "ig-on-black": integrated_gradients(model, images, classes, batch=32),
        "gradient": gradient,
        "gradient-times-difference": gradient * (images - GREY),
        "difference": images - GREY,
    }
    gaps = {
        name: completeness_gap(model, images, classes, maps[name], GREY) for name in ("ig", "gradient-times-difference")
    }
    few, of_few, other = images[:8], classes[:8], rewritten(model)
    return {
        **{f"{name}-complete": float((gap < ALLOWED).float().mean()) for name, gap in gaps.items()},
        **protocols.energy(maps, one.class_masks()),
        "ig-rewritten": _change(maps["ig"][:8], on_grey(other, few, of_few)),
        "lrp-rewritten": _change(*(lrp(each, few, of_few, epsilon_plus) for each in (model, other))),
    }


def rewritten(model: nn.Module) -> nn.Module:
    """The same function with one more layer: the last convolution turned by a rotation of its channels, and back."""
    model = copy.deepcopy(model)
    name, last = [(name, each) for name, each in model.named_modules() if isinstance(each, nn.Conv2d)][-1]
    turn, _ = torch.linalg.qr(
        torch.randn(last.out_channels, last.out_channels, generator=torch.Generator().manual_seed(0))
    )
    turn, back = turn.to(last.weight), nn.Conv2d(last.out_channels, last.out_channels, 1, bias=False).to(last.weight)
    with torch.no_grad():
        last.weight.copy_(torch.einsum("ij,j...->i...", turn, last.weight))
        last.bias.copy_(turn @ last.bias)  # type: ignore[union-attr]  # the laboratory's convolutions have one
        back.weight.copy_(turn.T[:, :, None, None])
    parent, _, child = name.rpartition(".")
    setattr(model.get_submodule(parent), child, nn.Sequential(last, back))
    return model


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """Three scenes: the gradient times the difference from grey, and integrated gradients from three baselines."""
    model = networks.load("zf-scenes", seed).to(device)
    one = scenes.one_object(3, seed)
    images, classes = networks.inputs(one.images, one.labels, device)
    columns = {
        "gradient x difference": pixel_gradient(model, images, classes) * (images - GREY),
        "integrated from grey": integrated_gradients(model, images, classes, GREY),
        "from black": integrated_gradients(model, images, classes),
        "from the image blurred": integrated_gradients(model, images, classes, metrics.blurred(images)),
    }
    shown = {title: max_normalise(maps.sum(1, keepdim=True)) for title, maps in columns.items()}
    rows = [
        [figures.Panel(scenes.CLASSES[one.labels[i]], images[i])]
        + [figures.Panel(title, heatmap=maps[i]) for title, maps in shown.items()]
        for i in range(3)
    ]
    return figures.panels(rows, "Integrated gradients", "relative to the map's maximum, colours summed")


def photograph() -> photo_panels.Panels:
    """A cat, and which pixels raise and lower its score compared with a grey image."""
    return photo_panels.pixels(partial(integrated_gradients, baseline=GREY, steps=100), signed=True)


def _change(before: Tensor, after: Tensor) -> float:
    return float((after - before).norm() / before.norm())
