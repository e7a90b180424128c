"""Mutation and colours of the direct encoding against their definitions; MAP-Elites is tested with fooling images."""

import colorsys

import pytest
import torch

from repro.engine import evolution
from repro.engine.evolution import coloured


def test_pixels_begin_uniform_and_change_at_the_papers_rates() -> None:
    code = evolution.pixels((1, 50, 40), torch.Generator().manual_seed(0), torch.float64)
    parents = code.start(50)
    values = parents[0].flatten()
    assert values.shape == (100_000,)
    for share in (0.1, 0.5, 0.9):
        assert float((values < share).double().mean()) == pytest.approx(share, abs=0.005)
    for generation, rate in ((0, 0.1), (999, 0.1), (1000, 0.05), (2500, 0.025)):
        (child,) = code.mutate(parents, generation)
        assert float((child != parents[0]).double().mean()) == pytest.approx(rate, abs=0.004)
        assert child.min() >= 0
        assert child.max() <= 1
    # pixels in the middle are never cut: the mean size of their steps is 1 / (eta + 2)
    (child,), middle = code.mutate(parents, 0), (parents[0] - 0.5).abs() < 0.1
    steps = (child - parents[0])[middle & (child != parents[0])]
    assert float(steps.abs().mean()) == pytest.approx(1 / 17, rel=0.08)


def test_polynomial_steps_follow_their_definition() -> None:
    found = evolution.polynomial_steps(torch.empty(500, dtype=torch.float64), torch.Generator().manual_seed(3))
    draws = torch.rand(500, dtype=torch.float64, generator=torch.Generator().manual_seed(3)).tolist()
    for step, u in zip(found.tolist(), draws, strict=True):
        expected = (2 * u) ** (1 / 16) - 1 if u < 0.5 else 1 - (2 * (1 - u)) ** (1 / 16)
        assert step == pytest.approx(expected, abs=1e-14)


def test_polynomial_steps_have_the_distribution_that_follows() -> None:
    """|delta| exceeds t with probability (1 - t)^(eta + 1), so its mean is 1 / (eta + 2); both signs are as frequent."""
    steps = evolution.polynomial_steps(torch.empty(400_000, dtype=torch.float64), torch.Generator().manual_seed(0))
    assert float(steps.abs().mean()) == pytest.approx(1 / 17, rel=0.01)
    assert float(steps.mean()) == pytest.approx(0, abs=3e-4)
    for t in (0.02, 0.1, 0.2):
        assert float((steps.abs() > t).double().mean()) == pytest.approx((1 - t) ** 16, abs=0.003)


def test_three_channels_are_hue_saturation_and_value() -> None:
    values = torch.rand(5, 3, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = coloured(values)
    for image, colours in zip(values, found, strict=True):
        for row in range(4):
            for column in range(4):
                expected = colorsys.hsv_to_rgb(*image[:, row, column].tolist())
                assert colours[:, row, column].tolist() == pytest.approx(expected, abs=1e-12)
    assert coloured(torch.tensor([1 / 3, 1.0, 0.5]).view(1, 3, 1, 1)).flatten().tolist() == pytest.approx(
        [0, 0.5, 0], abs=1e-6
    )
    assert torch.equal(coloured(values[:, :1]), values[:, :1])
