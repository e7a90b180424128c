"""Fooling images for LeNet on digits and for fc-scenes: evolved or climbed, and what other networks make of them."""

from __future__ import annotations

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn import functional

from repro.adversarial.fooling_images import ENCODINGS, ascend, evolve
from repro.engine.evolution import Found
from repro.engine.optimise import random_like
from repro.experiments.adversarial import immunisation
from repro.experiments.adversarial.adversarial_training import training_digits
from repro.experiments.adversarial.immunisation import SHAPE, on_digits, trained
from repro.lab import digits, figures, networks, scenes

GENERATIONS = {"direct": 100, "cppn": 30}
CLASSES = {1: digits.CLASSES, 3: scenes.CLASSES}  # by the channels of the images


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """The claims' quantities over all ten classes; a generation has 100 children, on scenes 50.

    "random" are as many images as evolution judged, drawn as its first ones.  "likeness" is the largest absolute
    correlation with any training digit, median over the images.  "agree" is the share of the champions of five
    evolutions that another network assigns to the same class.
    """
    model = networks.load("lenet-digits", seed).to(device)
    images, labels = training_digits(seed, device)
    held_out, _ = networks.inputs(digits.load(500, seed).images, digits.load(500, seed).labels, device)
    runs = {name: on_digits(model, name, count, seed) for name, count in GENERATIONS.items()}
    found = {"held-out-likeness": float(likeness(held_out, images).median())}
    for name, run in runs.items():
        found[f"{name}-median"] = float(run.confidences[-1].median())
        found[f"{name}-lowest"] = float(run.confidences[-1].min())
        found[f"{name}-random-lowest"] = float(_unselected(model, name, len(run.confidences), seed).min())
        found[f"{name}-likeness"] = float(likeness(run.images, images).median())
    again = [on_digits(model, "cppn", GENERATIONS["cppn"], seed + 100 * run).images for run in range(1, 5)]
    patterns = torch.cat([runs["cppn"].images, *again])
    classes = torch.arange(10, device=device).repeat(5)
    for kind, build in (("same", immunisation.lenet), ("other", _fully_connected)):
        other = trained(build, images, labels, seed + 10)
        found[f"cppn-{kind}-kind-agree"] = 1 - networks.error_rate(other, patterns, classes)
    return found | immunisation.measure(seed, device) | _on_scenes(seed, device)


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """Five classes each: evolved pixels and CPPNs on digits; gradient ascent and evolved CPPNs on scenes."""
    small, large = (networks.load(name, seed).to(device) for name in ("lenet-digits", "fc-scenes"))
    shape, classes = (3, scenes.SIZE, scenes.SIZE), torch.arange(5, device=device)
    rows = {
        "pixels evolved": on_digits(small, "direct", GENERATIONS["direct"], seed),
        "CPPN evolved": on_digits(small, "cppn", GENERATIONS["cppn"], seed),
        "gradient": ascend(large, classes, shape=shape, steps=200, seed=seed),
        "CPPN, scenes": evolve(large, encoding="cppn", shape=shape, generations=40, children=50, seed=seed),
    }
    panels = [[_panel(name, found, i) for i in range(5)] for name, found in rows.items()]
    return figures.panels(panels, "Fooling images: encoding, predicted class and the network's confidence")


def _panel(name: str, found: Found, i: int) -> figures.Panel:
    image = found.images[i]
    return figures.Panel(f"{name}: {CLASSES[len(image)][i]}, {found.confidences[-1, i]:.4f}", image.expand(3, -1, -1))


@torch.no_grad()
def _unselected(model: nn.Module, encoding: str, generations: int, seed: int) -> Tensor:
    """For each class the highest probability among as many random images as evolution judged."""
    generator, like = random_like(model, seed + 1000)
    code = ENCODINGS[encoding](SHAPE, generator, like["dtype"])
    return torch.stack([model(code.images(code.start(100))).softmax(1).amax(0) for _ in range(generations)]).amax(0)


def likeness(images: Tensor, among: Tensor) -> Tensor:
    """Largest absolute correlation of each image with any of the others: a negative is as readable."""
    one, other = (each.flatten(1) - each.flatten(1).mean(1, keepdim=True) for each in (images, among))
    return (functional.normalize(one) @ functional.normalize(other).T).abs().amax(1)


def _on_scenes(seed: int, device: str) -> dict[str, float]:
    model = networks.load("fc-scenes", seed).to(device)
    mean = torch.from_numpy(scenes.load(400, seed).images).to(device).float().mean(0) / 255
    shape = (3, scenes.SIZE, scenes.SIZE)
    climbed = ascend(model, torch.arange(10, device=device), shape=shape, steps=200, mean=mean, seed=seed)
    found = {
        "scenes-gradient-median": float(climbed.confidences[-1].median()),
        "scenes-gradient-start": float(climbed.confidences[0].max()),
    }
    for encoding in ENCODINGS:
        evolved = evolve(model, shape=shape, encoding=encoding, generations=20, children=50, seed=seed)
        found[f"scenes-{encoding}-median"] = float(evolved.confidences[-1].median())
    return found


def _fully_connected() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(digits.SIZE**2, 128), nn.ReLU(), nn.Linear(128, 10))
