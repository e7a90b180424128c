"""The input of the last pooling is found however the pooling is written."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from repro.engine import gradients, pooling


@pytest.mark.parametrize(
    "pool",
    [
        lambda maps: functional.adaptive_avg_pool2d(maps, 1).flatten(1),
        lambda maps: nn.AdaptiveAvgPool2d(1)(maps).flatten(1),
        lambda maps: functional.avg_pool2d(maps, 4).flatten(1),
        lambda maps: maps.mean((2, 3)),
        lambda maps: torch.mean(maps, dim=[2, 3]),
        lambda maps: torch.mean(input=maps, dim=(2, 3)),
    ],
)
def test_head_is_found_however_it_is_written(pool) -> None:
    maps, weight, bias = torch.randn(2, 3, 4, 4), torch.randn(5, 3), torch.randn(5)
    with pooling.Head() as head:
        early = maps.mean((2, 3), keepdim=True)  # as squeeze and excitation does
        logits = functional.linear(pool(maps + 0 * early), weight, bias=bias)
    assert torch.equal(head.feature_maps, maps)
    assert head.linear is not None
    assert head.linear[0] is weight
    assert head.linear[1] is bias
    assert logits.shape == (2, 5)


@pytest.mark.parametrize(
    "pool",
    [
        lambda maps: functional.max_pool2d(maps, 2).flatten(1),
        lambda maps: functional.adaptive_avg_pool2d(maps, 1).flatten(1),
        lambda maps: functional.adaptive_avg_pool2d(functional.adaptive_avg_pool2d(maps, 1), 1).flatten(1),
        lambda maps: functional.adaptive_avg_pool2d(maps, 4).amax((2, 3)),
        lambda maps: torch.cat([functional.adaptive_max_pool2d(maps, 1), maps.mean((2, 3), keepdim=True)], 1).flatten(
            1
        ),
    ],
    ids=["max", "mean", "twice", "after one from 4x4 to 4x4", "mean and max side by side"],
)
def test_last_maps_are_what_the_last_pooling_is_given(pool) -> None:
    maps = torch.randn(2, 3, 4, 4)
    early = functional.max_pool2d(torch.randn(2, 3, 8, 8).requires_grad_(), 2)
    with pooling.LastMaps() as last:
        early = functional.max_pool2d(early, 2)
        channels = maps.mean(1)  # over channels: no pooling over places
        given = maps + 0 * early.sum() + 0 * channels[:, None]
        logits = pool(given)
    expected = torch.autograd.grad(pool(leaf := given.detach().requires_grad_()).sum(), leaf)[0]
    assert last.feature_maps is not None
    if last.feature_maps.shape == maps.shape:  # "twice" is given the means the second time
        assert torch.equal(last.feature_maps, given)
        torch.testing.assert_close(torch.autograd.grad(logits.sum(), last.feature_maps)[0], expected)
    else:
        assert last.feature_maps.shape == (2, 3, 1, 1)


@pytest.mark.parametrize("to_pixels", [False, True])
def test_maps_of_which_a_part_is_set_after_their_pooling_stay_what_they_were(to_pixels) -> None:
    given = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]).requires_grad_(to_pixels) * 1
    with pooling.LastMaps(to_pixels=to_pixels) as last:
        means = given.mean((2, 3))
        given[:, :, 0] = 0
        logits = means + given.sum((2, 3))
    assert logits.tolist() == [[2.5 + 7]]
    assert last.feature_maps.tolist() == [[[[1, 2], [3, 4]]]]
    back = torch.autograd.grad(logits.sum(), last.feature_maps)[0]
    assert back.tolist() == [[[[0.25, 0.25], [1.25, 1.25]]]]


@pytest.mark.parametrize("to_pixels", [False, True])
def test_maps_that_are_overwritten_after_their_pooling_stay_what_the_pooling_was_given(to_pixels) -> None:
    given = torch.tensor([[[[-1.0, 2.0], [3.0, 4.0]]]]).requires_grad_(to_pixels) * 1
    with pooling.LastMaps(to_pixels=to_pixels) as last:
        means = given.mean((2, 3))
        overwritten = functional.relu(given, inplace=True)
        logits = means + 10 * overwritten.sum((2, 3)) + 100 * given.flatten(1).sum(1, keepdim=True)
    assert logits.tolist() == [[2 + 90 + 900]]
    assert last.feature_maps.tolist() == [[[[-1, 2], [3, 4]]]]
    back = torch.autograd.grad(logits.sum(), last.feature_maps)[0]
    assert back.tolist() == [[[[0.25, 110.25], [110.25, 110.25]]]]


def test_what_leaves_the_last_maps_before_the_pooling_counts_if_the_layer_is_given() -> None:
    class TwoHeads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolution = nn.Conv2d(1, 2, 1, bias=False)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            maps = self.convolution(images)
            early = 10 * maps.sum((2, 3))
            return early + maps.mean((2, 3))

    model, images, classes = TwoHeads(), torch.rand(2, 1, 2, 2), torch.tensor([0, 1])
    for layer, expected in ((None, 0.25), (model.convolution, 10.25)):
        with pooling.maps_and_logits(model, images, layer) as (maps, logits):
            gradient = gradients.gradient(logits, classes, maps)
        assert gradient[[0, 1], classes].flatten().tolist() == [expected] * 8
        assert gradient[[0, 1], 1 - classes].count_nonzero() == 0


class Pools(nn.Module):
    """Pools by two, gates by the global mean, pools by two again; the last pooling is an argument."""

    def __init__(self, last: nn.Module, gate: nn.Module | None = None) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.gate, self.last = nn.Conv2d(1, 4, 3, padding=1), gate, last
        self.second, self.head = nn.Conv2d(4, 4, 3, padding=1), nn.LazyLinear(3)
        self(torch.randn(1, 1, 8, 8))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps = functional.max_pool2d(self.first(images), 2)
        maps = self.second(maps).relu()
        if self.gate is not None:
            maps = maps * self.gate(maps).sigmoid()
        return self.head(self.last(maps).flatten(1))


def kept_by_the_second_convolution(model: Pools) -> bool:
    """Whether a graph was made between the first pooling and the last."""
    kept = []
    handle = model.second.register_forward_hook(lambda *given: kept.append(given[2].requires_grad))
    with pooling.maps_and_logits(model, torch.randn(2, 1, 8, 8)) as (maps, logits):
        assert maps.shape == (2, 4, 4, 4)
        assert maps.is_leaf
        assert gradients.gradient(logits, torch.zeros(2, dtype=int), maps).abs().sum() > 0
    handle.remove()
    return kept[-1]


def test_nothing_is_kept_before_a_pooling_over_all_places() -> None:
    assert not kept_by_the_second_convolution(Pools(nn.AdaptiveAvgPool2d(1)))
    # it cannot be known beforehand that this pooling will be the last
    assert kept_by_the_second_convolution(Pools(nn.MaxPool2d(2)))


def test_a_pooling_over_all_places_need_not_be_the_last() -> None:
    model, images = Pools(nn.MaxPool2d(2), gate=nn.AdaptiveAvgPool2d(1)), torch.randn(2, 1, 8, 8)
    with pooling.maps_and_logits(model, images) as (maps, _), torch.no_grad():
        ungated = model.second(functional.max_pool2d(model.first(images), 2)).relu()
        torch.testing.assert_close(maps.detach(), ungated * ungated.mean((2, 3), keepdim=True).sigmoid())


def test_a_pooling_over_all_places_that_never_runs_is_not_waited_for() -> None:
    model = Pools(nn.MaxPool2d(2))
    model.unused = nn.AdaptiveAvgPool2d(1)
    assert kept_by_the_second_convolution(model)
