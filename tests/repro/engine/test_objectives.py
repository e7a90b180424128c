"""What images are optimised for, and the steps that do it, against numbers worked out by hand."""

import pytest
import torch
from torch import nn

from repro.engine import steps
from repro.engine.errors import ClassesError, LayerError
from repro.engine.objectives import channel_mean, class_score, maps


def test_a_class_score_is_its_logit_or_its_log_probability() -> None:
    model, images = nn.Flatten(), torch.tensor([[1.0, 2.0], [0.0, 3.0]]).view(2, 2, 1, 1)
    assert class_score(model, [1, 0], images)(images).tolist() == [2, 0]
    expected = torch.tensor([2.0, 0.0]) - torch.tensor([[1.0, 2.0], [0.0, 3.0]]).exp().sum(1).log()
    torch.testing.assert_close(class_score(model, [1, 0], images, "log-probability")(images), expected)
    with pytest.raises(ClassesError):
        class_score(model, [2, 0], images)


def test_a_normalised_step_has_its_length_whatever_the_gradient() -> None:
    gradient = torch.tensor([[3.0, 4.0], [3e-30, 4e-30], [0.0, 0.0]]).view(3, 1, 1, 2)
    step = steps.normalised([0.5, 0.1])
    first = step(torch.ones(3, 1, 1, 2), gradient, torch.zeros(3))
    by_hand = torch.tensor([3.0, 4.0]) / 12.5**0.5
    torch.testing.assert_close(first[:2, 0, 0], (1 + 0.5 * by_hand).expand(2, 2))
    assert first[2].tolist() == [[[1.0, 1.0]]]
    torch.testing.assert_close(step(first, gradient, torch.zeros(3))[0, 0, 0], 1 + 0.6 * by_hand)


def test_half_precision_keeps_small_gradients() -> None:
    gradient = torch.tensor([3e-5, 4e-5], dtype=torch.float16).view(1, 1, 1, 2)
    found = steps.unit_mean_square(gradient)
    assert found.dtype == torch.float16
    assert float(found.float().square().mean()) == pytest.approx(1, abs=1e-2)


def test_rates_fall_to_almost_zero() -> None:
    assert steps.falling(0.4, 4) == pytest.approx([0.4, 0.3, 0.2, 0.1])


def test_a_layers_maps_keep_their_shape_and_nothing_is_left_behind() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 2), nn.ReLU(inplace=True), nn.Flatten())
    images = torch.rand(3, 1, 4, 5)
    found = maps(model, images, model[0])
    assert torch.equal(found, model[0](images))  # before the ReLU that overwrites it
    assert maps(model, images, model[2]).shape == (3, 24)
    assert all(not module._forward_hooks for module in model.modules())
    with pytest.raises(LayerError):
        maps(model, images, nn.ReLU())


def test_a_channels_mean_is_over_its_places_and_a_units_itself() -> None:
    model = nn.Sequential(nn.Identity(), nn.Flatten())
    images = torch.arange(16.0).view(2, 2, 2, 2)
    assert channel_mean(model, model[0], [1, 0], images)(images).tolist() == [5.5, 9.5]
    assert channel_mean(model, model[1], [7, 0], images)(images).tolist() == [7, 8]
