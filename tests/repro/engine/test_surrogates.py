"""The weighted ridge and the lasso's choice against scikit-learn, normal equations and numbers worked out by hand."""

import itertools

import numpy as np
import pytest
import torch
from sklearn.linear_model import Lasso, Ridge, lars_path
from torch import Tensor

from repro.engine.surrogates import lasso, lasso_choice, weighted_ridge


def data(seed: int, samples: int = 80, inputs: int = 12, binary: bool = True) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(samples, inputs, generator=generator, dtype=torch.float64)
    x = (x < 0.5).double() if binary else x
    true = torch.randn(inputs, generator=generator, dtype=torch.float64)
    y = x @ true + 0.5 * torch.randn(samples, generator=generator, dtype=torch.float64)
    return x, y, torch.rand(samples, generator=generator, dtype=torch.float64)


def test_numbers_worked_out_by_hand() -> None:
    # two samples of weight 1 at 0, one of weight 2 at 1: the means are 1/2 and 1, the slope 2 is halved by a penalty of 1
    x, y, w = (
        torch.tensor([[0.0], [0.0], [1.0]]).double(),
        torch.tensor([-1.0, 1.0, 2.0]).double(),
        torch.tensor([1.0, 1.0, 2.0]).double(),
    )
    plain, ridge = weighted_ridge(x, y, w, 0.0), weighted_ridge(x, y, w, 1.0)
    torch.testing.assert_close(torch.stack([*plain.coefficients, plain.intercept]), torch.tensor([2.0, 0.0]).double())
    torch.testing.assert_close(plain.r_squared, torch.tensor(1 - 2 / 6).double())
    torch.testing.assert_close(torch.stack([*ridge.coefficients, ridge.intercept]), torch.tensor([1.0, 0.5]).double())
    assert weighted_ridge(x, torch.ones(3).double(), w).r_squared == 1


@pytest.mark.parametrize("penalty", [0.01, 1.0, 30.0])
def test_equals_scikit_learn(penalty: float) -> None:
    x, y, w = data(0)
    expected = Ridge(alpha=penalty).fit(x, y, sample_weight=w)
    found = weighted_ridge(x, y, w, penalty)
    np.testing.assert_allclose(found.coefficients, expected.coef_, rtol=1e-9)
    np.testing.assert_allclose(found.intercept, expected.intercept_, rtol=1e-9)
    np.testing.assert_allclose(found.r_squared, expected.score(x, y, sample_weight=w), rtol=1e-9)


def test_fewer_samples_than_inputs_have_the_shortest_solution() -> None:
    x, y, w = data(1, samples=5, inputs=9)
    found = weighted_ridge(x, y, w, 0.0)
    centred = (x - w @ x / w.sum()) * w.sqrt()[:, None]
    expected = torch.linalg.pinv(centred) @ ((y - w @ y / w.sum()) * w.sqrt())
    np.testing.assert_allclose(found.coefficients, expected, atol=1e-7)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("binary", [True, False])
def test_the_choice_follows_the_path_of_scikit_learn(seed: int, binary: bool) -> None:
    x, y, w = data(seed, samples=30, binary=binary)
    rows = (x - w @ x / w.sum()) * w.sqrt()[:, None]
    _, _, path = lars_path(rows.numpy(), ((y - w @ y / w.sum()) * w.sqrt()).numpy(), method="lasso")
    sets = [np.flatnonzero(knot).tolist() for knot in path.T]
    for keep in range(1, x.shape[1] + 1):
        # between two knots those are in the model that are in it at either
        between = [len({*a, *b}) for a, b in itertools.pairwise(sets)]
        assert lasso_choice(x, y, w, keep) == sets[next((k for k, size in enumerate(between) if size > keep), -1)]


def test_an_input_can_leave_the_lasso_on_the_way() -> None:
    """Otherwise the comparison above would not see whether it is done."""
    left = 0
    for seed in range(6):
        x, y, w = data(seed, samples=30, binary=False)
        rows = (x - w @ x / w.sum()) * w.sqrt()[:, None]
        _, _, path = lars_path(rows.numpy(), ((y - w @ y / w.sum()) * w.sqrt()).numpy(), method="lasso")
        left += len(path.T) - 1 > x.shape[1]
    assert left > 0


def test_what_explains_nothing_is_not_chosen() -> None:
    x, _, w = data(0)
    assert lasso_choice(x, torch.ones(len(x)).double(), w, 3) == []
    assert lasso_choice(x, 2 * x[:, 4], w, 3) == [4]
    x[:, 2] = x[:, 7]  # of two equal inputs one will do
    assert len({2, 7} & set(lasso_choice(x, x[:, 7] + 0.5 * x[:, 0], w, 3))) == 1


def test_the_lasso_equals_scikit_learns() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(60, 25, dtype=torch.float64, generator=generator)
    x[:, 5] = x[:, 4] + 0.01 * x[:, 6]  # nearly the same
    y = torch.stack([2 * x[:, 1] - x[:, 7], x[:, 3]], 1)
    y += 0.05 * torch.randn(60, 2, dtype=torch.float64, generator=generator)
    for penalty in (1e-3, 1e-2):
        found = lasso(x, y, penalty)
        peer = Lasso(alpha=penalty, tol=1e-12, max_iter=100_000)
        expected = np.stack([peer.fit(x, each).coef_ for each in y.T], 1)
        np.testing.assert_allclose(found, expected, atol=1e-6)
        assert ((found == 0).numpy() == (expected == 0)).all()
        assert (found == 0).double().mean() > 0.3


def test_the_lasso_is_optimal() -> None:
    """Where a weight is not 0 the correlation with what is left equals the penalty, elsewhere it is smaller."""
    x = torch.rand(40, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    y, penalty = (x[:, :1] - 0.5 * x[:, 3:4]).sin(), 5e-3
    found = lasso(x, y, penalty)
    centred, target = x - x.mean(0), y - y.mean(0)
    left = (centred.T @ (target - centred @ found) / len(x))[:, 0]
    used = found[:, 0] != 0
    assert 0 < used.sum() < 12
    torch.testing.assert_close(left[used], penalty * found[used, 0].sign(), rtol=0, atol=1e-9)
    assert left[~used].abs().max() < penalty
