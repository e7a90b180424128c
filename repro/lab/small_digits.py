"""Digits of 8 by 8 pixels as images, and small networks for them whose weights can be kept positive or sparse."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from repro.engine.training import fit
from repro.lab import tables

SIZE, GREYS = 8, 16
HIDDEN, STEPS, BATCH, RATE = (32, 16), 400, 128, 0.01


class SmallDigits(NamedTuple):
    """Grey images ``(N, 1, 8, 8)`` in [0, 1] with their classes: to learn from, and held out."""

    images: Tensor
    labels: Tensor  # (N,)
    held_out: Tensor
    held_out_labels: Tensor


def load(seed: int) -> SmallDigits:
    """scikit-learn's 1,797 digits; the seed decides which 30% are held out."""
    table = tables.load("digits", seed)
    images, held_out = (
        ((each * table.deviations + table.means) / GREYS).float().view(-1, 1, SIZE, SIZE)
        for each in (table.inputs, table.held_out)
    )
    return SmallDigits(images, table.labels, held_out, table.held_out_labels)


def network(digits: SmallDigits, seed: int, positive: bool = False, sparse: float = 0.0) -> nn.Module:
    """A fully connected ReLU network, trained in a second: with ``positive`` no weight is below 0, biases may be;
    ``sparse`` is the strength of an L1 penalty on the weights.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        linear = [nn.Linear(*widths) for widths in pairwise((SIZE * SIZE, *HIDDEN, 10))]
    model = nn.Sequential(nn.Flatten(), *(layer for each in linear for layer in (each, nn.ReLU())))[:-1]

    def loss(rows: Tensor) -> Tensor:
        penalty = torch.stack([each.weight.abs().sum() for each in linear]).sum()
        return cross_entropy(model(digits.images[rows]), digits.labels[rows]) + sparse * penalty

    @torch.no_grad()
    def cut(_: int) -> None:
        for each in linear if positive else ():
            each.weight.clamp_(min=0)

    for each in linear if positive else ():
        each.weight.data.abs_()
    batches = [torch.randint(len(digits.images), (BATCH,), generator=generator) for _ in range(STEPS)]
    fit(model, batches, loss, torch.optim.Adam(model.parameters(), RATE, fused=True), probe=cut)
    return model.eval().requires_grad_(False)
