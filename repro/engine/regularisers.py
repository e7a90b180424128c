"""What regularises an optimised image after a step: operators on images ``(B, C, H, W)`` less their mean."""

from __future__ import annotations

import torch
from torch import Tensor


def blurred(x: Tensor, width: float) -> Tensor:
    """Images after a Gaussian blur; ``width`` is its standard deviation in pixels.  Edges are mirrored outwards."""
    for _ in range(2):  # along rows, then along columns
        size, away = x.shape[3], int(4 * width + 0.5)
        beyond = torch.arange(-away, size + away)
        distances = (beyond - torch.arange(size)[:, None]).double()
        weights = torch.exp(-distances.square() / (2 * width**2)) * (distances.abs() <= away)
        mirrored = (beyond % (2 * size)).where(beyond % (2 * size) < size, -1 - beyond % -(2 * size))
        matrix = torch.zeros(size, size).double().index_add(1, mirrored, weights / weights.sum(1, keepdim=True))
        x = (x @ matrix.T.to(x)).transpose(2, 3)
    return x


def without_smallest(x: Tensor, sizes: Tensor, percentage: float) -> Tensor:
    """Images with zero at each pixel whose size, of ``sizes (B, 1, H, W)``, is below this percentile of its image."""
    if not percentage:
        return x
    limit = sizes.flatten(1).quantile(percentage / 100, dim=1).view(-1, 1, 1, 1)
    return x * (sizes >= limit)
