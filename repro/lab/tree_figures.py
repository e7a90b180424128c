"""Draw a decision tree with its data: a histogram at each split, class shares at each leaf, and one marked path."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from repro.engine.trees import Drawing, inner
from repro.lab.figures import PALETTE

INNER, LEAF = (0.92, 0.52), (0.8, 0.16)  # width and height, where leaves are 1 apart and levels too
MARK, QUIET = "#D55E00", "#8A8A8A"  # of the marked path and of the others


def figure(drawing: Drawing, names: Sequence[str], classes: Sequence[str], title: str = "") -> Figure:
    """The tree from top to bottom; a row goes left where its value is at most the threshold.

    The path of the example is drawn thick and in orange.  Classes after the seventh are hatched.
    """
    tree, places = drawing.tree, drawing.places.numpy() * [1, -1]
    width, height = places[:, 0].max() + 1, 1 - places[:, 1].min()
    picture = Figure(figsize=(max(1.3 * width, 4.5), 1.5 * height + 1.1))
    FigureCanvasAgg(picture)
    inch = 1 / picture.get_figheight()
    whole = picture.add_axes((0, 0, 1, 1 - 0.75 * inch))
    whole.set(xlim=(-0.7, width - 0.3), ylim=(0.35 - height, 0.58))
    whole.set_axis_off()
    for node in inner(tree):
        for child in tree.children[node].tolist():
            marked = bool(drawing.path[child])
            ends = places[[node, child]] + [[0, -INNER[1] / 2], [0, INNER[1] / 2]]
            whole.plot(*ends.T, color=MARK if marked else QUIET, linewidth=3.5 if marked else 1.2, zorder=0)
    for node, (x, y) in enumerate(places):
        leaf = int(tree.features[node]) < 0
        (across, down), draw = (LEAF, _leaf) if leaf else (INNER, _split)
        box = (x - across / 2, y - down / 2 + (0.18 if leaf else 0), across, down)
        draw(whole.inset_axes(box, transform=whole.transData), drawing, node, names, classes)
    keys = [Patch(facecolor=PALETTE[k % 7], hatch=_hatch(k), label=name) for k, name in enumerate(classes)]
    columns = min(len(keys), max(2, int(width)))
    picture.text(0.01, 1 - 0.08 * inch, textwrap.fill(title, int(11 * picture.get_figwidth())), fontsize=11, va="top")
    below = (0, 1 - 0.28 * inch)
    picture.legend(handles=keys, loc="upper left", bbox_to_anchor=below, fontsize=8, frameon=False, ncols=columns)
    return picture


def _split(axis: Axes, drawing: Drawing, node: int, names: Sequence[str], classes: Sequence[str]) -> None:
    """The histogram of the rows that reach a node, stacked by class, and the threshold."""
    edges, counts = drawing.edges[node].numpy(), drawing.histograms[node].numpy()
    below = np.zeros(len(counts))
    for k in range(counts.shape[1]):
        axis.bar(
            edges[:-1], counts[:, k], np.diff(edges), below, align="edge", color=PALETTE[k % 7], hatch=_hatch(k), lw=0
        )
        below += counts[:, k]
    threshold = float(drawing.tree.thresholds[node])
    axis.axvline(threshold, color="black", linewidth=1.2, linestyle="--")
    name = textwrap.fill(names[int(drawing.tree.features[node])], 18)
    axis.set_title(f"{name} ≤ {threshold:.4g}?", fontsize=8, pad=3)
    axis.title.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.5})
    axis.set_xlim(edges[0], edges[-1])
    ends = [0.0 if abs(end) < 1e-4 * (edges[-1] - edges[0]) else end for end in edges[[0, -1]]]  # rounding
    axis.set_xticks(
        [edges[0], edges[-1]], [f"{end:.0f}" if abs(end) >= 1000 else f"{end:.3g}" for end in ends], fontsize=6
    )
    axis.set_yticks([])
    axis.tick_params(length=2, pad=1)
    axis.spines[["top", "right", "left"]].set_visible(False)


def _leaf(axis: Axes, drawing: Drawing, node: int, names: Sequence[str], classes: Sequence[str]) -> None:
    """The class shares among the rows of a leaf, its class, and how many rows have it."""
    shares, counts, before = drawing.shares[node].numpy(), drawing.counts[node], 0.0
    for k, share in enumerate(shares):
        axis.barh(0, share, 1, before, color=PALETTE[k % 7], hatch=_hatch(k), lw=0)
        before += share
    axis.set(xlim=(0, 1), ylim=(-0.5, 0.5), xticks=[], yticks=[])
    axis.spines[:].set_color(MARK if drawing.path[node] else "black")
    axis.spines[:].set_linewidth(2.5 if drawing.path[node] else 0.8)
    chosen = int(drawing.tree.counts[node].argmax())
    told = f"{textwrap.fill(classes[chosen], 16)}\n{int(counts[chosen])} of {int(counts.sum())}"
    axis.text(0.5, -0.9, told, ha="center", va="top", fontsize=8)


def _hatch(k: int) -> str:
    return "////" if k >= len(PALETTE) else ""
