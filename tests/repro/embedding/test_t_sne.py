"""t-SNE against its equations in loops, autograd, scikit-learn, and what it must not depend on."""

import math

import pytest
import torch
from torch import Tensor

from repro.embedding.t_sne import gradient, joint_probabilities, t_sne
from repro.engine import neighbours
from repro.engine.errors import OptionsError, TableError
from repro.experiments.embedding.t_sne import clusters, overlap


def rows_of(count: int = 40, columns: int = 5, seed: int = 0) -> Tensor:
    return torch.randn(count, columns, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def slow(joint: Tensor, positions: Tensor, tail: str) -> tuple[Tensor, float]:
    """The gradient and the divergence, one pair at a time."""
    count = len(positions)

    def kernel(i: int, j: int) -> float:
        squared = float((positions[i] - positions[j]).square().sum())
        return 1 / (1 + squared) if tail == "student" else math.exp(-squared)

    whole = sum(kernel(i, j) for i in range(count) for j in range(count) if i != j)
    slopes, divergence = torch.zeros_like(positions), 0.0
    for i in range(count):
        for j in range(count):
            if i != j:
                q, p = kernel(i, j) / whole, float(joint[i, j])
                weight = kernel(i, j) if tail == "student" else 1.0
                slopes[i] += 4 * (p - q) * weight * (positions[i] - positions[j])
                divergence += p * math.log(p / q)
    return slopes, divergence


@pytest.mark.parametrize("tail", ["student", "gaussian"])
def test_gradient_and_divergence_are_those_of_the_equations_and_of_autograd(tail: str) -> None:
    joint, positions = joint_probabilities(rows_of(15), 5.0), rows_of(15, 2, seed=1)
    found, divergence = gradient(joint, positions, tail)
    expected, by_hand = slow(joint, positions, tail)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-14)
    assert float(divergence) == pytest.approx(by_hand, abs=1e-12)
    leaf = positions.clone().requires_grad_()
    squared = (leaf[:, None] - leaf).square().sum(2)
    kernel = (1 / (1 + squared) if tail == "student" else (-squared).exp()) * (1 - torch.eye(15))
    near = kernel / kernel.sum()
    off = ~torch.eye(15, dtype=torch.bool)
    (joint[off] * (joint[off] / near[off]).log()).sum().backward()
    torch.testing.assert_close(found, leaf.grad, rtol=0, atol=1e-12)


def test_gradient_and_divergence_equal_scikit_learns(require_module) -> None:
    exact = require_module("sklearn.manifold._t_sne", "pip install scikit-learn")
    distance = require_module("scipy.spatial.distance", "pip install scipy")
    joint, positions = joint_probabilities(rows_of(60), 10.0), rows_of(60, 2, seed=1)
    condensed = distance.squareform(joint.numpy(), checks=False)
    divergence, slopes = exact._kl_divergence(positions.numpy().ravel(), condensed, 1, 60, 2)
    found, ours = gradient(joint, positions)
    torch.testing.assert_close(found.flatten(), torch.from_numpy(slopes), rtol=0, atol=1e-10)
    assert float(ours) == pytest.approx(divergence, abs=1e-10)


def test_probabilities_equal_scikit_learns(require_module) -> None:
    exact = require_module("sklearn.manifold._t_sne", "pip install scikit-learn")
    distance = require_module("scipy.spatial.distance", "pip install scipy")
    rows = rows_of(60)
    apart = neighbours.squared_distances(rows).float().numpy()
    expected = torch.from_numpy(distance.squareform(exact._joint_probabilities(apart, 10.0, 0)))
    found = joint_probabilities(rows, 10.0)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
    assert float(found.sum()) == pytest.approx(1)
    assert torch.equal(found, found.T)


def test_the_result_is_as_good_as_scikit_learns(require_module) -> None:
    manifold = require_module("sklearn.manifold", "pip install scikit-learn")
    rows, _ = groups()
    found = t_sne(rows, perplexity=10.0, steps=500)
    theirs = manifold.TSNE(method="exact", perplexity=10.0, random_state=0, init="random", max_iter=500)
    their_positions = torch.from_numpy(theirs.fit_transform(rows.numpy())).double()
    joint = joint_probabilities(rows, 10.0)
    assert float(gradient(joint, their_positions)[1]) == pytest.approx(theirs.kl_divergence_, abs=1e-3)
    assert float(found.divergence) == pytest.approx(theirs.kl_divergence_, rel=0.15)
    assert float(found.divergence) == pytest.approx(float(gradient(joint, found.positions)[1]), abs=1e-12)


def groups(each: int = 20) -> tuple[Tensor, Tensor]:
    labels = torch.arange(3).repeat_interleave(each)
    return rows_of(3 * each) + 12 * torch.eye(3, 5, dtype=torch.float64)[labels], labels


def test_groups_stay_together_and_positions_have_a_mean_of_zero() -> None:
    rows, labels = groups()
    found = t_sne(rows, perplexity=10.0, steps=300)
    assert (neighbours.vote(found.positions, labels) == labels).all()
    assert overlap(found.positions, labels) < 0.3
    assert found.positions.mean(0).abs().max() < 1e-9
    assert found.positions.shape == (60, 2)


def test_a_shift_and_a_turn_of_the_rows_change_no_probability() -> None:
    rows = rows_of()
    turn = torch.linalg.qr(rows_of(5, 5, seed=2)).Q
    torch.testing.assert_close(joint_probabilities(rows @ turn + 3, 10.0), joint_probabilities(rows, 10.0))


def test_a_heavy_tail_leaves_more_room_than_a_gaussian() -> None:
    rows, labels = groups()
    student, gaussian = (
        overlap(t_sne(rows, perplexity=10.0, steps=300, tail=t).positions, labels) for t in ("student", "gaussian")
    )
    assert student < gaussian


def test_the_seed_and_the_reports() -> None:
    rows, heard = rows_of(), []
    first = t_sne(rows, perplexity=10.0, steps=4, report=heard.append)
    assert heard == [0.25, 0.5, 0.75, 1.0]
    assert torch.equal(first.positions, t_sne(rows, perplexity=10.0, steps=4).positions)
    assert not torch.allclose(first.positions, t_sne(rows, perplexity=10.0, steps=4, seed=1).positions)
    assert t_sne(rows.float(), perplexity=10.0, steps=4).positions.dtype == torch.float32


def test_the_clusters_of_the_experiment_are_ten_times_as_wide_as_each_other() -> None:
    rows, which = clusters(0)
    wide, tight = (rows[which == number].std(0).mean() for number in (1, 0))
    assert 9 < float(wide / tight) < 11


@pytest.mark.parametrize(
    "options",
    [
        {"steps": 0},
        {"dimensions": 0},
        {"tail": "heavy"},
        {"perplexity": 100.0},
        {"rate": 1e9, "steps": 50, "tail": "gaussian"},
    ],
)
def test_options_out_of_range_are_refused(options) -> None:
    with pytest.raises(OptionsError):
        t_sne(rows_of(), **{"perplexity": 10.0} | options)


def test_rows_that_are_none_are_refused() -> None:
    with pytest.raises(TableError):
        t_sne(torch.zeros(5, 3, dtype=torch.int64))
