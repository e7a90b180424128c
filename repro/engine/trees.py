"""Decision trees for classes: CART's split, growth by the largest gain first, and what is read from a tree.

Inputs are ``(N, F)``, labels whole numbers ``(N,)``.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from repro.engine.errors import OptionsError, TableError

Region = TypeVar("Region")


class Tree(NamedTuple):
    """A binary tree, the root in row 0.  Where its feature is at most the threshold, a row goes to the first child."""

    features: Tensor  # (nodes,), -1 for a leaf
    thresholds: Tensor  # (nodes,), of the type of the inputs
    children: Tensor  # (nodes, 2), -1 for a leaf
    counts: Tensor  # (nodes, K), how many rows of each class it was grown on


class Drawing(NamedTuple):
    """What is drawn of a tree and the rows that pass through it."""

    tree: Tree
    places: Tensor  # (nodes, 2), across in leaves and down in splits
    edges: Tensor  # (nodes, bins + 1), of the bins of the node's feature
    histograms: Tensor  # (nodes, bins, K), how many rows of each class reach the node; 0 for a leaf
    counts: Tensor  # (nodes, K), how many rows of each class reach the node
    shares: Tensor  # (nodes, K), of the classes among them; 0 where none are
    path: Tensor  # (nodes,), whether the example passes


class Split(NamedTuple):
    feature: int
    threshold: float
    gain: float


def cart(inputs: Tensor, labels: Tensor, *, leaves: int | None = None, least: int = 1, classes: int = 0) -> Tree:
    """A tree of at most ``leaves`` leaves, each with ``least`` rows or more, as CART grows it with Gini's impurity.

    Raises TableError if inputs and labels do not fit, OptionsError for less than one leaf or row.
    """
    check(inputs, labels)
    if (leaves is not None and leaves < 1) or least < 1:
        raise OptionsError(f"a tree needs at least 1 leaf and 1 row in each, not {leaves} and {least}")
    classes = max(classes, int(labels.max()) + 1)

    def examine(rows: Tensor) -> tuple[Tensor, Split | None]:
        return labels[rows].bincount(minlength=classes), best_split(inputs[rows], labels[rows], least)

    def divide(rows: Tensor, split: Split) -> tuple[Tensor, Tensor]:
        below = inputs[rows, split.feature] <= split.threshold
        return rows[below], rows[~below]

    return best_first(torch.arange(len(inputs)), examine, divide, leaves or len(inputs), inputs.dtype)


def best_split(inputs: Tensor, labels: Tensor, least: int = 1) -> Split | None:
    """The split after which Gini's impurity has fallen most, in rows; None if all labels are equal or no split is left.

    The threshold is half-way between two neighbouring values.
    """
    if len(inputs) < 2 * least or (labels == labels[0]).all():
        return None
    values, order = inputs.sort(0)
    below = one_hot(labels)[order].double().cumsum(0)  # (N, F, K)
    above = (below[-1] - below)[least - 1 : len(inputs) - least]
    below, whole = below[least - 1 : len(inputs) - least], below[-1]
    gains = _purity(below) + _purity(above) - _purity(whole)
    lower, upper = values[least - 1 : len(inputs) - least], values[least : len(inputs) - least + 1]
    gains = torch.where(upper > lower, gains, -torch.inf)
    row, feature = divmod(int(gains.argmax()), inputs.shape[1])
    if gains[row, feature].isinf():
        return None
    a, b = lower[row, feature], upper[row, feature]
    middle = a + (b - a) / 2
    return Split(feature, float(middle if middle < b else a), float(gains[row, feature]))


def _purity(counts: Tensor) -> Tensor:
    """sum_k n_k^2 / n, which is n less Gini's impurity times n."""
    return counts.square().sum(-1) / counts.sum(-1)


def best_first(
    root: Region,
    examine: Callable[[Region], tuple[Tensor, Split | None]],
    divide: Callable[[Region, Split], tuple[Region, Region]],
    leaves: int,
    dtype: torch.dtype,
) -> Tree:
    """Grow a tree by splitting the leaf with the largest gain until there are ``leaves`` of them, or none can be split.

    ``examine`` returns the class counts ``(K,)`` of a region and its best split; ``divide`` the two regions beyond it.
    """
    nodes: list[tuple[int, float, tuple[int, ...]]] = []
    counts: list[Tensor] = []
    waiting: list[tuple[float, int, Split, Region]] = []  # the number tells equal gains apart

    def add(region: Region) -> int:
        found, split = examine(region)
        counts.append(found)
        nodes.append((-1, 0.0, (-1, -1)))
        if split is not None:
            heapq.heappush(waiting, (-split.gain, len(nodes) - 1, split, region))
        return len(nodes) - 1

    add(root)
    for _ in range(leaves - 1):
        if not waiting:
            break
        _, number, split, region = heapq.heappop(waiting)
        parts = tuple(add(part) for part in divide(region, split))
        nodes[number] = (split.feature, split.threshold, parts)
    features, thresholds, children = zip(*nodes, strict=True)
    return Tree(
        torch.tensor(features), torch.tensor(thresholds, dtype=dtype), torch.tensor(children), torch.stack(counts)
    )


def visits(tree: Tree, inputs: Tensor) -> Tensor:
    """Which nodes each row passes, ``(N, nodes)``."""
    passed = torch.zeros(len(inputs), len(tree.features), dtype=torch.bool)
    passed[:, 0] = True
    for node in inner(tree):  # a parent stands before its children
        above = inputs[:, tree.features[node]] > tree.thresholds[node]
        for child, goes in zip(tree.children[node].tolist(), (~above, above), strict=True):
            passed[:, child] = passed[:, node] & goes
    return passed


def leaf_of(tree: Tree, inputs: Tensor) -> Tensor:
    """The number of the leaf in which each row ends, ``(N,)``."""
    return (visits(tree, inputs) & (tree.features < 0)).int().argmax(1)


def predict(tree: Tree, inputs: Tensor) -> Tensor:
    """The most frequent class of each row's leaf, ``(N,)``."""
    return tree.counts[leaf_of(tree, inputs)].argmax(1)


def fidelity(tree: Tree, inputs: Tensor, labels: Tensor) -> float:
    """The share of rows to which the tree gives the same label."""
    return float((predict(tree, inputs) == labels).double().mean())


def depths(tree: Tree) -> Tensor:
    """How many splits stand above each node, ``(nodes,)``."""
    depth = torch.zeros_like(tree.features)
    for node in inner(tree):
        depth[tree.children[node]] = depth[node] + 1
    return depth


def average_path_length(tree: Tree, inputs: Tensor) -> float:
    """How many splits a row passes on average."""
    return float(depths(tree)[leaf_of(tree, inputs)].double().mean())


def rules(tree: Tree, names: Sequence[str], classes: Sequence[str], node: int = 0) -> str:
    """The tree as indented text: one line for each side of a split, and each leaf's class with its share of rows."""
    return "\n".join(_lines(tree, names, classes, node, ""))


def _lines(tree: Tree, names: Sequence[str], classes: Sequence[str], node: int, indent: str) -> Iterator[str]:
    counts, feature = tree.counts[node], int(tree.features[node])
    if feature < 0:
        yield f"{indent}{classes[int(counts.argmax())]} ({int(counts.max())} of {int(counts.sum())})"
        return
    for sign, child in zip(("<=", ">"), tree.children[node].tolist(), strict=True):
        yield f"{indent}{names[feature]} {sign} {float(tree.thresholds[node]):.4g}"
        yield from _lines(tree, names, classes, child, indent + "  ")


def inner(tree: Tree) -> list[int]:
    """The nodes that are split, each before those below it."""
    return [int(node) for node in (tree.features >= 0).nonzero()[:, 0]]


def check(inputs: Tensor, labels: Tensor | None = None) -> None:
    """TableError unless inputs are floating point ``(N, F)`` with a row or more, and labels ``(N,)`` whole numbers."""
    if not isinstance(inputs, Tensor) or not inputs.is_floating_point() or inputs.dim() != 2 or not inputs.numel():
        given = f"{inputs.dtype} {tuple(inputs.shape)}" if isinstance(inputs, Tensor) else type(inputs).__name__
        raise TableError(f"inputs must be floating point (N, F) with a row or more, not {given}")
    if not inputs.isfinite().all():
        raise TableError("inputs must be finite: fill what is missing, or leave those rows out")
    if labels is not None and (labels.shape != inputs.shape[:1] or labels.is_floating_point() or labels.min() < 0):
        given = f"{labels.dtype} {tuple(labels.shape)}"
        raise TableError(f"labels must be {len(inputs)} whole numbers from 0, one a row, not {given}")
