"""Show adversarial examples to networks that they were not made for (Szegedy et al. 2014; Goodfellow et al. 2015)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from repro.adversarial.adversarial_examples import adversarial_examples, fgsm
from repro.experiments.adversarial.adversarial_training import train, training_digits
from repro.lab import digits, networks, perturbations

STEP = 16 / 255
OTHER_SHAPES = ("gap", "zf", "vgg", "residual")


def between_networks(seed: int, device: str) -> dict[str, float]:
    """One step made for fc-scenes, shown to one trained on other scenes and to networks of other shapes."""
    model = networks.load("fc-scenes", seed).to(device)
    images, classes = networks.correctly_classified("fc-scenes", 150, seed, device)
    made, random = fgsm(model, images, classes, STEP), perturbations.random_step(images, STEP)
    own = _classes(model, made)
    errors: dict[str, list[float]] = {"transfer": [], "random": []}
    agreements = []
    for name, number in (("fc", (seed + 1) % 3), *((shape, seed) for shape in OTHER_SHAPES)):
        other = networks.load(f"{name}-scenes", number).to(device)
        its = _classes(other, made)
        errors["transfer"].append(networks.error_rate(other, made, classes))
        errors["random"].append(networks.error_rate(other, random, classes))
        both = (own != classes) & (its != classes)
        agreements.append(agreement(own[both], its[both]))
    agree, chance = (float(torch.cat(each).mean()) for each in zip(*agreements, strict=True))
    found = {"agreement": agree, "agreement-by-chance": chance}
    for what, (same, *others) in errors.items():
        found |= {f"same-{what}": same, f"other-shapes-{what}": sum(others) / len(others)}
    return found


def agreement(own: Tensor, its: Tensor) -> tuple[Tensor, Tensor]:
    """For each image, whether two networks name one class, and how often the other names it on the other images."""
    pairs = (own[:, None] == its).float()
    count = len(pairs)
    if count < 2:  # without another image there is no chance to compare with
        return pairs.new_zeros(0), pairs.new_zeros(0)
    same = pairs.diagonal()
    return same, (pairs.sum(1) - same) / (count - 1)


def between_halves(seed: int, device: str) -> dict[str, float]:
    """Two networks without a common training image (Szegedy, Table 4): made for one, amplified, shown to the other."""
    learned, classes = training_digits(seed, device)
    one, two = (train(_untrained(half, device), learned[half::2], classes[half::2], epochs=20) for half in (0, 1))
    held_out = digits.load(500, seed)
    images, classes = networks.inputs(held_out.images, held_out.labels, device)
    right = (_classes(one, images) == classes) & (_classes(two, images) == classes)
    images, classes = images[right][:100], classes[right][:100]
    sizes = torch.full((len(images),), 0.1, device=device)
    changes = {
        "transfer": adversarial_examples(one, images, networks.other_classes(classes)) - images,
        "noise": perturbations.gaussian(images),
    }
    return {
        f"halves-amplified-{name}": networks.error_rate(two, images + perturbations.of_size(change, sizes), classes)
        for name, change in changes.items()
    }


def _untrained(seed: int, device: str) -> nn.Module:
    """FC100-100-10, as there: three fully connected layers, sigmoids between them."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        hidden = (nn.Linear(digits.SIZE**2, 100), nn.Sigmoid(), nn.Linear(100, 100), nn.Sigmoid())
        return nn.Sequential(nn.Flatten(), *hidden, nn.Linear(100, len(digits.CLASSES))).to(device)


@torch.no_grad()
def _classes(model: nn.Module, images: Tensor) -> Tensor:
    found: Tensor = model(images).argmax(1)
    return found
