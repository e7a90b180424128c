"""The drawing of a tree against counts made row by row, a tree made by hand, and scikit-learn's."""

import numpy as np
import pytest
import torch
from torch import Tensor

from repro.engine import trees
from repro.engine.errors import OptionsError, TableError
from repro.experiments.interpretable.decision_tree_vis import read
from repro.interpretable.decision_tree_vis import decision_tree_vis
from repro.lab import tree_figures

# The root asks for column 1, its second child for column 0.
BY_HAND = trees.Tree(
    torch.tensor([1, -1, 0, -1, -1]),
    torch.tensor([0.5, 0, 2, 0, 0]),
    torch.tensor([[1, 2], [-1, -1], [3, 4], [-1, -1], [-1, -1]]),
    torch.tensor([[5, 4], [4, 0], [1, 4], [1, 0], [0, 4]]),
)
ROWS, LABELS = torch.tensor([[9, 0.5], [0, 0.6], [2.1, 0.6], [8, 8]]), torch.tensor([0, 0, 1, 0])
CONTRACT = {"decision_tree_vis": {"tree": BY_HAND, "labels": LABELS}}


def grown(leaves: int = 9) -> tuple[trees.Tree, Tensor, Tensor]:
    inputs = torch.randn(300, 4, generator=torch.Generator().manual_seed(0))
    labels = (inputs[:, 0] * inputs[:, 1] > 0).long() + (inputs[:, 2] > 1).long()
    return trees.cart(inputs, labels, leaves=leaves), inputs, labels


def test_a_tree_made_by_hand_is_laid_out() -> None:
    found = decision_tree_vis(BY_HAND, ROWS, LABELS, bins=3, example=2)
    assert found.places.tolist() == [[0.75, 0], [0, 1], [1.5, 1], [1, 2], [2, 2]]
    assert found.counts.tolist() == [[3, 1], [1, 0], [2, 1], [1, 0], [1, 1]]
    assert found.shares[4].tolist() == [0.5, 0.5]
    assert found.path.tolist() == [True, False, True, False, True]
    assert found.histograms[0].tolist() == [[2, 1], [0, 0], [1, 0]]
    assert found.edges[2].tolist() == [0, 3, 6, 9]
    assert found.histograms[2].tolist() == [[1, 1], [0, 0], [1, 0]]  # the first row, 9, does not reach it
    assert not found.histograms[[1, 3, 4]].any()
    assert not decision_tree_vis(BY_HAND, ROWS, LABELS).path.any()


def test_the_histograms_count_the_rows_that_reach_a_node() -> None:
    tree, inputs, labels = grown()
    found = decision_tree_vis(tree, inputs, labels, bins=7)
    expected = np.zeros((len(tree.features), 7, 3))
    for row, label in zip(inputs, labels.tolist(), strict=True):
        node = 0
        while (feature := int(tree.features[node])) >= 0:
            column = inputs[:, feature]
            bin_of = int((row[feature] - column.min()) / ((column.max() - column.min()) / 7))
            expected[node, min(bin_of, 6), label] += 1
            node = int(tree.children[node, int(row[feature] > tree.thresholds[node])])
    np.testing.assert_array_equal(found.histograms, expected)
    inner = trees.inner(tree)
    assert torch.equal(found.histograms[inner].sum(1), found.counts[inner])
    assert torch.equal(found.counts, tree.counts)  # the rows that it was grown on
    assert found.counts[tree.features < 0].sum() == len(inputs)


def test_a_path_is_that_of_scikit_learn() -> None:
    from sklearn.tree import DecisionTreeClassifier

    tree, inputs, labels = grown(6)
    peer = DecisionTreeClassifier(max_leaf_nodes=6, random_state=0).fit(inputs.numpy(), labels.numpy())
    for row in (0, 7, 30):
        path = decision_tree_vis(tree, inputs, labels, example=row).path
        thresholds = tree.thresholds[path & (tree.features >= 0)]
        theirs = [n for n in peer.decision_path(inputs[row : row + 1].numpy()).indices if peer.tree_.feature[n] >= 0]
        assert sorted(thresholds.tolist()) == pytest.approx(sorted(peer.tree_.threshold[theirs]), abs=1e-6)


@pytest.mark.parametrize("leaves", [1, 2, 9, 60])
def test_no_two_nodes_overlap(leaves: int) -> None:
    tree, inputs, labels = grown(leaves)
    places = decision_tree_vis(tree, inputs, labels).places
    far = (places[:, None] - places).abs()
    same = torch.eye(len(places), dtype=torch.bool)
    assert ((far >= 1 - 1e-9).any(2) | same).all()


def test_the_picture_holds_a_box_for_each_node_and_the_thresholds() -> None:
    tree, inputs, labels = grown()
    figure = tree_figures.figure(decision_tree_vis(tree, inputs, labels, example=1), "abcd", ["x", "y", "z"], "A tree")
    boxes = figure.axes[0].child_axes
    assert len(boxes) == len(tree.features)
    titles = [axis.get_title() for axis in boxes if axis.get_title()]
    assert titles == [f"{'abcd'[int(tree.features[n])]} ≤ {float(tree.thresholds[n]):.4g}?" for n in trees.inner(tree)]
    counted = [axis.texts[0].get_text().split() for axis in boxes if axis.texts]
    assert sum(int(words[-1]) for words in counted) == len(inputs)


def test_printed_rules_are_read_as_the_tree_decides() -> None:
    lines = trees.rules(BY_HAND, ["width", "height"], ["ant", "bee"]).splitlines()
    told = [read(lines, {"width": float(width), "height": float(height)}) for width, height in ROWS]
    assert told == [["ant", "bee"][label] for label in trees.predict(BY_HAND, ROWS)]


@pytest.mark.parametrize("options", [{"bins": 0}, {"example": 4}, {"example": -1}])
def test_options_out_of_range_are_refused(options) -> None:
    with pytest.raises(OptionsError):
        decision_tree_vis(BY_HAND, ROWS, LABELS, **options)


@pytest.mark.parametrize("labels", [torch.tensor([0, 1, 2, 0]), torch.tensor([0, 1])])
def test_rows_that_the_tree_does_not_fit_are_refused(labels: Tensor) -> None:
    with pytest.raises(TableError):
        decision_tree_vis(BY_HAND, ROWS, labels)
    with pytest.raises(TableError):
        decision_tree_vis(BY_HAND, ROWS[:, :1], LABELS)
