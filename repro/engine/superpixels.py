"""Superpixels of images, and the images in which some of them are hidden."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from repro.engine import checks, variants
from repro.engine.errors import OptionsError


@dataclass(frozen=True)
class Superpixels:
    """The superpixels of each image, numbered from 0, and what is seen where one is hidden."""

    images: Tensor  # (B, C, H, W)
    labels: Tensor  # (B, H, W), the number of each pixel's superpixel
    filled: Tensor  # (B, C, H, W), the images with all of them hidden

    @classmethod
    def of(cls, images: Tensor, segments: Tensor, fill: float | str = 0.5) -> Superpixels:
        """``segments (B, H, W)`` are any whole numbers, one for each superpixel; ``fill`` is a grey, or "mean" for each
        one's mean colour.  ImagesError or OptionsError if something does not fit.
        """
        checks.check_images(images)
        shape = (len(images), *images.shape[2:])
        if segments.is_floating_point() or tuple(segments.shape) != shape:
            given = f"{segments.dtype} {tuple(segments.shape)}"
            raise OptionsError(f"segments must be whole numbers {shape}, one a pixel, not {given}")
        numbered = [each.unique(return_inverse=True)[1] for each in segments.to(images.device)]
        labels = torch.stack(numbered) if numbered else segments.to(images.device).long()
        if isinstance(fill, str) and fill != "mean":
            raise OptionsError(f"fill must be a number or 'mean', not {fill!r}")
        filled = mean_colours(images, labels) if isinstance(fill, str) else torch.full_like(images, fill)
        return cls(images, labels, filled)

    @property
    def counts(self) -> list[int]:
        """How many superpixels each image has."""
        return [int(each.max()) + 1 for each in self.labels]

    def shown(self, rows: Tensor, on: Tensor) -> Tensor:
        """The images of these numbers ``(N,)``, with the superpixels hidden that are not ``on (N, S)``."""
        parts = (self.images, self.filled, self.labels)
        # of one image no copies are made: they would take longer than all else here
        images, filled, labels = parts if len(self.images) == 1 else (each[rows] for each in parts)
        index = labels.flatten(1).expand(len(on), -1)
        visible = on.to(images.dtype).gather(1, index).view(len(on), 1, *labels.shape[1:])
        return torch.lerp(filled, images, visible)  # exact at 0 and at 1

    def on_pixels(self, values: Sequence[Tensor]) -> Tensor:
        """One value for each superpixel of each image, as a map ``(B, 1, H, W)``."""
        maps = [each.to(self.images)[labels] for each, labels in zip(values, self.labels, strict=True)]
        return torch.stack(maps)[:, None] if maps else self.images[:, :1]


def answers(
    model: nn.Module,
    whole: Superpixels,
    target_classes: Tensor,
    on: Tensor,
    *,
    of: str = "probability",
    batch: int = 64,
    report: variants.Report = variants.silent,
) -> Tensor:
    """What the model says of each image's class where only those superpixels are seen that are on, ``(B, N)``.

    ``on (B, N, S)``; ``of``, ``batch`` and the errors are those of ``variants.class_scores``.
    """
    seen = on.to(whole.images.device)
    _, found = variants.class_scores(
        model,
        whole.images,
        target_classes,
        on.shape[1],
        lambda rows, numbers: whole.shown(rows, seen[rows, numbers]),
        of=of,
        batch=batch,
        report=report,
    )
    return found


def grid(images: Tensor, count: int) -> Tensor:
    """About ``count`` rectangles, nearly square, as segments ``(B, H, W)``: superpixels that need no algorithm."""
    checks.check_images(images)
    height, width = images.shape[2:]
    if not 0 < count <= height * width:
        raise OptionsError(f"an image of {height} x {width} pixels has 1 to {height * width} superpixels, not {count}")
    down = min(height, max(1, round((count * height / width) ** 0.5)))
    across = min(width, max(1, round(count / down)))
    row, column = (torch.arange(side, device=images.device) for side in (height, width))
    labels: Tensor = (row * down // height)[:, None] * across + column * across // width
    return labels.expand(len(images), -1, -1)


def mean_colours(images: Tensor, labels: Tensor) -> Tensor:
    """Each superpixel in its mean colour, ``(B, C, H, W)``."""
    values = images.flatten(2).to(torch.promote_types(images.dtype, torch.float32))  # sums are too large for halves
    index = labels.flatten(1)[:, None].expand_as(values)
    means = torch.zeros_like(values).scatter_reduce(2, index, values, "mean", include_self=False)
    return means.gather(2, index).view_as(images).to(images)
