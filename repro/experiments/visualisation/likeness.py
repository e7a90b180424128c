"""How alike pictures are, wherever their pattern lies."""

from __future__ import annotations

import torch
from torch import Tensor


def likeness(first: Tensor, second: Tensor) -> Tensor:
    """Largest correlation over all shifts of pictures ``(B, C, H, W)``, ``(B,)``: the same pattern elsewhere is 1."""
    size = [2 * side for side in first.shape[2:]]  # room, so that nothing comes round
    spectra = [torch.fft.rfft2(each, size) for each in (first, second)]
    products = torch.fft.irfft2((spectra[0] * spectra[1].conj()).sum(1), size)
    norms = first.flatten(1).norm(dim=1) * second.flatten(1).norm(dim=1)
    largest: Tensor = products.amax((1, 2)) / norms.clamp_min(1e-12)
    return largest


def mean_likeness(pictures: Tensor) -> float:
    """Mean likeness of each two of the N pictures of a unit, over the units, ``(K, N, C, H, W)``."""
    count = pictures.shape[1]
    one, other = torch.triu_indices(count, count, 1, device=pictures.device)
    return float(torch.stack([likeness(each[one], each[other]).mean() for each in pictures]).mean())
