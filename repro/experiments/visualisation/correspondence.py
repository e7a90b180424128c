"""Correspondence analysis (Zeiler and Fergus 2014, Sec. 4.3): does the network know that parts correspond?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from repro.experiments.visualisation.layers import DIGITS, delta, features
from repro.lab import digits, networks

LAYERS = {number: DIGITS[number] for number in ("2", "3")}


def measured(seed: int, device: str) -> dict[str, float]:
    """Delta on digits, which have an upright as the paper's dogs have: three parts of each class, 4 times 5 images.

    A part is the place where the class's mean image is brightest, in its upper, middle and lower third; a grey square
    covers it.  "random" covers a random place of each digit, "place" the part's place in digits of any class.  "gap" is
    by how much Delta of random places exceeds that of parts.
    """
    model = networks.load("lenet-mnist", seed).to(device)
    some = digits.load(500, seed)
    images, classes = networks.inputs(some.images, some.labels, device)
    layers = [model.get_submodule(name) for name in LAYERS.values()]
    rng = np.random.default_rng(seed)
    found: dict[str, list[list[float]]] = {"part": [], "random": [], "place": []}
    for digit in range(10):
        own = images[classes == digit]
        mean = own.mean(0)[0].cpu().numpy()
        for top in (2, 10, 18):
            row, column = divmod(int(mean[top : top + 8].argmax()), digits.SIZE)
            for start in range(0, 20, 5):
                five, any_five = own[start : start + 5], images[rng.choice(len(images), 5, replace=False)]
                strokes = [np.argwhere(image[0] > 0.5) for image in five.cpu().numpy()]
                anywhere = np.array([stroke[rng.integers(len(stroke))] for stroke in strokes])
                part = np.tile([top + row, column], (5, 1))
                for name, whole, at in (("part", five, part), ("random", five, anywhere), ("place", any_five, part)):
                    pairs = (features(model, each, layers)[0] for each in (whole, covered(whole, at)))
                    found[name].append([float(delta(*pair)) for pair in zip(*pairs, strict=True)])
    means = {name: np.mean(each, 0) for name, each in found.items()}
    quantities: dict[str, float] = {}
    for i, number in enumerate(LAYERS):
        quantities |= {f"{name}-delta-layer-{number}": float(each[i]) for name, each in means.items()}
        quantities[f"delta-gap-layer-{number}"] = float(means["random"][i] - means["part"][i])
    return quantities


def covered(images: Tensor, centres: NDArray[np.int64]) -> Tensor:
    """A grey square of 7 by 7 pixels about one place of each image."""
    result = images.clone()
    for image, (row, column) in zip(result, centres, strict=True):
        image[:, max(row - 3, 0) : row + 4, max(column - 3, 0) : column + 4] = 0.5
    return result
