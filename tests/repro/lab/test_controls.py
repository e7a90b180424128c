"""Controls do what they say, and leave the model alone."""

import torch
from torch import Tensor, nn

from repro.lab import controls


class MeanOfColour(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return images.mean((2, 3))


def test_occlusion_is_the_fall_of_the_logit_under_a_grey_square() -> None:
    images = torch.zeros(2, 3, 8, 8)
    images[0, 1, :4, 4:] = 1.0  # a bright quarter, in the second colour
    drops = controls.occlusion(MeanOfColour(), images, torch.tensor([1, 1]), patch=4, step=4)
    # 16 of 64 pixels go from 1 to a half; elsewhere they go from 0 to a half
    torch.testing.assert_close(drops[0, 0], torch.tensor([[-0.125, 0.125], [-0.125, -0.125]]))
    torch.testing.assert_close(drops[1, 0], torch.full((2, 2), -0.125))


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
