"""Training again with a class of fooling images: are these then known, and does evolution find others?"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from repro.engine import training
from repro.engine.encodings import Found, evolve
from repro.lab import digits, networks


def measure(
    model: nn.Module, images: Tensor, labels: Tensor, held_out: digits.Digits, seed: int, rounds: int = 3
) -> dict[str, float]:
    """Each round the first and last champions of two evolutions join an eleventh class, and a new network learns.

    "patient" is an evolution on the last network with 100 generations of 100.
    """
    for number in range(rounds):
        runs = [_patterns(model, count, 10 * number + run + 1, 50) for run in range(2) for count in (0, 30)]
        fooling = torch.cat([found.images[:10] for found in runs])
        images, labels = torch.cat([images, fooling]), torch.cat([labels, labels.new_full((len(fooling),), 10)])
        model = trained(_with_fooling_class, images, labels, seed)
    patient = _patterns(model, 100, seed, 100).confidences[-1, :10]
    with torch.no_grad():
        known = model(images[labels == 10]).argmax(1) == 10
    shares = {"fooling-known": float(known.double().mean()), "immunised-accuracy": networks.accuracy(model, held_out)}
    quantities = {"patient-median": float(patient.median()), "patient-lowest": float(patient.min())}
    return quantities | shares | {"fooling-told-from-digits": min(shares.values())}


def trained(build: Callable[[], nn.Module], images: Tensor, labels: Tensor, seed: int) -> nn.Module:
    """A network that learned these images, in six passes."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build().to(images.device)
    generators = (torch.Generator().manual_seed(100 * seed + epoch) for epoch in range(6))
    orders = [torch.randperm(len(images), generator=generator) for generator in generators]
    batches = [rows for order in orders for rows in order.split(64)]
    return training.one_cycle(model, batches, lambda rows: cross_entropy(model(images[rows]), labels[rows]))


def _patterns(model: nn.Module, generations: int, seed: int, children: int) -> Found:
    shape = (1, digits.SIZE, digits.SIZE)
    return evolve(model, shape=shape, encoding="cppn", generations=generations, children=children, seed=seed)


def _with_fooling_class() -> nn.Module:
    model = networks.build("lenet-mnist")
    cast(nn.Sequential, model.classifier)[-1] = nn.Linear(250, 11)
    return model
