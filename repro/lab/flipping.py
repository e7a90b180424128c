"""What pixel flipping covers regions with."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def blurred(images: Tensor) -> Tensor:
    """Images averaged twice over 17 by 17 pixels: the colours stay, the objects disappear."""
    for _ in range(2):
        images = functional.avg_pool2d(images, 17, stride=1, padding=8, count_include_pad=False)
    return images
