"""Grad-CAM++: Grad-CAM with a weight for every position, so that small and repeated objects count as well.

Grad-CAM weights a feature map by its mean gradient, so that a map with its pattern in few positions gets a small
weight.  Here the weight is a sum over the positive gradients, each with its own coefficient alpha.

Paper: ``chattopadhay2018gradcampp``, Sec. 3; sections and equations as in arXiv 1710.11063.

Y^c is the exponential (Eq. 12) or the softmax (Eq. 21) of the logit S^c, which is piecewise linear in the feature maps.
How Eq. 10 comes about is less sound than what follows from it: Eq. 7, that Y^c is the sum of the weighted maps, holds
only with global average pooling and without the last function; Eqs. 8 and 9 treat alpha as a constant and leave out the
ReLU, all mixed derivatives and all other maps.  So alpha is a choice, not a consequence.  Where g sum(A) is well below
2, every alpha of Eq. 19 is a half, and the map is Grad-CAM's with the positive gradients only; well above, the weight
tends to the number of positions with a positive gradient over the sum of the map.

The heatmap is ``(B, 1, h, w)`` on the grid of the feature maps, never negative; its size has no unit.

Differences from the paper:
1. The factor Y^c, one positive number per image in all weights, is left out: the exponential of a logit overflows.
2. Eq. 24 needs the gradient of every class, one backward pass each, not "a single backward pass" (Sec. 3.4).
3. Where a denominator is zero, alpha is zero.  That needs a gradient of zero, or maps whose sum is negative.
4. Eqs. 22 to 24 are written with moments of gradient differences; the tests compare them with automatic derivatives.

With the softmax, Y'' turns negative where the network is confident, and alpha has a pole near g sum(A) = 2: maps then
jump.  The exponential has no pole as long as the maps come from a ReLU.

No two libraries compute the same.  pytorch-grad-cam 1.5.7 adds 1e-6 to the denominator of Eq. 19, where g^2 is often
less; torch-cam 0.5.0 divides a masked copy and goes on with g^2; Xplique averages where Eq. 5 sums, which changes only
the size; the authors' code divides alpha by its sum over the positions with a positive gradient, the paper does not.

Raises OptionsError for another ``output``; all else as Grad-CAM.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from repro.engine import checks, gradients, pooling
from repro.engine.errors import OptionsError
from repro.engine.results import Heatmap


def grad_cam_pp(
    model: nn.Module,
    images: Tensor,
    target_classes: Tensor,
    target_layer: nn.Module | None = None,
    *,
    output: Literal["exponential", "softmax"] = "exponential",
) -> Heatmap:
    """Maps L^c ``(B, 1, h, w)`` of ``images (B, 3, H, W)``, for one class per image, ``(B,)``.

    ``target_layer`` returns the feature maps A^k; by default they are the input of the last pooling.
    """
    if output not in ("exponential", "softmax"):
        raise OptionsError(f"output must be 'exponential' or 'softmax', not {output!r}")
    with pooling.maps_and_logits(model, images, target_layer) as (feature_maps, logits):
        classes = checks.class_indices(target_classes, logits)
        if output == "exponential":
            first = gradients.gradient(logits, classes, feature_maps)
            alpha = exponential_alpha(first, feature_maps.detach())
        else:
            first, second, third = _softmax_derivatives(logits, classes, feature_maps)
            alpha = _alpha(second, third, feature_maps.detach())
    return heatmap(feature_maps.detach(), channel_weights(alpha, first))


def _alpha(second: Tensor, third: Tensor, feature_maps: Tensor) -> Tensor:
    denominator = 2 * second + _sum(feature_maps) * third
    return torch.where(denominator == 0, 0, second / denominator).to(second)  # Eq. (10)


def exponential_alpha(gradient: Tensor, feature_maps: Tensor) -> Tensor:
    """Numerator and denominator are divided by g^2, which may be too small for a float."""
    denominator = 2 + gradient * _sum(feature_maps)
    return torch.where(denominator == 0, 0, 1 / denominator).to(gradient)  # Eq. (19)


def _softmax_derivatives(logits: Tensor, classes: Tensor, feature_maps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Y', Y'' and Y''', each divided by Y^c."""
    own = gradients.gradient(logits, classes, feature_maps, retain_graph=True)
    probabilities = logits.detach().softmax(1)  # Eq. (21)
    m1, m2, m3 = (torch.zeros_like(own) for _ in range(3))
    for k in range(logits.shape[1]):
        difference = own - gradients.gradient(logits, torch.full_like(classes, k), feature_maps, retain_graph=True)
        share = probabilities[:, k, None, None, None] * difference
        m1, m2, m3 = m1 + share, m2 + share * difference, m3 + share * difference**2
    second = 2 * m1**2 - m2  # Eq. (23)
    third = 6 * m1**3 - 6 * m1 * m2 + m3  # Eq. (24)
    return m1, second, third  # Eq. (22)


def _sum(feature_maps: Tensor) -> Tensor:
    """Over positions; in float32 for float16, whose largest number is 65504."""
    return feature_maps.sum((2, 3), keepdim=True, dtype=torch.promote_types(feature_maps.dtype, torch.float32))


def channel_weights(alpha: Tensor, first: Tensor) -> Tensor:
    return (alpha * first.relu()).sum((2, 3))  # Eq. (5)


def heatmap(feature_maps: Tensor, channel_weights: Tensor) -> Tensor:
    return torch.einsum("bkij,bk->bij", feature_maps, channel_weights)[:, None].relu()  # Eq. (20)
