"""OpenBox: a network of ReLUs is one linear classifier on each of many polytopes; this is the one at an image.

Each unit is linear on either side of its kink.  While all units stay on the side where they are now, the whole network
is linear, and the weights of that linear classifier tell exactly how the network decides.

Paper: ``chu2018exact``.  Only its abstract and introduction could be read: the equations bear letters here.

The decision features ``(B, C, H, W)`` of a class are its row of W, in logits per unit of the image's values: they are
the vanilla gradient, which tells neither the bias nor the polytope, nor whether W x + b is the logit.
Softmax does not see what all rows share: take the mean row off before comparing networks.

Differences from the paper:
1. Products of weight matrices are taken by backward passes, one a row, and the bias by sending zeros through the
   network with each unit held on its side.  So convolutions, shortcuts, max pooling, ReLU6 and leaky ReLU are allowed.
2. Inequalities that follow from others stay among those of a polytope.

Raises NoRuleError if W x + b is not the logit, because something else bends the network (GELU, a scripted part);
ImagesError, LogitsError, ClassesError for inputs that do not fit; GradientError if nothing depends on the image.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from repro.engine import checks, gradients, linear_pieces
from repro.engine.errors import NoRuleError
from repro.engine.results import Attribution


class LocalLinear(NamedTuple):
    """The classifier softmax(W x + b) at each image."""

    weights: Tensor  # (B, K, C, H, W)
    bias: Tensor  # (B, K)
    configuration: Tensor  # (B, units), each one's side: 0 or 1 for a ReLU, the maximum's place for max pooling


class Polytope(NamedTuple):
    """Where it applies: at all x at which ``normals @ x + offsets`` is at least 0 for each unit."""

    normals: Tensor  # (B, units, C, H, W), the polytope's boundary features
    offsets: Tensor  # (B, units)

    def distances(self, images: Tensor) -> Tensor:
        """Of ``images (B, C, H, W)`` from each wall, ``(B, units)``: less than 0 beyond it."""
        lengths: Tensor = self.normals.flatten(2).norm(dim=2)
        return ((self.normals * images[:, None]).sum((2, 3, 4)) + self.offsets) / lengths


def piecewise_linear(model: nn.Module, images: Tensor, target_classes: Tensor) -> Attribution:
    """Decision features ``(B, C, H, W)`` at ``images (B, C, H, W)`` of one class per image, ``(B,)``."""
    with linear_pieces.held(model, images) as near:
        classes = checks.class_indices(target_classes, near.logits)
        weights = gradients.gradient(near.logits, classes, near.pixels)
        bias, logits = (each.gather(1, classes[:, None]) for each in (near.bias, near.logits))
    _check(images, weights[:, None], bias, logits)
    return weights


def local_linear(model: nn.Module, images: Tensor) -> LocalLinear:
    """The linear classifier at each of ``images (B, C, H, W)``: one backward pass a class."""
    with linear_pieces.held(model, images) as near:
        weights = _rows(near.logits, near.pixels)
    _check(images, weights, near.bias, near.logits)
    return LocalLinear(weights, near.bias, torch.cat([each.side.flatten(1) for each in near.pieces], 1))


def polytope(model: nn.Module, images: Tensor) -> Polytope:
    """The polytope around each of ``images (B, C, H, W)``: one backward pass a unit, so for small networks; NoRuleError
    if more than ReLUs bends them.
    """
    with linear_pieces.held(model, images) as near:
        if any(len(each.kinks) != 1 for each in near.pieces):
            raise NoRuleError("polytopes are known for networks in which only ReLUs bend")
        rows = torch.cat([_rows(each.given.flatten(1), near.pixels) for each in near.pieces], 1)
    constants = torch.cat([each.flatten(1) for each in near.biases], 1)
    signs = torch.cat([2 * each.side.flatten(1) - 1 for each in near.pieces], 1)
    return Polytope(signs[:, :, None, None, None] * rows, signs * constants)  # Eq. (c)


def _rows(outputs: Tensor, pixels: Tensor) -> Tensor:
    """The weights ``(B, N, C, H, W)`` of each of the outputs ``(B, N)``."""
    columns = torch.arange(outputs.shape[1], device=outputs.device)[:, None].expand(-1, len(outputs))
    return torch.stack([gradients.gradient(outputs, each, pixels, retain_graph=True) for each in columns], 1)  # Eq. (a)


def _check(images: Tensor, weights: Tensor, bias: Tensor, logits: Tensor) -> None:
    terms = (weights * images[:, None]).flatten(2)
    off = (terms.sum(2) + bias - logits).abs()  # Eq. (b)
    if (off > torch.finfo(off.dtype).eps ** 0.5 * (terms.norm(dim=2) + bias.abs() + logits.abs())).any():
        raise NoRuleError("W x + b is not the logit: something bends the network that is no ReLU and no max pooling")
