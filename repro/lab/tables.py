"""Small tables for methods that explain models of rows, not images: breast cancer, wine, and digits of 8 by 8 pixels.

They come with scikit-learn.  A network for each is trained where it is needed, in a second or less.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from sklearn import datasets
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from repro.engine.training import one_cycle
from repro.engine.trees import Tree
from repro.lab.errors import UnknownTableError

LOADERS = {"cancer": datasets.load_breast_cancer, "wine": datasets.load_wine, "digits": datasets.load_digits}
HELD_OUT = 0.3


@dataclass(frozen=True)
class Table:
    """Rows to learn from and rows held out, float32, in standard deviations from the mean of the former."""

    inputs: Tensor  # (N, F)
    labels: Tensor  # (N,)
    held_out: Tensor  # (M, F)
    held_out_labels: Tensor  # (M,)
    names: tuple[str, ...]  # of the F columns
    classes: tuple[str, ...]
    means: Tensor  # (F,), in the units of the data
    deviations: Tensor  # (F,), 1 for a column that is constant


def load(name: str, seed: int) -> Table:
    """One of ``LOADERS``; the seed decides which 30% of the rows are held out.  UnknownTableError for another name."""
    if name not in LOADERS:
        raise UnknownTableError(f"no table is called {name!r}: there are {', '.join(LOADERS)}")
    data = LOADERS[name]()
    rows = torch.randperm(len(data.data), generator=torch.Generator().manual_seed(seed))
    inputs, labels = torch.from_numpy(data.data)[rows], torch.from_numpy(data.target)[rows].long()
    cut = round(HELD_OUT * len(rows))
    means, deviations = inputs[cut:].mean(0), inputs[cut:].std(0, correction=0)
    deviations = torch.where(deviations > 0, deviations, 1.0)
    inputs = ((inputs - means) / deviations).float()
    names, classes = (tuple(map(str, each)) for each in (data.feature_names, data.target_names))
    return Table(inputs[cut:], labels[cut:], inputs[:cut], labels[:cut], names, classes, means, deviations)


def network(table: Table, seed: int, hidden: Sequence[int] = (32,), steps: int = 600) -> nn.Sequential:
    """A ReLU network from rows ``(N, F)`` to logits ``(N, K)``, trained on batches of 64 rows."""
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        sizes = [table.inputs.shape[1], *hidden]
        layers = [layer for a, b in pairwise(sizes) for layer in (nn.Linear(a, b), nn.ReLU())]
        model = nn.Sequential(*layers, nn.Linear(sizes[-1], len(table.classes)))
    batches = [torch.randint(len(table.inputs), (64,), generator=generator) for _ in range(steps)]
    one_cycle(model, batches, lambda rows: cross_entropy(model(table.inputs[rows]), table.labels[rows]))
    return model.requires_grad_(False)


def in_units(table: Table, tree: Tree, inputs: Tensor) -> tuple[Tree, Tensor]:
    """A tree and rows ``(N, F)`` in the units of the data; no row changes its side of a threshold but by rounding."""
    of_node = tree.features.clamp(min=0)
    thresholds = tree.thresholds.double() * table.deviations[of_node] + table.means[of_node]
    return tree._replace(thresholds=thresholds), inputs.double() * table.deviations + table.means


@torch.no_grad()
def labels_of(model: nn.Module, inputs: Tensor) -> Tensor:
    """The class that a network chooses for each row, ``(N,)``."""
    logits: Tensor = model(inputs)
    return logits.argmax(1)
