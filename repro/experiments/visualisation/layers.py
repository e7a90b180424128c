"""How features change from layer to layer (Zeiler and Fergus 2014, Sec. 4 and 4.3): distances, moved images, Delta."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from repro.engine import watching

_MODULES = ("features.2", "features.5", "features.7", "features.9", "features.12", "classifier.1", "classifier.3")
# the paper's seven layers in zf-scenes, each after its ReLU and its pooling
LAYERS = {str(number): name for number, name in enumerate(_MODULES, 1)}
DIGITS = {"1": "features.2", "2": "features.5", "3": "classifier.1"}  # of lenet-mnist, likewise


def features(model: nn.Module, images: Tensor, layers: Sequence[nn.Module]) -> tuple[list[Tensor], Tensor]:
    """Feature vectors x^l ``(B, D_l)`` of each layer, and the logits ``(B, K)``."""
    with watching.observing(model, *layers, gradients=False) as outputs:
        logits = model(images)
    return [output.flatten(1) for output in outputs], logits


def moved(images: Tensor, shift: float = 0.0, scale: float = 1.0, angle: float = 0.0) -> Tensor:
    """Images ``(B, C, H, W)`` shifted down by pixels, enlarged about the middle, turned by degrees anticlockwise.

    The border continues outwards; the paper does not say what it fills with.
    """
    cos, sin = (f(math.radians(angle)) / scale for f in (math.cos, math.sin))
    aspect_ratio = images.shape[2] / images.shape[3]  # the grid's units are half the height and half the width
    inverse = images.new_tensor([[cos, -sin * aspect_ratio, 0.0], [sin / aspect_ratio, cos, 0.0]])
    inverse[:, 2] -= inverse[:, 1] * 2 * shift / images.shape[2]
    grid = functional.affine_grid(inverse.expand(len(images), 2, 3), list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)


def changes(before: Tensor, after: Tensor) -> Tensor:
    """||x^l(moved image) - x^l(image)|| of features ``(B, D)``, ``(B,)`` (Fig. 5).

    Differs from the paper: divided by the mean distance of different images, so that layers can be compared.
    """
    count = len(before)
    typical = torch.cdist(before, before).sum() / (count * (count - 1))
    distances: Tensor = (before - after).norm(dim=1)
    return distances / typical.clamp_min(1e-12)


def delta(whole: Tensor, covered: Tensor) -> Tensor:
    """Delta_l = sum_(i != j) H(sign(epsilon_i), sign(epsilon_j)), epsilon_i = x_i - x~_i, of features ``(B, D)`` of B
    images, whole (x) and with a part covered (x~) (Sec. 4.3).  It is low if this changes all images' features alike.

    Differs from the paper: a mean over pairs and features, so a share between 0 and 1.
    """
    signs = (whole - covered).sign()
    hamming = (signs[:, None] != signs[None]).to(whole).mean(2)
    return hamming.sum() / (len(signs) * (len(signs) - 1))  # the diagonal is zero
