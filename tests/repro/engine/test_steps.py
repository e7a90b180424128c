"""Steps of optimised images, on numbers worked out by hand."""

import torch

from repro.engine import steps


def test_adams_first_step_has_the_rate_as_its_size_and_the_second_is_by_hand() -> None:
    """Gradients 2 and then -4: means .1 * 2 and .9 * .2 - .4, squares .004 and .999 * .004 + .016, over 1 - beta^t."""
    step, x = steps.adam(0.5), torch.zeros(1, 1, 1, 1, dtype=torch.float64)
    first = step(x, torch.full_like(x, 2.0), x)
    torch.testing.assert_close(first, torch.full_like(x, 0.5))
    second = step(first, torch.full_like(x, -4.0), x)
    mean, square = (0.9 * 0.2 - 0.4) / (1 - 0.9**2), (0.999 * 0.004 + 0.016) / (1 - 0.999**2)
    torch.testing.assert_close(second, first + 0.5 * mean / square**0.5)


def test_rates_fall_to_zero_and_each_serves_one_step() -> None:
    assert steps.falling(0.4, 4) == [0.4, 0.30000000000000004, 0.2, 0.1]
    step, x = steps.normalised([1.0, 0.5]), torch.zeros(1, 1, 1, 2)
    gradient = torch.tensor([[[[3.0, -3.0]]]])
    assert step(x, gradient, x).flatten().tolist() == [1.0, -1.0]
    assert step(x, 1e-30 * gradient, x).flatten().tolist() == [0.5, -0.5]  # its size does not matter
    assert steps.unit_mean_square(torch.zeros(1, 1, 1, 2)).tolist() == [[[[0.0, 0.0]]]]
