"""Mixtures of Gaussians against scipy's truncated normal, rejection sampling and scikit-learn's likelihood."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from repro.engine import mixtures
from repro.engine.errors import OptionsError
from repro.engine.mixtures import Mixture

TWO = Mixture(
    torch.tensor([0.3, 0.7], dtype=torch.float64),
    torch.tensor([[0.0, 0], [2, -1]], dtype=torch.float64),
    torch.tensor([[1.0, 2], [0.5, 1]], dtype=torch.float64),
)
BOX = torch.tensor([[0.5, -math.inf], [math.inf, 0.2]], dtype=torch.float64)


def rows_of(count: int = 20_000) -> torch.Tensor:
    return mixtures.sample(TWO, mixtures.everywhere(TWO), count, torch.Generator().manual_seed(0))


def test_the_mass_of_a_box_is_scipys() -> None:
    expected = sum(
        float(w) * (1 - stats.norm.cdf(0.5, m[0], s[0])) * stats.norm.cdf(0.2, m[1], s[1])
        for w, m, s in zip(*(each.numpy() for each in TWO), strict=True)
    )
    assert float(mixtures.mass(TWO, BOX)) == pytest.approx(expected, rel=1e-12)
    assert float(mixtures.mass(TWO, mixtures.everywhere(TWO))) == pytest.approx(1)


def test_sampling_in_a_box_equals_rejection() -> None:
    """Kolmogorov and Smirnov's test, column by column."""
    found = mixtures.sample(TWO, BOX, 3000, torch.Generator().manual_seed(1))
    assert ((found > BOX[0]) & (found <= BOX[1])).all()
    whole = rows_of()
    kept = whole[((whole > BOX[0]) & (whole <= BOX[1])).all(1)]
    for column in range(2):
        assert stats.ks_2samp(found[:, column], kept[:, column]).pvalue > 0.01


@pytest.mark.parametrize(("low", "high"), [(-1.0, 0.5), (6.0, math.inf), (-math.inf, -6.0), (5.0, 5.1)])
def test_a_column_is_a_truncated_normal(low: float, high: float) -> None:
    """Far out too, where the distribution is 1 to rounding."""
    one = Mixture(*(torch.tensor(each).double() for each in ([1.0], [[0.0]], [[1.0]])))
    found = mixtures.sample(one, torch.tensor([[low], [high]]).double(), 2000, torch.Generator().manual_seed(2))
    assert stats.kstest(found[:, 0].numpy(), stats.truncnorm(low, high).cdf).pvalue > 0.01


def test_a_box_without_mass_gives_rows_on_its_bounds() -> None:
    box = torch.tensor([[500.0, 500], [501, 501]]).double()
    assert float(mixtures.mass(TWO, box)) == 0
    found = mixtures.sample(TWO, box, 20, torch.Generator().manual_seed(3))
    assert ((found > box[0]) & (found <= box[1])).all()


def test_a_fit_is_as_likely_as_that_of_scikit_learn() -> None:
    from sklearn.mixture import GaussianMixture

    rows = rows_of(1000)
    found = mixtures.fit(rows, 2, steps=150)
    constant = 0.5 * rows.shape[1] * math.log(2 * math.pi)
    ours = float(mixtures.log_density(found, rows).logsumexp(1).mean()) - constant
    peer = GaussianMixture(2, covariance_type="diag", random_state=0, max_iter=300, tol=1e-6).fit(rows.numpy())
    assert ours == pytest.approx(peer.score(rows.numpy()), abs=0.01)
    np.testing.assert_allclose(sorted(found.weights), [0.3, 0.7], atol=0.06)
    one = mixtures.fit(rows, 1)
    torch.testing.assert_close(one.means[0], rows.mean(0))
    torch.testing.assert_close(one.deviations[0], rows.std(0, correction=0), rtol=1e-3, atol=0)


def test_a_constant_column_does_no_harm() -> None:
    rows = torch.cat([rows_of(200), torch.full((200, 1), 3.0).double()], 1)
    found = mixtures.fit(rows, 4)
    assert all(each.isfinite().all() for each in found)
    assert (mixtures.sample(found, mixtures.everywhere(found), 50, torch.Generator())[:, 2] - 3).abs().max() < 0.5
    with pytest.raises(OptionsError):
        mixtures.fit(rows, 0)
