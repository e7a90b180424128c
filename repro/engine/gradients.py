"""Gradients of one logit per image, with respect to its pixels or to a layer's feature maps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn import functional

from repro.engine import checks, pooling, relu_rules, watching
from repro.engine.errors import GradientError


def pixel_gradient(
    model: nn.Module, images: Tensor, target_classes: Tensor, rule: relu_rules.Rule | None = None
) -> Tensor:
    """Gradient ``(B, C, H, W)`` with respect to the pixels; with a ``rule`` each ReLU sends back what the rule says."""
    with watching.observing(model), relu_rules.ReluRule(rule) if rule else nullcontext():
        pixels = watching.pixels(images)
        logits = model(pixels)
        classes = checks.class_indices(target_classes, logits)
        if rule:
            relu_rules.check_ruled(logits)
        return gradient(logits, classes, pixels)


def layer_gradient(
    model: nn.Module, images: Tensor, target_classes: Tensor, target_layer: nn.Module | None = None
) -> tuple[Tensor, Tensor]:
    """Feature maps and the gradient with respect to them, each ``(B, C, h, w)``, as in ``pooling.maps_and_logits``."""
    with pooling.maps_and_logits(model, images, target_layer) as (feature_maps, logits):
        found = gradient(logits, checks.class_indices(target_classes, logits), feature_maps)
    return feature_maps.detach(), found


def gradient(logits: Tensor, classes: Tensor, inputs: Tensor, *, retain_graph: bool = False) -> Tensor:
    """Gradient of each image's logit of its class, with respect to its pixels or feature maps.

    With ``retain_graph`` further gradients can be computed.  Raises GradientError if the logits do not depend on the
    inputs, or if a checkpointed model cannot be followed.
    """
    chosen = functional.one_hot(classes, logits.shape[1]).to(logits)
    found = None
    with following():
        if logits.requires_grad and inputs.requires_grad:
            (found,) = torch.autograd.grad(logits, inputs, chosen, allow_unused=True, retain_graph=retain_graph)
    if found is None:
        raise GradientError("the logits do not depend on the layer or the image, or not by operations with a gradient")
    return found


@contextmanager
def following() -> Iterator[None]:
    """GradientError, in place of torch's error, if checkpoints make the backward pass impossible to follow."""
    try:
        yield
    except RuntimeError as error:
        if "checkpoint" not in str(error):
            raise
        raise GradientError(
            "the model runs parts of itself again in the backward pass, unwatched: switch its checkpointing off"
        ) from error
