"""A deep belief network on digits: restricted Boltzmann machines, one on the other, each trained by one Gibbs step.

Hinton, Osindero and Teh 2006 in small: contrastive divergence (CD-1), greedy, layer by layer, without labels.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from repro.lab import digits

WIDTHS, EPOCHS, BATCH, RATE, DECAY = (digits.SIZE**2, 100, 60), 20, 100, 0.1, 2e-4


def data(seed: int) -> Tensor:
    """The digits that it learns from, ``(4000, 1, 28, 28)`` in [0, 1]."""
    return torch.from_numpy(digits.load(digits.TRAINING, seed, held_out=False).images) / 255


def network(images: Tensor, seed: int, epochs: int = EPOCHS) -> nn.Sequential:
    """Trained in three seconds: its modules 1 and 3 return the two layers' values before their sigmoids."""
    generator = torch.Generator().manual_seed(seed)
    layers: list[nn.Module] = [nn.Flatten()]
    values = images.flatten(1)
    for visible, hidden in pairwise(WIDTHS):
        layer = nn.Linear(visible, hidden).requires_grad_(False)
        layer.weight.copy_(0.01 * torch.randn(hidden, visible, generator=generator))
        layer.bias.zero_()
        contrast(layer, values, epochs, generator)
        layers += [layer, nn.Sigmoid()]
        values = layer(values).sigmoid()
    return nn.Sequential(*layers).eval()


def contrast(layer: nn.Linear, values: Tensor, epochs: int, generator: torch.Generator) -> None:
    """CD-1 on ``values (N, visible)`` in [0, 1], the probabilities of the layer below."""
    usual = values.mean(0).clamp(0.01, 0.99)
    downward = torch.logit(usual)  # the visible units' biases
    for _ in range(epochs):
        for rows in torch.randperm(len(values), generator=generator).split(BATCH):
            seen = values[rows]
            on = layer(seen).sigmoid()
            sampled = (torch.rand(on.shape, generator=generator) < on).float()
            again = (sampled @ layer.weight + downward).sigmoid()
            on_again = layer(again).sigmoid()
            layer.weight.add_((on.T @ seen - on_again.T @ again) / len(rows) - DECAY * layer.weight, alpha=RATE)
            layer.bias.add_((on - on_again).mean(0), alpha=RATE)
            downward = downward + RATE * (seen - again).mean(0)
