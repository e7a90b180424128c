"""Holes in images, filled in from what surrounds them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional


def harmonic(images: Tensor, holes: Tensor) -> Tensor:
    """Images ``(B, C, H, W)`` whose holes, true in ``(B, H, W)``, continue their surroundings as smoothly as possible.

    Every pixel of a hole becomes the mean of its neighbours, four or at the image's border fewer (Laplace's equation).
    So a flat surface stays flat, a ramp goes on, and nothing leaves the range of the rim.  An image that is all hole
    becomes 0.  Solved by conjugate gradients on the pixels of the holes, in single precision or better.
    """
    row, down, across = holes.nonzero(as_tuple=True)
    number = torch.full_like(holes, len(row), dtype=torch.long)  # of the pixels that are in no hole: one after the last
    number[row, down, across] = torch.arange(len(row), device=holes.device)
    height, width = holes.shape[1:]
    rim = images.new_zeros(len(row), images.shape[1], dtype=torch.promote_types(images.dtype, torch.float32))
    around = []
    for y, x in ((down - 1, across), (down + 1, across), (down, across - 1), (down, across + 1)):
        y, x = y.clamp(0, height - 1), x.clamp(0, width - 1)  # over the border a pixel is its own neighbour
        around.append(number[row, y, x])
        outside = ~holes[row, y, x][:, None]
        rim += images[row, :, y, x].to(rim.dtype) * outside

    def applied(values: Tensor) -> Tensor:  # how much more than its neighbours together, the rim being 0
        known = functional.pad(values, (0, 0, 0, 1))
        return 4 * values - sum(known[each] for each in around)

    found = _conjugate_gradients(applied, rim, row, len(images))
    filled = images.clone()
    filled[row, :, down, across] = found.to(images.dtype)
    return filled


def _conjugate_gradients(applied: Callable[[Tensor], Tensor], right: Tensor, owner: Tensor, count: int) -> Tensor:
    """Values ``(P, C)`` with ``applied(values) = right``, for each of ``count`` images, their ``owner (P,)``, apart."""

    def of_each(products: Tensor) -> Tensor:  # their sum over each image
        return right.new_zeros(count).index_add_(0, owner, products.sum(1))

    info = torch.finfo(right.dtype)
    values, residual, direction = torch.zeros_like(right), right, right
    size = of_each(residual.square())
    enough = info.eps**2 * size
    for _ in range(len(right)):  # in exact arithmetic the last step at the latest solves it
        going = size > enough
        if not going.any():
            break
        ahead = applied(direction)
        step = torch.where(going, size / of_each(direction * ahead).clamp_min(info.tiny), 0)[owner, None]
        values, residual = values + step * direction, residual - step * ahead
        before, size = size, of_each(residual.square())
        direction = residual + (size / before.clamp_min(info.tiny))[owner, None] * direction
    return values
