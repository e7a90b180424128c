"""Controls do what they say, and leave the model alone."""

import torch
from torch import nn

from repro.lab import controls


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
