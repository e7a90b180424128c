"""Neighbours against loops, literals, and scikit-learn."""

import math

import pytest
import torch
from torch import Tensor

from repro.engine import neighbours
from repro.engine.errors import OptionsError, TableError


def rows_of(count: int, columns: int = 4, seed: int = 0) -> Tensor:
    return torch.randn(count, columns, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_each_row_has_the_perplexity_that_is_asked_for() -> None:
    apart = neighbours.squared_distances(100 * rows_of(40)).fill_diagonal_(torch.inf)  # scale does not matter
    for perplexity in (2.0, 15.5, 38.0):
        found = neighbours.conditional(apart, perplexity)
        torch.testing.assert_close(found.sum(1), torch.ones(40).double())
        assert found.diagonal().abs().max() == 0
        for row in found:
            entropy = -sum(float(p) * math.log(float(p)) for p in row if p > 0)
            assert math.exp(entropy) == pytest.approx(perplexity, rel=1e-6)


def test_the_probabilities_are_those_of_a_gaussian() -> None:
    """Their logarithms fall in a straight line with the squared distance."""
    apart = neighbours.squared_distances(rows_of(10)).fill_diagonal_(torch.inf)
    found = neighbours.conditional(apart, 4.0)
    for i in range(10):
        others = [j for j in range(10) if j != i]
        slopes = [
            float((found[i, j].log() - found[i, others[0]].log()) / (apart[i, others[0]] - apart[i, j]))
            for j in others[1:]
        ]
        assert slopes == pytest.approx([slopes[0]] * 8, rel=1e-8)
        assert slopes[0] > 0


def test_rows_at_one_distance_are_equally_probable() -> None:
    corners = torch.eye(5, dtype=torch.float64)
    apart = neighbours.squared_distances(corners).fill_diagonal_(torch.inf)
    torch.testing.assert_close(neighbours.conditional(apart, 3.0)[0, 1:], torch.full((4,), 0.25).double())


def test_nearest_are_found_batch_by_batch_without_the_row_itself() -> None:
    rows = rows_of(23)
    indices, squared = neighbours.nearest(rows, 3, batch=5)
    for i, row in enumerate(rows):
        expected = sorted((float((row - other).square().sum()), j) for j, other in enumerate(rows) if j != i)[:3]
        assert indices[i].tolist() == [j for _, j in expected]
        assert squared[i].tolist() == pytest.approx([d for d, _ in expected])


def test_distances_of_rows_far_from_zero_are_exact() -> None:
    rows = torch.tensor([[1e6, 0.0], [1e6 + 1, 0.0]])
    assert neighbours.squared_distances(rows).tolist() == [[0, 1], [1, 0]]


def test_trustworthiness_equals_scikit_learns(require_module) -> None:
    manifold = require_module("sklearn.manifold", "pip install scikit-learn")
    rows, positions = rows_of(50, 6), rows_of(50, 2, seed=1)
    for near in (3, 12):
        expected = manifold.trustworthiness(rows.numpy(), positions.numpy(), n_neighbors=near)
        assert neighbours.trustworthiness(rows, positions, near) == pytest.approx(expected, abs=1e-6)
    assert neighbours.trustworthiness(rows, 3 * rows + 1, 12) == 1


def test_principal_components_are_scikit_learns_but_for_their_signs(require_module) -> None:
    decomposition = require_module("sklearn.decomposition", "pip install scikit-learn")
    rows = rows_of(30, 6)
    expected = torch.from_numpy(decomposition.PCA(2).fit_transform(rows.numpy()))
    torch.testing.assert_close(neighbours.principal(rows, 2).abs(), expected.abs())
    assert neighbours.principal(rows, 50).shape == (30, 6)
    torch.testing.assert_close(
        neighbours.squared_distances(neighbours.principal(rows, 6)), neighbours.squared_distances(rows)
    )


def test_the_vote_is_that_of_the_others() -> None:
    positions = torch.tensor([[0.0, 0], [1, 0], [2.1, 0], [10, 0], [11, 0], [12.1, 0]])
    labels = torch.tensor([1, 0, 0, 2, 2, 1])
    assert neighbours.vote(positions, labels, 2).tolist() == [0, 0, 0, 1, 1, 2]


def test_what_has_no_neighbours_is_refused() -> None:
    for given in (torch.zeros(5), torch.zeros(5, 2).half(), torch.zeros(2, 2), torch.full((5, 2), torch.nan)):
        with pytest.raises(TableError):
            neighbours.check(given)
    apart = neighbours.squared_distances(rows_of(5)).fill_diagonal_(torch.inf)
    for perplexity in (0.5, 4.0):
        with pytest.raises(OptionsError):
            neighbours.conditional(apart, perplexity)
    with pytest.raises(OptionsError):
        neighbours.nearest(rows_of(5), 5)
    with pytest.raises(OptionsError):
        neighbours.trustworthiness(rows_of(6), rows_of(6, 2), 3)
