"""Networks that the methods' tests share: torchvision's, with random weights whose signal neither dies nor explodes."""

from collections.abc import Callable
from functools import cache

import pytest
import torch
from torch import nn

from repro.lab import models


@cache
def _vision(name: str) -> nn.Module:
    torch.manual_seed(0)
    model = models.load(name, "random").model
    if name.startswith("vgg"):  # four fifths of its weights are in the head
        model.classifier = nn.Sequential(nn.Linear(25088, 64), nn.ReLU(inplace=True), nn.Linear(64, 10))
    model.train()
    with torch.no_grad():
        for _ in range(3):  # BatchNorm as it is after some training
            model(torch.randn(8, 3, 64, 64))
        for parameter in list(model.parameters())[-2:]:
            parameter.normal_()
    return model.eval().double()


@pytest.fixture
def vision() -> Callable[[str], nn.Module]:
    """``vision(name)``: a torchvision network in float64, the same for all tests, which must leave it as it was."""
    return _vision
