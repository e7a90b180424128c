"""Class models of two networks on scenes: what the penalty and the logit contribute, as other networks see it."""

from __future__ import annotations

from functools import partial

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from repro.lab import figures, made_images, networks, photo_panels, scenes
from repro.visualisation.class_model_visualisation import class_model_visualisation

SCENE = (3, scenes.SIZE, scenes.SIZE)
MAKERS = ("gap-scenes", "fc-scenes")
OF_PROBABILITY = 1.0  # the weight with which a log-probability gets the class and the best transfer; 1e4 leaves it grey
STEPS, EARLY = 28, 4


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """The claims' quantities for all ten classes, means of gap-scenes and fc-scenes.

    "transfer": the share of pictures that networks of four other kinds put into the class.  "free" is without the
    penalty; "pale" the same, brought to the contrast of "penalty", and "early" the same, stopped when it has about
    that contrast; "softmax" raises the log-probability; "class-mean" is the class's mean image at that contrast.
    "own" is the share to which the network itself gives the class, "high" the share of high frequencies.
    """
    classes = torch.arange(10, device=device)
    mean, of_class = made_images.mean_images(seed, device=device)
    rows = []
    for name in MAKERS:
        model, others = networks.load(name, seed).to(device), made_images.judges(name, seed, device)
        made = pictures(model, classes, mean, seed)
        pale = {"class-mean": of_class, "pale": made["free"]}
        shown = made | {key: made_images.with_contrast_of(each, made["penalty"], mean) for key, each in pale.items()}
        row = {f"{key}-transfer": made_images.transfer(others, each, classes) for key, each in shown.items()}
        row |= {f"{key}-own": made_images.transfer([model], each, classes) for key, each in made.items()}
        rows.append(row | {f"{key}-high": made_images.high_frequency_share(each) for key, each in made.items()})
    return {key: sum(row[key] for row in rows) / len(rows) for key in rows[0]}


def pictures(model: nn.Module, classes: Tensor, mean: Tensor, seed: int) -> dict[str, Tensor]:
    """With the penalty, without it to the end and for a few steps, and with a log-probability in the logit's place."""
    make = partial(class_model_visualisation, model, classes, shape=SCENE, mean=mean, seed=seed)
    return {
        "penalty": make(steps=STEPS),
        "free": make(steps=STEPS, weight=0.0),
        "early": make(steps=EARLY, weight=0.0),
        "softmax": make(steps=STEPS, of="log-probability", weight=OF_PROBABILITY),
    }


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """Five classes of gap-scenes at four weights."""
    model, mean = networks.load("gap-scenes", seed).to(device), made_images.mean_images(seed, device=device)[0]
    classes = torch.arange(5, device=device)
    rows = []
    for weight in (0.0, 3e3, 1e4, 3e4):
        found = class_model_visualisation(model, classes, shape=SCENE, mean=mean, weight=weight, seed=seed)
        rows.append([figures.Panel(f"{scenes.CLASSES[i]}, λ = {weight:g}", image) for i, image in enumerate(found)])
    return figures.panels(rows, "Class models with four weights of the penalty")


def photograph() -> photo_panels.Panels:
    """Class models of a daisy and of an espresso."""
    labels = torch.tensor([photo_panels.DAISY, photo_panels.ESPRESSO])
    return list(class_model_visualisation(photo_panels.network(), labels, shape=(3, 144, 144), weight=3e3, steps=24))
