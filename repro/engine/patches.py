"""Windows that lie in larger patches of an image, and a Gaussian that says what could stand in one given its rim."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from repro.engine import checks
from repro.engine.errors import OptionsError

Fill = Callable[[Tensor, Tensor], Tensor]  # of images in these rows (N,), for these windows or versions (N,): pixels


@dataclass(frozen=True, eq=False)
class Windows:
    """Squares that move by a stride over images, each in a patch with a rim around it, numbered row by row.

    The last ones of a row or column end at the image's border, so that each pixel is in some window.  A patch is moved
    inwards where it would reach over the border; where in its patch a window lies is its kind.
    """

    size: tuple[int, int]  # of the images
    pixels: Tensor  # (W, k*k), which of the image's pixels a window holds
    around: Tensor  # (W, l*l), which ones its patch holds
    kinds: Tensor  # (W,)
    inside: Tensor  # (kinds, l*l), which of a patch's pixels are the window's

    @classmethod
    def on(cls, images: Tensor, window: int, rim: int, stride: int) -> Windows:
        """Windows of ``window`` by ``window`` pixels; ImagesError or OptionsError if something does not fit."""
        checks.check_images(images)
        height, width = size = (images.shape[2], images.shape[3])
        side = window + 2 * rim
        if not (0 < stride <= window and rim >= 0 and side <= min(size)):
            need = f"0 < stride <= window and window + 2 rim <= {min(size)}"
            raise OptionsError(f"need {need}, the image's side; got stride {stride}, window {window}, rim {rim}")
        starts = [torch.tensor([*range(0, end, stride), end]) for end in (height - window, width - window)]
        corners = torch.cartesian_prod(*starts)
        outer = (corners - rim).clamp_min(0).minimum(torch.tensor(size) - side)
        offsets, kinds = (corners - outer).unique(dim=0, return_inverse=True)
        within = [
            (each[:, None] <= torch.arange(side)) & (torch.arange(side) < each[:, None] + window) for each in offsets.T
        ]
        inside = (within[0][:, :, None] & within[1][:, None, :]).flatten(1)
        found = (_square(corners, window, width), _square(outer, side, width), kinds, inside)
        return cls(size, *(each.to(images.device) for each in found))

    @property
    def count(self) -> int:
        return len(self.pixels)

    def put(self, images: Tensor, numbers: Tensor, fills: Tensor) -> Tensor:
        """Images ``(N, C, H, W)``, in each the window of its number ``(N,)`` replaced by ``fills (N, C, k*k)``."""
        pixels = self.pixels[numbers][:, None].expand_as(fills)
        return images.flatten(2).scatter(2, pixels, fills).view_as(images)

    def mean(self, values: Tensor) -> Tensor:
        """On the pixels, ``(B, 1, H, W)``: at each the mean of the values ``(B, W)`` of all windows that hold it."""
        pixels, each = self.pixels.flatten(), self.pixels.shape[1]
        counts = values.new_zeros(math.prod(self.size)).index_add(0, pixels, values.new_ones(len(pixels)))
        total = values.new_zeros(len(values), len(counts)).index_add(1, pixels, values.repeat_interleave(each, 1))
        return (total / counts).view(len(values), 1, *self.size)


def _square(corners: Tensor, side: int, width: int) -> Tensor:
    """Flat indices ``(W, side * side)`` of the pixels of squares with these corners ``(W, 2)``."""
    down, across = (corners[:, i, None] + torch.arange(side) for i in (0, 1))
    return (down[:, :, None] * width + across[:, None, :]).flatten(1)


class Gaussian(NamedTuple):
    """A normal distribution of square patches for each colour, in double precision on the CPU."""

    mean: Tensor  # (C, l*l)
    covariance: Tensor  # (C, l*l, l*l)

    @classmethod
    def fit(cls, images: Tensor, side: int, count: int | None = None, noise: float = 1e-4) -> Gaussian:
        """Of about ``count`` patches of ``side`` by ``side`` pixels of ``images (S, C, H, W)``, evenly spread: of 14 by
        14 about 20,000, of larger ones fewer, since each takes longer.

        ``noise`` times the mean variance is added to each variance: patches of flat images have none.
        """
        height, width = images.shape[2:]
        wanted = count or min(20_000, 4_000_000 // side**2)
        step = max(1, math.isqrt(len(images) * (height - side + 1) * (width - side + 1) // wanted))
        planes = images.detach().cpu().double().transpose(0, 1)  # some devices have no double precision
        found = torch.stack([functional.unfold(each[:, None], side, stride=step) for each in planes])
        found = found.transpose(1, 2).flatten(2)  # (C, l*l, patches)
        mean = found.mean(2)
        away = found - mean[..., None]
        covariance = away @ away.mT / away.shape[2]
        variances = covariance.diagonal(dim1=1, dim2=2)
        variances += noise * variances.mean(1, keepdim=True) + 1e-12
        return cls(mean, covariance)

    def given(self, inside: Tensor) -> tuple[Tensor, Tensor]:
        """If all but the pixels ``inside (l*l,)`` are known: by which matrix ``(C, k*k, rest)`` their deviations from
        the mean are those of the pixels inside, and the Cholesky factor ``(C, k*k, k*k)`` of what is left to chance.
        """
        own, rest = inside.nonzero()[:, 0], (~inside).nonzero()[:, 0]
        both = self.covariance[:, rest[:, None], own]
        matrix = torch.linalg.solve(self.covariance[:, rest[:, None], rest], both).mT
        left = self.covariance[:, own[:, None], own] - matrix @ both
        return matrix, torch.linalg.cholesky((left + left.mT) / 2)


def conditional(windows: Windows, images: Tensor, others: Tensor | None, samples: int, seed: int = 0) -> Fill:
    """What could stand in a window given its patch, by a Gaussian fitted to ``others``, or to each image alone.

    The function takes rows of images and numbers of versions ``(N,)``, ``samples`` of each window, one window after the
    other, and returns ``(N, C, k*k)``, cut to the range of the pixels that the Gaussian was fitted to.
    """
    side, channels, device = math.isqrt(windows.around.shape[1]), images.shape[1], images.device
    parts = [slice(i, i + 1) for i in range(len(images))] if others is None else [slice(None)]
    fitted = [images[part] if others is None else others.to(images) for part in parts]
    # ten samples for each one needed and one more: windows near each other take different ones
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(channels, 10 * samples + 1, windows.pixels.shape[1], generator=generator, dtype=torch.float64)
    around = images.detach().cpu().double().flatten(2)[:, :, windows.around.cpu()]  # (B, C, W, l*l)
    means = around.new_empty(len(images), channels, *windows.pixels.shape)
    chance = around.new_empty(len(parts), len(windows.inside), *noise.shape)
    kinds, insides = windows.kinds.cpu(), windows.inside.cpu()
    for number, (part, seen) in enumerate(zip(parts, fitted, strict=True)):
        gaussian = Gaussian.fit(seen, side)
        for kind, inside in enumerate(insides):
            matrix, factor = gaussian.given(inside)
            away = around[part, :, kinds == kind][..., ~inside] - gaussian.mean[:, None, ~inside]
            means[part, :, kinds == kind] = gaussian.mean[:, None, inside] + away @ matrix.mT
            chance[number, kind] = noise @ factor.mT
    limits = torch.tensor(
        [[float(each.min()), float(each.max())] for each in fitted], dtype=images.dtype, device=device
    )
    low, high = limits.reshape(len(fitted), 2, 1, 1).unbind(1)
    means, chance = means.to(images), chance.to(images)

    def fill(rows: Tensor, numbers: Tensor) -> Tensor:
        which, own = numbers // samples, rows if others is None else torch.zeros_like(rows)
        left = chance[own, windows.kinds[which], :, numbers % noise.shape[1]]
        return (means[rows, :, which] + left).clamp(low[own], high[own])

    return fill


def marginal(windows: Windows, images: Tensor, others: Tensor, samples: int) -> Fill:
    """What stands in the same window of ``others (S, C, H, W)``, in turn; else as ``conditional``."""
    seen = others.to(images).flatten(2)

    def fill(rows: Tensor, numbers: Tensor) -> Tensor:
        pixels = windows.pixels[numbers // samples][:, None].expand(-1, seen.shape[1], -1)
        return seen[numbers % len(seen)].gather(2, pixels)

    return fill
