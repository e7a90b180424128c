"""t-SNE: points in the plane whose neighbours are those of the rows.

Distances become probabilities that one row would choose another as its neighbour: near ones are probable, far ones
not.  Points in the plane have such probabilities too, with a heavier tail, and are moved until the two agree best.

Paper: ``vandermaaten2008visualizing``.  Equations with a letter are the paper's, whose numbers could not be verified.

    (a)  p_j|i = exp(-|x_i - x_j|^2 / 2 sigma_i^2) / sum_(k != i) exp(-|x_i - x_k|^2 / 2 sigma_i^2)
    (b)  p_ij = (p_j|i + p_i|j) / 2N
    (4)  q_ij = (1 + |y_i - y_j|^2)^-1 / sum_(k != l) (1 + |y_k - y_l|^2)^-1
    (c)  C = sum_(i != j) p_ij log(p_ij / q_ij)
    (d)  dC/dy_i = 4 sum_j (p_ij - q_ij) (y_i - y_j) (1 + |y_i - y_j|^2)^-1

sigma_i is found by bisection: it gives each row the perplexity that is asked for, a smooth number of neighbours.  With
``tail="gaussian"`` q_ij is in exp(-|y_i - y_j|^2), as in symmetric SNE: the control that shows what the tail is for.

Differences from the paper:
1. Rates adapt as in the authors' code (``neighbours.descend``).
2. Exaggeration ends after a quarter of the steps, and momentum changes there, from .5 to .8.  The rate is the paper's
   100, or a quarter of the rows if that is less: with few rows 100 diverges.
3. ``divergence`` is (c) without exaggeration.

Distances, angles and sizes of clusters in the picture mean little; that two points are neighbours does.
Positions ``(N, 2)`` have no unit, and their mean is zero.  Memory and time grow with N^2: for some thousand rows.

Raises TableError (inputs), OptionsError (perplexity, steps, rate, dimensions, tail).
"""

from __future__ import annotations

import torch
from torch import Tensor

from repro.engine import neighbours, variants
from repro.engine.errors import OptionsError
from repro.engine.results import Embedding, Positions

TAILS = ("student", "gaussian")


def t_sne(
    inputs: Tensor,
    *,
    perplexity: float = 30.0,
    steps: int = 1000,
    rate: float | None = None,
    dimensions: int = 30,
    tail: str = "student",
    seed: int = 0,
    report: variants.Report = variants.silent,
) -> Positions:
    """Positions ``(N, 2)`` of ``inputs (N, F)``, first reduced to their first ``dimensions`` principal components."""
    neighbours.check(inputs)
    if steps < 1 or dimensions < 1 or tail not in TAILS:
        raise OptionsError(
            f"need a step and a dimension or more, a tail of {TAILS}: got {steps}, {dimensions}, {tail!r}"
        )
    joint = joint_probabilities(neighbours.principal(inputs, dimensions), perplexity)

    def slope(positions: Tensor, exaggeration: float) -> Tensor:
        return gradient(exaggeration * joint, positions, tail)[0]

    positions = neighbours.descend(slope, joint, steps, rate, seed, report)
    return Embedding(positions, gradient(joint, positions, tail)[1])


def joint_probabilities(rows: Tensor, perplexity: float) -> Tensor:
    """P ``(N, N)`` of rows ``(N, F)``: symmetric, zero on its diagonal, its sum 1."""
    apart = neighbours.squared_distances(rows).fill_diagonal_(torch.inf)
    conditional = neighbours.conditional(apart, perplexity)  # Eq. (a)
    return (conditional + conditional.T) / (2 * len(rows))  # Eq. (b)


def gradient(joint: Tensor, positions: Tensor, tail: str = "student") -> tuple[Tensor, Tensor]:
    """dC/dy ``(N, 2)``, and the divergence C itself, a number, of P ``(N, N)`` and positions ``(N, 2)``."""
    across, down = (each[:, None] - each for each in positions.unbind(1))
    squared = across.square() + down.square()
    kernel = (1 / (1 + squared) if tail == "student" else (-squared).exp()).fill_diagonal_(0)
    near = kernel / kernel.sum()  # Eq. (4)
    tiny = torch.finfo(near.dtype).tiny
    divergence = (torch.special.xlogy(joint, joint) - joint * near.clamp_min(tiny).log()).sum()  # Eq. (c)
    forces = (joint - near) * (kernel if tail == "student" else 1.0)
    pulls = forces.sum(1, keepdim=True) * positions - forces @ positions
    return 4 * pulls, divergence  # Eq. (d)
