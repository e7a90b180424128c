"""Linear-complexity t-SNE beside the exact one: is it as good, and what does the grid cost?

Controls: two principal components, scaled to the width of the exact picture; grids of two sizes of cells.
"""

from __future__ import annotations

import torch
from matplotlib.figure import Figure
from torch import Tensor

from repro.embedding.linear_tsne import fields, linear_tsne
from repro.embedding.t_sne import gradient, joint_probabilities, t_sne
from repro.engine import neighbours
from repro.experiments.embedding.t_sne import NEAR, STEPS, VOTES, codes
from repro.lab import figures, photo_panels, scenes

CELLS = {"fine": 0.25, "coarse": 1.0}
LAYER = "last hidden layer"


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """The claims' quantities, of 250 codes of zf-scenes, in 300 steps of both methods from the same start.

    "divergence" is over all pairs, whatever the method; "accuracy" that of the five nearest points, "trust"
    the trustworthiness of the twelve nearest.  "error" is the repulsion's, relative to the sum over all pairs, in the
    exact picture.
    """
    given, labels = codes(seed, device)
    rows = given[LAYER]
    joint = joint_probabilities(neighbours.principal(rows, 30), 30.0)
    exact = t_sne(rows, steps=STEPS, seed=seed).positions
    components = neighbours.principal(rows, 2)
    pictures = {
        "exact": exact,
        "linear": linear_tsne(rows, steps=STEPS, seed=seed).positions,
        "components": components * exact.norm() / components.norm(),
    }
    found = {}
    for name, positions in pictures.items():
        right = neighbours.vote(positions, labels, VOTES) == labels
        found[f"{name}-divergence"] = float(gradient(joint, positions)[1])
        found[f"{name}-accuracy"] = float(right.double().mean())
        found[f"{name}-trust"] = neighbours.trustworthiness(rows, positions, NEAR)
    whole = pushes(exact, exact)
    for name, cell in CELLS.items():
        found[f"{name}-error"] = float((fields(exact, cell)[1] - whole).norm() / whole.norm())
    return found


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """Both methods' pictures; the fields about the points, which the paper draws and hides."""
    given, labels = codes(seed, device)
    rows = given[LAYER]
    exact, linear = (method(rows, steps=STEPS, seed=seed).positions for method in (t_sne, linear_tsne))
    low, high = linear.amin(0) - 3, linear.amax(0) + 3
    across, down = (torch.linspace(float(low[i]), float(high[i]), 160, dtype=linear.dtype) for i in (0, 1))
    grid = torch.cartesian_prod(down.flip(0), across).flip(1).to(linear)
    density = (1 / (1 + torch.cdist(grid, linear).square())).sum(1)
    push = pushes(linear, grid).norm(dim=1)
    maps = [each.view(1, 160, 160) / each.max() for each in (density, push)]
    row = [figures.scatter("t-SNE", exact, labels), figures.scatter("linear", linear, labels, scenes.CLASSES)]
    fields_of = [figures.Panel("S: density", heatmap=maps[0]), figures.Panel("size of V: repulsion", heatmap=maps[1])]
    return figures.panels([row, fields_of], "t-SNE of 250 scenes, and the fields", "relative to the largest")


def photograph() -> photo_panels.Panels:
    """Squares of ten photographs by the network's codes, where t-SNE and where linear-complexity t-SNE puts them."""
    images, _ = photo_panels.crops()
    rows = photo_panels.codes(images).double()
    found = [method(rows, perplexity=15.0, steps=400).positions for method in (t_sne, linear_tsne)]
    return [photo_panels.pinned(each, images) for each in found]


def pushes(positions: Tensor, places: Tensor) -> Tensor:
    """V ``(M, 2)`` at the places ``(M, 2)``, summed over all positions ``(N, 2)``."""
    apart = positions[None] - places[:, None]
    return (apart / (1 + apart.square().sum(2, keepdim=True)).square()).sum(1)
