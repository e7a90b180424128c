"""Linear-complexity t-SNE against sums over all pairs, with points on the grid and between, and against exact t-SNE."""

import pytest
import torch
from torch import Tensor

from repro.embedding.linear_tsne import fields, gradient, linear_tsne, sparse_probabilities
from repro.embedding.t_sne import gradient as exact_gradient
from repro.embedding.t_sne import joint_probabilities, t_sne
from repro.engine import neighbours
from repro.engine.errors import OptionsError, TableError
from repro.experiments.embedding.linear_tsne import pushes


def rows_of(count: int = 60, columns: int = 5, seed: int = 0) -> Tensor:
    return torch.randn(count, columns, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def slow(positions: Tensor) -> tuple[Tensor, Tensor]:
    """S and V at the positions, one pair at a time."""
    density, push = torch.zeros(len(positions)).double(), torch.zeros_like(positions)
    for i, place in enumerate(positions):
        for other in positions:
            kernel = 1 / (1 + (other - place).square().sum())
            density[i] += kernel
            push[i] += kernel**2 * (other - place)
    return density, push


def test_fields_of_points_on_the_grid_are_exact() -> None:
    places = torch.randint(0, 30, (40, 2), generator=torch.Generator().manual_seed(0)).double()
    places[0], places[1] = torch.zeros(2), torch.tensor([30.0, 12.0])  # the grid begins at the first
    density, push, own = fields(0.5 * places, 0.5)
    expected_density, expected_push = slow(0.5 * places)
    torch.testing.assert_close(density, expected_density, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(push, expected_push, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(own, torch.ones(40).double(), rtol=1e-12, atol=0)


def test_between_grid_points_the_error_falls_with_the_cell_and_pushes_cancel() -> None:
    positions = 6 * rows_of(200, 2)
    density, push = slow(positions)
    torch.testing.assert_close(pushes(positions, positions), push)
    errors = []
    for cell in (1.0, 0.5, 0.25):
        found_density, found, own = fields(positions, cell)
        errors.append(float((found - push).norm() / push.norm()))
        assert found.sum(0).abs().max() < 1e-9  # each pair pushes both ways alike
        assert 0 < float((1 - own).max()) < 0.5
        whole = float((density - 1).sum())
        assert abs(float((found_density - own).sum()) / whole - 1) < abs(float((found_density - 1).sum()) / whole - 1)
    assert errors[0] > 2 * errors[1] > 4 * errors[2]
    assert errors[2] < 0.06


def test_the_part_of_the_density_that_is_the_point_itself() -> None:
    """One point alone sees nothing but itself."""
    corners = torch.tensor([[0.0, 0.0], [1e4, 0.0]]).double()
    for place in ([0.3, 0.8], [0.0, 0.5]):
        alone = corners + torch.tensor([[0.0, 0.0], place]).double()
        density, push, own = fields(alone, 0.5)
        torch.testing.assert_close(density, own, rtol=0, atol=1e-5)
        assert push.abs().max() < 1e-5


def test_a_wide_picture_has_coarser_cells_and_no_larger_a_grid() -> None:
    wide = torch.tensor([[0.0, 0.0], [1e5, 1e5], [5e4, 2e4]]).double()
    density, push, own = fields(wide, 0.25)
    assert all(each.isfinite().all() for each in (density, push, own))


def test_with_all_neighbours_the_gradient_is_that_of_t_sne() -> None:
    """Of points on the grid, where the fields are exact."""
    rows = rows_of(25)
    places = torch.randint(0, 20, (25, 2), generator=torch.Generator().manual_seed(1)).double()
    places[0], places[1] = torch.zeros(2), torch.tensor([20.0, 20.0])
    joint = joint_probabilities(rows, 9.0)
    pairs = (joint > 0).nonzero().T
    found, divergence = gradient(pairs, joint[pairs[0], pairs[1]], 0.5 * places, 0.5)
    expected, exact = exact_gradient(joint, 0.5 * places)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    assert float(divergence) == pytest.approx(float(exact), abs=1e-12)


def test_sparse_probabilities_are_those_of_t_sne_where_all_rows_are_neighbours() -> None:
    rows = rows_of(31)
    pairs, values = sparse_probabilities(rows, 10.0)
    dense = torch.zeros(31, 31).double()
    dense[pairs[0], pairs[1]] = values
    torch.testing.assert_close(dense, joint_probabilities(rows, 10.0), rtol=0, atol=1e-9)
    pairs, values = sparse_probabilities(rows, 3.0)
    assert float(values.sum()) == pytest.approx(1)
    assert len(values) < 31 * 18 + 1
    assert {tuple(pair) for pair in pairs.T.tolist()} == {tuple(pair[::-1]) for pair in pairs.T.tolist()}


def test_the_picture_is_as_good_as_that_of_t_sne() -> None:
    labels = torch.arange(3).repeat_interleave(20)
    rows = rows_of() + 12 * torch.eye(3, 5, dtype=torch.float64)[labels]
    options = {"perplexity": 10.0, "steps": 300}
    found, exact = linear_tsne(rows, **options), t_sne(rows, **options)
    joint = joint_probabilities(rows, 10.0)
    ours, theirs = (float(exact_gradient(joint, each.positions)[1]) for each in (found, exact))
    assert ours == pytest.approx(theirs, abs=0.1)
    assert (neighbours.vote(found.positions, labels) == labels).all()
    assert found.positions.mean(0).abs().max() < 1e-9


@pytest.mark.parametrize("options", [{"steps": 0}, {"dimensions": 0}, {"cell": 0.0}, {"perplexity": 100.0}])
def test_options_out_of_range_are_refused(options) -> None:
    with pytest.raises(OptionsError):
        linear_tsne(rows_of(), **{"perplexity": 10.0} | options)


def test_rows_that_are_none_are_refused() -> None:
    with pytest.raises(TableError):
        linear_tsne(torch.zeros(5, 3, dtype=torch.int64))
