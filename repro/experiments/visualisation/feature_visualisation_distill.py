"""Distill's feature visualisation: pixels or Fourier coefficients, with transformations or without, and diversity.

Controls: the noisiest picture, blurred to the same share of high frequencies; other starts without diversity.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn import functional

from repro.engine.objectives import maps
from repro.lab import figures, made_images, networks, photo_panels, scenes
from repro.visualisation.feature_visualisation_distill import alike
from repro.visualisation.feature_visualisation_distill import feature_visualisation_distill as visualise

SCENE = (3, scenes.SIZE, scenes.SIZE)
STEPS = 80
WAYS: dict[str, dict[str, Any]] = {
    "pixels": {"parameterisation": "pixels", "transforms": False},
    "pixels-moved": {"parameterisation": "pixels"},
    "fourier": {"transforms": False},
    "fourier-moved": {},
}
PICTURES, SHARE = 4, 1.0  # of one channel; the weight of the term, in activations of the channel without it


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """The claims' quantities, for all ten classes of fc-scenes and for two channels of gap-scenes' fourth convolution.

    "transfer" is the share of pictures that networks of four other kinds put into the class, "high" the share of high
    frequencies; "moved" is with transformations.  "blurred" is "pixels", blurred until little of its high frequencies
    is left.  "likeness" is the mean cosine of pairs of four pictures of a channel, "kept" the activation with diversity
    over that without.
    """
    model, others = networks.load("fc-scenes", seed).to(device), made_images.judges("fc-scenes", seed, device)
    classes = torch.arange(10, device=device)
    made = {name: classes_of(model, classes, seed, **way) for name, way in WAYS.items()}
    made["blurred"] = functional.avg_pool2d(made["pixels"], 3, 1, 1, count_include_pad=False)
    found = {f"{name}-transfer": made_images.transfer(others, each, classes) for name, each in made.items()}
    found |= {f"{name}-high": made_images.high_frequency_share(each) for name, each in made.items()}
    found["scenes-high"] = made_images.high_frequency_share(some_scenes(seed, device))
    return found | diversity(seed, device)


def classes_of(model: nn.Module, classes: Tensor, seed: int, steps: int = STEPS, **way: Any) -> Tensor:
    """Pictures of classes: the layer is the whole network, whose channels are the logits."""
    return visualise(model, model, classes, shape=SCENE, steps=steps, seed=seed, **way)


def diversity(seed: int, device: str) -> dict[str, float]:
    """Four pictures of each of two channels that faint noise excites most, with the term and without."""
    model = networks.load("gap-scenes", seed).to(device)
    layer, likeness, kept = model.get_submodule("features.7"), {"with": 0.0, "without": 0.0}, 0.0
    make = partial(visualise, model, layer, shape=SCENE, seed=seed)
    with torch.no_grad():
        excited = maps(model, make([0] * PICTURES, diversity=1.0, steps=0), layer).mean((0, 2, 3)).topk(2).indices
    for channel in excited.tolist():
        activation: dict[str, float] = {}
        for name, share in (("without", 1e-9), ("with", SHARE)):
            weight = share * activation.get("without", 1.0)
            images = make([channel] * PICTURES, diversity=weight, steps=40)
            with torch.no_grad():
                found = maps(model, images, layer)
            activation[name] = float(found[:, channel].mean())
            likeness[name] += float(alike(found).mean()) * PICTURES / (PICTURES - 1) / 2
        kept += activation["with"] / activation["without"] / 2
    return {f"{name}-likeness": value for name, value in likeness.items()} | {"kept": kept}


def some_scenes(seed: int, device: str) -> Tensor:
    some = scenes.load(100, seed)
    return networks.inputs(some.images, some.labels, device)[0]


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """Five classes of fc-scenes in the four ways."""
    model, classes = networks.load("fc-scenes", seed).to(device), torch.arange(5, device=device)
    titles = ("pixels", "pixels, transformed", "Fourier", "Fourier, transformed")
    rows = []
    for title, way in zip(titles, WAYS.values(), strict=True):
        found = classes_of(model, classes, seed, **way)
        rows.append([figures.Panel(f"{scenes.CLASSES[i]}: {title}", image) for i, image in enumerate(found)])
    return figures.panels(rows, "The same classes, from pixels and from Fourier coefficients")


def photograph() -> photo_panels.Panels:
    """Four channels each of an early, a middle and a later block."""
    chosen = {"blocks.1": [0, 2, 3, 4], "blocks.3": [2, 3, 4, 5], "blocks.4": [2, 3, 5, 6]}
    return [figures.tiles(of_block(name, channels), 2) for name, channels in chosen.items()]


def animation() -> photo_panels.Panels:
    """A channel of a later block, from the first step to the last."""
    return photo_panels.frames(lambda: of_block("blocks.4", [2]))


def of_block(name: str, channels: list[int]) -> Tensor:
    network = photo_panels.network()
    return visualise(network, network.get_submodule(name), channels, shape=(3, 144, 144), steps=90)
