"""Measure adversarial examples: one step, the smallest change, other networks, and training on them.

Images are held out: scenes for fc-scenes, digits for lenet-mnist.  Random signs and Gaussian noise of the same size
stand beside every adversarial change.
"""

from __future__ import annotations

import math

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from repro.adversarial.adversarial_examples import adversarial_examples, distortion, fgsm
from repro.experiments.adversarial import adversarial_training, linearity, one_step, transfer
from repro.lab import figures, networks, perturbations, photo_panels, scenes
from repro.lab.operator_norms import operator_norms


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """The numbers that the claims compare."""
    return (
        one_step.on_scenes(seed, device)
        | one_step.on_digits(seed, device)
        | linearity.measure(seed, device)
        | _smallest_changes(seed, device)
        | transfer.between_networks(seed, device)
        | transfer.between_halves(seed, device)
        | adversarial_training.measure(seed, device)
    )


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """Three scenes: as they are, what L-BFGS adds for another class, the sum, what one step adds, and that sum."""
    model = networks.load("fc-scenes", seed).to(device)
    images, classes = networks.correctly_classified("fc-scenes", 3, seed, device)
    nearest, step = (
        adversarial_examples(model, images, networks.other_classes(classes)),
        fgsm(model, images, classes, one_step.STEP),
    )
    rows = []
    for i, image in enumerate(images):
        row = [figures.Panel(_said(model, image), image)]
        for name, changed in (("L-BFGS", nearest[i]), ("one step, 8/255", step[i])):
            added = (0.5 + 10 * (changed - image)).clamp(0, 1)
            row += [figures.Panel(f"{name}: what is added, 10 times", added)]
            row += [figures.Panel(_said(model, changed), changed)]
        rows.append(row)
    return figures.panels(rows, "Adversarial examples: what the network sees in three scenes, and how sure it is")


def photograph() -> photo_panels.Panels:
    """The image, forty times the change, and the image that the network puts in another class."""
    images, label = photo_panels.view("coffee"), torch.tensor([photo_panels.ESPRESSO])
    changed = fgsm(photo_panels.network(), images, label, budget=2 / 255)
    return [images[0], (0.5 + 40 * (changed - images)[0]).clamp(0, 1), changed[0]]


@torch.no_grad()
def _said(model: nn.Module, image: Tensor) -> str:
    probability, chosen = model(image[None]).softmax(1)[0].max(0)
    return f"{scenes.CLASSES[chosen]}, {probability:.0%}"


def _smallest_changes(seed: int, device: str) -> dict[str, float]:
    """L-BFGS towards another class, and what noise of the same size does and a single step needs."""
    found = {}
    for data, name, count in (("scenes", "fc-scenes", 12), ("digits", "lenet-mnist", 50)):
        model = networks.load(name, seed).to(device)
        images, classes = networks.correctly_classified(name, count, seed, device)
        targets = networks.other_classes(classes)
        nearest = adversarial_examples(model, images, targets)
        found[f"{data}-reached"] = 1 - networks.error_rate(model, nearest, targets)
    sizes = distortion(images, nearest)
    noise = perturbations.of_size(perturbations.gaussian(images), sizes)
    needed = torch.full_like(sizes, math.inf)
    for grey in range(64, 0, -2):
        step = fgsm(model, images, classes, grey / 255)
        with torch.no_grad():
            needed = torch.where(model(step).argmax(1) != classes, distortion(images, step), needed)
    return found | {
        "digits-distortion": float(sizes.mean()),
        "digits-noise-error": networks.error_rate(model, (images + noise).clamp(0, 1), classes),
        "digits-fgsm-over-lbfgs": float((needed / sizes).median()),
        "digits-smallest-norm": min(operator_norms(model, images[:1])),
    }
