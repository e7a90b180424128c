"""Heads with attention, trained on the feature maps of a frozen network, which are computed once."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from repro.engine import pooling, training
from repro.interpretable.attention import Head
from repro.lab import networks, scenes


def training_maps(model: nn.Module, seed: int) -> tuple[Tensor, Tensor]:
    """The model's feature maps of 500 training scenes, and their classes."""
    some = scenes.load(500, seed, held_out=False)
    images, labels = networks.inputs(some.images, some.labels, str(next(model.parameters()).device))
    return feature_maps(model, images), labels


def trained(maps: Tensor, labels: Tensor, start: int, epochs: int = 8) -> Head:
    """A head for feature maps ``(B, C, h, w)``; ``start`` sets its first weights and the order of the examples."""
    generator = torch.Generator().manual_seed(start)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(start)
        head = Head(maps.shape[1], len(scenes.CLASSES), scale=float(maps.square().mean().sqrt())).to(maps.device)
    rows = [each for _ in range(epochs) for each in torch.randperm(len(maps), generator=generator).split(25)]
    training.one_cycle(head, rows, lambda these: functional.cross_entropy(head(maps[these]), labels[these]))
    return head.requires_grad_(False)


def feature_maps(model: nn.Module, images: Tensor) -> Tensor:
    """What the model's last pooling is given, ``(B, 64, 16, 16)``."""
    found = []
    for part in images.split(100):
        with pooling.maps_and_logits(model, part) as (maps, _):
            found.append(maps.detach())
    return torch.cat(found)
