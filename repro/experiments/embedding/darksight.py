"""DarkSight: does its picture hold what the network predicts, and does its density tell where the network errs?

Controls: the best student on t-SNE's picture of the logits and on their principal components; the network's confidence.
"""

from __future__ import annotations

import torch
from matplotlib.figure import Figure
from torch import Tensor

from repro.embedding.darksight import darksight, student
from repro.embedding.t_sne import t_sne
from repro.engine import neighbours
from repro.engine.results import Distilled
from repro.lab import figures, metrics, networks, photo_panels, scenes

COUNT, STEPS, TEMPERATURE = 400, 600, 2.0


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """The claims' quantities, of 400 held-out scenes and zf-scenes, at temperature 2, in 600 steps.

    "divergence" is the student's from the network, "agreement" how often both predict one class, "order" the rank
    correlation of the entropies of their probabilities.  "finds-mistakes" is the chance that an image of which the
    network is wrong has a lower density, or confidence, than one of which it is right.
    """
    logits, labels = predicted(seed, device)
    pictures = {"darksight": None, "tsne": t_sne(logits, steps=300).positions, "pca": neighbours.principal(logits, 2)}
    softened = (logits / TEMPERATURE).softmax(1)
    found: dict[str, float] = {}
    for name, positions in pictures.items():
        learned = darksight(logits, temperature=TEMPERATURE, steps=STEPS, positions=positions, seed=seed)
        same = learned.probabilities.argmax(1) == logits.argmax(1)
        found |= {f"{name}-divergence": float(learned.divergence), f"{name}-agreement": float(same.double().mean())}
        doubt = (_entropy(each)[None] for each in (learned.probabilities, softened))
        found[f"{name}-order"] = float(metrics.rank_correlation(*doubt)[0])
        if positions is None:
            wrong = logits.argmax(1) != labels
            found["density-finds-mistakes"] = _lower(learned.density, wrong)
            found["confidence-finds-mistakes"] = _lower(logits.softmax(1).amax(1), wrong)
    return found


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """DarkSight's picture and t-SNE's of the same logits, by predicted class; the student's classes and density."""
    logits, _ = predicted(seed, device)
    names = logits.argmax(1)
    learned = darksight(logits, temperature=TEMPERATURE, steps=STEPS, seed=seed)
    pictures = [
        figures.scatter("DarkSight", learned.positions, names),
        figures.scatter("t-SNE of the logits", t_sne(logits, steps=300).positions, names, scenes.CLASSES),
    ]
    sure, density = _maps(learned)
    maps = [
        figures.Panel("the student's largest probability", heatmap=sure),
        figures.Panel("density", heatmap=density),
    ]
    return figures.panels([pictures, maps], "What zf-scenes predicts of 400 scenes", "relative to the largest")


def photograph() -> photo_panels.Panels:
    """Squares of ten photographs where DarkSight puts what the network predicts, and where t-SNE puts its logits."""
    images, _ = photo_panels.crops()
    with torch.no_grad():
        logits = torch.cat([photo_panels.network()(part) for part in images.split(16)]).double()
    frequent = logits.softmax(1).sum(0).topk(10).indices
    few = logits[:, frequent]
    pictures = (darksight(few, temperature=TEMPERATURE).positions, t_sne(few, perplexity=15.0, steps=400).positions)
    return [photo_panels.pinned(each, images) for each in pictures]


def predicted(seed: int, device: str) -> tuple[Tensor, Tensor]:
    """Logits ``(COUNT, 10)`` of zf-scenes for the scenes, and their classes."""
    some = scenes.load(COUNT, seed)
    images, labels = networks.inputs(some.images, some.labels, device)
    with torch.no_grad():
        return networks.load("zf-scenes", seed).to(device)(images).double(), labels


def _maps(learned: Distilled, side: int = 160) -> tuple[Tensor, Tensor]:
    """The student's largest probability and its density about the points, each ``(1, side, side)``, its largest 1."""
    low, high = learned.positions.amin(0) - 1, learned.positions.amax(0) + 1
    across, down = (torch.linspace(float(low[i]), float(high[i]), side, dtype=torch.float64) for i in (0, 1))
    grid = torch.cartesian_prod(down.flip(0), across).flip(1).to(learned.positions)
    log_q, log_density = student(grid, learned.means, learned.prior)
    sure, density = (each.exp().view(1, side, side) for each in (log_q.amax(1), log_density))
    return sure / sure.max(), density / density.max()


def _entropy(probabilities: Tensor) -> Tensor:
    found: Tensor = -torch.special.xlogy(probabilities, probabilities).sum(1)
    return found


def _lower(values: Tensor, which: Tensor) -> float:
    """The chance that one of these has a lower value than one of the others."""
    return float((values[which][:, None] < values[~which]).double().mean())
