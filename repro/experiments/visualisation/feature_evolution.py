"""Feature evolution during training (Zeiler and Fergus 2014, Sec. 4 and Fig. 4), on lenet-mnist."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from repro.engine import training
from repro.experiments.visualisation.layers import DIGITS
from repro.experiments.visualisation.likeness import likeness
from repro.lab import digits, networks
from repro.visualisation.deconvnet import strongest

EPOCHS = (0, 2, 24)
LAYERS = {number: DIGITS[number] for number in ("1", "3")}


def measured(seed: int, device: str) -> dict[str, float]:
    """Likeness of each unit's strongest pattern after 2 epochs to its last one ("evolution"), mean over ten units.

    Each time it is the strongest among 600 training digits, so that a change of the digit counts.  "way-left" is the
    unlikeness that is left after 2 epochs, relative to that before training.
    """
    some = digits.load(600, seed, held_out=False)
    images, classes = networks.inputs(some.images, some.labels, device)
    seen: dict[str, list[Tensor]] = {number: [] for number in LAYERS}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = networks.build("lenet-mnist").to(device)
        optimiser = torch.optim.AdamW(model.parameters(), lr=2e-3)
        per_epoch = -(-len(images) // 32)

        def look(step: int) -> None:
            if step in [epoch * per_epoch for epoch in EPOCHS]:
                for number, name in LAYERS.items():
                    _, patterns = strongest(model, images, model.get_submodule(name), range(10), 1)
                    seen[number].append(patterns[:, 0])

        look(0)
        orders = (torch.randperm(len(images)).to(device) for _ in range(EPOCHS[-1]))
        batches = (rows for order in orders for rows in order.split(32))
        training.fit(
            model,
            batches,
            lambda rows: functional.cross_entropy(model(images[rows]), classes[rows]),
            optimiser,
            probe=look,
        )
    found = {}
    for number, patterns in seen.items():
        alive = patterns[-1].flatten(1).norm(dim=1) > 0
        before, early = (float(likeness(each[alive], patterns[-1][alive]).mean()) for each in patterns[:-1])
        found[f"evolution-layer-{number}"] = early
        found[f"way-left-layer-{number}"] = (1 - early) / (1 - before)
    return found
