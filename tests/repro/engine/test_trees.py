"""Decision trees against the definition written out slowly, trees made by hand, and scikit-learn's."""

import numpy as np
import pytest
import torch
from torch import Tensor

from repro.engine import trees
from repro.engine.errors import OptionsError, TableError


def rows_of(count: int = 200, columns: int = 4, classes: int = 3, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(count, columns, generator=generator)
    scores = inputs @ torch.randn(columns, classes, generator=generator) + 0.3 * torch.randn(
        count, classes, generator=generator
    )
    return inputs, scores.argmax(1)


# The root asks for column 1, its second child for column 0.
BY_HAND = trees.Tree(
    torch.tensor([1, -1, 0, -1, -1]),
    torch.tensor([0.5, 0, 2, 0, 0]),
    torch.tensor([[1, 2], [-1, -1], [3, 4], [-1, -1], [-1, -1]]),
    torch.tensor([[5, 4], [4, 0], [1, 4], [1, 0], [0, 4]]),
)
ROWS = torch.tensor([[9, 0.5], [2, 0.6], [2.1, 0.6], [9, 9]])


def slow_gain(inputs: Tensor, labels: Tensor, feature: int, threshold: float) -> float:
    """By how much n times Gini's impurity, 1 - sum_k p_k^2, falls."""

    def impurity(some: Tensor) -> float:
        return len(some) * (1 - sum(float((some == k).double().mean()) ** 2 for k in range(3))) if len(some) else 0.0

    below = inputs[:, feature] <= threshold
    return impurity(labels) - impurity(labels[below]) - impurity(labels[~below])


@pytest.mark.parametrize("least", [1, 40])
def test_the_best_split_is_the_best_of_all(least: int) -> None:
    inputs, labels = rows_of(120)
    found = trees.best_split(inputs, labels, least)
    gains = {
        (feature, float(threshold)): slow_gain(inputs, labels, feature, float(threshold))
        for feature in range(4)
        for threshold in inputs[:, feature]
        if least <= int((inputs[:, feature] <= threshold).sum()) <= 120 - least
    }
    assert found.gain == pytest.approx(max(gains.values()), abs=1e-9)
    assert found.gain == pytest.approx(slow_gain(inputs, labels, found.feature, found.threshold), abs=1e-9)


def test_there_is_no_split_of_equal_labels_or_equal_rows() -> None:
    inputs, labels = rows_of(20)
    assert trees.best_split(inputs, torch.ones_like(labels)) is None
    assert trees.best_split(torch.ones_like(inputs), labels) is None
    assert trees.best_split(inputs, labels, least=11) is None
    near = torch.tensor([[1.0], [1.0 + 2**-23]])  # no number lies between
    assert trees.best_split(near, torch.tensor([0, 1])).threshold == 1.0


@pytest.mark.parametrize(("leaves", "least"), [(2, 1), (6, 1), (12, 1), (12, 8)])
def test_equals_scikit_learn(leaves: int, least: int) -> None:
    """Of equally good splits it takes a random one; with few leaves there are none."""
    from sklearn.tree import DecisionTreeClassifier

    inputs, labels = rows_of(400)
    ours = trees.cart(inputs, labels, leaves=leaves, least=least)
    peer = DecisionTreeClassifier(max_leaf_nodes=leaves, min_samples_leaf=least, random_state=0)
    peer.fit(inputs.numpy(), labels.numpy())
    others = torch.randn(500, 4, generator=torch.Generator().manual_seed(9))
    np.testing.assert_array_equal(trees.predict(ours, others), peer.predict(others.numpy()))
    kept = ours.features >= 0
    theirs = peer.tree_.feature >= 0
    assert sorted(ours.thresholds[kept].tolist()) == pytest.approx(sorted(peer.tree_.threshold[theirs]), abs=1e-6)
    lengths = peer.decision_path(others.numpy()).sum(1) - 1
    assert trees.average_path_length(ours, others) == pytest.approx(float(lengths.mean()))
    assert trees.visits(ours, others).sum(1).tolist() == (lengths + 1).ravel().tolist()[0]


def test_a_full_tree_fits_every_row_and_its_counts_add_up() -> None:
    inputs, labels = rows_of()
    tree = trees.cart(inputs, labels)
    assert trees.fidelity(tree, inputs, labels) == 1
    passed = trees.visits(tree, inputs)
    expected = torch.stack([labels[each].bincount(minlength=3) for each in passed.T])
    assert torch.equal(tree.counts, expected)
    children = tree.children[trees.inner(tree)]
    assert torch.equal(tree.counts[children].sum(1), tree.counts[trees.inner(tree)])
    assert trees.cart(inputs, labels, leaves=1).features.tolist() == [-1]
    assert trees.cart(inputs, labels * 0, classes=2).counts.tolist() == [[200, 0]]


def test_splits_without_gain_are_made_where_two_are_needed() -> None:
    """Exclusive or: no single split helps."""
    inputs = torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    labels = torch.tensor([0, 1, 1, 0])
    assert trees.fidelity(trees.cart(inputs, labels), inputs, labels) == 1


def test_a_tree_made_by_hand_is_read() -> None:
    assert trees.leaf_of(BY_HAND, ROWS).tolist() == [1, 3, 4, 4]
    assert trees.predict(BY_HAND, ROWS).tolist() == [0, 0, 1, 1]
    assert trees.visits(BY_HAND, ROWS[:2]).int().tolist() == [[1, 1, 0, 0, 0], [1, 0, 1, 1, 0]]
    assert trees.depths(BY_HAND).tolist() == [0, 1, 1, 2, 2]
    assert trees.average_path_length(BY_HAND, ROWS) == 7 / 4
    assert trees.fidelity(BY_HAND, ROWS, torch.tensor([0, 1, 1, 1])) == 3 / 4
    assert trees.rules(BY_HAND, ["width", "height"], ["ant", "bee"]).splitlines() == [
        "height <= 0.5",
        "  ant (4 of 4)",
        "height > 0.5",
        "  width <= 2",
        "    ant (1 of 1)",
        "  width > 2",
        "    bee (4 of 4)",
    ]


@pytest.mark.parametrize("labels", [torch.zeros(3), torch.zeros(4).long(), torch.tensor([0, 1, -1])])
def test_labels_that_do_not_fit_are_refused(labels: Tensor) -> None:
    with pytest.raises(TableError):
        trees.cart(torch.zeros(3, 2), labels)


@pytest.mark.parametrize("options", [{"leaves": 0}, {"least": 0}])
def test_options_out_of_range_are_refused(options) -> None:
    with pytest.raises(OptionsError):
        trees.cart(*rows_of(), **options)
