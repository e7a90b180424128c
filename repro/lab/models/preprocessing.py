"""A model with what belongs to it: what it sees of an image, its class names, and a range of values of [0, 1]."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from repro.engine.errors import ImagesError

THINNEST = 64  # longer by shorter side: of what is thinner hardly anything would be seen, and it takes gigabytes
LUMA = (0.299, 0.587, 0.114)  # how much each colour adds to grey, as in JPEG


@dataclass(frozen=True)
class Preprocessing:
    """What a model sees of an image: shorter side to ``resize``, then the middle square of ``crop``."""

    resize: int
    crop: int
    channels: int = 3  # or 1: grey
    interpolation: str = "bilinear"

    def view(self, image: Tensor) -> Tensor:
        """What the model sees of an image ``(1 or 3, H, W)`` in [0, 1], ``(channels, crop, crop)``, also in [0, 1].

        Raises ImagesError for an image that is too thin.
        """
        height, width = image.shape[1:]
        shorter = min(height, width)
        if max(height, width) > THINNEST * shorter:
            raise ImagesError(
                f"an image of {height} x {width} pixels is too thin: its longer side is at most {THINNEST} times the"
                " shorter"
            )
        size = (max(self.crop, self.resize * height // shorter), max(self.crop, self.resize * width // shorter))
        resized = functional.interpolate(image[None], size, mode=self.interpolation, antialias=True)[0].clamp(0, 1)
        top, left = round((size[0] - self.crop) / 2), round((size[1] - self.crop) / 2)
        square = resized[:, top : top + self.crop, left : left + self.crop]
        if self.channels == 1 and len(square) == 3:
            return torch.einsum("chw,c->hw", square, square.new_tensor(LUMA))[None]
        return square.expand(self.channels, -1, -1)


@dataclass(frozen=True)
class LoadedModel:
    """A model in evaluation mode that takes images in [0, 1], its preprocessing, its class names (empty if unknown)."""

    model: nn.Module
    preprocessing: Preprocessing
    classes: Sequence[str]


def in_unit_range(model: nn.Module, mean: Sequence[float], std: Sequence[float]) -> nn.Module:
    """The model in evaluation mode, which from now on takes images in [0, 1]: it normalises them first.

    The model is changed in place: its layers keep their names, and its class becomes a subclass that normalises.
    """
    kind = type(model)

    def forward(self: Any, images: Tensor) -> Tensor:
        logits: Tensor = kind.forward(self, (images - self.image_mean) / self.image_std)
        return logits

    for name, values in (("image_mean", mean), ("image_std", std)):
        model.register_buffer(name, torch.tensor(values)[:, None, None], persistent=False)
    model.__class__ = type(kind.__name__, (kind,), {"forward": forward, "__module__": kind.__module__})
    return model.eval()
