"""Templates, mutual information and loss against loops, the gradient by hand, and maps that the loss alone shapes."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from repro.engine.errors import LayerError
from repro.interpretable.interpretable_cnn import (
    PartLayer,
    at_peaks,
    filter_loss,
    interpretable_cnn,
    mutual_information,
    owners_of,
    templates,
)


class MapsThemselves(PartLayer):
    """Filters that pass on the size of the feature maps, however many: each of 1000 classes owns one, in turn."""

    def maps(self, feature_maps: Tensor) -> Tensor:
        self.owners = torch.arange(1000, device=feature_maps.device)
        return feature_maps[:, self.owners % feature_maps.shape[1]].abs()


CONTRACT = {"interpretable_cnn": {"layer": MapsThemselves(1, 1, 1)}}


def maps_of(count: int, filters: int = 3, size: int = 4) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(count, filters, size, size, dtype=torch.float64, generator=generator)


def slow_template(size: int, y: int, x: int) -> Tensor:
    found = torch.zeros(size, size, dtype=torch.float64)
    for i in range(size):
        for j in range(size):
            found[i, j] = max(1 - 4 * (abs(i - y) + abs(j - x)) / size, -1)
    return found


def peak_of(image: Tensor) -> tuple[int, int]:
    best = max((float(image[i, j].detach()), i, j) for i in range(len(image)) for j in range(len(image)))
    return best[1], best[2]


def test_templates_and_masks_by_loops() -> None:
    found = templates(4)
    assert found.shape == (17, 4, 4)
    for place in range(16):
        assert torch.equal(found[place], slow_template(4, place // 4, place % 4))
    assert found[0].tolist() == [[1, 0, -1, -1], [0, -1, -1, -1], [-1] * 4, [-1] * 4]
    assert found[16].unique().tolist() == [-1]
    maps, layer = maps_of(2), PartLayer(3, 3, 2)
    for image, parts, chosen in zip(maps, layer.parts(maps), at_peaks(maps), strict=True):
        for one, part, template in zip(image, parts, chosen, strict=True):
            expected = slow_template(4, *peak_of(one))
            torch.testing.assert_close(template, expected)
            torch.testing.assert_close(part, (one * expected).clamp(min=0))
    assert torch.equal(PartLayer(3, 3, 2, masks=False).parts(maps), maps)


def test_mutual_information_by_loops() -> None:
    """The definition: over templates and images, with the templates times tau."""
    maps = 30 * maps_of(5, filters=2, size=3)
    every = [slow_template(3, y, x) for y in range(3) for x in range(3)] + [-torch.ones(3, 3, dtype=torch.float64)]
    for one, found in zip(maps.transpose(0, 1), mutual_information(maps), strict=True):
        tau, prior = 0.5 / 9, 1 / 10
        powers = [[math.exp(float((image * tau * t).sum())) for image in one] for t in every]
        given = [[power / sum(row) for power in row] for row in powers]
        whole = [sum(prior * row[i] for row in given) for i in range(5)]
        slow = sum(prior * p * math.log(p / whole[i]) for row in given for i, p in enumerate(row))
        assert float(found) == pytest.approx(slow, abs=1e-12)
        assert slow > 0.01
    assert mutual_information(maps[:1].expand(5, -1, -1, -1)).abs().max() < 1e-12  # equal images tell nothing apart


def test_the_loss_and_its_gradient_by_loops() -> None:
    maps, labels, owners = maps_of(4).requires_grad_(), torch.tensor([0, 1, 1, 2]), torch.tensor([1, 0, 2])
    wanted, slow = torch.zeros(4, 3, 4, 4, dtype=torch.float64), 0.0
    for f in range(3):
        for i in range(4):
            own = labels[i] == owners[f]
            wanted[i, f] = slow_template(4, *peak_of(maps[i, f])) if own else -1
        slow -= float((wanted[:, f] * maps[:, f].detach()).sum() / maps[:, f].detach().sum()) / 3
    found = filter_loss(maps, labels, owners)
    assert float(found.detach()) == pytest.approx(slow, abs=1e-12)
    (gradient,) = torch.autograd.grad(found, maps)
    sums = maps.detach().sum((0, 2, 3), keepdim=True)
    means = (wanted * maps.detach()).sum((0, 2, 3), keepdim=True) / sums
    torch.testing.assert_close(gradient, -(wanted - means) / sums / 3)  # away from what is below the mean


def test_the_limits_of_the_loss() -> None:
    labels, owners, maps = torch.tensor([0, 1]), torch.tensor([0]), torch.zeros(2, 1, 4, 4)
    maps[0, 0, 2, 1] = 5.0
    assert float(filter_loss(maps, labels, owners)) == -1
    assert float(filter_loss(maps.flip(0), labels, owners)) == 1
    assert float(filter_loss(maps, labels, owners)) == float(filter_loss(100 * maps, labels, owners))
    assert float(filter_loss(0 * maps, labels, owners)) == 0


def test_maps_that_follow_the_loss_get_one_peak_for_their_class_and_tell_more() -> None:
    free = maps_of(12, filters=2, size=5).requires_grad_()
    labels, owners = torch.arange(12) % 3, torch.tensor([0, 2])
    before, peaks = mutual_information(10 * free.detach()), free.detach().flatten(2).argmax(2)
    optimiser = torch.optim.Adam([free], lr=0.02)
    for _ in range(100):
        optimiser.zero_grad()
        filter_loss(free.relu(), labels, owners).backward()
        optimiser.step()
    maps = free.detach().relu()
    own = labels[:, None] == owners
    assert maps[~own].sum() < 1e-3 * maps.sum()
    assert torch.equal(maps.flatten(2).argmax(2)[own], peaks[own])
    assert (mutual_information(10 * maps) > before).all()


def test_owners_by_hand() -> None:
    maps = torch.zeros(3, 2, 1, 1)
    maps[:, 0, 0, 0], maps[:, 1, 0, 0] = torch.tensor([1.0, 5.0, 2.0]), torch.tensor([0.0, 0.0, 1.0])
    assert owners_of(maps, torch.tensor([0, 0, 3]), 4).tolist() == [0, 3]  # means 3 and 2, 0 and 1


def test_the_heatmap_is_the_sum_of_the_masked_maps_of_the_class() -> None:
    torch.manual_seed(0)
    body, layer = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()).double(), PartLayer(4, 6, 3).double().eval()
    model, images = nn.Sequential(body, layer), torch.rand(2, 3, 7, 7, dtype=torch.float64)
    found = interpretable_cnn(model, images, torch.tensor([2, 0]), layer, body)
    for image, label, heatmap in zip(images, (2, 0), found, strict=True):
        maps = layer.filters(body(image[None]))[0].detach()
        expected = sum((maps[f] * slow_template(5, *peak_of(maps[f]))).clamp(min=0) for f in range(6) if f % 3 == label)
        torch.testing.assert_close(heatmap[0], expected)
    assert found.amax((1, 2, 3)).min() > 0
    with pytest.raises(LayerError):
        interpretable_cnn(model, images, torch.tensor([2, 0]), PartLayer(5, 6, 3).double().eval(), body)
