"""How an optimised image moves along its gradient: a step of ``optimise`` for each of the historical methods."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from repro.engine.optimise import Step


def normalised(rates: Sequence[float]) -> Step:
    """Ascent by ``rate`` times the gradient over its root mean square in each image; an image without gradient stays.

    Each rate serves one step.  The gradient's size does not matter, which differs by orders between networks.
    """
    remaining = iter(rates)

    def step(x: Tensor, gradient: Tensor, _: Tensor) -> Tensor:
        return x + next(remaining) * unit_mean_square(gradient)

    return step


def falling(rate: float, steps: int) -> list[float]:
    """Rates that fall linearly from ``rate`` towards zero: an optimum is reached rather than circled."""
    return [rate * (1 - done / steps) for done in range(steps)]


def unit_mean_square(gradient: Tensor) -> Tensor:
    """The gradient of each image, scaled to a root mean square of one; zero stays zero."""
    largest = gradient.flatten(1).abs().amax(1).clamp_min(torch.finfo(gradient.dtype).tiny).view(-1, 1, 1, 1)
    scaled = gradient / largest  # squares of what is small would underflow
    size = scaled.square().mean((1, 2, 3), keepdim=True).sqrt()
    return scaled / size.clamp_min(torch.finfo(size.dtype).tiny)


def adam(rate: float, betas: tuple[float, float] = (0.9, 0.999)) -> Step:
    """Ascent by Adam (Kingma and Ba 2015, Algorithm 1), epsilon 1e-8: the step adapts to each value of ``x``."""
    first = second = torch.zeros(())
    done = 0

    def step(x: Tensor, gradient: Tensor, _: Tensor) -> Tensor:
        nonlocal first, second, done
        done += 1
        first = betas[0] * first.to(x) + (1 - betas[0]) * gradient
        second = betas[1] * second.to(x) + (1 - betas[1]) * gradient.square()
        mean, square = first / (1 - betas[0] ** done), second / (1 - betas[1] ** done)
        return x + rate * mean / (square.sqrt() + 1e-8)

    return step
