"""CAR: is a greedy order better than others, do filters of colour go first, and has each filter its classes?"""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from repro.experiments.interpretable.pruned_filters import first_filters, from_layer, orders
from repro.interpretable.compression_importance import class_importance, compression_importance
from repro.lab import digits, figures, metrics, networks, photo_panels


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """The claims' quantities on lenet-mnist and, for colours, zf-scenes.

    ``<order>-accuracy``: the mean accuracy on held-out digits while a layer's filters are pruned one by one until none
    is left, averaged over both layers.  "once" is the order of the CAR of the whole network, "norm" that of the
    weights, "activation" of the mean activations, "random" the mean of three random orders.

    "colour" is the mean colour share of the filters that are pruned first, and of all.  "response" is how far a
    filter's importance for the ten classes goes with its mean response to them, "other-response" with the next
    filter's.  "halves" is the correlation of the importance for classes on two halves of the digits, "shuffled" that
    with the classes shuffled.
    """
    both = [orders(seed, device, number) for number in (1, 4)]
    curves = {f"{name}-accuracy": float(np.mean([np.mean(each[name]) for each in both])) for name in both[0]}
    _, share, order = first_filters(seed, device)
    colours = {"pruned-colour": float(share[order].mean()), "all-colour": float(share.mean())}
    return curves | colours | classes(seed, device)


def classes(seed: int, device: str) -> dict[str, float]:
    """Importance for classes, of the second layer's 25 filters, on 800 digits."""
    rest, maps, labels = from_layer(networks.load("lenet-mnist", seed).to(device), 4, digits.load(800, seed), device)
    importance = compression_importance(rest, maps, labels, rest[0], batch=512)
    of_class = class_importance(importance, labels, 10).T.contiguous()  # (25, 10)
    response = class_importance(maps.mean((2, 3)), labels, 10).T.contiguous()  # means over the class's digits
    shuffled = labels[torch.randperm(800, generator=torch.Generator().manual_seed(seed)).to(labels.device)]
    return {
        "response": float(metrics.rank_correlation(of_class, response).mean()),
        "other-response": float(metrics.rank_correlation(of_class, response.roll(1, 0)).mean()),
        "halves": _halves_agree(importance, labels),
        "shuffled-halves": _halves_agree(importance, shuffled),
    }


def _halves_agree(importance: Tensor, labels: Tensor) -> float:
    """Correlation over filters and classes, less what is the same for all classes."""
    halves = [class_importance(importance[i::2], labels[i::2], 10) for i in (0, 1)]
    return float(torch.corrcoef(torch.stack([(each - each.mean(0)).flatten() for each in halves]))[0, 1])


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """The first filters of zf-scenes, pruned and left; below, the accuracy while lenet-mnist is pruned."""
    weights, share, order = first_filters(seed, device)
    left = [one for one in range(len(weights)) if one not in order]
    rows: list[list[figures.Panel | figures.Chart]] = [
        [
            figures.Panel(
                f"pruned first, colour share {float(share[order].mean()):.2f}", figures.filters(weights[order], 3)
            ),
            figures.Panel(f"left, colour share {float(share[left].mean()):.2f}", figures.filters(weights[left], 4)),
        ]
    ]
    names = {"car": "CAR", "once": "CAR, computed once", "norm": "weights' norm", "random": "random"}
    for number, layer in ((1, "first"), (4, "second")):
        found = orders(seed, device, number)
        curves = {names[name]: curve for name, curve in found.items() if name in names}
        across = range(len(found["car"]))
        rows.append([figures.lines(f"{layer} layer of lenet-mnist", across, curves, "filters pruned", "accuracy")])
    return figures.panels(rows, "Filters pruned by the accuracy that is lost without them")


def photograph() -> photo_panels.Panels:
    """The network's first filters, those without which the cat's probability falls furthest first."""
    images, network = photo_panels.view("cat"), photo_panels.network()
    layer = next(module for name, module in network.named_modules() if name.endswith("bn1"))
    label = torch.tensor([photo_panels.CAT])
    order = compression_importance(network, images, label, layer, of="probability", batch=8)[0].argsort(descending=True)
    weights = next(module for module in network.modules() if isinstance(module, nn.Conv2d)).weight.detach()
    return [images[0], figures.filters(weights[order], 6)]
