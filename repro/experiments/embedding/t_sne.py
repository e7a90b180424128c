"""t-SNE: does it keep neighbours and separate classes, what is the heavy tail for, and what do sizes of clusters mean?

Controls: the two first principal components; symmetric SNE, with a Gaussian tail; clusters of a known size.
"""

from __future__ import annotations

import torch
from matplotlib.figure import Figure
from torch import Tensor

from repro.embedding.t_sne import gradient, joint_probabilities, t_sne
from repro.engine import neighbours, variants
from repro.engine.representations import representation
from repro.lab import digits, figures, networks, photo_panels, scenes

COUNT, STEPS, NEAR, VOTES = 250, 300, 12, 5
LAYERS = {"fifth convolution": "features.12", "last hidden layer": "classifier.3"}  # of zf-scenes, after ReLU
WIDE = 10.0  # how many times wider than the other one of two clusters is


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """The claims' quantities, of 250 held-out scenes (codes of zf-scenes) and 250 digits (pixels), in 300 steps.

    "accuracy" is that of the five nearest points in the plane, "trust" the trustworthiness of the twelve nearest.
    "overlap" is the mean distance of points of one class over that of points of different classes.  "width" is how many
    times wider than the other one of two clusters is, in ten dimensions and in the plane.
    """
    given, labels = codes(seed, device)
    some = digits.load(COUNT, seed)
    images, of_digits = networks.inputs(some.images, some.labels, device)
    hidden, pixels = given["last hidden layer"], images.flatten(1).double()
    pictures = {
        "codes": (hidden, labels, t_sne(hidden, steps=STEPS, seed=seed).positions),
        "codes-gaussian": (hidden, labels, t_sne(hidden, steps=STEPS, seed=seed, tail="gaussian").positions),
        "codes-pca": (hidden, labels, neighbours.principal(hidden, 2)),
        "pixels": (given["pixels"], labels, t_sne(given["pixels"], steps=STEPS, seed=seed).positions),
        "digits": (pixels, of_digits, t_sne(pixels, steps=STEPS, seed=seed).positions),
        "digits-pca": (pixels, of_digits, neighbours.principal(pixels, 2)),
    }
    found: dict[str, float] = {}
    for name, (rows, classes, positions) in pictures.items():
        right = neighbours.vote(positions, classes, VOTES) == classes
        found |= {f"{name}-accuracy": float(right.double().mean()), f"{name}-overlap": overlap(positions, classes)}
        found[f"{name}-trust"] = neighbours.trustworthiness(rows, positions, NEAR)
    rows, which = clusters(seed)
    widths = [_width(each, which) for each in (rows, t_sne(rows, steps=STEPS, seed=seed).positions)]
    return found | {"width-of-rows": widths[0], "width-in-the-plane": widths[1]}


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """Scenes by the pixels and by two layers of zf-scenes, coloured by class; the last layer's principal components."""
    given, labels = codes(seed, device)
    charts = [figures.scatter(name, t_sne(each, seed=seed).positions, labels) for name, each in given.items()]
    flat = neighbours.principal(given["last hidden layer"], 2)
    charts.append(figures.scatter("last hidden layer, principal components", flat, labels, scenes.CLASSES))
    return figures.panels([charts], "t-SNE of 250 scenes, coloured by class")


def photograph() -> photo_panels.Panels:
    """Squares of ten photographs where t-SNE puts them, by their pixels and by the network's codes."""
    images, _ = photo_panels.crops()
    small = torch.nn.functional.interpolate(images, (32, 32), mode="area").flatten(1).double()
    rows = (small, photo_panels.codes(images).double())
    return [photo_panels.pinned(t_sne(each, perplexity=15.0).positions, images) for each in rows]


def animation() -> photo_panels.Panels:
    """The same by the codes, as the descent goes on."""
    images, seen = photo_panels.crops()[0], list[Tensor]()
    joint = joint_probabilities(neighbours.principal(photo_panels.codes(images).double(), 30), perplexity=15.0)

    def slope(positions: Tensor, exaggeration: float) -> Tensor:
        seen.append(positions)
        return gradient(exaggeration * joint, positions)[0]

    neighbours.descend(slope, joint, 300, None, 0, variants.silent)
    return [photo_panels.pinned(each, images) for each in seen[9::10]]


def codes(seed: int, device: str) -> tuple[dict[str, Tensor], Tensor]:
    """Pixels and two layers of zf-scenes for the scenes, each ``(COUNT, F)``, and the scenes' classes."""
    model, some = networks.load("zf-scenes", seed), scenes.one_object(COUNT, seed)
    images, labels = networks.inputs(some.images, some.labels)
    with torch.no_grad():
        found = {name: representation(model, images, model.get_submodule(layer)) for name, layer in LAYERS.items()}
    found = {"pixels": images.flatten(1), **found}
    return {name: each.double().to(device) for name, each in found.items()}, labels.long().to(device)


def overlap(positions: Tensor, labels: Tensor) -> float:
    apart, same = neighbours.squared_distances(positions).sqrt(), labels[:, None] == labels
    others = same & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    return float(apart[others].mean() / apart[~same].mean())


def clusters(seed: int) -> tuple[Tensor, Tensor]:
    """Two round clusters far from each other in ten dimensions, one ten times as wide, and which row is in which."""
    which = torch.arange(COUNT) % 2
    noise = torch.randn(COUNT, 10, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    noise *= torch.where(which == 1, WIDE, 1.0)[:, None]
    noise[:, 0] += 100.0 * which
    return noise, which


def _width(rows: Tensor, which: Tensor) -> float:
    """How many times farther from their middle the rows of cluster 1 are than those of cluster 0."""
    wide, tight = ((each - each.mean(0)).norm(dim=1).mean() for each in (rows[which == 1], rows[which == 0]))
    return float(wide / tight)
