"""A surrogate model: a simple model that is fitted to a network's answers, and read in its place.

The network labels the rows, and a small decision tree, or a linear model, learns those labels instead of the true ones.
How often it gives the network's own answer on rows that it was not fitted to, its fidelity, says how far it may be
trusted.  Its accuracy says nothing of that.

Paper: none proposed it; ``craven1996extracting`` made it known for networks, and queries the network for more rows.
Inputs are ``(N, F)``, outputs labels ``(N,)`` or logits ``(N, K)``.  Without numbers are

    (a)  h = argmin over simple h of mean_x l(h(x), f(x))    the surrogate of the network f
    (b)  fidelity = mean_x [h(x) = f(x)]                     on rows held out

Differences from the definition:
1. A tree does not minimise (a); CART splits the leaf where Gini's impurity falls most, up to ``leaves`` leaves.
2. The linear surrogate has a ridge penalty of 1e-6, so that constant columns do no harm.

Raises TableError (inputs, outputs) and OptionsError (leaves, least).
"""

from __future__ import annotations

import torch
from torch import Tensor

from repro.engine import surrogates, trees
from repro.engine.results import DecisionTree
from repro.engine.surrogates import LinearModel

PENALTY = 1e-6  # of the linear surrogate, for inputs in standard deviations


def surrogate_model(inputs: Tensor, outputs: Tensor, *, leaves: int = 16, least: int = 1) -> DecisionTree:
    """The tree of at most ``leaves`` leaves, each with ``least`` rows or more, that follows the outputs."""
    return trees.cart(inputs, labels_of(outputs), leaves=leaves, least=least)  # Eq. (a)


def linear_surrogate(inputs: Tensor, logits: Tensor) -> list[LinearModel]:
    """A linear model for each of K logits ``(N, K)``; each says in ``r_squared`` how well it fits."""
    trees.check(inputs)
    x, weights = inputs.double(), torch.ones(len(inputs), dtype=torch.float64)
    return [surrogates.weighted_ridge(x, each.double(), weights, PENALTY) for each in logits.T]  # Eq. (a)


def answers(surrogate: DecisionTree | list[LinearModel], inputs: Tensor) -> Tensor:
    """The labels that a surrogate gives to rows, ``(N,)``."""
    if isinstance(surrogate, list):
        return torch.stack([each.intercept + inputs.double() @ each.coefficients for each in surrogate], 1).argmax(1)
    return trees.predict(surrogate, inputs)


def fidelity(surrogate: DecisionTree | list[LinearModel], inputs: Tensor, outputs: Tensor) -> float:
    """The share of rows to which the surrogate gives the network's label."""
    return float((answers(surrogate, inputs) == labels_of(outputs)).double().mean())  # Eq. (b)


def labels_of(outputs: Tensor) -> Tensor:
    """Labels ``(N,)``, chosen by the largest where outputs are logits ``(N, K)``."""
    return outputs.argmax(1) if outputs.dim() == 2 and outputs.is_floating_point() else outputs
