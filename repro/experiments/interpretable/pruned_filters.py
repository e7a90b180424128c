"""Which filters of a layer are pruned first, and what is left of the accuracy."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from repro.engine import watching
from repro.interpretable.compression_importance import accuracies, compression_importance, pruning_order
from repro.lab import digits, networks, scenes
from repro.lab.digits import Digits
from repro.lab.scenes import Scenes

CHOOSING, JUDGING = 200, 150  # digits that choose an order, and held-out ones that judge it
PRUNED = 8  # of the 24 first filters of zf-scenes


def orders(seed: int, device: str, number: int) -> dict[str, list[float]]:
    """The accuracy with none, one, two, ... filters pruned, by the way in which the order is chosen."""
    model = networks.load("lenet-mnist", seed).to(device)
    rest, maps, labels = from_layer(model, number, digits.load(CHOOSING, seed, held_out=False), device)
    _, others, truth = from_layer(model, number, digits.load(JUDGING, seed), device)
    given, count = (rest, maps, labels, rest[0]), maps.shape[1]
    once, sure = (compression_importance(*given, of=of, batch=512).mean(0).cpu() for of in ("accuracy", "probability"))
    generator = torch.Generator().manual_seed(seed)
    tried = {
        "car": [pruning_order(*given, count, batch=512)],
        "once": [np.lexsort((sure, once)).tolist()],
        "norm": [model.features[number - 1].weight.flatten(1).norm(dim=1).argsort().tolist()],  # type: ignore[index, union-attr]  # a network of ours
        "activation": [maps.mean((0, 2, 3)).argsort().tolist()],
        "random": [torch.randperm(count, generator=generator).tolist() for _ in range(3)],
    }
    curve = partial(accuracies, rest, others, truth, rest[0])
    return {name: torch.stack([curve(order) for order in each]).mean(0).tolist() for name, each in tried.items()}


def first_filters(seed: int, device: str) -> tuple[Tensor, Tensor, list[int]]:
    """The first filters of zf-scenes, the share of colour in them, and the third that is pruned first (20 scenes)."""
    model = networks.load("zf-scenes", seed).to(device)
    rest, maps, labels = from_layer(model, 1, scenes.load(20, seed), device)
    weights = model.features[0].weight.detach()  # type: ignore[index, union-attr]  # a network of ours
    return weights, colour_share(weights), pruning_order(rest, maps, labels, rest[0], PRUNED, batch=128)


def colour_share(weights: Tensor) -> Tensor:
    """The share of each filter's energy that tells colours apart, ``(C,)``, of ``weights (C, 3, k, k)``: 0 for a filter
    that sees grey levels only, 1 for one that does not respond to grey.
    """
    of_grey = weights.mean(1, keepdim=True)
    return (weights - of_grey).square().sum((1, 2, 3)) / weights.square().sum((1, 2, 3))


def from_layer(
    model: nn.Module, number: int, some: Digits | Scenes, device: str
) -> tuple[nn.Sequential, Tensor, Tensor]:
    """The network from this module on, what the module returns for these images, and their classes.

    The first layer of what is left returns what it is given, so that filters can be pruned there.
    """
    images, labels = networks.inputs(some.images, some.labels, device)
    with torch.no_grad(), watching.activations(model, model.features[number]) as outputs:  # type: ignore[arg-type, index]  # a network of ours
        model(images)
    return (
        nn.Sequential(nn.Identity(), *model.features[number + 1 :], nn.Flatten(), model.classifier),  # type: ignore[arg-type, index]  # a network of ours
        outputs[0],
        labels,
    )
