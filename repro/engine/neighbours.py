"""Neighbours of rows: how probable each is at a given perplexity, and how well a picture of the rows keeps them."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from repro.engine.errors import OptionsError, TableError
from repro.engine.variants import Report

EXAGGERATION = 4.0  # of the neighbours' probabilities in the first quarter of the steps
STEPS, WIDEST = 60, 40.0  # halvings of an interval of the logarithm of the precision


def check(inputs: Tensor) -> None:
    """TableError unless inputs are floating point ``(N, F)``, finite, in single precision or more, with three rows."""
    if not isinstance(inputs, Tensor) or inputs.dtype not in (torch.float32, torch.float64) or inputs.dim() != 2:
        given = f"{inputs.dtype} {tuple(inputs.shape)}" if isinstance(inputs, Tensor) else type(inputs).__name__
        raise TableError(f"inputs must be (N, F) in single or double precision, not {given}")
    if len(inputs) < 3 or not inputs.shape[1] or not inputs.isfinite().all():
        raise TableError(f"inputs must be three finite rows or more, not {len(inputs)} of {inputs.shape[1]} numbers")


def squared_distances(rows: Tensor) -> Tensor:
    """Of all pairs of rows ``(N, F)``, ``(N, N)``; of close rows too they are exact."""
    return torch.cdist(rows, rows, compute_mode="donot_use_mm_for_euclid_dist").square()


def nearest(rows: Tensor, count: int, batch: int = 1024) -> tuple[Tensor, Tensor]:
    """The ``count`` nearest other rows of each, nearest first, and their squared distances, both ``(N, count)``."""
    if not 1 <= count < len(rows):
        raise OptionsError(f"{count} neighbours of {len(rows)} rows: need 1 or more, and more rows than neighbours")
    found, distances = [], []
    for start in range(0, len(rows), batch):
        part = rows[start : start + batch]
        apart = torch.cdist(part, rows, compute_mode="donot_use_mm_for_euclid_dist").square()
        apart[torch.arange(len(part)), torch.arange(start, start + len(part))] = torch.inf
        each = apart.topk(count, 1, largest=False)
        found.append(each.indices)
        distances.append(each.values)
    return torch.cat(found), torch.cat(distances)


def conditional(distances: Tensor, perplexity: float) -> Tensor:
    """Probabilities ``(N, K)``, each row's sum 1, of neighbours at squared ``distances (N, K)``: a Gaussian whose width
    gives each row this perplexity, the exponential of its entropy.  Infinite distances have probability zero.

    Raises OptionsError for a perplexity that so many neighbours can't have.
    """
    known = distances.isfinite()
    most = int(known.sum(1).min())
    if not 1 <= perplexity < most:
        raise OptionsError(
            f"a perplexity of {perplexity} needs more than {perplexity} neighbours, and there are {most}"
        )
    less = torch.where(known, distances - distances.amin(1, keepdim=True), torch.inf)
    scale = less.where(known, 0).sum(1, keepdim=True).div(known.sum(1, keepdim=True)).log()
    lowest = torch.where(
        scale.isfinite(), -scale - WIDEST / 2, torch.zeros_like(scale)
    )  # all at one distance: any width
    highest = lowest + WIDEST
    for _ in range(STEPS):
        middle = (lowest + highest) / 2
        probabilities = (-middle.exp() * less).softmax(1)
        wide = _entropy(probabilities) > math.log(perplexity)
        lowest, highest = torch.where(wide, middle, lowest), torch.where(wide, highest, middle)
    return (-((lowest + highest) / 2).exp() * less).softmax(1)


def _entropy(probabilities: Tensor) -> Tensor:
    found: Tensor = -torch.special.xlogy(probabilities, probabilities).sum(1, keepdim=True)
    return found


def descend(
    gradient: Callable[[Tensor, float], Tensor], rows: Tensor, steps: int, rate: float | None, seed: int, report: Report
) -> Tensor:
    """Positions ``(N, 2)`` after gradient descent from a small random cloud, as the authors of t-SNE do it.

    ``gradient(positions, exaggeration)`` returns ``(N, 2)``.  In the first quarter of the steps neighbours pull four
    times as strongly and momentum is .5, then .8.  A coordinate's gain grows by .2 if its direction stays, or falls by
    a fifth.  Without a rate it is 100, or a quarter of the rows if that is less: with few rows 100 diverges.
    """
    rate = min(100.0, len(rows) / 4) if rate is None else rate
    start = torch.randn(len(rows), 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    positions = 1e-2 * start.to(rows)
    change, gains = torch.zeros_like(positions), torch.ones_like(positions)
    for number in range(steps):
        early = number < steps // 4
        slope = gradient(positions, EXAGGERATION if early else 1.0)
        gains = torch.where(slope * change < 0, gains + 0.2, gains * 0.8).clamp_min(0.01)
        change = (0.5 if early else 0.8) * change - rate * gains * slope
        positions = positions + change
        positions = positions - positions.mean(0)
        report((number + 1) / steps)
    if not positions.isfinite().all():
        raise OptionsError(f"the positions left all bounds: take a rate below {rate:g}")
    return positions


def principal(rows: Tensor, dimensions: int) -> Tensor:
    """The rows ``(N, F)`` on their first principal components, ``(N, dimensions)`` or all that there are."""
    centred = rows - rows.mean(0)
    left, sizes, right = torch.linalg.svd(centred, full_matrices=False)
    signs = right.gather(1, right.abs().argmax(1, keepdim=True))[:, 0].sign()  # else they are the library's choice
    found: Tensor = (left * sizes * signs)[:, :dimensions]
    return found


def trustworthiness(rows: Tensor, positions: Tensor, count: int = 12) -> float:
    """1 if every neighbour in the picture ``(N, 2)`` is one of the rows ``(N, F)`` (Venna and Kaski 2006): one minus a
    weighted sum of the ranks of those that are not.  It is about one half for random positions.
    """
    if not 1 <= count < len(rows) / 2:
        raise OptionsError(f"{count} neighbours of {len(rows)} rows: trustworthiness needs less than half of them")
    apart = squared_distances(rows).fill_diagonal_(torch.inf)
    ranks = apart.argsort(dim=1, stable=True).argsort(dim=1)  # 0 for the nearest
    shown, _ = nearest(positions, count)
    beyond = (ranks.gather(1, shown) - count + 1).clamp_min(0).sum()
    return float(1 - 2 * beyond / (len(rows) * count * (2 * len(rows) - 3 * count - 1)))


def vote(positions: Tensor, labels: Tensor, count: int = 5) -> Tensor:
    """The most frequent label ``(N,)`` among the nearest others of each; of equally frequent ones the smallest."""
    shown, _ = nearest(positions, count)
    counts = torch.zeros(len(labels), int(labels.max()) + 1, dtype=torch.long, device=labels.device)
    return counts.scatter_add_(1, labels[shown], torch.ones_like(shown)).argmax(1)
