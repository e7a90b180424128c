"""Train LeNet on adversarial examples as well, or on random noise of the same size (Goodfellow et al. 2015, Sec. 6)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from repro.adversarial.adversarial_examples import adversarial_loss, fgsm
from repro.engine import training
from repro.lab import digits, networks, perturbations

STEP = 0.25
EPOCHS = 4


def measure(seed: int, device: str) -> dict[str, float]:
    """The trained LeNet, and the same after four more epochs with adversarial examples or with random signs."""
    held_out = digits.load(digits.HELD_OUT, seed)
    images, classes = networks.inputs(held_out.images, held_out.labels, device)
    models = {"naive": networks.load("lenet-mnist", seed).to(device)}
    for name, perturbed in (
        ("adversarial", lambda model, x, y: fgsm(model, x, y, STEP)),
        ("noise", lambda _, x, __: perturbations.random_step(x, STEP)),
    ):
        model = networks.load("lenet-mnist", seed).to(device)
        models[name] = train(model, *training_digits(seed, device), EPOCHS, perturbed)
    found = {}
    for name, model in models.items():
        found[f"{name}-trained-fgsm-error"] = networks.error_rate(model, fgsm(model, images, classes, STEP), classes)
        found[f"{name}-trained-error"] = networks.error_rate(model, images, classes)
    return found


def training_digits(seed: int, device: str) -> tuple[Tensor, Tensor]:
    """All digits to train on, with their classes."""
    learned = digits.load(digits.TRAINING, seed, held_out=False)
    return networks.inputs(learned.images, learned.labels, device)


def train(
    model: nn.Module,
    images: Tensor,
    classes: Tensor,
    epochs: int,
    perturbed: Callable[[nn.Module, Tensor, Tensor], Tensor] | None = None,
) -> nn.Module:
    """The same model, trained in steps of 64 images; also on the perturbed images if there are any."""

    def loss(rows: Tensor) -> Tensor:
        x, y = images[rows], classes[rows]
        if perturbed is None:
            return functional.cross_entropy(model(x), y, reduction="none").mean()
        return adversarial_loss(model, x, perturbed(model, x, y), y)

    generator = torch.Generator().manual_seed(0)
    orders = [torch.randperm(len(images), generator=generator) for _ in range(epochs)]
    batches = [rows for order in orders for rows in torch.split(order, 64)[: len(images) // 64]]
    return training.one_cycle(model, batches, loss).requires_grad_(False)
