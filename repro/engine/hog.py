"""Histograms of oriented gradients as a network: every step has a gradient, so that HOG can be inverted like a layer.

It is the variant of Felzenszwalb et al. (UoCTTI) without its four texture energies: for each cell of 8x8 pixels a
histogram of the gradient's direction, 18 bins with its sign and 9 without; normalised in each of the four blocks of 2x2
cells that the cell belongs to, cut off at 0.2, and the four summed, halved.  The steps are those of ``hog_net.m`` in
the code of Mahendran and Vedaldi 2015: derivatives along 18 directions, binning, pooling, normalising, clamping.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from repro.engine.errors import ImagesError, OptionsError

ORIENTATIONS = 9  # without a sign; twice as many with it
CLIP = 0.2


class Hog(nn.Module):
    """HOG ``(B, 27, H / 8, W / 8)`` of grey images ``(B, 1, H, W)``, without unit: the contrast is divided out.

    A gradient falls into the nearest direction (``bilinear=False``: only its size has a derivative) or is shared
    between the nearest two, as it is between the nearest four cells in either case.  At the border the image is
    continued by its last pixel.  Raises OptionsError for a cell of an odd size, which has no centre between pixels, and
    ImagesError for colour images and for sizes that are no multiple of the cell, or less than twice it.
    """

    def __init__(self, bilinear: bool = False, cell: int = 8) -> None:
        super().__init__()
        if cell < 2 or cell % 2:
            raise OptionsError(f"a cell has an even number of pixels a side; got {cell}")
        self.bilinear, self.cell = bilinear, cell

    def forward(self, images: Tensor) -> Tensor:
        cell, given = self.cell, tuple(images.shape)
        if len(given) != 4 or given[1] != 1 or any(side % cell or side < 2 * cell for side in given[2:]):
            raise ImagesError(f"need grey (B, 1, H, W), H and W multiples of {cell} and at least twice it; got {given}")
        signed = self._cells(self._directions(images))
        unsigned = signed[:, :ORIENTATIONS] + signed[:, ORIENTATIONS:]
        return _normalised(torch.cat([signed, unsigned], 1), unsigned.square().sum(1, keepdim=True))

    def _directions(self, images: Tensor) -> Tensor:
        """The gradient's size at each pixel, in the bin or bins of its direction, ``(B, 18, H, W)``."""
        padded = functional.pad(images, (1, 1, 1, 1), mode="replicate")
        across = (padded[:, :, 1:-1, 2:] - padded[:, :, 1:-1, :-2]) / 2
        down = (padded[:, :, 2:, 1:-1] - padded[:, :, :-2, 1:-1]) / 2
        squares = across.square() + down.square()
        slopes = squares > 0  # where nothing changes, root and angle have no derivative
        size = torch.where(slopes, squares, 1).sqrt() * slopes
        bins = 2 * ORIENTATIONS
        turn = torch.atan2(down, torch.where(slopes, across, 1)) * (bins / (2 * math.pi))
        centres = torch.arange(bins, device=images.device, dtype=images.dtype)[:, None, None]
        away = (torch.remainder(turn - centres + ORIENTATIONS, bins) - ORIENTATIONS).abs()
        shares = (1 - away).relu() if self.bilinear else functional.one_hot(away.argmin(1), bins).movedim(3, 1)
        return size * shares

    def _cells(self, directions: Tensor) -> Tensor:
        """Each pixel shared between the four nearest cells by its distance from their centres."""
        places = torch.arange(2 * self.cell, device=directions.device, dtype=directions.dtype)
        ramp = 1 - (places + 0.5 - self.cell).abs() / self.cell
        bins = directions.shape[1]
        kernel = (ramp[:, None] * ramp).expand(bins, 1, -1, -1)
        return functional.conv2d(directions, kernel, stride=self.cell, padding=self.cell // 2, groups=bins)


def _normalised(cells: Tensor, energy: Tensor) -> Tensor:
    """Each cell by the norms of its four blocks; a cell at the border has fewer."""
    height, width = cells.shape[2:]
    norms = (4 * functional.avg_pool2d(energy, 2, stride=1)).clamp_min(1e-12).sqrt()
    scales = functional.pad(1 / norms, (1, 1, 1, 1))
    blocks = [scales[:, :, i : i + height, j : j + width] for i in (0, 1) for j in (0, 1)]
    return torch.stack([(cells * block).clamp_max(CLIP) for block in blocks]).sum(0) / 2
