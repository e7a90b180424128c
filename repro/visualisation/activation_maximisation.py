"""Activation maximisation: the image of a given norm that excites one unit most, found by gradient ascent from noise.

Paper: ``erhan2009visualizing``, which raises a unit's value before its nonlinearity where that would saturate: give
the layer whose output that is.  x is the image less ``centre``: zero for digits on black, as in the paper, grey for
photographs.  The pictures are ``(B, C, H, W)``.

Differences from the paper:
1. A step is a share of the norm that falls to zero, whatever the gradient's length.
2. Starts are drawn evenly from the sphere, the same for every unit.

Raises OptionsError, LayerError, UnitsError, and GradientError for a layer that no gradient leads back from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from repro.engine import objectives
from repro.engine import steps as stepping
from repro.engine.encodings import Shape, checked, place
from repro.engine.errors import OptionsError
from repro.engine.optimise import Report, Step, gradients_to_images, optimise
from repro.engine.results import Images

USUAL = 0.25  # the default norm, as a root mean square: that of photographs about grey
RATE = 0.3  # the first step, as a share of the norm


class Maximised(NamedTuple):
    """What was found for K units from each of S starts."""

    images: Tensor  # (K, S, C, H, W), of the given norm about the centre, so not cut to [0, 1]
    activations: Tensor  # (K, S)


def activation_maximisation(
    model: nn.Module,
    target_layer: nn.Module,
    channels: Tensor | Sequence[int],
    *,
    shape: Shape,
    norm: float | None = None,
    centre: float = 0.5,
    starts: int = 1,
    steps: int = 100,
    seed: int = 0,
    report: Report = lambda done: None,
) -> Images:
    """Pictures ``(B, *shape)`` of these units ``(B,)`` of a layer, in [0, 1]: of several starts the most exciting.

    ``norm`` is rho, the average norm of the data; of a convolution's channel the unit in the middle is taken.
    """
    options: dict[str, Any] = {"norm": norm, "centre": centre, "starts": starts, "steps": steps, "seed": seed}
    found = maximised(model, target_layer, channels, shape=shape, report=report, **options)
    best = found.activations.argmax(1)
    return found.images[torch.arange(len(best), device=best.device), best].clamp(0, 1)


def maximised(
    model: nn.Module,
    target_layer: nn.Module,
    channels: Tensor | Sequence[int],
    *,
    shape: Shape,
    norm: float | None = None,
    centre: float = 0.5,
    position: tuple[int, int] | None = None,
    starts: int = 1,
    steps: int = 100,
    seed: int = 0,
    report: Report = lambda done: None,
) -> Maximised:
    """As ``activation_maximisation``, with all starts; ``position`` is the unit's row and column in its map."""
    size = math.prod(checked(shape))
    rho = USUAL * math.sqrt(size) if norm is None else norm
    if steps < 0 or starts < 1 or not 0 < rho < math.inf:
        raise OptionsError(f"need steps >= 0, starts >= 1 and a positive norm; got {steps}, {starts}, {rho}")
    like, _ = place(model, seed)
    noise = torch.randn((starts, *shape), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    first = (rho * noise / noise.flatten(1).norm(dim=1).view(-1, 1, 1, 1)).to(like)
    with gradients_to_images(model):
        start = first.repeat(len(channels), 1, 1, 1)
        wanted = torch.as_tensor(channels, device=like.device).repeat_interleave(starts)
        activation = objectives.unit(model, target_layer, wanted, centre + start, position)
        step = _on_sphere(rho, steps)
        images, _ = optimise(start, activation, step, steps, lambda x: centre + x, report=report)  # Eq. (a)
        found = activation(images).detach()
    return Maximised(images.detach().view(len(channels), starts, *shape), found.view(len(channels), starts))


def _on_sphere(rho: float, steps: int) -> Step:
    rates = iter(stepping.falling(RATE, steps))

    def step(x: Tensor, gradient: Tensor, _: Tensor) -> Tensor:
        length = next(rates) * rho / math.sqrt(x.shape[1:].numel())
        moved = x + length * stepping.unit_mean_square(gradient)
        size: Tensor = moved.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
        return torch.mul(moved, rho / size)  # Eq. (b)

    return step
