"""Guided backpropagation: how cleanly it shows the object, and how little it depends on class and weights."""

from __future__ import annotations

from functools import partial

import numpy as np
from matplotlib.figure import Figure

from repro.attribution.guided_backprop import backprop_rule, deconvnet_rule, guided_backprop, guided_rule
from repro.engine.gradients import pixel_gradient
from repro.engine.heatmaps import max_normalise
from repro.lab import controls, figures, networks, photo_panels, protocols, scenes

RULES: dict[str, protocols.Method] = {
    "guided": partial(pixel_gradient, rule=guided_rule),
    "backprop": partial(pixel_gradient, rule=backprop_rule),
    "deconvnet": partial(pixel_gradient, rule=deconvnet_rule),
}
HEAD = ("classifier.0", "classifier.2")


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """The claims' quantities on 300 held-out scenes of all kinds and 300 with objects of two classes.

    "energy" is the share of a map on the objects of the class: gap-scenes has no maximum pooling, fc-scenes has.
    "of-two-classes" is the mean rank correlation of the maps for both classes of a scene.
    """
    held_out = scenes.load(2000, seed)
    masks = held_out.class_masks()[:300]
    images, classes = networks.inputs(held_out.images[:300], held_out.labels[:300], device)
    gap, model = (networks.load(name, seed).to(device) for name in ("gap-scenes", "fc-scenes"))
    maps = {
        f"{network}-{name}": method(each, images, classes)
        for network, each in (("gap", gap), ("fc", model))
        for name, method in RULES.items()
    }
    compared = {name: RULES[name] for name in ("guided", "backprop")}
    two = scenes.load(400, seed, two_classes=True).take(np.arange(300))
    of_two = {
        f"{name}-of-two-classes": protocols.similarity(*protocols.for_both_classes(method, model, two))
        for name, method in compared.items()
    }
    return {
        **protocols.energy(maps, masks),
        **of_two,
        **protocols.randomisation(compared, model, images, classes, HEAD),
    }


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """Three scenes: the gradient, the deconvnet's rule, guided backpropagation, and that with the head randomised."""
    model = networks.load("fc-scenes", seed).to(device)
    one = scenes.one_object(3, seed)
    images, classes = networks.inputs(one.images, one.labels, device)
    columns = {
        "gradient": RULES["backprop"](model, images, classes),
        "deconvnet": RULES["deconvnet"](model, images, classes),
        "guided": RULES["guided"](model, images, classes),
        "guided, head randomised": RULES["guided"](controls.randomised(model, *HEAD), images, classes),
    }
    shown = {title: max_normalise(maps.sum(1, keepdim=True)) for title, maps in columns.items()}
    rows = [
        [figures.Panel(scenes.CLASSES[one.labels[i]], images[i])]
        + [figures.Panel(title, heatmap=maps[i]) for title, maps in shown.items()]
        for i in range(3)
    ]
    return figures.panels(rows, "Guided backpropagation", "relative to the map's maximum, colours summed")


def photograph() -> photo_panels.Panels:
    return photo_panels.pixels(guided_backprop)
