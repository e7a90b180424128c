"""Linear models fitted to what a network says: a weighted ridge in closed form, and the lasso's choice of inputs."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional


class LinearModel(NamedTuple):
    """``intercept + inputs @ coefficients``, and how well that fits."""

    coefficients: Tensor  # (F,)
    intercept: Tensor  # ()
    r_squared: Tensor  # (), weighted; at most 1


def weighted_ridge(inputs: Tensor, targets: Tensor, weights: Tensor, penalty: float = 1.0) -> LinearModel:
    """The minimum of sum_i w_i (y_i - b - x_i c)^2 + penalty |c|^2, in closed form; the intercept b has no penalty.

    ``inputs (N, F)``, ``targets`` and ``weights (N,)``.  Of equally good solutions it is the shortest.
    """
    (x, means), (y, mean) = (_centred(each.to(weights), weights) for each in (inputs, targets))
    gram = (weights[:, None] * x).T @ x + penalty * torch.eye(x.shape[1]).to(weights)
    coefficients = torch.linalg.pinv(gram, hermitian=True) @ (x.T @ (weights * y))
    intercept = mean - means @ coefficients
    left = targets.to(weights) - intercept - inputs.to(weights) @ coefficients
    return LinearModel(coefficients, intercept, r_squared(targets, left, weights))


def r_squared(targets: Tensor, left: Tensor, weights: Tensor) -> Tensor:
    """The share of the targets' weighted variance that a model explains which leaves ``left`` of them; 1 if there is
    no variance.
    """
    whole = weights @ _centred(targets.to(weights), weights)[0].square()
    return 1 - weights @ left.square() / torch.where(whole > 0, whole, 1)


def lasso_choice(inputs: Tensor, targets: Tensor, weights: Tensor, keep: int) -> list[int]:
    """The inputs that the lasso selects, at most ``keep`` of them.

    The penalty falls from its largest value, and inputs enter and leave the model one by one, until one more would be
    too many (least angle regression with the lasso's modification, Efron et al. 2004).  No penalty has to be chosen.
    """
    (x, _), (y, _) = (_centred(each.to(weights), weights) for each in (inputs, targets))
    gram, correlations = (weights[:, None] * x).T @ x, x.T @ (weights * y)
    coefficients, active, dropped = torch.zeros_like(correlations), list[int](), -1
    while True:
        left = correlations - gram @ coefficients
        others = torch.ones(len(left), dtype=torch.bool)
        others[active] = False
        if dropped < 0:
            joining = int(torch.where(others, left.abs(), -1).argmax())
            if len(active) == keep or not others.any() or left[joining].abs() <= 1e-9 * correlations.abs().max():
                return sorted(active)
            active.append(joining)
        others[[joining if dropped < 0 else dropped]] = False
        # towards the least squares of the active ones all their correlations fall alike, to 0 at a step of 1
        towards = torch.linalg.pinv(gram[active][:, active], hermitian=True) @ left[active]
        largest, falls = left[active].abs().max(), gram[:, active] @ towards
        meets = torch.cat([((largest - s * left) / (largest - s * falls))[others] for s in (1, -1)])
        step = min([1.0, *meets[meets > 0].tolist()])
        zeros = -coefficients[active] / towards
        dropped = -1
        if ((zeros > 0) & (zeros < step)).any():
            step = float(zeros[zeros > 0].min())
            dropped = active[int(torch.where(zeros > 0, zeros, torch.inf).argmin())]
        coefficients[active] += step * towards
        if dropped >= 0:
            coefficients[dropped] = 0.0
            active.remove(dropped)


def _centred(values: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Values less their weighted mean, and that mean."""
    mean = weights @ values / weights.sum()
    return values - mean, mean


def lasso(inputs: Tensor, targets: Tensor, penalty: float, *, steps: int = 3000) -> Tensor:
    """The minimum ``(F, K)`` of |y - b - x c|^2 / (2 N) + penalty |c|_1 for each column of ``targets (N, K)``.

    ``inputs`` are ``(N, F)``; the intercept b has no penalty.  By accelerated proximal gradients (FISTA, Beck and
    Teboulle 2009) that start again when they overshoot (O'Donoghue and Candes 2015).
    """
    ones = torch.ones(len(inputs)).to(inputs)
    x, y = (_centred(each, ones)[0] for each in (inputs, targets.to(inputs)))
    gram, correlations = x.T @ x / len(x), x.T @ y / len(x)
    rate = 1 / torch.linalg.eigvalsh(gram)[-1].clamp_min(1e-300)
    coefficients = ahead = torch.zeros_like(correlations)
    momentum = 1.0
    for _ in range(steps):
        moved = functional.softshrink(ahead - rate * (gram @ ahead - correlations), float(rate * penalty))
        following = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
        overshot = ((ahead - moved) * (moved - coefficients)).sum() > 0
        ahead = moved if overshot else moved + (momentum - 1) / following * (moved - coefficients)
        moves, size = (moved - coefficients).abs().max(), moved.abs().max()
        momentum, coefficients = (1.0 if overshot else following), moved
        if moves <= 1e-13 * size:  # further steps would change nothing but rounding
            break
    return coefficients
