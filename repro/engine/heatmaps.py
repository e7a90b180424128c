"""Heatmaps ``(B, 1, h, w)`` and attributions ``(B, C, H, W)``: enlarged, normalised, reduced over channels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional


def upsample(heatmaps: Tensor, size: Sequence[int]) -> Tensor:
    """Heatmaps on the image's grid, ``(B, 1, H, W)``: bilinear, pixel areas aligned (not corners)."""
    return functional.interpolate(heatmaps, size=tuple(size), mode="bilinear", align_corners=False)


def min_max_normalise(heatmaps: Tensor) -> Tensor:
    """Each map scaled linearly so that its minimum is 0 and its maximum 1.  A constant map becomes 0."""
    low, high = heatmaps.amin((1, 2, 3), keepdim=True), heatmaps.amax((1, 2, 3), keepdim=True)
    return (heatmaps - low) / torch.where(high > low, high - low, 1)


def channel_absolute_sum(attribution: Tensor) -> Tensor:
    """Absolute values of ``(B, C, H, W)``, summed over the channels: ``(B, 1, H, W)``."""
    return attribution.abs().sum(1, keepdim=True)


def max_normalise(maps: Tensor) -> Tensor:
    """Each map divided by its largest absolute value, so that signs and zero stay.  A map of zeros stays zero."""
    return maps / maps.abs().amax((1, 2, 3), keepdim=True).clamp_min(1e-12)
