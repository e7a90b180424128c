"""Classifiers that are no networks but known rules, so that it is known what their answer depends on."""

from __future__ import annotations

import torch
from torch import Tensor, nn

SIDE, USED = 6, 4


class EitherOfPairs(nn.Module):
    """Class 1 if of each of two pairs of pixels one is bright; the other pixels of 6 by 6 do not matter.

    Takes images ``(B, 1, 6, 6)`` in [0, 1] and returns logits ``(B, 2)``; ``used (4,)`` are their positions in the
    flattened image.  With all of them bright no single one makes a difference.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.used = torch.randperm(SIDE**2, generator=torch.Generator().manual_seed(seed))[:USED]

    def forward(self, images: Tensor) -> Tensor:
        probability = images.flatten(1)[:, self.used].view(-1, 2, 2).amax(2).prod(1)
        return torch.stack([1 - probability, probability], 1).clamp_min(1e-6).log()
