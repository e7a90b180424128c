"""Activation maximisation of a deep belief network's units on digits, and of a deep ReLU network's."""

from __future__ import annotations

from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn import functional

from repro.engine.objectives import maps
from repro.lab import belief, digits, figures, networks, photo_panels, scenes
from repro.visualisation.activation_maximisation import activation_maximisation, maximised

UNITS, STARTS = 36, 5
DIGIT, SCENE = (1, digits.SIZE, digits.SIZE), (3, scenes.SIZE, scenes.SIZE)


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """The claims' quantities for 36 units of the second layer of a deep belief network, from five starts each.

    "alike": median cosine of two pictures of a unit, "others" that of two units, without its sign.  "gain": median over
    the units of the picture's activation over that of the training image that excites it most, of the same norm;
    "noise-gain" is that of the best of as many random images.  "relu-alike" is of six logits of zf-scenes.
    """
    images = belief.data(seed)
    model = belief.network(images, seed).to(device)
    images = images.to(device)
    rho = float(images.flatten(1).norm(dim=1).mean())
    found = maximised(model, model[3], range(UNITS), shape=DIGIT, norm=rho, centre=0.0, starts=STARTS, seed=seed)
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(seed)).to(device)
    real, random = (_strongest(model, rho * functional.normalize(each.flatten(1))) for each in (images, noise))
    deep = networks.load("zf-scenes", seed).to(device)
    drawn = maximised(deep, deep.get_submodule("classifier.4"), range(6), shape=SCENE, starts=3, steps=40, seed=seed)
    cosines = functional.normalize(found.images.flatten(2), dim=2)
    return {
        "alike": _alike(cosines),
        "others": _alike(cosines[None, :, 0]),
        "gain": float((found.activations.amax(1) / real).median()),
        "noise-gain": float((random / real).median()),
        "relu-alike": _alike(functional.normalize(drawn.images.flatten(2) - 0.5, dim=2)),
    }


def _alike(unit_length: Tensor) -> float:
    """Median size of the cosine of two pictures ``(K, S, N)`` of one unit."""
    first, second = torch.triu_indices(unit_length.shape[1], unit_length.shape[1], 1)
    return float((unit_length[:, first] * unit_length[:, second]).sum(2).abs().median())


@torch.no_grad()
def _strongest(model: torch.nn.Sequential, images: Tensor) -> Tensor:
    """The highest activations ``(UNITS,)`` of the second layer's units."""
    return maps(model, images, model[3])[:, :UNITS].amax(0)


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """Five units of both layers of the belief network; two starts for the second."""
    images = belief.data(seed)
    model = belief.network(images, seed).to(device)
    rho = float(images.flatten(1).norm(dim=1).mean())
    rows = []
    for layer, start in ((1, 0), (2, 0), (2, 1)):
        options: dict[str, Any] = {"shape": DIGIT, "norm": rho, "centre": 0.0, "starts": 2, "seed": seed}
        found = maximised(model, model[2 * layer - 1], range(5), **options).images[:, start]
        shown = 0.5 + 0.5 * found / found.abs().amax((1, 2, 3), keepdim=True)
        rows.append([figures.Panel(f"layer {layer}, unit {k}", image) for k, image in enumerate(shown)])
    return figures.panels(rows, "Activation maximisation: grey is zero; the last row is from another start")


def photograph() -> photo_panels.Panels:
    """One unit of an early and of a deep block."""
    model = photo_panels.network()
    layers = [model.get_submodule(name) for name in ("blocks.2", "blocks.4")]
    return [activation_maximisation(model, each, [0], shape=(3, 144, 144), steps=40)[0] for each in layers]
