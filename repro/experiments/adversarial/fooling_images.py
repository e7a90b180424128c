"""Fooling images of a LeNet on MNIST and of a network on scenes: evolved, and by gradient ascent."""

from __future__ import annotations

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn import functional

from repro.adversarial.fooling_images import ascend
from repro.engine.encodings import EVOLVED, Found, evolve, place
from repro.experiments.adversarial import immunisation
from repro.lab import digits, figures, networks, scenes

GENERATIONS = {"direct": 800, "cppn": 100}
SOONER = 200  # after as many the paper gives a median
SCENE = (3, scenes.SIZE, scenes.SIZE)


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """The claims' quantities, over all ten classes: LeNet on MNIST; gradient ascent and evolution on fc-scenes.

    A generation has 100 children, on scenes and after retraining 50.  "direct-median" is after 200 generations;
    "random" are as many images as evolution judged until then, drawn as it draws its first.  "likeness" is the largest
    correlation, without its sign, with any digit learned, median over the images; "agree" is the share of five
    evolutions' champions that another network takes for the same class.
    """
    model = networks.load("lenet-mnist", seed).to(device)
    learned, held_out = digits.load(digits.TRAINING, seed, held_out=False), digits.load(500, seed)
    images, labels = networks.inputs(learned.images, learned.labels, device)
    held_images, _ = networks.inputs(held_out.images, held_out.labels, device)
    noise, patterns = (on_digits(model, name, count, seed) for name, count in GENERATIONS.items())
    again = [on_digits(model, "cppn", GENERATIONS["cppn"], seed + 100 * run).images for run in range(1, 5)]
    quantities = {
        "direct-median": float(noise.confidences[SOONER].median()),
        "direct-random-median": float(_best_at_random(model, "direct", SOONER, seed).median()),
        "direct-lowest": float(noise.confidences[-1].min()),
        "cppn-lowest": float(patterns.confidences[-1].min()),
        "cppn-random-lowest": float(_best_at_random(model, "cppn", GENERATIONS["cppn"], seed).min()),
        "direct-likeness": _likeness(noise.images, images),
        "cppn-likeness": _likeness(patterns.images, images),
        "held-out-likeness": _likeness(held_images, images),
    }
    champions, classes = torch.cat([patterns.images, *again]), torch.arange(10, device=device).repeat(5)
    for other, build in (("same-kind", lambda: networks.build("lenet-mnist")), ("other-kind", _flat_network)):
        network = immunisation.trained(build, images, labels, seed + 10)
        quantities[f"cppn-{other}-agree"] = 1 - networks.error_rate(network, champions, classes)
    return quantities | immunisation.measure(model, images, labels, held_out, seed) | _on_scenes(seed, device)


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """Five classes of each: pixels and pattern producing networks on digits; on scenes both, and gradient ascent."""
    small, large = (networks.load(name, seed).to(device) for name in ("lenet-mnist", "fc-scenes"))
    climbed = ascend(large, torch.arange(5, device=device), shape=SCENE, steps=200, seed=seed)
    drawn = evolve(large, encoding="cppn", shape=SCENE, generations=40, children=50, seed=seed)
    rows = []
    for name, found, names in (
        ("pixels evolved", on_digits(small, "direct", GENERATIONS["direct"], seed), digits.CLASSES),
        ("CPPN evolved", on_digits(small, "cppn", GENERATIONS["cppn"], seed), digits.CLASSES),
        ("gradient", climbed, scenes.CLASSES),
        ("CPPN, scenes", drawn, scenes.CLASSES),
    ):
        titles = [f"{name}: {names[i]}, {found.confidences[-1, i]:.4f}" for i in range(5)]
        rows.append([figures.Panel(titles[i], found.images[i].expand(3, -1, -1)) for i in range(5)])
    title = "Fooling images: how they were made, what the network takes them for, and its confidence"
    return figures.panels(rows, title)


def on_digits(model: nn.Module, encoding: str, generations: int, seed: int, children: int = 100) -> Found:
    """Champions of an evolution on images of digits' size."""
    shape = (1, digits.SIZE, digits.SIZE)
    return evolve(model, shape=shape, encoding=encoding, generations=generations, children=children, seed=seed)


@torch.no_grad()
def _best_at_random(model: nn.Module, encoding: str, generations: int, seed: int) -> Tensor:
    """Each class's highest probability ``(K,)`` among as many images as so many generations, drawn as they begin."""
    like, generator = place(model, seed + 1000)
    code = EVOLVED[encoding]((1, digits.SIZE, digits.SIZE), generator, like.dtype)
    return torch.stack([model(code.images(code.start(100))).softmax(1).amax(0) for _ in range(generations + 1)]).amax(0)


def _likeness(images: Tensor, among: Tensor) -> float:
    """Largest correlation of each image with any of the others, median; without its sign: a negative is as readable."""
    one, other = (each.flatten(1) - each.flatten(1).mean(1, keepdim=True) for each in (images, among))
    return float((functional.normalize(one) @ functional.normalize(other).T).abs().amax(1).median())


def _on_scenes(seed: int, device: str) -> dict[str, float]:
    """Medians over the classes, of gradient ascent and of both kinds of evolution."""
    model = networks.load("fc-scenes", seed).to(device)
    mean = torch.from_numpy(scenes.load(400, seed).images).to(device).float().mean(0) / 255
    climbed = ascend(model, torch.arange(10, device=device), shape=SCENE, steps=200, mean=mean, seed=seed)
    found = {"gradient": climbed} | {
        name: evolve(model, shape=SCENE, encoding=name, generations=20, children=50, seed=seed) for name in EVOLVED
    }
    return {f"scenes-{name}-median": float(each.confidences[-1].median()) for name, each in found.items()}


def _flat_network() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(digits.SIZE**2, 128), nn.ReLU(), nn.Linear(128, 10))
