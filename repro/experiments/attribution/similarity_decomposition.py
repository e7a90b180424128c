"""Similarity decomposition: do the maps show what two images share, and does a region find images of its object?"""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from repro.attribution.similarity_decomposition import (
    Pooling,
    decomposed,
    feature_maps,
    parts,
    similarity_decomposition,
)
from repro.engine.heatmaps import upsample
from repro.lab import figures, networks, photo_panels, protocols, scenes
from repro.lab.scenes import Scenes

NETWORKS: dict[Pooling, str] = {"average": "gap-scenes", "max": "gmp-scenes"}  # by how they pool
COVERED = 0.1  # of an image's pixels


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """The claims' quantities on 200 scenes with two classes, compared with 400 scenes with one object.

    "sum-error": largest difference between a map's sum and the cosine.  "right-of-two": how often there is more on the
    object that both images show than on the other; "activation" is the squared length of the feature vector, "centred"
    has the mean embedding subtracted.  "falls": how far the cosine falls if a tenth of the image is covered where a map
    is largest; "another" is another pair's map.  "-finds": how often the scene most similar to a region (an object), or
    to the whole image, shows that object's class.
    """
    two, one = scenes.load(200, seed, two_classes=True), scenes.one_object(400, seed)
    mates = [_of_class(one, two.instance_classes[:, i]) for i in (0, 1)]
    found: dict[str, float] = {}
    for pooling, name in NETWORKS.items():
        model = networks.load(name, seed).to(device)
        maps, others = (feature_maps(model, _images(each, device)) for each in (two, one))
        first, second = parts(maps, pooling), parts(others, pooling)
        pooled = (model.get_submodule("pool")(each[: len(two)])[..., 0, 0] for each in (maps, others))
        sums = decomposed(first, second[: len(two)]).sum((1, 2, 3))
        error = float((sums - functional.cosine_similarity(*pooled)).abs().max())
        found["sum-error"] = max(found.get("sum-error", 0), error)
        for region, masks in {"region": two.instance_masks, "whole": np.ones_like(two.instance_masks)}.items():
            found[f"{pooling}-{region}-finds"] = _finds(first, masks, second, one, two.instance_classes)
        if pooling == "average":
            centred = [parts(each, pooling, others.mean((0, 2, 3))) for each in (maps, others)]
            pairs = {"average": (first, second), "centred": centred}
            compared = {name: [decomposed(a, b[each]) for each in mates] for name, (a, b) in pairs.items()}
            compared["activation"] = [maps.square().sum(1, keepdim=True)] * 2
            found |= protocols.right_of_two(compared, two)
            found |= _falls(model, one, device)
    return found


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """Scenes with two objects, compared with a scene that shows the class of the first, and of the second."""
    two, one = scenes.load(3, seed, two_classes=True), scenes.one_object(400, seed)
    model, images, rows = networks.load("gap-scenes", seed).to(device), _images(two, device), []
    shown = [_images(one.take(_of_class(one, two.instance_classes[:, i])), device) for i in (0, 1)]
    for i in range(3):
        row = [figures.Panel("two objects", images[i])]
        for other in shown:
            pair = images[i : i + 1], other[i : i + 1]
            maps = [similarity_decomposition(model, *each)[0] for each in (pair, pair[::-1])]
            title, largest = f"similarity {float(maps[0].sum()):.2f}", max(each.max() for each in maps)
            row.append(figures.Panel(title, images[i], maps[0] / largest))
            row.append(figures.Panel("to this one", other[i], maps[1] / largest))
        rows.append(row)
    return figures.panels(rows, "Similarity decomposition", "relative to the maximum of both maps")


def photograph() -> photo_panels.Panels:
    image = photo_panels.view("cat-and-coffee")
    model, others = photo_panels.network(), [photo_panels.view(name) for name in ("cat", "coffee")]
    return [image[0], *(photo_panels.over(image[0], similarity_decomposition(model, image, o)[0]) for o in others)]


def _images(some: Scenes, device: str) -> Tensor:
    return networks.inputs(some.images, some.labels, device)[0]


def _of_class(one: Scenes, classes: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each class the number of a scene that shows it, each time another while there are some."""
    rows = [np.flatnonzero(one.labels == each) for each in classes]
    return np.array([each[i % len(each)] for i, each in enumerate(rows)])


def _finds(first: Tensor, masks: NDArray[np.bool_], second: Tensor, one: Scenes, classes: NDArray[np.int64]) -> float:
    """How often the scene to whose similarity an object's region contributes most shows the object's class."""
    regions = functional.interpolate(torch.from_numpy(masks[:, :2]).to(first), first.shape[2:], mode="area")
    contributions = torch.einsum("bkyx,biyx->bik", first, regions) @ second.sum((2, 3)).T
    return float((one.labels[contributions.argmax(2).cpu().numpy()] == classes[:, :2]).mean())


def _falls(model: nn.Module, one: Scenes, device: str) -> dict[str, float]:
    images, mates = _images(one, device)[:120], _of_class(one.take(np.arange(120, 400)), one.labels[:120]) + 120
    others = _images(one.take(mates), device)
    heatmaps = similarity_decomposition(model, images, others)
    activation = feature_maps(model, images).square().sum(1, keepdim=True)
    found = {}
    for name, each in {"pair": heatmaps, "activation": activation, "another": heatmaps.roll(1, 0)}.items():
        values = upsample(each, images.shape[2:])
        limit = values.flatten(1).quantile(1 - COVERED, dim=1)[:, None, None, None]
        after = similarity_decomposition(model, torch.where(values >= limit, 0.5, images), others).sum((1, 2, 3))
        found[f"{name}-falls"] = float((heatmaps.sum((1, 2, 3)) - after).mean())
    return found
