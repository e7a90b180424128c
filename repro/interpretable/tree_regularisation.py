"""Tree regularisation: a network is trained to be one that a small decision tree can imitate.

The loss has a penalty: how many splits a row passes on average in the tree that is grown on the network's answers.
As no gradient leads through a tree, a second network learns to estimate this length from the weights of the first.

Paper: ``wu2018beyond``, of which only the first page could be read: the equations bear letters, and differences are
those from the authors' code, github.com/dtak/tree-regularization-public.

    (a)  loss(W) = cross-entropy(W) + strength * Omega'(W)
    (b)  Omega(W) = mean over the training inputs of their path's length in the tree grown on argmax f(x; W)
    (c)  Omega' = the MLP with the least mean over pairs of (Omega'(W) - Omega(W))^2 + DECAY |its own weights|^2

Differences from the paper:
1. For networks of rows ``(N, F)``, not recurrent ones.  Each step sees all rows.
2. Omega' goes on from its last weights with all pairs met; the code starts afresh with the latest, for 3,000 steps.
3. The code's path length is the mean of the leaves' numbers in scikit-learn's tree, which is no length.

Raises TableError (inputs, labels) and OptionsError (strength, every, refit, steps, least).
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss
from torch.nn.utils import parameters_to_vector as flat

from repro.engine import training, trees
from repro.engine.errors import OptionsError, TableError
from repro.engine.results import Imitable, ImitableNetwork
from repro.engine.trees import Tree

RATE = 0.01  # of Adam, for both
HIDDEN, FITTING, DECAY = 25, 100, 1e-4  # of the surrogate


class Surrogate(nn.Module):
    """Estimates the path length, from 0 up, ``(M,)`` for parameters ``(M, P)``; NaN until it is fitted."""

    def __init__(self, parameters: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.layers = nn.Sequential(nn.Linear(parameters, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, 1), nn.Softplus())
        self.fitted = False

    def forward(self, parameters: Tensor) -> Tensor:
        estimates: Tensor = self.layers(parameters).squeeze(-1)
        return estimates if self.fitted else torch.full_like(estimates, torch.nan)

    def fit(self, parameters: Tensor, lengths: Tensor) -> None:
        self.fitted = True
        optimiser = torch.optim.Adam(self.parameters(), lr=RATE, weight_decay=2 * DECAY)
        training.fit(self, [lengths] * FITTING, lambda each: mse_loss(self(parameters), each), optimiser)  # Eq. (c)


def tree_regularisation(
    network: nn.Module,
    inputs: Tensor,
    labels: Tensor,
    *,
    strength: float = 0.2,
    steps: int = 300,
    every: int = 5,
    refit: int = 25,
    least: int = 10,
    omega: Callable[[nn.Module], float] | None = None,
) -> ImitableNetwork:
    """A copy of the network, trained on ``inputs (N, F)`` with ``labels (N,)``, and the tree that imitates it.

    Every ``every`` steps the length is measured, every ``refit`` steps the surrogate learns it; a leaf holds ``least``
    rows or more.  ``omega`` takes the place of the length.
    """
    trees.check(inputs, labels)
    if strength < 0 or not 1 <= every <= min(refit, steps):
        raise OptionsError("strength must be 0 or more, every 1 or more, refit and steps not below every")
    if int(labels.max()) >= network(inputs[:1]).shape[1]:
        raise TableError(f"the network has no class {int(labels.max())}")
    trained = copy.deepcopy(network).train().requires_grad_(True)
    surrogate, met = Surrogate(flat(trained.parameters()).numel()).to(inputs), list[tuple[Tensor, ...]]()

    def loss(wanted: Tensor) -> Tensor:
        error = cross_entropy(trained(inputs), wanted)
        return error + strength * surrogate(flat(trained.parameters())) if surrogate.fitted else error  # Eq. (a)

    def probe(step: int) -> None:
        if step % every == 0:
            here = flat(trained.parameters()).detach().clone()
            length = omega(trained) if omega else path_length(trained, inputs, least)
            met.append((here, here.new_tensor(length), surrogate(here).detach()))
        if step % refit == 0:
            surrogate.fit(*map(torch.stack, list(zip(*met, strict=True))[:2]))

    training.fit(trained, [labels] * steps, loss, torch.optim.Adam(trained.parameters(), lr=RATE), probe=probe)
    trained.eval().requires_grad_(False)
    return Imitable(trained, imitation(trained, inputs, least), *map(torch.stack, zip(*met, strict=True)))


def imitation(network: nn.Module, inputs: Tensor, least: int) -> Tree:
    """The tree that is grown on the network's answers, each leaf with ``least`` rows or more."""
    logits = network(inputs).detach()
    return trees.cart(inputs, logits.argmax(1), least=least, classes=logits.shape[1])


def path_length(network: nn.Module, inputs: Tensor, least: int) -> float:
    """How many splits an input passes on average in the tree that imitates the network."""
    return trees.average_path_length(imitation(network, inputs, least), inputs)  # Eq. (b)
