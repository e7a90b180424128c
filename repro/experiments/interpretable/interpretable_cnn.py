"""Interpretable filters on gap-scenes: does the loss make filters respond at one place and to one class, at what price?

Controls: the same layer without loss and masks; with global max pooling; with a loss that only asks for silence on
other classes.
"""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from repro.experiments.interpretable.heads import feature_maps, training_maps
from repro.experiments.interpretable.part_filters import Kind, described, trained
from repro.interpretable.interpretable_cnn import PartLayer, interpretable_cnn
from repro.lab import figures, networks, scenes


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """The claims' quantities: layers of 30 filters on the maps of gap-scenes, on 8 by 8 places, trained on 500 scenes.

    "parts" has the loss and the masks, "plain" neither, "maximum" global max pooling, "silent" a loss of the same
    strength on the share of a filter's responses to other classes.  "accuracy" is measured on 200 held-out scenes, the
    rest, without masks, on 100 with one object.  For scenes of a filter's class: "peak" is the share of a map at its
    peak and the four places next to it, "spread" the standard deviation of the peak's distance from the middle of the
    object's box, relative to the map's diagonal, "on-object" the share of peaks on the object.  "selectivity" is
    (m - r) / (m + r), of a filter's mean response to its class and to the others; "alive" the share of filters that
    respond at all; "information" the paper's mutual information, of maps with a mean of 1.
    """
    model = networks.load("gap-scenes", seed).to(device)
    maps, labels = training_maps(model, seed)
    held_out, one = scenes.load(200, seed), scenes.one_object(100, seed)
    (images, truth), (objects, classes) = (networks.inputs(s.images, s.labels, device) for s in (held_out, one))
    others, seen, found = feature_maps(model, images), feature_maps(model, objects), dict[str, float]()
    kinds: tuple[Kind, ...] = ("plain", "maximum", "silent", "parts")
    for kind in kinds:
        layer = trained(kind, maps, labels, seed)
        found[f"{kind}-accuracy"] = float((layer(others).argmax(1) == truth).double().mean())
        found |= {f"{kind}-{name}": value for name, value in described(layer, seen, classes, one).items()}
    return found


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """Three scenes of a class and one of another: the class's strongest filter, without and with the loss, masked."""
    model, one = networks.load("gap-scenes", seed).to(device), scenes.one_object(200, seed)
    given = training_maps(model, seed)
    plain, parts = (trained(kind, *given, seed) for kind in ("plain", "parts"))
    label = int(parts.owners.mode().values)
    rows = [*np.flatnonzero(one.labels == label)[:3], np.flatnonzero(one.labels != label)[0]]
    images, classes = networks.inputs(one.images[rows], one.labels[rows], device)
    seen = feature_maps(model, images)
    columns = {
        "a filter without the loss": _strongest(plain, seen, label),
        "a filter with the loss": _strongest(parts, seen, label),
        "masked": _strongest(parts, seen, label, masked=True),
        "parts of the class": interpretable_cnn(model, images, torch.full_like(classes, label), parts),
    }
    cells = [
        [
            figures.Panel(scenes.CLASSES[one.labels[row]], image),
            *(figures.Panel(name, image, maps[i] / maps.max()) for name, maps in columns.items()),
        ]
        for i, (row, image) in enumerate(zip(rows, images, strict=True))
    ]
    return figures.panels(cells, f"Filters for “{scenes.CLASSES[label]}”", "relative to the column's maximum")


def _strongest(layer: PartLayer, seen: Tensor, label: int, *, masked: bool = False) -> Tensor:
    """The maps ``(B, 1, n, n)`` of the filter of the class that responds most to the first images."""
    maps = layer.maps(seen)
    one = (maps[:3].mean((0, 2, 3)) + 1e9 * (layer.owners == label)).argmax()
    return (layer.parts(maps) if masked else maps)[:, one, None]
