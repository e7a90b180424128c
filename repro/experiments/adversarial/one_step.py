"""One step along the sign of the gradient (Goodfellow et al. 2015, Sec. 4 and 8): on scenes, and on MNIST as there."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from repro.adversarial.adversarial_examples import fgsm
from repro.experiments.adversarial.adversarial_training import train, training_digits
from repro.experiments.adversarial.transfer import agreement
from repro.lab import digits, networks, perturbations

STEP = 8 / 255
DIGITS_STEP = 0.25


def on_scenes(seed: int, device: str) -> dict[str, float]:
    """fc-scenes, on 150 images that it classified correctly before."""
    model = networks.load("fc-scenes", seed).to(device)
    images, classes = networks.correctly_classified("fc-scenes", 150, seed, device)
    return _step("scenes", model, images, classes, STEP)


def on_digits(seed: int, device: str) -> dict[str, float]:
    """LeNet and softmax regression, on all digits held out.

    "agreement" is how often they name the same class of those digits, changed against LeNet, that both get wrong.
    """
    held_out = digits.load(digits.HELD_OUT, seed)
    images, classes = networks.inputs(held_out.images, held_out.labels, device)
    lenet = networks.load("lenet-mnist", seed).to(device)
    regression = train(_softmax_regression(seed, device), *training_digits(seed, device), epochs=10)
    made = fgsm(lenet, images, classes, DIGITS_STEP)
    with torch.no_grad():
        own, its = lenet(made).argmax(1), regression(made).argmax(1)
    both = (own != classes) & (its != classes)
    agree, chance = (float(each.mean()) for each in agreement(own[both], its[both]))
    return {
        **_step("lenet", lenet, images, classes, DIGITS_STEP),
        **_step("softmax", regression, images, classes, DIGITS_STEP),
        "softmax-agreement": agree,
        "softmax-agreement-by-chance": chance,
    }


def _step(name: str, model: nn.Module, images: Tensor, classes: Tensor, size: float) -> dict[str, float]:
    """Error after the step and after random signs of its size; mean probability of the wrong classes it leads to."""
    changed = fgsm(model, images, classes, size)
    with torch.no_grad():
        highest, chosen = model(changed).softmax(1).max(1)
    return {
        f"{name}-fgsm-error": networks.error_rate(model, changed, classes),
        f"{name}-random-error": networks.error_rate(model, perturbations.random_step(images, size), classes),
        f"{name}-fgsm-confidence": float(highest[chosen != classes].mean()),
    }


def _softmax_regression(seed: int, device: str) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Flatten(), nn.Linear(digits.SIZE**2, len(digits.CLASSES))).to(device)
