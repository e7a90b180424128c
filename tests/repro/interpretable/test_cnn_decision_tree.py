"""The tree against an exhaustive search by other means, scipy's optimiser, planted modes, and a network without any."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch import Tensor, nn
from torch.nn import functional

from repro.engine.errors import ImagesError, OptionsError
from repro.interpretable.cnn_decision_tree import (
    cnn_decision_tree,
    decision_modes,
    mean_responses,
    rationales,
    shares,
)

CONTRACT = {"cnn_decision_tree": {"examples": torch.rand(6, 3, 16, 16, generator=torch.Generator().manual_seed(2))}}


def network(pooled: bool = False) -> nn.Sequential:
    """Maps (B, 4, 5, 5), then two linear layers with a ReLU, or the mean and one linear layer."""
    torch.manual_seed(0)
    maps = [nn.Conv2d(3, 4, 2), nn.ReLU()]
    bent = [nn.Flatten(), nn.Linear(4 * 25, 12), nn.ReLU(), nn.Linear(12, 3)]
    linear = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3, bias=False)]
    return nn.Sequential(*maps, *(linear if pooled else bent)).double().eval()


def images_of(count: int, seed: int = 1) -> Tensor:
    return torch.rand(count, 3, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def directions(count: int, width: int = 4, seed: int = 3) -> Tensor:
    found = torch.randn(count, width, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return functional.normalize(found, dim=1)


def of(model: nn.Sequential, image: Tensor, label: int) -> tuple[Tensor, Tensor]:
    maps = model[:2](image[None]).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(model[2:](maps)[0, label], maps)
    return maps.detach()[0], gradient[0]


def slow_tree(weights: Tensor) -> list[frozenset[int]]:
    """The members of each node as it is merged: of all pairs the one after which all examples' cosines sum highest."""

    def agreement(groups: list[frozenset[int]]) -> float:
        total = 0.0
        for group in groups:
            mean = weights[sorted(group)].mean(0)
            total += sum(float(functional.cosine_similarity(weights[i], mean, dim=0)) for i in group)
        return total

    groups, merged = [frozenset({i}) for i in range(len(weights))], list[frozenset[int]]()
    while len(groups) > 1:
        tried = [[g for g in groups if g not in pair] + [pair[0] | pair[1]] for pair in combinations(groups, 2)]
        groups = max(tried, key=agreement)
        merged.append(groups[-1])
    return merged


def members(children: Tensor) -> list[frozenset[int]]:
    count = (len(children) + 1) // 2
    found = [frozenset({i}) for i in range(count)]
    for first, second in children[count:].tolist():
        found.append(found[first] | found[second])
    return found[count:]


@pytest.mark.parametrize("seed", range(3))
def test_the_tree_is_that_of_an_exhaustive_search(seed: int) -> None:
    weights = directions(12, seed=seed)
    tree = decision_modes(weights)
    assert members(tree.children) == slow_tree(weights)
    torch.testing.assert_close(tree.weights[:12], weights)
    assert tree.children[:12].unique().tolist() == [-1]


def test_a_nodes_weights_are_those_that_agree_best_with_its_members() -> None:
    weights = directions(5)
    tree = decision_modes(weights)
    for node, group in enumerate(members(tree.children), start=5):
        own = weights[sorted(group)].numpy()
        best = minimize(
            lambda g, own=own: -float((own @ g).sum()),
            np.full(4, 0.5),
            constraints={"type": "eq", "fun": lambda g: float(g @ g) - 1},
        )
        np.testing.assert_allclose(tree.weights[node].numpy(), best.x, atol=1e-4)


def test_planted_modes_are_found_and_an_image_goes_down_to_its_own() -> None:
    axes, noise = torch.eye(4, dtype=torch.float64)[:3], 0.05 * directions(12)
    weights = functional.normalize(axes.repeat_interleave(4, 0) + noise, dim=1)
    tree = decision_modes(weights)
    ends = [tree.path(each, 3)[-1] for each in weights]
    assert [len(set(ends[i : i + 4])) for i in (0, 4, 8)] == [1, 1, 1]
    assert len(set(ends)) == 3
    assert [tree.path(each, 12)[-1] for each in weights] == list(range(12))
    assert [tree.path(each, 1) for each in weights] == [[22]] * 12
    path = tree.path(weights[5], 12)
    assert path[0] == 22
    assert all(below in tree.children[above] for above, below in pairwise(path))


def test_positions_are_summed_by_loops() -> None:
    model, images = network(), images_of(3)
    maps, gradient = (torch.stack(each) for each in zip(*(of(model, image, 1) for image in images), strict=True))
    found = rationales(maps, gradient, mean_responses(maps))
    for i in range(3):
        features, weights = [], []
        for d in range(4):
            scale = sum(float(maps[j, d].mean()) for j in range(3)) / 3
            features.append(float(maps[i, d].sum()) / scale)
            weights.append(scale * float(gradient[i, d].sum()) / 25)
        torch.testing.assert_close(found[0][i], torch.tensor(features, dtype=torch.float64))
        length = sum(each**2 for each in weights) ** 0.5
        torch.testing.assert_close(found[1][i], torch.tensor(weights, dtype=torch.float64) / length)
    silent = torch.zeros(2, 1, 2, 2)
    assert mean_responses(silent).tolist() == [1.0]


def test_after_global_average_pooling_all_images_have_one_mode_and_the_sum_is_the_logit() -> None:
    model, images = network(pooled=True), images_of(5)
    maps, gradient = (torch.stack(each) for each in zip(*(of(model, image, 2) for image in images), strict=True))
    scale = mean_responses(maps)
    features, weights = rationales(maps, gradient, scale)
    length = (gradient[0].mean((1, 2)) * scale).norm()
    torch.testing.assert_close((weights * features).sum(1) * length, model(images)[:, 2].detach())
    torch.testing.assert_close(decision_modes(weights).weights, weights[:1].expand(9, -1))


def test_the_shares_are_those_of_the_images_node() -> None:
    model, images, examples = network(), images_of(3), images_of(8, seed=5)
    found = cnn_decision_tree(model, images, torch.tensor([1, 0, 1]), examples, modes=3, target_layer=model[1])
    for row, label in enumerate([1, 0, 1]):
        maps, gradient = (torch.stack(each) for each in zip(*(of(model, one, label) for one in examples), strict=True))
        _, known = rationales(maps, gradient, mean_responses(maps))
        features, own = rationales(*(each[None] for each in of(model, images[row], label)), mean_responses(maps))
        tree = decision_modes(known)
        expected = tree.weights[tree.path(own[0], 3)[-1]] * features[0]
        torch.testing.assert_close(found[row], expected / expected.abs().sum())
    torch.testing.assert_close(found.abs().sum(1), torch.ones(3, dtype=torch.float64))
    assert shares(torch.tensor([1.0, -1.0, 0.0]), torch.tensor([3.0, 1.0, 5.0])).tolist() == [0.75, -0.25, 0.0]


def test_what_has_no_tree_is_refused() -> None:
    model, images, classes = network(), images_of(2), torch.tensor([0, 1])
    for examples, modes in ((images[:0], 1), (images, 0), (images, 3)):
        with pytest.raises(OptionsError):
            cnn_decision_tree(model, images, classes, examples, modes=modes, target_layer=model[1])
    half = network().half()
    with pytest.raises(ImagesError):
        cnn_decision_tree(half, images.half(), classes, images, modes=1, target_layer=half[1])
