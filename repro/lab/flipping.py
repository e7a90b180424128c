"""What pixel flipping covers regions with, and the area over its curve (Samek et al. 2017)."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def blurred(images: Tensor) -> Tensor:
    """Images averaged twice over 17 by 17 pixels: the colours stay, the objects go."""
    for _ in range(2):
        images = functional.avg_pool2d(images, 17, stride=1, padding=8, count_include_pad=False)
    return images


def aopc(curves: Tensor) -> float:
    """Area over the perturbation curve: how far the probability falls below its start, averaged over steps and images;
    ``curves`` are those of ``metrics.pixel_flipping``.
    """
    return float((curves[:, :1] - curves).mean())
