"""DarkSight: points in the plane from which a simple classifier predicts what the network predicts.

A student learns the network's probabilities for each image.  It is a naive Bayes classifier with one density for each
class in the plane; it sees no image, only a point, and the points are learned together with it.  A point between two
classes belongs to an image of which the network is unsure.

Paper: ``xu2018interpreting``; its abstract and the code (xukai92/darksight) were read.  Equations have letters.

    (a)  p_i = softmax(z_i / T)                                      the teacher, of logits z_i
    (b)  log t(y; mu_c) = log |h| - log 2 pi - 2 log(1 + h |y - mu_c|^2 / 2)    Student's t, two degrees of freedom
    (c)  q_i(c) = pi_c t(y_i; mu_c) / p(y_i),  p(y) = sum_c pi_c t(y; mu_c)     the student
    (d)  L = mean_i (KL(p_i || q_i) + KL(q_i || p_i)) / 2

h is 1 / sqrt(log C) and stays.  Points start near the mean of their predicted class; T falls from 10 to ``temperature``
in the first half of the steps.  ``density`` is p(y_i), the paper's confidence.  With ``positions``, another method's
picture, these keep their places but for their scale, and (d) tells how much such a picture holds: the control.

Differences from the authors' code: means start at the principal components of the classes' mean logits, not at random,
and points with a little noise, or those of a class would never part; all points are one batch; the rates (``RATES``)
are ours and fall to zero along a cosine.

Raises LogitsError, OptionsError (temperature, steps), TableError (positions).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from repro.engine import checks, neighbours, variants
from repro.engine.errors import LogitsError, OptionsError, TableError
from repro.engine.results import Distilled, DistilledPositions

HOTTEST, RATES = 10.0, (0.5, 0.2, 0.01)  # of points, means and prior


def darksight(
    logits: Tensor,
    *,
    temperature: float = 2.0,
    steps: int = 1000,
    positions: Tensor | None = None,
    seed: int = 0,
    report: variants.Report = variants.silent,
) -> DistilledPositions:
    """Positions ``(N, 2)`` for the network's ``logits (N, C)``, and the student's probabilities there."""
    _check(logits, temperature, steps, positions)
    generator, (count, classes) = torch.Generator().manual_seed(seed), logits.shape
    noise = torch.randn(classes + count, 2, generator=generator, dtype=torch.float64).to(logits)
    of_class = functional.one_hot(logits.argmax(1), classes).to(logits)
    middle = of_class.T / of_class.sum(0)[:, None].clamp_min(1)  # times rows: their mean for each predicted class
    start = neighbours.principal(middle @ logits, 2)
    means = start / start.std().clamp_min(1e-12) * classes**0.5 + 0.1 * noise[:classes]
    points, prior, fixed = means[logits.argmax(1)] + 0.1 * noise[classes:], logits.new_zeros(classes), None
    if positions is not None:
        fixed = positions / positions.norm() * points.norm()
        points, means = logits.new_zeros(()), middle @ fixed  # the logarithm of the scale alone is learned
    with torch.inference_mode(False), torch.enable_grad():
        found = [each.detach().clone().requires_grad_() for each in (points, means, prior)]
        teacher = logits.detach().clone()
        rates = [{"params": [each], "lr": rate} for each, rate in zip(found, RATES, strict=True)]
        optimiser = torch.optim.Adam(rates)
        cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
        for number in range(steps):
            hot = temperature + max(0.0, HOTTEST - temperature) * max(0.0, 1 - 2 * number / steps)
            at = found[0] if fixed is None else found[0].exp() * fixed
            loss = divergence((teacher / hot).log_softmax(1), student(at, *found[1:])[0])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            cosine.step()
            report((number + 1) / steps)
    last, means, prior = (each.detach() for each in found)
    at = last if fixed is None else last.exp() * fixed
    log_q, log_density = student(at, means, prior)
    error = divergence((logits / temperature).log_softmax(1), log_q)  # Eq. (a)
    return Distilled(at, error, log_q.exp(), means, prior, log_density.exp())


def student(positions: Tensor, means: Tensor, prior: Tensor) -> tuple[Tensor, Tensor]:
    """log q ``(N, C)`` and log p(y) ``(N,)`` at positions ``(N, 2)``, of means ``(C, 2)`` and prior logits ``(C,)``."""
    precision = 1 / math.sqrt(math.log(len(means)))
    squared = (positions[:, None] - means).square().sum(2)
    bumps = math.log(precision) - math.log(2 * math.pi) - 2 * (1 + precision * squared / 2).log()  # Eq. (b)
    joint = prior.log_softmax(0) + bumps
    density = joint.logsumexp(1)
    return joint - density[:, None], density  # Eq. (c)


def divergence(log_p: Tensor, log_q: Tensor) -> Tensor:
    """The mean over rows of half the sum of both KL divergences."""
    both = [
        functional.kl_div(a, b, reduction="batchmean", log_target=True) for a, b in ((log_p, log_q), (log_q, log_p))
    ]
    return (both[0] + both[1]) / 2  # Eq. (d)


def _check(logits: Tensor, temperature: float, steps: int, positions: Tensor | None) -> None:
    checks.check_logits(logits)
    if logits.dtype not in (torch.float32, torch.float64) or not len(logits) or logits.shape[1] < 2:
        raise LogitsError(f"need rows of two classes or more in single or double precision, not {tuple(logits.shape)}")
    if not temperature > 0 or steps < 1:
        raise OptionsError(f"need a temperature above 0 and a step or more: got {temperature}, {steps}")
    if positions is not None:
        neighbours.check(positions)
        if positions.shape != (len(logits), 2):
            raise TableError(f"positions must be {len(logits)} points, not {tuple(positions.shape)}")
