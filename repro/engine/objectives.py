"""What an optimised image is optimised for: functions of images ``(B, C, H, W)`` with one value each, ``(B,)``."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from repro.engine import checks, units
from repro.engine.errors import OptionsError
from repro.engine.optimise import Objective
from repro.engine.representations import representation


def class_score(model: nn.Module, target_classes: Tensor | Sequence[int], like: Tensor, of: str = "logit") -> Objective:
    """The logit (or the log-probability) of a class for each image; ``like`` are images of the size and number meant.

    Raises LogitsError, and ClassesError for classes that the model does not have.
    """
    with torch.no_grad():
        classes = checks.class_indices(target_classes, model(like)).clone()[:, None]

    def score(images: Tensor) -> Tensor:
        logits: Tensor = model(images)
        return (logits if of == "logit" else logits.log_softmax(1)).gather(1, classes)[:, 0]

    return score


def channel_mean(
    model: nn.Module, target_layer: nn.Module, channels: Tensor | Sequence[int], like: Tensor
) -> Objective:
    """The mean of a channel over its maps ``(B, C, h, w)``, one channel for each image; or a unit of ``(B, K)``.

    Raises LayerError, UnitsError, and GradientError.
    """
    with torch.no_grad():
        chosen = units.indices(maps(model, like, target_layer), channels).clone()

    def mean(images: Tensor) -> Tensor:
        found = maps(model, images, target_layer)
        own = found[torch.arange(len(images), device=images.device), chosen]
        return own.mean((1, 2)) if own.dim() == 3 else own

    return mean


def maps(model: nn.Module, images: Tensor, target_layer: nn.Module) -> Tensor:
    """What a layer returns, as ``representation`` gives it, in its own shape; nothing after the layer is computed."""
    shapes: list[torch.Size] = []
    handle = target_layer.register_forward_hook(
        lambda _, __, output: shapes.append(getattr(output, "shape", torch.Size()))
    )
    try:
        return representation(model, images, target_layer).view(shapes[-1])
    finally:
        handle.remove()


def unit(
    model: nn.Module,
    target_layer: nn.Module,
    channels: Tensor | Sequence[int],
    like: Tensor,
    position: tuple[int, int] | None = None,
) -> Objective:
    """A unit's activation, one channel for each image: at ``position``, row and column, or in the middle of its map.

    Raises LayerError, UnitsError, OptionsError for a position outside the map, and GradientError.
    """
    with torch.no_grad():
        found = maps(model, like, target_layer)
    chosen, size = units.indices(found, channels).clone(), found.shape[2:]
    row, column = position or [each // 2 for each in size] or (0, 0)
    if size and not (0 <= row < size[0] and 0 <= column < size[1]):
        raise OptionsError(f"position must lie within {tuple(size)}, not {(row, column)}")

    def activation(images: Tensor) -> Tensor:
        own = maps(model, images, target_layer)[torch.arange(len(images), device=images.device), chosen]
        return own[:, row, column] if own.dim() == 3 else own

    return activation
