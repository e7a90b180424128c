"""Minimise many smooth functions at once, each over the unit box: L-BFGS with projected steps, on any device.

scipy's L-BFGS-B takes one function at a time, in float64 and on the processor; here a whole batch shares every
evaluation, and nothing in the loop waits for the host.  Coordinates at a bound that the gradient pushes outwards are
held there, and the quasi-Newton step is taken in the others (Bertsekas, Projected Newton methods for optimization
problems with simple constraints, SIAM Journal on Control and Optimization 1982); what a step leads out of the box is
cut off.  Each function has its own step length, and a step is kept only if the function falls enough (Armijo).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Objective = Callable[[Tensor], tuple[Tensor, Tensor]]  # points (B, n) to values (B,) and gradients (B, n)
MEMORY = 5  # pairs of moves and changes of the gradient that stand for the curvature


@torch.no_grad()
def minimise(objective: Objective, start: Tensor, evaluations: int = 30) -> Tensor:
    """Points ``(B, n)`` in [0, 1] after so many evaluations of the batch, never with a higher value than ``start``.

    The functions are independent of each other and never negative: the first step is as long as if the value fell to
    zero in a straight line.
    """
    points = start
    values, gradients = objective(points)
    first = values / gradients.square().sum(1).clamp_min(torch.finfo(values.dtype).tiny)
    steps = torch.ones_like(values)
    moves = changes = points.new_zeros(MEMORY, *points.shape)
    for _ in range(evaluations - 1):
        held = ((points <= 0) & (gradients > 0)) | ((points >= 1) & (gradients < 0))
        free = (~held).to(points)
        directions = -free * _newton(gradients * free, moves * free, changes * free, first)
        tried = (points + steps[:, None] * directions).clamp(0, 1)
        tried_values, tried_gradients = objective(tried)
        move, change = tried - points, tried_gradients - gradients
        kept = tried_values <= values + 1e-4 * (gradients * move).sum(1)
        steps = torch.where(kept, 1.0, 0.3 * steps)
        moves = torch.where(kept[:, None], torch.cat([moves[1:], move[None]]), moves)
        changes = torch.where(kept[:, None], torch.cat([changes[1:], change[None]]), changes)
        points = torch.where(kept[:, None], tried, points)
        gradients = torch.where(kept[:, None], tried_gradients, gradients)
        values = torch.where(kept, tried_values, values)
    return points


def _newton(gradients: Tensor, moves: Tensor, changes: Tensor, scale: Tensor) -> Tensor:
    """The inverse Hessian times the gradient (Nocedal and Wright, Numerical Optimization, 2006, Algorithm 7.4).

    Pairs along which the function does not curve upwards are left out; ``scale`` stands for the inverse Hessian
    where there is no pair yet.
    """
    products, sizes = (moves * changes).sum(2), changes.square().sum(2)
    upwards = products > 1e-10 * sizes
    inverses = torch.where(upwards, 1 / products, 0)
    weights = []
    for move, change, inverse in zip(moves.flip(0), changes.flip(0), inverses.flip(0), strict=True):
        weights.append(inverse * (move * gradients).sum(1))
        gradients = gradients - weights[-1][:, None] * change
    for product, size, counts in zip(products, sizes, upwards, strict=True):
        scale = torch.where(counts, product / size, scale)
    result = scale[:, None] * gradients
    for move, change, inverse, weight in zip(moves, changes, inverses, reversed(weights), strict=True):
        result = result + (weight - inverse * (change * result).sum(1))[:, None] * move
    return result
