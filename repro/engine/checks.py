"""Inputs that no method can use raise an error, with the same sentence for every method."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from repro.engine.errors import ClassesError, ImagesError, LogitsError


def check_images(images: Tensor) -> None:
    """ImagesError unless images are a floating-point tensor ``(B, C, H, W)``."""
    tensor = isinstance(images, Tensor)
    if not tensor or not images.is_floating_point() or images.dim() != 4:
        given = f"{images.dtype} {tuple(images.shape)}" if tensor else type(images).__name__
        advice = "divide grey levels by 255, and give a single image as images[None]"
        raise ImagesError(f"images must be floating point (B, C, H, W), not {given}: {advice}")


def check_unit_range(images: Tensor) -> None:
    """ImagesError if images are not floating point ``(B, C, H, W)`` in [0, 1]."""
    check_images(images)
    if not bool(((images >= 0) & (images <= 1)).all()):
        raise ImagesError("images must lie in [0, 1]: build the normalisation into the model, before its first layer")


def check_logits(logits: Tensor) -> Tensor:
    """The model's output, if it is logits ``(B, K)``; LogitsError if not."""
    tensor = isinstance(logits, Tensor)
    if not tensor or logits.dim() != 2:
        given = f"a tensor {tuple(logits.shape)}" if tensor else type(logits).__name__
        raise LogitsError(f"the model must return logits of shape (B, K), not {given}: wrap it so that it does")
    return logits


def class_indices(target_classes: Tensor | Sequence[int], logits: Tensor) -> Tensor:
    """Target classes as a tensor ``(B,)`` on the logits' device; LogitsError or ClassesError if either does not fit."""
    check_logits(logits)
    classes = torch.as_tensor(target_classes, device=logits.device)
    if classes.shape != logits.shape[:1] or (len(classes) and classes.is_floating_point()):  # [] is floating point
        given = f"{classes.dtype} {tuple(classes.shape)}"
        raise ClassesError(f"target_classes must be {len(logits)} whole numbers, one an image, not {given}")
    if ((classes < 0) | (classes >= logits.shape[1])).any():
        raise ClassesError(f"target_classes must lie in 0..{logits.shape[1] - 1}, not {classes.tolist()}")
    return classes.long()
