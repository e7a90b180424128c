"""Grad-CAM++: Grad-CAM with a weight for every place, so that what is small or repeated counts as well.

Grad-CAM weighs a feature map by its mean gradient: a map that finds its pattern in few places gets a small weight.
Here the weight is a sum over the positive gradients, each with its own coefficient.

Paper: ``chattopadhay2018gradcampp`` (sections, equations and tables as in arXiv 1710.11063). In its symbols, S^c is
the score of class c before the last function, Y^c the score after it, A^k feature map k:

    w_k^c = sum_ij alpha_ij^kc relu(d Y^c / d A_ij^k)                                             (5)
    alpha_ij^kc = Y'' / (2 Y'' + sum_ab A_ab^k Y''')                                              (10)
    L^c = relu(sum_k w_k^c A^k)                                                                   (20)

with Y', Y'', Y''' the derivatives of Y^c along the one number A_ij^k. The last function is the exponential (Eq. 12),
or the softmax (Eq. 21). S^c is piecewise linear in A behind a layer of linear maps, ReLUs and pooling; so, with g its
gradient (Eqs. 17 and 18; the factor Y^c is left out everywhere, see below):

    exponential:  Y' = g, Y'' = g^2, Y''' = g^3,  hence  alpha = 1 / (2 + g sum_ab A_ab)          (19, divided by g^2)
    softmax:      Y^c = 1 / sum_k exp(S^k - S^c); with d_k = dS^c/dA - dS^k/dA and m_n = sum_k Y^k d_k^n
                  Y' = m_1, Y'' = 2 m_1^2 - m_2, Y''' = 6 m_1^3 - 6 m_1 m_2 + m_3                 (22 to 24)

The paper's Eqs. 22 to 24 are these in other terms; the tests check both against automatic derivatives. How Eq. 10
comes about is less sound than what follows from it. Eq. 7 sets Y^c to the sum over k of w_k times the sum of A^k,
which holds on a network with global average pooling and without the last function; Eqs. 8 and 9 then take alpha for a
constant, and leave out the ReLU, all mixed derivatives and all other maps. So alpha is a choice, not a consequence,
and what it amounts to can be read from Eq. 19: with g sum(A) well below 2 all alpha are a half, and the map is
Grad-CAM's with the positive gradients alone; well above, w_k tends to the number of places with a positive gradient
over the sum of A^k.

The heatmap is ``(B, 1, h, w)`` on the grid of the feature maps and never negative; its size has no unit.

Differences from the paper:
1. The factor Y^c, one positive number an image that all weights share, is left out: the exponential of a logit
   overflows.
2. Eq. 24 needs the gradient of every class, one backward pass each, not "a single backward pass" (Sec. 3.4).
3. Where a denominator is zero, alpha is zero. That needs a gradient of zero, or maps whose sum is negative.

With the softmax Y'' turns negative where the network is sure, and alpha has a pole near g sum(A) = 2: maps then jump.
The exponential has none, as long as the maps come from a ReLU.

No two libraries compute the same. pytorch-grad-cam 1.5.7 adds 1e-6 to the denominator of Eq. 19, where g^2 is often
less; torch-cam 0.5.0 divides a masked copy and goes on with g^2 alone; Xplique averages where Eq. 5 sums, which
changes nothing but the size; the authors' own code divides alpha by its sum over the places with a positive gradient,
which the paper does not.

Raises ValueError if images, classes, layer or ``output`` do not fit.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from repro.attribution.grad_cam import grad_cam, heatmap
from repro.engine import checks, gradients, pooling
from repro.lab import figures, metrics, networks, scenes


def grad_cam_pp(
    model: nn.Module,
    images: Tensor,
    target_classes: Tensor,
    target_layer: nn.Module | None = None,
    *,
    output: Literal["exponential", "softmax"] = "exponential",
) -> Tensor:
    """Maps L^c ``(B, 1, h, w)`` of ``images (B, 3, H, W)`` for one class an image, ``(B,)``.

    ``target_layer`` returns the feature maps A^k; unless it is given they are what the last pooling is given.
    """
    if output not in ("exponential", "softmax"):
        raise ValueError(f"output must be 'exponential' or 'softmax', not {output!r}")
    checks.check_images(images)
    with pooling.maps_and_logits(model, images, target_layer) as (feature_maps, logits):
        classes = checks.class_indices(target_classes, logits)
        if output == "exponential":
            first = gradients.gradient(logits, classes, feature_maps)
            alpha = _exponential_alpha(first, feature_maps.detach())
        else:
            first, second, third = _softmax_derivatives(logits, classes, feature_maps)
            alpha = _alpha(second, third, feature_maps.detach())
    return _heatmap(feature_maps.detach(), _channel_weights(alpha, first))


def _exponential_alpha(gradient: Tensor, feature_maps: Tensor) -> Tensor:
    denominator = 2 + gradient * _sum(feature_maps)  # Eq. (19), above and below divided by g^2
    return torch.where(denominator == 0, 0, 1 / denominator).to(gradient)


def _softmax_derivatives(logits: Tensor, classes: Tensor, feature_maps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Y', Y'' and Y''' over Y^c, from one gradient for each class."""
    own = gradients.gradient(logits, classes, feature_maps, again=True)
    probabilities = logits.detach().softmax(1)
    m1, m2, m3 = (torch.zeros_like(own) for _ in range(3))
    for k in range(logits.shape[1]):
        difference = own - gradients.gradient(logits, torch.full_like(classes, k), feature_maps, again=True)
        share = probabilities[:, k, None, None, None] * difference
        m1, m2, m3 = m1 + share, m2 + share * difference, m3 + share * difference**2
    return m1, 2 * m1**2 - m2, 6 * m1**3 - 6 * m1 * m2 + m3  # Eqs. (22), (23), (24)


def _alpha(second: Tensor, third: Tensor, feature_maps: Tensor) -> Tensor:
    denominator = 2 * second + _sum(feature_maps) * third  # Eq. (10)
    return torch.where(denominator == 0, 0, second / denominator).to(second)


def _sum(feature_maps: Tensor) -> Tensor:
    """Over the places; of float16 in float32, for it ends at 65504."""
    return feature_maps.sum((2, 3), keepdim=True, dtype=torch.promote_types(feature_maps.dtype, torch.float32))


def _channel_weights(alpha: Tensor, first: Tensor) -> Tensor:
    return (alpha * first.relu()).sum((2, 3))  # Eq. (5)


def _heatmap(feature_maps: Tensor, channel_weights: Tensor) -> Tensor:
    return torch.einsum("bkij,bk->bij", feature_maps, channel_weights)[:, None].relu()  # Eq. (20)


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """The claims' numbers on fc-scenes: 300 held-out scenes with two or three objects of one class, 400 of all kinds.

    An object's coverage is the share of it where the map is above a quarter of its maximum.  Confidences are softmax
    probabilities of the predicted class; an explanation shows the image times the map, which runs from 0 to 1, on black
    as in the paper or on grey.
    """
    model = networks.load("fc-scenes", seed).to(device)
    held_out = scenes.load(2000, seed)
    several = held_out.take(np.flatnonzero((held_out.instance_classes >= 0).sum(1) > 1)[:300])
    quantities: dict[str, float] = {}
    images, classes = networks.inputs(several.images, several.labels, device)
    ours, theirs = (metrics.stretched(method(model, images, classes)) for method in (grad_cam_pp, grad_cam))
    for name, heatmaps in (("grad-cam-pp", ours), ("grad-cam", theirs)):
        quantities |= {f"{name}-{key}": value for key, value in _coverage(heatmaps, several).items()}
    images, _ = networks.inputs(held_out.images[:400], held_out.labels[:400], device)
    with torch.no_grad():
        classes = model(images).argmax(1)
    ours, theirs = (metrics.stretched(method(model, images, classes)) for method in (grad_cam_pp, grad_cam))
    before = metrics.confidence(model, images, classes)
    for fill, value in (("black", 0.0), ("grey", 0.5)):
        after, other = (
            metrics.confidence(model, metrics.explanation(images, maps, value), classes) for maps in (ours, theirs)
        )
        for name, confidence in (("grad-cam-pp", after), ("grad-cam", other)):
            quantities[f"{name}-drop-{fill}"] = float(metrics.confidence_drops(before, confidence).mean())
            quantities[f"{name}-increase-{fill}"] = float(metrics.confidence_rises(before, confidence).mean())
        quantities[f"win-{fill}"] = float(metrics.confidence_rises(other, after).mean())
    gains = {
        key.removeprefix("grad-cam-pp-"): value - quantities[key.replace("-pp", "", 1)]
        for key, value in quantities.items()
        if key.startswith("grad-cam-pp-")
    }
    return quantities | {f"gain-{key}": value for key, value in gains.items()} | _special_cases(model, images, classes)


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """Three scenes with three objects of one class: Grad-CAM, Grad-CAM++, Grad-CAM with positive gradients alone."""
    model = networks.load("fc-scenes", seed).to(device)
    held_out = scenes.load(2000, seed)
    three = held_out.take(np.flatnonzero((held_out.instance_classes >= 0).sum(1) == 3)[:3])
    images, classes = networks.inputs(three.images, three.labels, device)
    columns = {
        "Grad-CAM": metrics.stretched(grad_cam(model, images, classes)),
        "Grad-CAM++": metrics.stretched(grad_cam_pp(model, images, classes)),
        "positive gradients": metrics.stretched(_positive_gradients(model, images, classes)),
    }
    rows = [
        [figures.Panel(f"three times {scenes.CLASSES[three.labels[i]]}", images[i])]
        + [figures.Panel(title, images[i], maps[i]) for title, maps in columns.items()]
        for i in range(3)
    ]
    return figures.panels(rows, "Grad-CAM++ on scenes with several objects", "share of the map's maximum")


def _coverage(heatmaps: Tensor, several: scenes.Scenes) -> dict[str, float]:
    size = (scenes.SIZE, scenes.SIZE)
    above = metrics.upsample(heatmaps, size)[:, 0].cpu().numpy()
    there = several.instance_classes >= 0
    areas = several.instance_masks.sum((2, 3))
    covered = (several.instance_masks & (above > 0.25)[:, None]).sum((2, 3)) / np.maximum(areas, 1)
    found = {
        "coverage": covered[there].mean(),
        "weakest-coverage": np.where(there, covered, 1).min(1).mean(),
        "found": (covered[there] > 0).mean(),
    }
    inside = np.zeros_like(above, bool)  # the boxes of all instances
    for i, boxes in enumerate(several.boxes):
        for left, top, right, bottom in boxes:
            inside[i, top:bottom, left:right] = True
    for threshold in (0.25, 0.5):
        shown = above > threshold
        overlap = (shown & inside).sum((1, 2)) / (inside.sum((1, 2)) + (shown & ~inside).sum((1, 2)))  # Eq. (26)
        found[f"overlap-{round(100 * threshold)}"] = overlap.mean()
    return {key: float(value) for key, value in found.items()}


def _special_cases(model: nn.Module, images: Tensor, classes: Tensor) -> dict[str, float]:
    """How far the map is from Grad-CAM's if all alpha are 1/Z, of feature maps without a negative gradient; and how
    much the map is like Grad-CAM's with the positive gradients alone.
    """
    with pooling.maps_and_logits(model, images) as (feature_maps, logits):
        gradient = gradients.gradient(logits, classes, feature_maps)
    constant = torch.full_like(gradient, 1 / gradient[0, 0].numel())
    rising = feature_maps.detach() * (gradient >= 0).all(3).all(2)[:, :, None, None]
    theirs = heatmap(rising, gradient)
    difference = (_heatmap(rising, _channel_weights(constant, gradient)) - theirs).abs().max() / theirs.max()
    maps, positive = grad_cam_pp(model, images, classes), _positive_gradients(model, images, classes)
    return {
        "constant-alpha-difference": float(difference),
        "like-positive-gradients": float(nn.functional.cosine_similarity(maps.flatten(1), positive.flatten(1)).mean()),
    }


def _positive_gradients(model: nn.Module, images: Tensor, classes: Tensor) -> Tensor:
    """Eq. (5) with all alpha alike."""
    with pooling.maps_and_logits(model, images) as (feature_maps, logits):
        gradient = gradients.gradient(logits, classes, feature_maps)
    return _heatmap(feature_maps.detach(), _channel_weights(torch.ones_like(gradient), gradient))
