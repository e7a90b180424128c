"""Decision-tree visualisation: can what a tree does be told from its picture and from its text alone?

Trees of at most 12 leaves for breast cancer and wine, drawn with the rows held out.  Controls: the same picture with
the histograms of all rows in place of those that reach a node, and the same text with numbers of one digit.
"""

from __future__ import annotations

import re

import torch
from matplotlib.figure import Figure
from torch import Tensor

from repro.engine import trees
from repro.engine.trees import Drawing, Tree
from repro.interpretable.decision_tree_vis import decision_tree_vis
from repro.lab import tables, tree_figures

TABLES, LEAVES, BINS = ("cancer", "wine"), 12, 20


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """How often the picture and the printed rules give the right answer, from 0 to 1.

    "sides": how often the bars on one side of a threshold show the most frequent class of that side; "sides-of-all":
    the same with bars of all rows.  "rules": how often the printed rules give a held-out row the tree's class;
    "rules-short": the same with thresholds of one digit.
    """
    found: dict[str, list[float]] = {name: [] for name in ("sides", "sides-of-all", "rules", "rules-short")}
    for name in TABLES:
        table = tables.load(name, seed)
        grown = trees.cart(table.inputs, table.labels, leaves=LEAVES)
        tree, inputs = tables.in_units(table, grown, table.held_out)
        drawing = decision_tree_vis(tree, inputs, table.held_out_labels, bins=BINS)
        found["sides"] += _sides_told(drawing, drawing.histograms)
        found["sides-of-all"] += _sides_told(drawing, _of_all(drawing, inputs, table.held_out_labels))
        text, labels = trees.rules(tree, table.names, table.classes), trees.predict(tree, inputs)
        for kind, lines in (("rules", text), ("rules-short", _one_digit(text))):
            told = [read(lines.splitlines(), dict(zip(table.names, row, strict=True))) for row in inputs.tolist()]
            found[kind] += [float(a == table.classes[b]) for a, b in zip(told, labels.tolist(), strict=True)]
    return {name: sum(each) / len(each) for name, each in found.items()}


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """A tree for breast cancer with the rows held out, and the path of one that it gets wrong."""
    table = tables.load("cancer", seed)
    grown = trees.cart(table.inputs, table.labels, leaves=6)
    wrong = int((trees.predict(grown, table.held_out) != table.held_out_labels).int().argmax())
    tree, inputs = tables.in_units(table, grown, table.held_out)
    drawing = decision_tree_vis(tree, inputs, table.held_out_labels, example=wrong)
    title = "Breast cancer, 171 samples held out; orange: one that the tree gets wrong"
    return tree_figures.figure(drawing, table.names, table.classes, title)


def read(lines: list[str], row: dict[str, float]) -> str:
    """The class in which printed rules put a row: down the first line that holds, then the first one below it."""
    depth = 0
    for line in lines:
        words = line.strip()
        if len(line) - len(words) != 2 * depth:
            continue  # below a line that did not hold
        match = re.fullmatch(r"(.*) (<=|>) (\S+)", words)
        if match is None:
            return words.rpartition(" (")[0]
        if (row[match[1]] <= float(match[3])) == (match[2] == "<="):
            depth += 1
    raise ValueError("the rules say nothing of this row")


def _one_digit(text: str) -> str:
    return re.sub(r"(<=|>) (\S+)", lambda match: f"{match[1]} {float(match[2]):.1g}", text)


def _sides_told(drawing: Drawing, histograms: Tensor) -> list[float]:
    """For each side that rows reach, whether the bars on it are highest for the class that is most frequent there.

    A bar through which the threshold goes counts for the side of its middle.
    """
    told = []
    for node in trees.inner(drawing.tree):
        edges = drawing.edges[node]
        first = (edges[:-1] + edges[1:]) / 2 <= drawing.tree.thresholds[node]
        for child, side in zip(drawing.tree.children[node].tolist(), (first, ~first), strict=True):
            counts = drawing.counts[child]
            if counts.any():
                seen = histograms[node][side].sum(0)
                told.append(float(counts[seen.argmax()] == counts.max() and bool(seen.any())))
    return told


def _of_all(drawing: Drawing, inputs: Tensor, labels: Tensor) -> Tensor:
    """The histograms that each node would show of all rows: those of a tree whose only split is that node's."""
    found = torch.zeros_like(drawing.histograms)
    for node in trees.inner(drawing.tree):
        one = [each[node : node + 1] for each in (drawing.tree.features, drawing.tree.thresholds)]
        counts = drawing.tree.counts[:1].expand(3, -1)
        stump = Tree(
            torch.cat([one[0], torch.tensor([-1, -1])]),
            torch.cat([one[1], torch.zeros(2).to(one[1])]),
            torch.tensor([[1, 2], [-1, -1], [-1, -1]]),
            counts,
        )
        found[node] = decision_tree_vis(stump, inputs, labels, bins=BINS).histograms[0]
    return found
