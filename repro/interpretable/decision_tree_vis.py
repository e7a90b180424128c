"""A decision tree drawn with the data in it: what each split does to the rows that reach it, and how sure each leaf is.

Each inner node shows a histogram of its feature by class, of the rows that reach it, with the threshold; each leaf the
class shares of its rows; and the path of one row is marked.  This module works out what is to be drawn and where;
``repro.lab.tree_figures`` draws it.

No paper proposed it; the idea follows Parr and Grover's article on dtreeviz (``decision-tree-viz``).  Inputs are ``(N,
F)`` in the units that the reader knows, labels ``(N,)``.  Without numbers are

    (a)  H_n(b, k) = #{i : i reaches n, x_i in bin b of n's feature, y_i = k}     the histogram of the node n
    (b)  s_l(k) = H_l(k) / sum_j H_l(j)                                          the shares of the leaf l
    (c)  X_l = number of leaves left of l,  X_n = mean of X over n's two children  where a node stands, across

Differences from dtreeviz:
1. A feature has the same bins in every node, over the range of all rows, so that nodes can be compared.
2. A leaf shows its shares as one bar, not as a pie chart.

Raises TableError (inputs, labels) and OptionsError (bins, example).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from repro.engine import trees
from repro.engine.errors import OptionsError, TableError
from repro.engine.results import TreeDrawing
from repro.engine.trees import Drawing, Tree


def decision_tree_vis(
    tree: Tree, inputs: Tensor, labels: Tensor, *, bins: int = 20, example: int | None = None
) -> TreeDrawing:
    """What to draw of a tree and the rows that pass through it; ``example`` is the row whose path is marked."""
    trees.check(inputs, labels)
    if int(tree.features.max()) >= inputs.shape[1] or int(labels.max()) >= tree.counts.shape[1]:
        raise TableError("the tree was grown on more columns or fewer classes than these rows have")
    if bins < 1 or (example is not None and not 0 <= example < len(inputs)):
        raise OptionsError(f"need 1 bin or more and an example below {len(inputs)}, not {bins} and {example}")
    passed = trees.visits(tree, inputs)
    of_class = one_hot(labels, tree.counts.shape[1])
    edges, histograms = _histograms(tree, inputs, of_class, passed, bins)
    counts = passed.long().T @ of_class
    shares = counts / counts.sum(1, keepdim=True).clamp(min=1)  # Eq. (b)
    path = passed[example] if example is not None else torch.zeros_like(passed[0])
    return Drawing(tree, places(tree), edges, histograms, counts, shares, path)


def _histograms(tree: Tree, inputs: Tensor, of_class: Tensor, passed: Tensor, bins: int) -> tuple[Tensor, Tensor]:
    """For each node the edges of its feature's bins ``(nodes, bins + 1)`` and its histogram ``(nodes, bins, K)``."""
    lowest, highest = inputs.amin(0), inputs.amax(0)
    widths = torch.where(highest > lowest, highest - lowest, 1.0) / bins
    bin_of = ((inputs - lowest) / widths).long().clamp(0, bins - 1)  # (N, F)
    feature = tree.features.clamp(min=0)
    edges = lowest[feature][:, None] + widths[feature][:, None] * torch.arange(bins + 1)
    reaching = passed.T[:, :, None] & (tree.features >= 0)[:, None, None]
    in_bin = one_hot(bin_of[:, feature].T, bins) * reaching  # (nodes, N, bins)
    return edges, torch.einsum("nib,ik->nbk", in_bin.double(), of_class.double()).long()  # Eq. (a)


def places(tree: Tree) -> Tensor:
    """Where each node stands, ``(nodes, 2)``: across in leaves, and down in splits; no two nodes are nearer than 1."""
    across = torch.zeros(len(tree.features), dtype=torch.float64)
    across[_leaves_in_order(tree, 0)] = torch.arange(int((tree.features < 0).sum()), dtype=torch.float64)
    for node in reversed(trees.inner(tree)):  # children before their parents
        across[node] = across[tree.children[node]].mean()  # Eq. (c)
    return torch.stack([across, trees.depths(tree).double()], 1)


def _leaves_in_order(tree: Tree, node: int) -> list[int]:
    """The leaves below a node, from left to right."""
    if tree.features[node] < 0:
        return [node]
    return [leaf for child in tree.children[node].tolist() for leaf in _leaves_in_order(tree, child)]
