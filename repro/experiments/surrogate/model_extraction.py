"""Model extraction: is the tree closer to the black box than one grown on the data, and do its own samples help?

Black boxes are networks for breast cancer and wine, trees have 8 leaves.  Controls: CART on the rows at hand, with the
black box's labels; and CART on as many rows, drawn from the mixture at once.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from repro.engine import mixtures, trees
from repro.interpretable.decision_tree_vis import decision_tree_vis
from repro.lab import tables, tree_figures
from repro.surrogate.model_extraction import extract, model_extraction

TABLES, LEAVES, SAMPLES, DRAWN = ("cancer", "wine"), 8, 500, 4000
FEW, MANY, SPLITS, REPEATED = 50, 2000, 3, 6


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """Means over both tables: fidelity on 4,000 new rows of the mixture ("drawn") and on the rows held out ("real").

    "same-few" and "same-many" are the shares of the first splits that two extractions for wine, from 50 or 2,000 rows
    a split, have in common: the same feature, and thresholds within a tenth of its deviation.
    """
    found: dict[str, list[float]] = {}
    for name in TABLES:
        table = tables.load(name, seed)
        predict, inputs = _black_box(table, seed), table.inputs.double()
        mixture = mixtures.fit(inputs, 10, seed=seed)
        everywhere, generator = mixtures.everywhere(mixture), torch.Generator().manual_seed(seed + 1)
        once = mixtures.sample(mixture, everywhere, SAMPLES * (2 * LEAVES - 1), generator)
        grown = {
            "extracted": model_extraction(predict, inputs, leaves=LEAVES, samples=SAMPLES, seed=seed),
            "cart": trees.cart(inputs, predict(inputs), leaves=LEAVES),
            "at-once": trees.cart(once, predict(once), leaves=LEAVES),
        }
        new = {"drawn": mixtures.sample(mixture, everywhere, DRAWN, generator), "real": table.held_out.double()}
        for kind, rows in new.items():
            for tree_name, tree in grown.items():
                found.setdefault(f"{tree_name}-{kind}", []).append(trees.fidelity(tree, rows, predict(rows)))
    for kind, samples in (("few", FEW), ("many", MANY)):
        runs = [
            extract(predict, mixture, inputs, SPLITS + 1, samples, torch.Generator().manual_seed(run))
            for run in range(REPEATED)
        ]
        found[f"same-{kind}"] = [_in_common(*pair) for pair in combinations(runs, 2)]
    return {name: float(np.mean(each)) for name, each in found.items()}


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """The tree extracted from a network for breast cancer, drawn with the rows held out and the network's labels."""
    table = tables.load("cancer", seed)
    predict = _black_box(table, seed)
    extracted = model_extraction(predict, table.inputs, leaves=6, seed=seed)
    tree, rows = tables.in_units(table, extracted, table.held_out)
    drawing = decision_tree_vis(tree, rows, predict(table.held_out))
    title = "Extracted from a network for breast cancer; its labels of held-out rows"
    return tree_figures.figure(drawing, table.names, table.classes, title)


def _black_box(table: tables.Table, seed: int) -> Callable[[Tensor], Tensor]:
    network = tables.network(table, seed)
    return lambda rows: tables.labels_of(network, rows.float())


def _in_common(one: trees.Tree, other: trees.Tree) -> float:
    """The share of splits of one tree that the other has too."""
    splits = [
        [(int(tree.features[node]), float(tree.thresholds[node])) for node in trees.inner(tree)]
        for tree in (one, other)
    ]
    same = [any(a == b and abs(s - t) <= 0.1 for b, t in splits[1]) for a, s in splits[0]]
    return sum(same) / len(same)
