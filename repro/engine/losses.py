"""Gradients of a loss with respect to the images, one loss for each image."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from repro.engine.errors import GradientError


def with_gradient(model: nn.Module, images: Tensor, loss: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
    """``loss`` of the logits, ``(B,)``, and its gradient with respect to the images; GradientError if there is none."""
    with torch.enable_grad():
        pixels = images.detach().requires_grad_()
        losses = loss(model(pixels))
        gradient = torch.autograd.grad(losses.sum(), pixels, allow_unused=True)[0] if losses.requires_grad else None
    if gradient is None:
        raise GradientError("the logits do not depend on the images, or not through operations with a gradient")
    return losses.detach(), gradient


def log_odds_against(logits: Tensor, classes: Tensor) -> Tensor:
    """log(sum_{k != y} exp z_k) - z_y for each image, z being its logits and y its class.

    The cross-entropy is log(1 + exp(.)) of it, an increasing function, so both have the same sign of the gradient.  The
    cross-entropy's own gradient underflows where the network is sure of the class: in float32 torchattacks 3.5.1 then
    steps the wrong way, or not at all.
    """
    own = classes[:, None]
    return logits.scatter(1, own, -math.inf).logsumexp(1) - logits.gather(1, own)[:, 0]
