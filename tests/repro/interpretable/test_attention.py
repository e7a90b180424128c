"""Attention against loops and torch's own, its two limits, and its tests against outputs whose answer is known."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from repro.engine.errors import LayerError
from repro.interpretable.attention import Head, adversarial_weights, attention, divergence, total_variation


class Brightness(Head):
    """Looks where the features are large: a head for any number of feature maps, as the contract needs it."""

    def weights(self, feature_maps: Tensor) -> Tensor:
        scores = feature_maps.mean(1, keepdim=True)
        return (scores / scores.detach().abs().amax((1, 2, 3), keepdim=True)).flatten(1).softmax(1).view_as(scores)


CONTRACT = {"attention": {"head": Brightness(1, 1)}}


def head_of(channels: int = 5, classes: int = 3) -> Head:
    torch.manual_seed(0)
    return Head(channels, classes, hidden=4, scale=2.0).double().requires_grad_(False)


def maps_of(count: int, channels: int = 5, size: tuple[int, int] = (3, 4)) -> Tensor:
    return torch.randn(count, channels, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def test_equals_the_equations_position_by_position() -> None:
    head, maps = head_of(), maps_of(2)
    inner, outer = head.inner.weight[:, :, 0, 0], head.outer.weight[0, :, 0, 0]
    for image, weights, logits in zip(maps, head.weights(maps), head(maps), strict=True):
        scores = {
            (y, x): float(outer @ torch.tanh(inner @ (image[:, y, x] / 2) + head.inner.bias))
            for y in range(3)
            for x in range(4)
        }
        total = sum(math.exp(each) for each in scores.values())
        context = torch.zeros(5, dtype=torch.float64)
        for (y, x), score in scores.items():
            assert float(weights[0, y, x]) == pytest.approx(math.exp(score) / total, abs=1e-14)
            context += math.exp(score) / total * image[:, y, x] / 2
        torch.testing.assert_close(logits, head.classifier(context))


def test_equal_scores_give_the_mean_and_a_far_larger_one_gives_its_position() -> None:
    head, maps = head_of(), maps_of(2)
    head.outer.weight.zero_()
    torch.testing.assert_close(head.weights(maps), torch.full((2, 1, 3, 4), 1 / 12, dtype=torch.float64))
    torch.testing.assert_close(head(maps), head.classifier(maps.mean((2, 3)) / 2))
    head.outer.weight.fill_(1e5)
    head.inner.weight.fill_(1)
    strongest = maps.sum(1).flatten(1).argmax(1)
    assert torch.equal(head.weights(maps).flatten(1).argmax(1), strongest)
    torch.testing.assert_close(head(maps), head.classifier(maps.flatten(2)[[0, 1], :, strongest] / 2))


def test_the_output_is_that_of_torchs_attention_with_the_scores_as_products() -> None:
    """One query of length 1 and keys that are the scores."""
    head, maps = head_of(), maps_of(3)
    scores = head.outer(torch.tanh(head.inner(maps / 2))).flatten(2).mT  # (B, P, 1)
    query, values = torch.ones(3, 1, 1, dtype=torch.float64), maps.flatten(2).mT / 2
    context = functional.scaled_dot_product_attention(query, scores, values, scale=1.0)[:, 0]
    torch.testing.assert_close(head(maps), head.classifier(context))


def test_positions_have_no_order() -> None:
    head, maps = head_of(), maps_of(2)
    order = torch.randperm(12, generator=torch.Generator().manual_seed(2))
    mixed = maps.flatten(2)[:, :, order].view_as(maps)
    torch.testing.assert_close(head(mixed), head(maps))
    torch.testing.assert_close(head.weights(mixed).flatten(1), head.weights(maps).flatten(1)[:, order])


def test_is_what_the_head_of_the_model_computes() -> None:
    """A network that ends in the head in place of its pooling, asked by the layer before it."""
    torch.manual_seed(0)
    body, head = nn.Sequential(nn.Conv2d(3, 5, 3), nn.ReLU()).double(), head_of()
    images = torch.rand(2, 3, 6, 6, dtype=torch.float64)
    found = attention(nn.Sequential(body, head), images, head, body)
    torch.testing.assert_close(found, head.weights(body(images)))
    torch.testing.assert_close(found.sum((1, 2, 3)), torch.ones(2, dtype=torch.float64))
    with pytest.raises(LayerError):
        attention(nn.Sequential(body, head), images, head_of(channels=4), body)


def test_distances_by_hand() -> None:
    logits = torch.tensor([[0.9, 0.1], [0.5, 0.5], [1.0, 1e-30]]).log()
    others = torch.tensor([[0.6, 0.4], [0.5, 0.5], [1e-30, 1.0]]).log()
    torch.testing.assert_close(total_variation(logits, others), torch.tensor([0.3, 0.0, 1.0]))
    first = torch.tensor([[1.0, 0.0], [0.5, 0.5], [1.0, 0.0]])[:, None, None]
    second = torch.tensor([[0.0, 1.0], [0.5, 0.5], [0.5, 0.5]])[:, None, None]
    half = (math.log(4 / 3) + 0.5 * math.log(2 / 3) + 0.5 * math.log(2)) / 2
    torch.testing.assert_close(divergence(first, second), torch.tensor([math.log(2), 0.0, half]))


def test_adversarial_weights_are_far_where_positions_are_alike_and_stay_where_they_are_not() -> None:
    """If all positions look the same any weights do; if one alone bears the class, moving away from it costs."""
    head = head_of(channels=1, classes=2)
    head.classifier.weight.copy_(torch.tensor([[1.0], [-1.0]]))
    head.outer.weight.fill_(2.0)
    head.inner.weight.fill_(2.0)
    alike, one = torch.ones(1, 1, 2, 3).double(), torch.zeros(1, 1, 2, 3).double()
    one[0, 0, 1, 1] = 4.0
    for maps, far in ((alike, True), (one, False)):
        own, found = head.weights(maps), adversarial_weights(head, maps, allowed=0.01)
        torch.testing.assert_close(found.sum((1, 2, 3)), torch.ones(1, dtype=torch.float64))
        assert float(total_variation(head.read(maps, found), head(maps))) <= 0.01
        assert (float(divergence(found, own)) > 0.3) == far
    assert torch.equal(adversarial_weights(head, one, steps=0), head.weights(one))
