"""Channels switched off: as with the maps set to zero by hand, whatever the batch; the model stays as it was."""

import pytest
import torch
from torch import nn

from repro.engine.errors import LayerError, UnitsError
from repro.engine.units import channel_count, switched_off
from tests.contract.networks import Small, found_in, images_of

OFF = [[], [2], [0, 5], [5, 0, 0]]


@pytest.mark.parametrize("batch", [1, 5, 64])
def test_as_with_the_maps_set_to_zero_by_hand(batch: int) -> None:
    model, images = Small("module").train(), images_of(3)
    before = found_in(model)
    found = switched_off(model, images, model.relus[1], OFF, batch=batch)
    assert found_in(model) == before
    for number, channels in enumerate(OFF):
        by_hand = Small("module").eval()
        keep = torch.ones(6, dtype=torch.float64)
        keep[channels] = 0
        by_hand.relus[1] = nn.Sequential(nn.ReLU(), nn.Conv2d(6, 6, 1, groups=6, bias=False).double())
        with torch.no_grad():
            by_hand.relus[1][1].weight.copy_(keep.view(6, 1, 1, 1))
            torch.testing.assert_close(found[:, number], by_hand(images), rtol=0, atol=1e-12)


def test_units_without_maps_can_be_switched_off_too() -> None:
    """All logits but one: nothing else of the network is behind them."""
    model, images = Small().eval(), images_of(2)
    found = switched_off(model, images, model.head, [[0, 1, 2, 3]])
    assert found[:, 0, :4].abs().max() == 0
    torch.testing.assert_close(found[:, 0, 4], model(images)[:, 4].detach(), rtol=0, atol=1e-12)
    assert channel_count(model, images, model.head) == 5


def test_channels_that_are_not_there_are_refused() -> None:
    model, images = Small().eval(), images_of(2)
    with pytest.raises(UnitsError):
        switched_off(model, images, model.second, [[6]])
    with pytest.raises(LayerError):
        switched_off(model, images, nn.ReLU(), [[0]])
