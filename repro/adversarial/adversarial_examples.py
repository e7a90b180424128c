"""Adversarial examples: images that look the same to us, and are of another class to the network.

The smallest change that gives an image a class of one's choice (Szegedy et al. 2014), and the change that one gradient
suggests, the same size at every pixel (the fast gradient sign method, Goodfellow et al. 2015).

Papers: ``szegedy2014intriguing`` and ``goodfellow2015explaining``; neither numbers these equations.  In their symbols,
x is the image with m values, r or eta what is added, l the class wanted, y the true class, J and loss_f the
cross-entropy:

    minimise ||r||_2 subject to f(x + r) = l and x + r in [0, 1]^m           (Szegedy, Sec. 4.1)
    by a line search over c > 0: minimise c |r| + loss_f(x + r, l) subject to x + r in [0, 1]^m
    distortion = sqrt(sum_i (x'_i - x_i)^2 / m)                               (Szegedy, Sec. 4.2)
    eta = epsilon sign(grad_x J(theta, x, y))                                 (Goodfellow, Sec. 4)
    J~(x, y) = alpha J(x, y) + (1 - alpha) J(x + eta, y), alpha = 1/2         (Goodfellow, Sec. 6)

Images are in [0, 1], ``(B, C, H, W)``, and so are adversarial images.  Budgets and distortions have the unit of the
image's values: 8/255 is eight grey levels.  A model that wants normalised input gets the normalisation built in, as
``nn.Sequential(normalisation, model)``: what is cut off at black and white is then cut off in the image.

Differences from the papers:
1. |r| is the squared Euclidean norm: the minimisers for all c are the same images, and the objective is smooth at r = 0.
2. The paper asks for the smallest c whose minimiser has the class l, but a larger c makes a smaller r: here it is the
   largest, and of all minimisers with the class l the one with the smallest r is kept.
3. L-BFGS takes projected steps and works on the whole batch (``repro.lab.lbfgs``).  On a network it finds a good local
   minimum, as theirs does; where J is convex and there are two classes it finds the smallest r.
4. The sign is that of the gradient of log(sum_{k != y} exp z_k) - z_y, z being the logits.  J = log(1 + exp(.)) of it,
   so that its gradient is the same but for a positive factor; that factor is zero in floating point where the network
   is sure, and then torchattacks 3.5.1 in float32 moves the wrong way, or not at all.

Raises ValueError for images outside [0, 1], a negative budget, classes that do not fit, and logits that do not depend
on the image.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn import functional

from repro.lab import capture, figures, lbfgs, networks, scenes


def adversarial_examples(
    model: nn.Module,
    images: Tensor,
    target_classes: Tensor,
    *,
    budget: float = math.inf,
    searches: int = 8,
    evaluations: int = 30,
    report: Callable[[float], None] = lambda share: None,
) -> Tensor:
    """The nearest images ``(B, C, H, W)`` of the class wanted, ``(B,)``, that the search finds: box-constrained L-BFGS.

    ``budget`` bounds the distortion.  Where no c reaches the class within it, the image comes back as it was.
    ``searches`` values of c are tried, with so many ``evaluations`` of the model for each; ``report`` is told the share
    that is done.
    """
    _check(images, budget)
    with torch.inference_mode(False), capture.evaluating(model), capture.frozen(model), torch.no_grad():
        start = images.detach().clone().flatten(1)
        logits = model(start.view_as(images))
        classes = capture.class_indices(target_classes, logits).clone()  # also where they come from inference mode

        def loss(points: Tensor) -> tuple[Tensor, Tensor]:
            values, gradient = _differentiated(model, points.view_as(images), classes, _cross_entropy)
            return values, gradient.flatten(1)

        def penalised(points: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
            values, gradient = loss(points)
            r = points - start
            return values + c * r.square().sum(1), gradient + 2 * c[:, None] * r  # c |r| + loss_f(x + r, l)

        values, gradient = loss(start)
        c = gradient.square().sum(1) / (4 * values).clamp_min(torch.finfo(values.dtype).tiny)  # exact if f is linear
        nearest, shortest = start, torch.where(logits.argmax(1) == classes, 0.0, math.inf).to(start)
        reaching, missing = torch.zeros_like(c), torch.full_like(c, math.inf)  # largest and smallest such c
        for search in range(searches):
            points = lbfgs.minimise(lambda each, c=c: penalised(each, c), start, evaluations)  # type: ignore[misc]
            reached = model(points.view_as(images)).argmax(1) == classes  # f(x + r) = l
            length = distortion(start, points)
            better = reached & (length < shortest)
            nearest = torch.where(better[:, None], points, nearest)
            shortest = torch.where(better, length, shortest)
            reaching = torch.where(reached, torch.maximum(reaching, c), reaching)
            missing = torch.where(reached, missing, torch.minimum(missing, c))
            c = torch.where(missing.isinf(), 4 * c, torch.where(reaching == 0, c / 4, (reaching * missing).sqrt()))
            report((search + 1) / searches)
        return torch.where((shortest <= budget)[:, None], nearest, start).view_as(images)


def fgsm(model: nn.Module, images: Tensor, true_classes: Tensor, budget: float) -> Tensor:
    """Images ``(B, C, H, W)`` one step of size ``budget`` (epsilon) away from their true class, ``(B,)``, in [0, 1]."""
    _check(images, budget)
    return (images.detach() + budget * _sign(model, images, true_classes)).clamp(0, 1)


def distortion(images: Tensor, others: Tensor) -> Tensor:
    """How far each image ``(B, ...)`` is from the other, ``(B,)``: the root of the mean square over all values."""
    return (others - images).flatten(1).square().mean(1).sqrt()  # Szegedy, Sec. 4.2


def _sign(model: nn.Module, images: Tensor, true_classes: Tensor) -> Tensor:
    with torch.inference_mode(False), capture.evaluating(model), capture.frozen(model):
        _, gradient = _differentiated(model, images.detach().clone(), true_classes, _log_odds_against)
    return gradient.sign()  # eta / epsilon = sign(grad_x J(theta, x, y))


def _cross_entropy(logits: Tensor, classes: Tensor) -> Tensor:
    return functional.cross_entropy(logits, classes, reduction="none")


def _log_odds_against(logits: Tensor, classes: Tensor) -> Tensor:
    """(B,), of which J is log(1 + exp(.)): monotone, so that its gradient has J's sign."""
    own = functional.one_hot(classes, logits.shape[1]).bool()
    return logits.masked_fill(own, -math.inf).logsumexp(1) - logits[own]


def _differentiated(
    model: nn.Module, images: Tensor, classes: Tensor, loss: Callable[[Tensor, Tensor], Tensor]
) -> tuple[Tensor, Tensor]:
    """Each image's loss ``(B,)`` and its gradient with respect to the image."""
    with torch.enable_grad():
        pixels = images.requires_grad_() if images.is_leaf else images.detach().requires_grad_()
        logits = model(pixels)
        losses = loss(logits, capture.class_indices(classes, logits).clone())
        gradient = torch.autograd.grad(losses.sum(), pixels, allow_unused=True)[0] if losses.requires_grad else None
    if gradient is None:
        raise ValueError("the logits do not depend on the image, or not by operations with a gradient")
    return losses.detach(), gradient


def _check(images: Tensor, budget: float) -> None:
    if not budget >= 0:
        raise ValueError(f"budget must not be negative, and it is {budget}: 8/255 is eight grey levels")
    if not bool(((images >= 0) & (images <= 1)).all()):
        raise ValueError("images must lie in [0, 1]: build the normalisation into the model, before its first layer")


def _operator_norms(model: nn.Module, image: Tensor) -> list[float]:
    """Largest singular value of each convolution and linear layer for an image ``(1, C, H, W)`` (Szegedy, Sec. 4.3).

    By power iteration on the layer itself; the paper takes convolutions to the Fourier domain, which assumes that they
    wrap around at the border.
    """
    layers = [module for module in model.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    inputs: list[Tensor] = []
    handles = [layer.register_forward_hook(lambda _, given, __: inputs.append(given[0])) for layer in layers]
    with torch.no_grad():
        model(image)
    for handle in handles:
        handle.remove()
    norms = []
    for layer, given in zip(layers, inputs, strict=True):
        v = torch.rand_like(given)
        for _ in range(100):
            with torch.enable_grad():
                change = layer(v.requires_grad_()) - layer(torch.zeros_like(v))  # W v, without the bias
                (v,) = torch.autograd.grad(change.square().sum() / 2, v)  # W^T W v
            growth = v.norm()
            v = v / growth
        norms.append(float(growth.sqrt()))
    return norms
