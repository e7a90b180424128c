"""The measures of images that a method made, on images of which they are known."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from repro.lab import made_images


def noise(count: int = 8, size: int = 64) -> torch.Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(0))


def test_white_noise_has_four_fifths_of_its_power_in_high_frequencies_and_a_blur_few() -> None:
    """A quarter of a cycle is a circle of area pi / 16 in the square of all frequencies."""
    assert made_images.high_frequency_share(noise()) == pytest.approx(1 - torch.pi / 16, abs=0.01)
    assert made_images.high_frequency_share(functional.avg_pool2d(noise(), 5, 1)) < 0.2


@pytest.mark.parametrize(("period", "expected"), [(2, 1.0), (8, 0.0)])
def test_stripes_have_one_frequency(period: int, expected: float) -> None:
    wave = 0.5 + 0.4 * torch.cos(2 * torch.pi * torch.arange(64) / period).expand(2, 3, 64, 64)
    assert made_images.high_frequency_share(wave) == pytest.approx(expected, abs=1e-6)
    assert made_images.high_frequency_share(wave + 5) == pytest.approx(expected, abs=1e-6)  # whatever its mean


def test_transfer_is_the_share_over_networks() -> None:
    images = torch.tensor([[1.0, 0.0], [0.0, 1.0]]).view(2, 2, 1, 1)
    always = nn.Sequential(nn.Flatten(), nn.Linear(2, 2))
    with torch.no_grad():
        always[1].weight.zero_()
        always[1].bias.copy_(torch.tensor([1.0, 0.0]))
    assert made_images.transfer([nn.Flatten(), always], images, torch.tensor([0, 1])) == 0.75


def test_contrast_is_brought_to_that_of_others() -> None:
    images, others = 0.5 + torch.tensor([0.4, 0.1]).view(2, 1, 1, 1), 0.5 + torch.tensor([0.1, -0.2]).view(2, 1, 1, 1)
    found = made_images.with_contrast_of(images, others, torch.tensor(0.5))
    torch.testing.assert_close(found.flatten(), torch.tensor([0.6, 0.7]))


def test_judges_are_all_networks_but_the_one_that_made_the_images() -> None:
    assert len(made_images.judges("gap-scenes", 0)) == len(made_images.JUDGES) - 1


@pytest.mark.parametrize("period", [2, 8])
def test_the_mean_frequency_of_stripes_is_theirs(period: int) -> None:
    wave = 0.5 + 0.4 * torch.cos(2 * torch.pi * torch.arange(64) / period).expand(2, 3, 64, 64)
    assert made_images.mean_frequency(wave) == pytest.approx(1 / period, abs=1e-6)
