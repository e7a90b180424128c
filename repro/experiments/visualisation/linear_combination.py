"""Linear combination of filters in a deep belief network on digits, next to activation maximisation."""

from __future__ import annotations

from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn import functional

from repro.lab import belief, digits, figures
from repro.visualisation.activation_maximisation import maximised
from repro.visualisation.linear_combination import linear_combination

UNITS = 36
DIGIT = (1, digits.SIZE, digits.SIZE)


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """Median cosines, over 36 units of the second layer, with the picture that activation maximisation finds.

    "all" adds all 100 filters, "ten" and "one" the strongest, "random" ten drawn for each unit; "others" has all
    filters, but the picture of the next unit, and "ten-others" the same for ten.
    """
    images = belief.data(seed)
    model = belief.network(images, seed).to(device)
    found = _maxima(model, images, UNITS, seed)
    pictures = {"all": combined(model, UNITS), "ten": combined(model, UNITS, 10), "one": combined(model, UNITS, 1)}
    generator = torch.Generator().manual_seed(seed)
    lower, upper = (torch.as_tensor(model[k].weight) for k in (1, 3))
    drawn = torch.rand(UNITS, len(lower), generator=generator).topk(10).indices
    some = torch.zeros(UNITS, len(lower)).scatter(1, drawn, 1.0).to(device)
    pictures["random"] = (upper[:UNITS] * some) @ lower
    quantities = {key: _cosine(each, found) for key, each in pictures.items()}
    others = {f"{key}others": _cosine(pictures[name], found.roll(1, 0)) for key, name in (("", "all"), ("ten-", "ten"))}
    return quantities | others


def combined(model: nn.Sequential, count: int, strongest: int | None = None) -> Tensor:
    """Pictures ``(count, 784)`` of units of the second layer."""
    return linear_combination([model[1], model[3]], range(count), strongest=strongest)


def _maxima(model: nn.Sequential, images: Tensor, count: int, seed: int) -> Tensor:
    """What activation maximisation finds for them, ``(count, 784)``."""
    rho = float(images.flatten(1).norm(dim=1).mean())
    options: dict[str, Any] = {"shape": DIGIT, "norm": rho, "centre": 0.0, "seed": seed}
    return maximised(model, model[3], range(count), **options).images.flatten(1)


def _cosine(pictures: Tensor, found: Tensor) -> float:
    return float(functional.cosine_similarity(pictures, found).median())


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """Five units of the second layer: the maximum, and combinations of all, ten and one of the filters."""
    images = belief.data(seed)
    model = belief.network(images, seed).to(device)
    rows = {"maximum": _maxima(model, images, 5, seed)}
    rows |= {
        "all filters": combined(model, 5),
        "ten filters": combined(model, 5, 10),
        "one filter": combined(model, 5, 1),
    }
    panels = [
        [
            figures.Panel(f"{name}, unit {k}", (0.5 + 0.5 * each / each.abs().max()).view(DIGIT))
            for k, each in enumerate(row)
        ]
        for name, row in rows.items()
    ]
    return figures.panels(panels, "Linear combination of filters; grey is zero")
