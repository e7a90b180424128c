"""Integrated gradients: the gradient averaged on the way from a baseline to the image, times the way.

Where a network is saturated its gradient is flat although the image matters.  On the way from an image that shows
nothing, the baseline, the score rises somewhere, and the gradients there add up to the whole rise (completeness).

Paper: ``sundararajan2017axiomatic``, Eq. (1) and (3), and Proposition 1, which is (a) here.

The attribution is ``(B, C, H, W)``, signed, in logits.  Steps stand for the integral, so that its sum misses the rise
of the logit by a gap.  More than 5%, the accuracy that the paper asks for, is warned of.

Differences from the paper:
1. Logits, not probabilities, which saturate on the way.
2. The paper takes the gradient at the end of each step, ``rule="end"``.  By default we take it in the middle, which
   treats both ends alike.  In a ReLU network the gradient jumps on the way, and no rule is much better than another.

A baseline of 0 is black in images in [0, 1], as in the paper, and the mean colour in normalised ones.  What has the
baseline's colour gets nothing.  captum 0.9.0's ``riemann_trapezoid`` is 1 / steps short; its other rules are right.

Raises ImagesError, LogitsError, ClassesError, GradientError, OptionsError (baseline, steps, rule, batch).
"""

from __future__ import annotations

import warnings
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from repro.engine import checks, variants, watching
from repro.engine.errors import CompletenessWarning, OptionsError
from repro.engine.results import Attribution
from repro.engine.variants import Report

Rule = Literal["midpoint", "end", "gauss-legendre"]
LARGEST_GAP = 0.05  # Sec. 5


def integrated_gradients(
    model: nn.Module,
    images: Tensor,
    target_classes: Tensor,
    baseline: float | Tensor = 0.0,
    *,
    steps: int = 50,
    rule: Rule = "midpoint",
    batch: int = 8,
    report: Report = variants.silent,
) -> Attribution:
    """Attribution ``(B, C, H, W)`` of ``images (B, C, H, W)``, for one class per image, ``(B,)``.

    ``baseline`` is a number or fits the images, as ``(C, 1, 1)`` does.  ``batch`` images of the way go through the
    network at a time: the memory needed, and not the result, depends on it.  CompletenessWarning if steps are too few.
    """
    start, (places, weights) = _fitting(baseline, images), nodes(steps, rule)
    way, places = images - start, places.to(images)

    def on_the_way(rows: Tensor, numbers: Tensor) -> Tensor:
        return start[rows] + places[numbers, None, None, None] * way[rows]

    mean = variants.mean_gradient(
        model, images, target_classes, steps, on_the_way, weights=weights, batch=batch, report=report
    )
    attribution = way * mean  # Eq. (1)
    gap = completeness_gap(model, images, target_classes, attribution, start, batch=batch)
    if (gap > LARGEST_GAP).any():
        told = f"the attributions' sum is up to {float(gap.max()):.0%} off the logits' difference: take more steps"
        warnings.warn(told, CompletenessWarning, stacklevel=2)
    return attribution


def completeness_gap(
    model: nn.Module,
    images: Tensor,
    target_classes: Tensor,
    attribution: Attribution,
    baseline: float | Tensor = 0.0,
    *,
    batch: int = 8,
) -> Tensor:
    """How far the attribution's sum is from the logit's rise, as a share of that rise, ``(B,)``; two forward passes."""
    ends = []
    with watching.observing(model, gradients=False):
        for each in (images, _fitting(baseline, images)):
            logits = torch.cat([checks.check_logits(model(each[part])) for part in variants.parts(len(each), batch)])
            logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
            ends.append(logits.gather(1, checks.class_indices(target_classes, logits)[:, None])[:, 0])
    rise = ends[0] - ends[1]
    return (attribution.to(rise).sum((1, 2, 3)) - rise).abs() / rise.abs()  # Eq. (a)


def nodes(steps: int, rule: Rule = "midpoint") -> tuple[Tensor, Tensor]:
    """Where on the way, from 0 to 1, the gradient is taken, and with which weights, of sum 1: each ``(steps,)``."""
    if steps < 1 or rule not in get_args(Rule):
        raise OptionsError(f"need 1 step or more, and a rule of {', '.join(get_args(Rule))}; got {steps}, {rule}")
    number = torch.arange(1, steps + 1, dtype=torch.float64)
    if rule == "gauss-legendre":
        beside = number[:-1] / (4 * number[:-1].square() - 1).sqrt()  # Golub and Welsch 1969: nodes are eigenvalues
        roots, vectors = torch.linalg.eigh(beside.diag(1) + beside.diag(-1))
        return (1 + roots) / 2, vectors[0].square()
    ends = number / steps  # Eq. (3)
    return ends if rule == "end" else ends - 0.5 / steps, torch.full_like(ends, 1 / steps)


def _fitting(baseline: float | Tensor, images: Tensor) -> Tensor:
    checks.check_images(images)
    try:
        return torch.as_tensor(baseline).to(images).expand_as(images)
    except RuntimeError as error:
        raise OptionsError(f"the baseline does not fit images {tuple(images.shape)}") from error
