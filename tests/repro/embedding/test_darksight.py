"""DarkSight against its student in loops, scipy's density, and teachers that are such students."""

import math

import pytest
import torch
from torch import Tensor

from repro.embedding.darksight import darksight, divergence, student
from repro.engine.errors import LogitsError, OptionsError, TableError


def points_of(count: int = 30, seed: int = 0) -> Tensor:
    return torch.randn(count, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_the_density_is_scipys_student_t(require_module) -> None:
    stats = require_module("scipy.stats", "pip install scipy")
    means, prior, positions = 3 * points_of(3, seed=1), torch.tensor([0.5, -1.0, 0.2]).double(), 2 * points_of()
    log_q, log_density = student(positions, means, prior)
    shape = math.sqrt(math.log(3))  # the inverse of the precision
    shares = prior.softmax(0)
    for i, place in enumerate(positions):
        parts = [
            float(share)
            * stats.multivariate_t(mean.numpy(), shape * torch.eye(2).double().numpy(), df=2).pdf(place.numpy())
            for share, mean in zip(shares, means, strict=True)
        ]
        assert float(log_density[i].exp()) == pytest.approx(sum(parts), rel=1e-9)
        assert log_q[i].exp().tolist() == pytest.approx([part / sum(parts) for part in parts], rel=1e-9)


def test_the_density_sums_to_one() -> None:
    side = torch.linspace(-150, 150, 1501, dtype=torch.float64)
    _, log_density = student(torch.cartesian_prod(side, side), points_of(4, seed=1), torch.zeros(4).double())
    assert float(log_density.exp().sum()) * 0.2**2 == pytest.approx(1, abs=2e-3)  # the tails reach beyond


def test_the_divergence_is_half_of_both() -> None:
    first, second = (torch.randn(5, 3, generator=torch.Generator().manual_seed(s)).double().softmax(1) for s in (0, 1))
    by_hand = 0.0
    for p, q in zip(first.tolist(), second.tolist(), strict=True):
        by_hand += sum(a * math.log(a / b) + b * math.log(b / a) for a, b in zip(p, q, strict=True)) / 2
    assert float(divergence(first.log(), second.log())) == pytest.approx(by_hand / 5, abs=1e-12)
    assert float(divergence(first.log(), first.log())) == 0


def test_a_teacher_that_is_such_a_student_is_imitated() -> None:
    """Three classes, images between and near them; points and means are the method's to find."""
    means = torch.tensor([[0.0, 4.0], [-4.0, -2.0], [4.0, -2.0]]).double()
    logits, _ = student(2 * points_of(60), means, torch.zeros(3).double())
    found = darksight(logits, temperature=1.0, steps=800)
    assert float(found.divergence) < 1e-3
    torch.testing.assert_close(found.probabilities, logits.softmax(1), rtol=0, atol=0.05)
    log_q, log_density = student(found.positions, found.means, found.prior)
    torch.testing.assert_close(found.probabilities, log_q.exp())
    torch.testing.assert_close(found.density, log_density.exp())


def test_points_of_another_picture_keep_their_shape_and_do_worse() -> None:
    logits = 5 * torch.randn(40, 5, generator=torch.Generator().manual_seed(0)).double()
    given = points_of(40)
    fixed = darksight(logits, steps=200, positions=given)
    scale = fixed.positions.norm() / given.norm()
    torch.testing.assert_close(fixed.positions, scale * given)
    assert float(darksight(logits, steps=200).divergence) < 0.5 * float(fixed.divergence)


def test_the_temperature_and_the_logits_enter_as_their_quotient() -> None:
    """But for the heat at the start: at ten and above there is none."""
    logits = 30 * torch.randn(20, 4, generator=torch.Generator().manual_seed(0)).double()
    first, second = darksight(logits, temperature=10.0, steps=50), darksight(2 * logits, temperature=20.0, steps=50)
    torch.testing.assert_close(first.positions, second.positions)


def test_the_seed_the_reports_and_the_precision() -> None:
    logits, heard = torch.randn(20, 4, generator=torch.Generator().manual_seed(0)), []
    first = darksight(logits, steps=4, report=heard.append)
    assert heard == [0.25, 0.5, 0.75, 1.0]
    assert first.positions.dtype == torch.float32
    assert torch.equal(first.positions, darksight(logits, steps=4).positions)
    assert not torch.allclose(first.positions, darksight(logits, steps=4, seed=1).positions)
    with torch.inference_mode():
        torch.testing.assert_close(darksight(logits, steps=4).positions, first.positions)


def test_what_does_not_fit_is_refused() -> None:
    logits = torch.randn(20, 4)
    for given in (logits[0], logits.half(), logits[:, :1], logits[:0]):
        with pytest.raises(LogitsError):
            darksight(given)
    for options in ({"temperature": 0.0}, {"steps": 0}):
        with pytest.raises(OptionsError):
            darksight(logits, **options)
    with pytest.raises(TableError):
        darksight(logits, positions=torch.zeros(19, 2))
