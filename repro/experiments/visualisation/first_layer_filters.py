"""First-layer filters: are trained ones oriented, smooth, of many frequencies, and either grey or coloured?

Controls: the untrained network; each filter with its weights shuffled; noise that is as smooth as the filters.
"""

from __future__ import annotations

import math

import torch
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn import functional

from repro.engine import training
from repro.engine.results import Filters
from repro.lab import controls, digits, figures, models, networks, photo_panels
from repro.visualisation.first_layer_filters import by_orientation, described, first_layer_filters

SCENES, DIGITS, PHOTO = (3, 64, 64), (1, 28, 28), (3, 224, 224)
FEW, MANY = 1, 8  # epochs


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """Means over the 24 filters of zf-scenes: "trained", "untrained", "shuffled", and of 192 of "noise".

    "spread" is the standard deviation over the filters.  "few-epochs" and "many-epochs" are a lenet-mnist in training
    on 600 digits.  "photo" is the network of photographs, "photo-shuffled" its filters with their weights shuffled.
    """
    trained = first_layer_filters(networks.load("zf-scenes", seed).to(device), shape=SCENES)
    generator = torch.Generator().manual_seed(seed)
    kinds = {
        "trained": trained,
        "untrained": first_layer_filters(networks.untrained("zf-scenes", seed).to(device), shape=SCENES),
        "shuffled": described(controls.shuffled(trained.weights, generator)),
        "noise": described(controls.as_smooth(trained.weights, generator)),
    }
    found: dict[str, float] = {}
    for name, filters in kinds.items():
        found |= {f"{name}-selectivity": float(filters.selectivity.mean())}
        found |= {f"{name}-smoothness": float(filters.smoothness.mean())}
        found |= {f"{name}-frequency-spread": float(filters.frequency.std())}
        found |= {f"{name}-colour-spread": float(filters.colour.std())}
    of_photographs = photographs_filters()
    mixed = described(controls.shuffled(of_photographs.weights, generator))
    for name, filters in (("photo", of_photographs), ("photo-shuffled", mixed)):
        found |= {f"{name}-colour-spread": float(filters.colour.std())}
        coloured = filters.colour > filters.colour.median()
        found |= {f"{name}-coloured-smoothness": float(filters.smoothness[coloured].mean())}
        found |= {f"{name}-grey-smoothness": float(filters.smoothness[~coloured].mean())}
    return found | _in_training(seed, device)


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """The filters of three networks, each in its full strength, ordered by direction; below, without training."""
    rows = []
    for title, of in (("{}", networks.load), ("{}, untrained", networks.untrained)):
        row = []
        for name, shape in (("zf-scenes", SCENES), ("residual-scenes", SCENES), ("lenet-mnist", DIGITS)):
            row.append(figures.Panel(title.format(name), _picture(first_layer_filters(of(name, seed), shape=shape))))
        rows.append(row)
    return figures.panels(rows, "Filters of the first layer; grey is zero")


def photograph() -> photo_panels.Panels:
    """A cat, and the filters through which the network of photographs sees it."""
    return [photo_panels.view("cat")[0], _picture(photographs_filters())]


def photographs_filters() -> Filters:
    """Those of the network of photographs that are not zero."""
    filters = first_layer_filters(models.load(models.PHOTO).model, shape=PHOTO)
    return described(filters.weights[filters.weights.flatten(1).norm(dim=1) > 1e-6])


def _in_training(seed: int, device: str) -> dict[str, float]:
    some = digits.load(600, seed, held_out=False)
    images, classes = networks.inputs(some.images, some.labels, device)
    model, seen = networks.untrained("lenet-mnist", seed).to(device), {}
    generator, each = torch.Generator().manual_seed(seed), -(-len(images) // 32)

    def look(step: int) -> None:
        for name, epochs in (("few", FEW), ("many", MANY)):
            if step == epochs * each:
                seen[f"{name}-epochs-smoothness"] = float(first_layer_filters(model, shape=DIGITS).smoothness.mean())

    orders = (torch.randperm(len(images), generator=generator).to(device) for _ in range(MANY))
    batches = (rows for order in orders for rows in order.split(32))
    optimiser = torch.optim.AdamW(model.parameters(), lr=2e-3)
    training.fit(
        model, batches, lambda rows: functional.cross_entropy(model(images[rows]), classes[rows]), optimiser, probe=look
    )
    return seen


def _picture(filters: Filters) -> Tensor:
    weights = filters.weights[by_orientation(filters)].detach()
    return figures.filters(weights.expand(-1, 3, -1, -1).cpu(), math.ceil(math.sqrt(len(weights))))
