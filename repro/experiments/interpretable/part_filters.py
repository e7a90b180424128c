"""Layers of filters on the frozen maps of gap-scenes, with and without the loss of the interpretable CNN."""

from __future__ import annotations

from functools import partial
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from repro.engine import training
from repro.interpretable.interpretable_cnn import PartLayer, filter_loss, mutual_information, owners_of
from repro.lab import scenes
from repro.lab.scenes import Scenes

FILTERS, STRENGTH, EPOCHS, BATCH = 30, 1.0, (2, 6), 25
Kind = Literal["plain", "maximum", "silent", "parts"]


class Largest(PartLayer):
    """The same layer with global max pooling."""

    def read(self, maps: Tensor) -> Tensor:
        logits: Tensor = self.classifier(maps.amax((2, 3)))
        return logits


def trained(kind: Kind, maps: Tensor, labels: Tensor, seed: int) -> PartLayer:
    """A layer for feature maps ``(B, C, 16, 16)``; its filters get their classes after two epochs without the loss."""
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layer = (Largest if kind == "maximum" else PartLayer)(64, FILTERS, 10, pool=2, masks=kind == "parts")
    layer.to(maps.device)
    pooled = layer.filters[0](maps)

    def loss(rows: Tensor, strength: float) -> Tensor:
        found = layer.filters[1:](pooled[rows])
        error = functional.cross_entropy(layer.read(found), labels[rows])
        if kind in ("plain", "maximum") or not strength:
            return error
        if kind == "parts":
            return error + strength * filter_loss(found, labels[rows], layer.owners)
        sums = found.sum((2, 3))
        foreign: Tensor = (sums * (labels[rows][:, None] != layer.owners)).sum(0) / sums.sum(0)
        return error + 2 * strength * foreign.mean()

    for epochs, strength in zip(EPOCHS, (0.0, STRENGTH), strict=True):
        rows = [each for _ in range(epochs) for each in torch.randperm(len(maps), generator=generator).split(BATCH)]
        training.one_cycle(layer.train(), rows, partial(loss, strength=strength))
        layer.owners = owners_of(layer.maps(maps), labels, 10).detach()
    return layer.requires_grad_(False)


def described(layer: PartLayer, seen: Tensor, classes: Tensor, one: Scenes) -> dict[str, float]:
    maps, size = layer.maps(seen), seen.shape[3] // 2
    peaks, strengths = maps.flatten(2).argmax(2), maps.mean((2, 3))
    own = (classes[:, None] == layer.owners) & (strengths > 0)
    places = torch.stack([peaks // size, peaks % size], 2)
    grid = torch.stack(torch.meshgrid(*[torch.arange(size, device=maps.device)] * 2, indexing="ij"))
    near = (grid - places[..., None, None]).abs().sum(2) <= 1
    left, top, right, bottom = torch.from_numpy(one.boxes[:, 0]).to(maps.device).T * size / scenes.SIZE
    middle = torch.stack([(top + bottom) / 2, (left + right) / 2], 1) - 0.5
    distances = (places - middle[:, None]).norm(dim=2) / (size * 2**0.5)
    covered = functional.avg_pool2d(torch.from_numpy(one.class_masks()).to(maps)[:, None], scenes.SIZE // size)
    members = functional.one_hot(classes, 10).T.to(maps)
    means = members @ strengths / members.sum(1, keepdim=True)  # (10, filters)
    most, rest = means.gather(0, layer.owners[None])[0], (means.sum(0) - means.gather(0, layer.owners[None])[0]) / 9
    spreads = [distances[own[:, i], i].std() for i in range(FILTERS) if own[:, i].sum() > 3]
    return {
        "peak": float(((maps * near).sum((2, 3)) / maps.sum((2, 3)).clamp_min(1e-12))[own].mean()),
        "spread": float(torch.stack(spreads).mean()),
        "on-object": float((covered.flatten(1).gather(1, peaks) > 0)[own].double().mean()),
        "selectivity": float(((most - rest) / (most + rest).clamp_min(1e-12)).mean()),
        "alive": float((strengths.amax(0) > 0).double().mean()),
        "information": float(mutual_information(maps / maps.mean((0, 2, 3), keepdim=True).clamp_min(1e-12)).mean()),
    }
