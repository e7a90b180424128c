"""Mixtures of Gaussians with diagonal covariances: fitted to rows, and sampled inside a box."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor

from repro.engine.errors import OptionsError

Box: TypeAlias = Tensor  # (2, F), above the first row and at most the second, which may be infinite


class Mixture(NamedTuple):
    """J Gaussians over F columns, float64."""

    weights: Tensor  # (J,), they add up to 1
    means: Tensor  # (J, F)
    deviations: Tensor  # (J, F)


def fit(inputs: Tensor, components: int, *, steps: int = 50, floor: float = 1e-3, seed: int = 0) -> Mixture:
    """Expectation maximisation for rows ``(N, F)``, from rows chosen at random as means.

    No variance falls below ``floor`` of its column's.  Raises OptionsError for less than one component.
    """
    if components < 1:
        raise OptionsError(f"a mixture has 1 component or more, not {components}")
    x = inputs.double()
    generator = torch.Generator().manual_seed(seed)
    means = x[torch.randperm(len(x), generator=generator)[:components]]
    whole = x.var(0, correction=0)
    least = torch.where(whole > 0, whole, 1.0) * floor
    mixture = Mixture(
        torch.full((len(means),), 1 / len(means)).double(), means, (whole + least).sqrt().expand_as(means)
    )
    for _ in range(steps):
        shares = log_density(mixture, x).softmax(1)  # (N, J)
        sizes = shares.sum(0).clamp(min=1e-9)
        means = shares.T @ x / sizes[:, None]
        variances = (shares.T @ x.square() / sizes[:, None] - means.square()).clamp(min=0)
        mixture = Mixture(sizes / sizes.sum(), means, (variances + least).sqrt())
    return mixture


def log_density(mixture: Mixture, rows: Tensor) -> Tensor:
    """The logarithm of each component's weight times its density at each row, up to a constant, ``(N, J)``."""
    scaled = (rows[:, None] - mixture.means) / mixture.deviations
    return mixture.weights.log() - mixture.deviations.log().sum(1) - 0.5 * scaled.square().sum(2)


def everywhere(mixture: Mixture) -> Box:
    """The box without bounds."""
    return torch.tensor([[-torch.inf], [torch.inf]]).double().expand(-1, mixture.means.shape[1]).clone()


def mass(mixture: Mixture, box: Box) -> Tensor:
    """The probability of the box, one number."""
    return _masses(mixture, box).sum()


def sample(mixture: Mixture, box: Box, count: int, generator: torch.Generator) -> Tensor:
    """Rows ``(count, F)`` of the mixture inside the box: a component by its mass there, then each column on its own.

    Of a box so far out that no mass is left to rounding, the rows lie on its bounds.
    """
    masses = _masses(mixture, box)
    chosen = torch.multinomial(torch.where(masses.sum() > 0, masses, 1.0), count, replacement=True, generator=generator)
    # in the half where the normal distribution is far from 1, so that nothing is lost to rounding
    ends = (box[:, None] - mixture.means) / mixture.deviations
    flipped = ends[0] > 0
    low, high = torch.where(flipped, -ends[1], ends[0]), torch.where(flipped, -ends[0], ends[1])
    low, high = (torch.special.ndtr(each)[chosen] for each in (low, high))
    uniform = torch.rand(chosen.shape[0], box.shape[1], generator=generator, dtype=torch.float64)
    standard = torch.special.ndtri(low + uniform * (high - low))
    standard = torch.where(flipped[chosen], -standard, standard)
    rows = mixture.means[chosen] + mixture.deviations[chosen] * standard
    inside = torch.nextafter(box[0], torch.full_like(box[0], torch.inf))  # a box is open below
    return torch.minimum(torch.maximum(rows, inside), box[1])


def _masses(mixture: Mixture, box: Box) -> Tensor:
    """The weight of each component times its probability of the box, ``(J,)``."""
    ends = (box[:, None] - mixture.means) / mixture.deviations
    flipped = ends[0] > 0
    ends = torch.where(flipped, -ends.flip(0), ends)
    between: Tensor = torch.special.ndtr(ends[1]) - torch.special.ndtr(ends[0])
    return mixture.weights * between.prod(1)
