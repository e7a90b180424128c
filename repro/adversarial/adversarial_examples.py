"""Adversarial examples: images that look unchanged to us, and that the network puts in another class.

Szegedy et al. 2014 search for the smallest change that gives an image a chosen class, by box-constrained L-BFGS.
Goodfellow et al. 2015 take a single step along the sign of the loss's gradient: the fast gradient sign method, FGSM.

Papers: ``szegedy2014intriguing`` and ``goodfellow2015explaining``; neither numbers its equations.  x is the image, r or
eta the change, l the target class, y the true class, loss_f and J the cross-entropy.  Images are ``(B, C, H, W)`` in
[0, 1], and a budget of 8/255 is eight grey levels; normalisation belongs in the model.

Differences from the papers:
1. |r| is the squared Euclidean norm: each minimiser with the norm is one with its square too, for another c.
2. The paper asks for the smallest c whose minimiser has the class l, but a larger c makes r smaller: this code looks
   for the largest c, and returns the minimiser with the smallest r among those that have the class l.
3. L-BFGS takes projected steps, on the whole batch at once (``engine.lbfgs``).
4. FGSM differentiates ``losses.log_odds_against`` in place of J: the sign is the same, and nothing underflows.

Raises ImagesError, OptionsError (a negative budget), ClassesError, and GradientError if no gradient reaches the images.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from repro.engine import checks, lbfgs, losses, watching
from repro.engine.errors import OptionsError
from repro.engine.results import AdversarialImages

_cross_entropy = partial(cross_entropy, reduction="none")  # J and loss_f, one for each image


def adversarial_examples(
    model: nn.Module,
    images: Tensor,
    target_classes: Tensor,
    *,
    budget: float = math.inf,
    searches: int = 8,
    evaluations: int = 30,
    report: Callable[[float], None] = lambda share: None,
) -> AdversarialImages:
    """The nearest images of the target classes that the search over c finds, ``budget`` being the largest distortion.

    Each of ``searches`` values of c costs ``evaluations`` of the model.  An image stays as it is if none is found.
    """
    _check(images, budget)
    with torch.inference_mode(False), watching.evaluating(model), watching.frozen(model), torch.no_grad():
        start = images.detach().clone().flatten(1)
        logits = model(start.view_as(images))
        classes = checks.class_indices(target_classes, logits).clone()  # a copy: it may come from inference mode
        loss = partial(_cross_entropy, target=classes)  # loss_f(x + r, l)

        def penalised(points: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
            values, gradient = losses.with_gradient(model, points.view_as(images), loss)
            r = points - start
            return values + c * r.square().sum(1), gradient.flatten(1) + 2 * c[:, None] * r  # Eq. (b)

        values, gradient = penalised(start, torch.zeros_like(start[:, 0]))
        c = gradient.square().sum(1) / (4 * values).clamp_min(torch.finfo(values.dtype).tiny)  # exact if f is linear
        nearest, shortest = start, torch.where(logits.argmax(1) == classes, 0.0, math.inf).to(start)
        reaching, missing = torch.zeros_like(c), torch.full_like(c, math.inf)  # largest c with class l, least without
        for search in range(searches):
            points = lbfgs.minimise(partial(penalised, c=c), start, evaluations)
            reached, length = model(points.view_as(images)).argmax(1) == classes, distortion(start, points)
            better = reached & (length < shortest)  # Eq. (a)
            nearest = torch.where(better[:, None], points, nearest)
            shortest = torch.where(better, length, shortest)
            reaching = torch.where(reached, torch.maximum(reaching, c), reaching)
            missing = torch.where(reached, missing, torch.minimum(missing, c))
            c = torch.where(missing.isinf(), 4 * c, torch.where(reaching == 0, c / 4, (reaching * missing).sqrt()))
            report((search + 1) / searches)
        return torch.where((shortest <= budget)[:, None], nearest, start).view_as(images)


def fgsm(model: nn.Module, images: Tensor, true_classes: Tensor, budget: float) -> AdversarialImages:
    """The images after one step of size ``budget`` (epsilon) away from their true class, cut off at black and white."""
    _check(images, budget)
    return (images.detach() + budget * gradient_sign(model, images, true_classes)).clamp(0, 1)  # Eq. (d)


def gradient_sign(model: nn.Module, images: Tensor, true_classes: Tensor) -> Tensor:
    """The sign of grad_x J(theta, x, y), shaped like the images."""

    def loss(logits: Tensor) -> Tensor:  # difference 4
        return losses.log_odds_against(logits, checks.class_indices(true_classes, logits).clone())

    with torch.inference_mode(False), watching.evaluating(model), watching.frozen(model):
        return losses.with_gradient(model, images.detach().clone(), loss)[1].sign()


def adversarial_loss(model: nn.Module, images: Tensor, adversarial_images: Tensor, true_classes: Tensor) -> Tensor:
    """What adversarial training minimises for a batch and its adversarial images, one number; alpha is a half."""
    clean, other = (_cross_entropy(model(x), true_classes).mean() for x in (images, adversarial_images))
    return 0.5 * clean + 0.5 * other  # Eq. (e)


def distortion(images: Tensor, others: Tensor) -> Tensor:
    """How far each image ``(B, ...)`` is from the other, ``(B,)``: the root of the mean square over all values."""
    return (others - images).flatten(1).square().mean(1).sqrt()  # Eq. (c)


def _check(images: Tensor, budget: float) -> None:
    if not budget >= 0:
        raise OptionsError(f"budget must not be negative, got {budget}; 8/255 is eight grey levels")
    checks.check_unit_range(images)
