"""Model extraction against black boxes that are trees, gains counted by hand, and CART; and the mixture beneath it."""

import pytest
import torch
from torch import Tensor

from repro.engine import trees
from repro.engine.errors import OptionsError, TableError
from repro.engine.mixtures import Mixture
from repro.surrogate.model_extraction import extract, model_extraction


def corner(rows: Tensor) -> Tensor:
    """Label 1 where the first column is above 0.4 and the second above -0.3."""
    return ((rows[:, 0] > 0.4) & (rows[:, 1] > -0.3)).long()


CONTRACT = {"model_extraction": {"predict": corner}}


def rows_of(count: int = 400, columns: int = 3) -> Tensor:
    return torch.randn(count, columns, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def test_a_black_box_that_is_a_tree_is_recovered() -> None:
    tree = model_extraction(corner, rows_of(), leaves=3, samples=4000, components=2)
    inner = trees.inner(tree)
    found = dict(zip(tree.features[inner].tolist(), tree.thresholds[inner].tolist(), strict=True))
    assert found == {0: pytest.approx(0.4, abs=0.01), 1: pytest.approx(-0.3, abs=0.01)}
    new = rows_of(3000)
    assert trees.fidelity(tree, new, corner(new)) > 0.99


def test_the_tree_stops_where_the_black_box_gives_one_label() -> None:
    assert model_extraction(corner, rows_of(), leaves=20, samples=2000).features.tolist().count(-1) < 20
    constant = model_extraction(lambda rows: torch.ones(len(rows), dtype=torch.int64), rows_of())
    assert constant.counts.tolist() == [[0, 500]]


def test_the_leaf_with_the_largest_gain_in_mass_is_split_first() -> None:
    """The right box is less pure, but the left one holds more mass: .7 * .32 is more than .3 * .5, Eq. (c)."""
    far = torch.tensor([[-9.0, 0, 0], [9, 0, 0]], dtype=torch.float64)
    mixture = Mixture(torch.tensor([0.7, 0.3], dtype=torch.float64), far, torch.ones_like(far))

    def predict(rows: Tensor) -> Tensor:
        return torch.where(rows[:, 0] < 0, (rows[:, 1] > 0.84).long(), 2 + (rows[:, 2] > 0).long())

    tree = extract(predict, mixture, far, 3, 2000, torch.Generator().manual_seed(0))
    assert tree.features[trees.inner(tree)].tolist() == [0, 1]


def test_a_label_that_no_row_at_hand_has_is_counted() -> None:
    tree = model_extraction(
        lambda rows: (rows[:, 0] > 1.8).long() * 5, rows_of(60).clamp(max=1), leaves=4, samples=4000
    )
    assert tree.counts.shape[1] == 6
    assert trees.predict(tree, torch.tensor([[3.0, 0, 0]]).double()).tolist() == [5]


def test_gains_are_those_of_the_equation() -> None:
    """Eq. (c), slowly, at a threshold that is given."""
    rows = rows_of(1000)
    labels, mass = corner(rows), 0.3
    split = trees.best_split(rows, labels)

    def impurity(some: Tensor) -> float:
        share = len(some) / len(labels)
        return mass * share * (1 - sum(float((some == k).double().mean()) ** 2 for k in (0, 1)))

    below = rows[:, split.feature] <= split.threshold
    expected = impurity(labels) - impurity(labels[below]) - impurity(labels[~below])
    assert mass * split.gain / len(labels) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("options", [{"leaves": 0}, {"samples": 1}, {"components": 0}])
def test_options_out_of_range_are_refused(options) -> None:
    with pytest.raises(OptionsError):
        model_extraction(corner, rows_of(), **options)


def test_labels_that_are_none_are_refused() -> None:
    with pytest.raises(TableError):
        model_extraction(lambda rows: rows[:, 0], rows_of())
