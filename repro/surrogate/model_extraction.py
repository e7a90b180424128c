"""Model extraction: a decision tree for a black box, grown on inputs that are made where the tree needs them.

A mixture of Gaussians learns how the inputs are distributed.  Each leaf of the growing tree is a box; inputs are drawn
from the mixture inside the box, the black box labels them, and the split after which they are purest is found.  The
leaf that gains most is split next.  However deep the tree, each split rests on equally many labels.

Paper: ``bastani2017interpreting``; equations without the paper's numbers, known from a reader's notes and the authors'
code, github.com/obastani/dtextract.  Inputs are ``(N, F)``; ``predict`` takes such rows and returns labels ``(N,)``.

    (a)  P = sum_j phi_j N(mu_j, Sigma_j), Sigma_j diagonal     how the inputs are distributed
    (b)  x ~ P | C:  j ~ phi_j P_j(C), then each x_i ~ N(mu_ji, sigma_ji^2) between the bounds of the box C
    (c)  gain = H(C) - H(C and x_i <= t) - H(C and x_i > t),  H(C) = P(C) (1 - sum_y P[f(x) = y | C]^2)

Differences from the paper:
1. The mixture is fitted by expectation maximisation from rows chosen at random, a fixed number of steps; variances have
   a floor of 1e-3 of the columns' own.
2. The authors' code ranks leaves by the gain in accuracy on a second sample.  Here (c) does both, on one sample.
3. Inputs are numbers; the authors' categorical features are left out.

Raises TableError (inputs, what predict returns) and OptionsError (leaves, samples, components).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from repro.engine import mixtures, trees
from repro.engine.errors import OptionsError
from repro.engine.mixtures import Box, Mixture
from repro.engine.results import DecisionTree
from repro.engine.trees import Split

Predict = Callable[[Tensor], Tensor]


def model_extraction(
    predict: Predict, inputs: Tensor, *, leaves: int = 16, samples: int = 500, components: int = 10, seed: int = 0
) -> DecisionTree:
    """The tree of at most ``leaves`` leaves for ``predict``, each split chosen from ``samples`` new rows.

    ``counts`` of a node are the labels of the rows drawn in its box.
    """
    trees.check(inputs)
    if leaves < 1 or samples < 2:
        raise OptionsError(f"need 1 leaf and 2 samples or more, not {leaves} and {samples}")
    mixture = mixtures.fit(inputs, components, seed=seed)  # Eq. (a)
    return extract(predict, mixture, inputs, leaves, samples, torch.Generator().manual_seed(seed))


def extract(
    predict: Predict, mixture: Mixture, inputs: Tensor, leaves: int, samples: int, generator: torch.Generator
) -> DecisionTree:
    """The same for a mixture that is known; ``inputs`` give the type of the rows, and say which labels there are."""
    trees.check(inputs, predict(inputs))

    def examine(box: Box) -> tuple[Tensor, Split | None]:
        rows = mixtures.sample(mixture, box, samples, generator).to(inputs.dtype)  # Eq. (b)
        labels = predict(rows)
        trees.check(rows, labels)
        split = trees.best_split(rows, labels)
        mass = float(mixtures.mass(mixture, box))
        return labels, split and split._replace(gain=mass * split.gain / samples)  # Eq. (c)

    def divide(box: Box, split: Split) -> tuple[Box, Box]:
        below, above = box.clone(), box.clone()
        below[1, split.feature] = above[0, split.feature] = split.threshold
        return below, above

    tree = trees.best_first(mixtures.everywhere(mixture), examine, divide, leaves, inputs.dtype)
    # a label may first occur deep in the tree, so they are counted at the end
    classes = int(torch.cat([predict(inputs), tree.counts.flatten()]).max()) + 1
    return tree._replace(counts=torch.stack([labels.bincount(minlength=classes) for labels in tree.counts]))
