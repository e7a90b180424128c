"""Tree regularisation on a parabola: are trees shorter than with L1 or L2, at what price, and is the estimate right?

Points of the unit square lie above or below a parabola; one label in ten is wrong.  Controls: no penalty; L1 and L2;
a surrogate that learned random numbers in place of lengths; and, for its estimates, the last length that it was told.
"""

from __future__ import annotations

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from repro.engine import training, trees
from repro.engine.results import Imitable
from repro.interpretable.tree_regularisation import RATE, imitation, path_length, tree_regularisation
from repro.lab import figures

POINTS, HELD_OUT, FLIPPED = 400, 2000, 0.1
STEPS, EVERY, REFIT, LEAST = 300, 5, 25, 10
STRENGTH = 0.2
NORMS = {"none": (1, 0.0), "l1": (1, 3e-3), "l2": (2, 1e-2)}  # power and strength


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """For networks of 20 and 10 hidden units, trained on 400 points, on 2,000 points held out.

    "length": how many splits a point passes on average in the tree that imitates the network; "accuracy" is the
    network's, "fidelity" how often the tree agrees with it.  "tree" has the paper's penalty, "random" the same, but the
    surrogate learns random numbers from 0 to 5.  "surrogate-error" is how far its estimates are from the lengths that
    are met next, in splits, for "tree"; "last-error", if the last length that it was told stands for an estimate.
    """
    inputs, _, held_out, answers = points(seed)
    penalised, found = penalised_by_length(seed), dict[str, float]()
    networks: dict[str, nn.Module] = {name: penalised_by_norm(name, seed) for name in NORMS}
    networks |= {"tree": penalised.network, "random": penalised_by_length(seed, random=True).network}
    for name, network in networks.items():
        tree, said = imitation(network, inputs, LEAST), network(held_out).argmax(1)
        found[f"{name}-length"] = trees.average_path_length(tree, held_out)
        found[f"{name}-fidelity"] = trees.fidelity(tree, held_out, said)
        found[f"{name}-accuracy"] = float((said == answers).double().mean())
    known = REFIT // EVERY
    lengths = penalised.lengths.view(-1, known)  # a row for each time the surrogate is fitted
    last = lengths[:-1, -1:].expand(-1, known).flatten()
    for name, estimates in (("surrogate", penalised.estimates[known:]), ("last", last)):
        found[f"{name}-error"] = float((estimates - lengths[1:].flatten()).abs().mean())
    return found


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """What four networks and their trees answer on the unit square; the surrogate's estimates beside the lengths."""
    inputs, penalised = points(seed)[0], penalised_by_length(seed)
    networks = {"no penalty": "none", "L1": "l1", "L2": "l2"}
    shown = {name: penalised_by_norm(norm, seed) for name, norm in networks.items()} | {"path": penalised.network}
    side = torch.linspace(0, 1, 80)
    square = torch.cartesian_prod(side.flip(0), side).flip(1)  # across and up, the highest row first
    rows: list[list[figures.Panel | figures.Chart]] = [[], []]
    for name, network in shown.items():
        answers = network(square).argmax(1), trees.predict(imitation(network, inputs, LEAST), square)
        for row, kind, dark in zip(rows, ("network", "its tree"), answers, strict=True):
            row.append(figures.Panel(f"{kind}, {name}", 0.9 - 0.5 * dark.float().view(1, 80, 80)))
    steps = [float(EVERY * (i + 1)) for i in range(len(penalised.lengths))]
    series = {"length": penalised.lengths.tolist(), "estimate": penalised.estimates.tolist()}
    lines = figures.lines("length while it is penalised", steps, series, "step", "splits")
    return figures.panels([*rows, [lines]], "Which points lie above the parabola: networks and their trees")


def points(seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Points to learn from ``(400, 2)`` and their labels, one in ten of them wrong; points held out and theirs."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.rand(POINTS + HELD_OUT, 2, generator=generator)
    labels = (inputs[:, 1] > 5 * (inputs[:, 0] - 0.5) ** 2 + 0.4).long()
    wrong = torch.rand(POINTS, generator=generator) < FLIPPED
    return inputs[:POINTS], labels[:POINTS] ^ wrong, inputs[POINTS:], labels[POINTS:]


def untrained(seed: int) -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(2, 20), nn.ReLU(), nn.Linear(20, 10), nn.ReLU(), nn.Linear(10, 2))


def penalised_by_norm(name: str, seed: int) -> nn.Sequential:
    """Trained as ``tree_regularisation`` does it, with a norm of the weights for a penalty."""
    (power, strength), network, (inputs, labels, *_) = NORMS[name], untrained(seed), points(seed)

    def loss(wanted: Tensor) -> Tensor:
        norm = torch.stack([each.abs().pow(power).sum() for each in network.parameters()]).sum()
        return cross_entropy(network(inputs), wanted) + strength * norm

    training.fit(network, [labels] * STEPS, loss, torch.optim.Adam(network.parameters(), lr=RATE))
    return network.requires_grad_(False)


def penalised_by_length(seed: int, random: bool = False) -> Imitable:
    generator, (inputs, labels, *_) = torch.Generator().manual_seed(seed), points(seed)

    def length(network: nn.Module) -> float:
        return float(5 * torch.rand((), generator=generator)) if random else path_length(network, inputs, LEAST)

    how = {"steps": STEPS, "every": EVERY, "refit": REFIT, "least": LEAST}
    return tree_regularisation(untrained(seed), inputs, labels, strength=STRENGTH, omega=length, **how)
