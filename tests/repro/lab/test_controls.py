"""Controls do what they say, and leave the model alone."""

import numpy as np
import pytest
import torch
from torch import nn

from repro.lab import controls, metrics


def test_randomised_layers_keep_their_values_and_lose_their_order() -> None:
    model = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4))
    before = [parameter.clone() for parameter in model.parameters()]
    shuffled = controls.randomised(model, "2")
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), before, strict=True))
    assert torch.equal(shuffled[0].weight, model[0].weight)
    assert not torch.equal(shuffled[2].weight, model[2].weight)
    assert torch.equal(shuffled[2].weight.flatten().sort()[0], model[2].weight.flatten().sort()[0])
    again, other = controls.randomised(model, "2"), controls.randomised(model, "2", seed=1)
    assert torch.equal(again[2].weight, shuffled[2].weight)
    assert not torch.equal(other[2].weight, shuffled[2].weight)


def test_centre_and_noise_know_nothing_of_the_image() -> None:
    images = torch.rand(3, 3, 5, 7)
    centre = controls.centre(images)
    assert centre.shape == (3, 1, 5, 7)
    assert centre[0, 0, 2, 3] == 1
    assert centre[1, 0, [0, 0, 4, 4], [0, 6, 0, 6]].tolist() == pytest.approx([0] * 4, abs=1e-6)
    assert centre[2, 0, 2, 0] == pytest.approx(1 - 3 / np.hypot(2, 3))
    noise = controls.noise(images)
    assert torch.equal(noise, controls.noise(torch.zeros_like(images)))
    assert not torch.equal(noise, controls.noise(images, 1))
    assert abs(metrics.rank_correlation(noise[:1], noise[1:2])[0]) < 0.5
    large = controls.noise(torch.zeros(2, 3, 64, 64, dtype=torch.float64))
    assert large.dtype == torch.float64
    assert large.mean() == pytest.approx(0.5, abs=0.02)
    assert metrics.rank_correlation(large[:1], large[1:])[0] == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_maps_that_know_no_network_take_any_type_of_number(dtype: torch.dtype) -> None:
    images = torch.rand(2, 3, 8, 8)
    for control in (controls.edges, controls.centre, controls.noise):
        found = control(images.to(dtype))
        assert found.dtype == dtype
        torch.testing.assert_close(found.float(), control(images), atol=0.05, rtol=0.05)


def test_saliency_needs_no_gradients_around_it() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 3))
    images, classes = torch.rand(2, 3, 2, 2), torch.tensor([0, 2])
    expected = model[1].weight[classes].view(2, 3, 2, 2).abs().amax(1, keepdim=True)
    with torch.inference_mode():
        torch.testing.assert_close(controls.saliency(model, images, classes), expected)
