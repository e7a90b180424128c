"""Random changes to images, of a given size: what a change made on purpose is compared with."""

from __future__ import annotations

import torch
from torch import Tensor


def random_signs(images: Tensor) -> Tensor:
    """1 or -1 for every value; the same on every device."""
    return (torch.randint(0, 2, images.shape, generator=torch.Generator().manual_seed(0)) * 2 - 1).to(images)


def random_step(images: Tensor, size: float) -> Tensor:
    """Every value moved by ``size`` up or down, and cut off at 0 and 1."""
    return (images + size * random_signs(images)).clamp(0, 1)


def gaussian(images: Tensor) -> Tensor:
    """Normally distributed, of standard deviation 1; the same on every device."""
    return torch.randn(images.shape, generator=torch.Generator().manual_seed(0)).to(images)


def of_size(changes: Tensor, sizes: Tensor) -> Tensor:
    """Each change ``(B, C, H, W)`` scaled so that its root mean square is the size ``(B,)``; zero stays zero."""
    own = changes.flatten(1).square().mean(1).sqrt().clamp_min(torch.finfo(changes.dtype).tiny)
    return changes * (sizes / own)[:, None, None, None]
