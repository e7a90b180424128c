"""CAR against networks with the filters really cut out, all subsets of few filters, and filters of a known worth."""

from itertools import combinations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import prune

from repro.engine.errors import LayerError, OptionsError, UnitsError
from repro.experiments.interpretable.pruned_filters import colour_share
from repro.interpretable.compression_importance import (
    accuracies,
    class_importance,
    compression_importance,
    pruning_order,
)

# single images often stay right without any one filter
CONTRACT = {"compression_importance": {"of": "probability"}}
CLASSES = 4


def small(filters: int = 5) -> nn.Sequential:
    """Two convolutions and a linear layer that tell images apart: its own answers serve as classes."""
    torch.manual_seed(3)
    layers = [nn.Conv2d(3, filters, 3), nn.ReLU(), nn.Conv2d(filters, 6, 3), nn.ReLU(), nn.Flatten()]
    model = nn.Sequential(*layers, nn.Linear(6 * 16, CLASSES)).double().eval()
    with torch.no_grad():  # no class is preferred
        model[5].bias -= model(images_of(200)).mean(0)
    return model


def images_of(count: int) -> Tensor:
    return torch.rand(count, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def without(model: nn.Sequential, off: tuple[int, ...]) -> nn.Sequential:
    """The network with these filters of its first layer cut out, here and in the next layer's weights."""
    first, second = model[0], model[2]
    keep = [one for one in range(first.out_channels) if one not in off]
    thinner = nn.Conv2d(3, len(keep), 3).double(), nn.Conv2d(len(keep), 6, 3).double()
    with torch.no_grad():
        thinner[0].weight.copy_(first.weight[keep])
        thinner[0].bias.copy_(first.bias[keep])
        thinner[1].weight.copy_(second.weight[:, keep])
        thinner[1].bias.copy_(second.bias)
    return nn.Sequential(thinner[0], nn.ReLU(), thinner[1], *model[3:])


def slow_accuracy(model: nn.Sequential, images: Tensor, labels: list[int], off: tuple[int, ...]) -> float:
    thinner = without(model, off)
    right = [int(thinner(image[None]).argmax()) == label for image, label in zip(images, labels, strict=True)]
    return sum(right) / len(right)


def test_importance_is_the_accuracy_lost_with_the_filter_cut_out() -> None:
    model, images = small(), images_of(40)
    labels = model(images).argmax(1)
    found = compression_importance(model, images, labels, model[1], batch=7)
    for one in range(5):
        lost = 1 - slow_accuracy(model, images, labels.tolist(), (one,))
        assert float(found[:, one].mean()) == pytest.approx(lost, abs=1e-12)
    assert found.unique().tolist() == [0, 1]  # it was right on all images
    pruned = compression_importance(model, images, labels, model[1], pruned=[1, 3])
    for one in range(5):
        before, after = (slow_accuracy(model, images, labels.tolist(), off) for off in ((1, 3), tuple({1, 3, one})))
        assert float(pruned[:, one].mean()) == pytest.approx(before - after, abs=1e-12)
    others = without(model, (2,))(images).argmax(1)  # classes of which the network is right without filter 2
    assert compression_importance(model, images, others, model[1])[:, 2].unique().tolist() == [-1, 0]


def test_importance_by_probability_agrees_with_torchs_own_pruning() -> None:
    model, images = small(), images_of(6)
    labels = model(images).argmax(1)
    found = compression_importance(model, images, labels, model[1], of="probability")
    before = model(images).softmax(1).gather(1, labels[:, None])[:, 0]
    for one in range(5):
        pruned = small()
        for name in ("weight", "bias"):
            mask = torch.ones_like(getattr(pruned[0], name))
            mask[one] = 0
            prune.custom_from_mask(pruned[0], name, mask)
        after = pruned(images).softmax(1).gather(1, labels[:, None])[:, 0]
        torch.testing.assert_close(found[:, one], before - after, rtol=0, atol=1e-12)


def test_the_order_is_greedy_and_all_subsets_bound_it() -> None:
    model, images = small(), images_of(40)
    labels = model(images).argmax(1)
    order = pruning_order(model, images, labels, model[1], 5)
    curve = accuracies(model, images, labels, model[1], order).tolist()
    told = labels.tolist()
    for done in range(4):
        here = tuple(order[:done])
        best = max(slow_accuracy(model, images, told, (*here, one)) for one in range(5) if one not in here)
        assert curve[done] == pytest.approx(slow_accuracy(model, images, told, here), abs=1e-12)
        assert curve[done + 1] == pytest.approx(best, abs=1e-12)
        subsets = combinations(range(5), done + 1)
        assert curve[done + 1] <= max(slow_accuracy(model, images, told, each) for each in subsets) + 1e-12
    assert pruning_order(model, images, labels, model[1], 2) == order[:2]


def test_a_dead_filter_goes_first_and_one_of_two_equal_filters_is_free() -> None:
    """Pruning one of the equal filters costs nothing; pruning the other one too costs accuracy."""

    class Sums(nn.Module):
        """Four maps: two equal ones for the first class, one that is always zero, and one for the second class."""

        def __init__(self) -> None:
            super().__init__()
            self.maps = nn.ReLU()

        def forward(self, images: Tensor) -> Tensor:
            red, green = images[:, 0].mean((1, 2)), images[:, 1].mean((1, 2))
            maps = self.maps(torch.stack([red, red, -red, green], 1))
            first, neither = torch.maximum(maps[:, 0], maps[:, 1]), torch.full_like(red, 0.5)
            return torch.stack([first, maps[:, 3] + maps[:, 2], neither], 1)

    images = torch.zeros(4, 3, 2, 2)
    images[:2, 0], images[2:, 1] = 1.0, 1.0
    model, labels = Sums(), torch.tensor([0, 0, 1, 1])
    found = compression_importance(model, images, labels, model.maps).mean(0)
    assert found.tolist() == [0, 0, 0, 0.5]
    order = pruning_order(model, images, labels, model.maps, 4)
    assert sorted(order[:2]) == [0, 2]  # of equal filters the first
    assert accuracies(model, images, labels, model.maps, order).tolist() == [1, 1, 1, 0.5, 0]
    left = compression_importance(model, images, labels, model.maps, pruned=order[:2])
    assert class_importance(left, labels, 2).tolist() == [[0, 1, 0, 0], [0, 0, 0, 1]]


def test_class_importance_by_hand() -> None:
    importance = torch.tensor([[1.0, 0.0], [0.0, 0.0], [0.0, -1.0]])
    found = class_importance(importance, torch.tensor([0, 0, 2]), 3)
    assert found[[0, 2]].tolist() == [[0.5, 0.0], [0.0, -1.0]]
    assert found[1].isnan().all()


def test_colour_share_of_grey_and_of_coloured_filters() -> None:
    grey, opponent = torch.ones(3, 2, 2), torch.tensor([1.0, -1.0, 0.0])[:, None, None].expand(3, 2, 2)
    red = torch.tensor([1.0, 0.0, 0.0])[:, None, None].expand(3, 2, 2)
    torch.testing.assert_close(colour_share(torch.stack([grey, opponent, red])), torch.tensor([0.0, 1.0, 2 / 3]))


def test_what_cannot_be_pruned_is_refused() -> None:
    model, images, labels = small(), images_of(2), torch.tensor([0, 1])
    with pytest.raises(OptionsError):
        pruning_order(model, images, labels, model[1], 6)
    with pytest.raises(OptionsError):
        compression_importance(model, images, labels, model[1], of="loss")
    with pytest.raises(UnitsError):
        compression_importance(model, images, labels, model[1], pruned=[5])
    tokens = nn.Sequential(nn.Flatten(2), nn.ReLU(), nn.Flatten(), nn.Linear(192, 4)).double()
    with pytest.raises(LayerError):  # (B, 3, 64) has no channels
        compression_importance(tokens, images, labels, tokens[1])
