"""Controls do what they say, and leave the model alone."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from repro.lab import controls, metrics


def test_randomised_layers_keep_their_values_and_lose_their_order() -> None:
    model = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4))
    before = [parameter.clone() for parameter in model.parameters()]
    forgetful = controls.randomised(model, "2")
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), before, strict=True))
    assert torch.equal(forgetful[0].weight, model[0].weight)
    assert not torch.equal(forgetful[2].weight, model[2].weight)
    assert torch.equal(forgetful[2].weight.flatten().sort()[0], model[2].weight.flatten().sort()[0])
    again, other = controls.randomised(model, "2"), controls.randomised(model, "2", seed=1)
    assert torch.equal(again[2].weight, forgetful[2].weight)
    assert not torch.equal(other[2].weight, forgetful[2].weight)


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


class Three(nn.Module):
    """A sum of three layers' outputs, so that the map below can show each layer's weights alone."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.low, self.middle, self.high = (nn.Linear(6, 6, bias=False) for _ in range(3))


@pytest.mark.parametrize("cascading", [False, True])
def test_randomisation_check_forgets_layer_by_layer(cascading: bool) -> None:
    """Each of the maps below shows one layer's weights: it changes when, and only when, that layer has forgotten."""
    model = Three()

    def method(each: nn.Module) -> Tensor:
        weights = [each.get_submodule(name).weight for name in ("low", "middle", "high")]
        return torch.stack(weights)[:, None].detach()

    shares: list[float] = []
    found = controls.randomisation_check(method, model, cascading=cascading, report=shares.append)
    assert list(found) == ["high", "middle", "low"]
    assert shares == pytest.approx([1 / 3, 2 / 3, 1])
    changed = {name: (correlations < 0.9).tolist() for name, correlations in found.items()}
    if cascading:
        assert changed == {"high": [False, False, True], "middle": [False, True, True], "low": [True, True, True]}
    else:
        assert changed == {"high": [False, False, True], "middle": [False, True, False], "low": [True, False, False]}
    chosen = controls.randomisation_check(method, model, ["middle"], cascading=cascading)
    assert list(chosen) == ["middle"]
    np.testing.assert_allclose(chosen["middle"], [1, metrics.rank_correlation(*_both(model))[0], 1])


def _both(model: nn.Module) -> tuple[Tensor, Tensor]:
    forgetful = controls.randomised(model, "middle")
    return tuple(each.middle.weight[None, None].detach() for each in (model, forgetful))


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
