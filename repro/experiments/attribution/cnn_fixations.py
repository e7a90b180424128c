"""CNN fixations: do they lie on the object, and do they explain the label, through how many fully connected layers?"""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from repro.attribution.cnn_fixations import cnn_fixations, fixations
from repro.engine.heatmaps import max_normalise
from repro.lab import controls, figures, networks, photo_panels, protocols, scenes
from repro.lab.scenes import Scenes

NETWORKS = ("zf-scenes", "vgg-scenes", "residual-scenes")  # with two hidden fully connected layers, one, and none
STRONGEST = 4  # pixels by the gradient, as many as there are fixations on vgg-scenes


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """The claims' quantities on 60 held-out scenes with one object, and 60 with two classes.

    "on-object": the share of the fixations that lie on the object; "shuffled", on vgg-scenes with the weights of all
    convolutions shuffled; "gradient", of the four pixels with the largest gradient.  "overlap": how many of the
    fixations of two classes they have in common (Jaccard).  "right-of-two": how often there is more of a class's map on
    its own object than on the other.
    """
    one, two = scenes.one_object(60, seed), scenes.load(60, seed, two_classes=True)
    images, classes = networks.inputs(one.images, one.labels, device)
    found = {}
    for name in NETWORKS:
        model, short = networks.load(name, seed).to(device), name.removesuffix("-scenes")
        found[f"{short}-on-object"] = _on_object(fixations(model, images, classes), one)
        both = protocols.for_both_classes(fixations, model, two)
        found[f"{short}-overlap"] = float(np.mean([_overlap(*both, i) for i in range(len(two))]))
        maps = {short: protocols.for_both_classes(cnn_fixations, model, two)}
        found |= protocols.right_of_two(maps, two)
    model = networks.load("vgg-scenes", seed).to(device)
    convolutions = [name for name, module in model.named_modules() if isinstance(module, nn.Conv2d)]
    shuffled = controls.randomised(model, *convolutions)
    strongest = controls.saliency(model, images, classes).flatten(1).topk(STRONGEST).indices.flatten()
    rows = torch.arange(len(images), device=device).repeat_interleave(STRONGEST)
    pixels = torch.stack([rows, strongest // scenes.SIZE, strongest % scenes.SIZE], 1)
    return found | {
        "shuffled-on-object": _on_object(fixations(shuffled, images, classes), one),
        "gradient-on-object": _on_object(pixels, one),
        "chance-on-object": float(one.class_masks().mean()),
    }


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """Three scenes with two objects: fixations of both classes through two hidden fully connected layers, and none."""
    two = scenes.load(3, seed, two_classes=True)
    rows = [[figures.Panel("two objects", torch.from_numpy(two.images[i]) / 255)] for i in range(3)]
    for name in (NETWORKS[0], NETWORKS[2]):
        both = protocols.for_both_classes(cnn_fixations, networks.load(name, seed).to(device), two)
        for i, row in enumerate(rows):
            for label, maps in zip(two.instance_classes[i], both, strict=False):
                row.append(figures.Panel(f"{scenes.CLASSES[label]}, {name}", row[0].image, max_normalise(maps)[i]))
    return figures.panels(rows, "CNN fixations", "relative to the map's maximum")


def photograph() -> photo_panels.Panels:
    """The fixations as dots on the darkened photograph, and the map over it."""
    images, label = photo_panels.view("cat"), torch.tensor([photo_panels.CAT])
    dots = (0.5 * images[0].mean(0)).repeat(3, 1, 1)
    for _, y, x in fixations(photo_panels.network(), images, label).tolist():
        dots[:, max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3] = torch.tensor([1.0, 0.8, 0.1])[:, None, None]
    return [images[0], dots, photo_panels.over(images[0], cnn_fixations(photo_panels.network(), images, label)[0])]


def _on_object(points: Tensor, one: Scenes) -> float:
    """Mean over the scenes with fixations of the share that lies on the object."""
    image, row, column = points.cpu().numpy().T
    hits = one.class_masks()[image, row, column]
    return float(np.mean([hits[image == i].mean() for i in np.unique(image)]))


def _overlap(first: Tensor, second: Tensor, image: int) -> float:
    one, other = ({tuple(point) for point in each[each[:, 0] == image].tolist()} for each in (first, second))
    return len(one & other) / max(len(one | other), 1)
