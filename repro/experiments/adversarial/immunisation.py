"""Retrain LeNet with a class for fooling images, and evolve others (Nguyen et al. 2015, training networks to recognise
fooling images)."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from repro.adversarial.fooling_images import evolve
from repro.engine import training
from repro.engine.evolution import Found
from repro.experiments.adversarial.adversarial_training import training_digits
from repro.lab import digits, networks

SHAPE = (1, digits.SIZE, digits.SIZE)
ROUNDS, EPOCHS = 3, 6


def measure(seed: int, device: str) -> dict[str, float]:
    """In each of three rounds the first and last champions of two evolutions join an eleventh class.

    "round-0" is the network without that class, "patient" a longer evolution against the last network.
    """
    model = networks.load("lenet-digits", seed).to(device)
    images, labels = training_digits(seed, device)
    found = {}
    for number in range(ROUNDS + 1):
        runs = [on_digits(model, "cppn", count, 10 * number + run + 1, 50) for run in range(2) for count in (0, 30)]
        confidences = torch.cat([run.confidences[:, :10] for run in runs[1::2]], 1)
        found[f"round-{number}-median"] = float(confidences[-1].median())
        if number == 0:
            found["round-0-generations"] = float((confidences < 0.99).any(1).sum())
        if number < ROUNDS:
            fooling = torch.cat([run.images[:10] for run in runs])
            images, labels = torch.cat([images, fooling]), torch.cat([labels, labels.new_full((len(fooling),), 10)])
            model = trained(_with_fooling_class, images, labels, seed)
    patient = on_digits(model, "cppn", 100, seed).confidences[-1, :10]
    known = 1 - networks.error_rate(model, images[labels == 10], labels[labels == 10])
    accuracy = networks.accuracy(model, digits.load(500, seed))
    return found | {
        "patient-median": float(patient.median()),
        "patient-lowest": float(patient.min()),
        "fooling-known": known,
        "immunised-accuracy": accuracy,
        "fooling-told-from-digits": min(known, accuracy),
    }


def on_digits(model: nn.Module, encoding: str, generations: int, seed: int, children: int = 100) -> Found:
    """An evolution on digits."""
    return evolve(model, shape=SHAPE, encoding=encoding, generations=generations, children=children, seed=seed)


def trained(build: Callable[[], nn.Module], images: Tensor, labels: Tensor, seed: int) -> nn.Module:
    """A new network after six epochs on these images."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build().to(images.device)
    batches: list[Tensor] = []
    for epoch in range(EPOCHS):
        order = torch.randperm(len(images), generator=torch.Generator().manual_seed(100 * seed + epoch))
        batches += torch.split(order, 64)
    return training.one_cycle(model, batches, lambda rows: functional.cross_entropy(model(images[rows]), labels[rows]))


def lenet() -> nn.Module:
    """An untrained LeNet."""
    return networks.build("lenet-digits")


def _with_fooling_class() -> nn.Module:
    model = lenet()
    cast(nn.Sequential, model.classifier)[-1] = nn.Linear(250, 11)
    return model
