"""Each metric on cases that can be done by hand."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from repro.engine.errors import OptionsError
from repro.engine.heatmaps import upsample
from repro.lab import controls, metrics, networks, scenes


def one(values: list[list[float]]) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float32)[None, None]


def test_pointing_hits_where_the_highest_point_lies() -> None:
    heatmaps = torch.cat([one([[0, 1], [5, 2]]), one([[0, 1], [5, 2]]), one([[3, 3], [3, 3]])])
    masks = np.array([[[0, 0], [1, 0]], [[1, 1], [0, 1]], [[1, 0], [0, 0]]], bool)
    assert metrics.pointing_hits(heatmaps, masks).tolist() == [True, False, True]  # of equal points the first


def test_pointing_forgives_what_is_near() -> None:
    """A disk of the tolerance's radius around the highest point, as a loop over all pixels."""
    generator = torch.Generator().manual_seed(0)
    heatmaps = torch.rand(30, 1, 9, 7, generator=generator)
    masks = (torch.rand(30, 9, 7, generator=generator) > 0.9).numpy()
    masks[0] = False
    for tolerance in (0, 1, 1.5, 3):
        expected = []
        for heatmap, mask in zip(heatmaps[:, 0].tolist(), masks, strict=True):
            _, top, left = max((heatmap[y][x], y, x) for y in range(9) for x in range(7))
            near = [mask[y, x] for y in range(9) for x in range(7) if (y - top) ** 2 + (x - left) ** 2 <= tolerance**2]
            expected.append(any(near))
        assert 0 < sum(expected) < 30
        assert metrics.pointing_hits(heatmaps, masks, tolerance).tolist() == expected


def test_energy_counts_positive_values_only() -> None:
    masks = np.array([[[1, 0], [0, 0]]] * 3, bool)
    heatmaps = torch.cat([one([[3, 1], [-9, 0]]), one([[-3, 1], [1, 0]]), one([[-1, -1], [0, 0]])])
    assert metrics.energy_in_mask(heatmaps, masks).tolist() == [0.75, 0, 0]


def test_box_of_the_largest_part() -> None:
    values = [[9, 9, 0, 0, 9], [0, 0, 0, 0, 9], [0, 0, 9, 0, 9], [0, 0, 0, 9, 0]]
    # three parts: 2 pixels, 3 pixels, and single ones that touch at corners only
    assert metrics.boxes(one(values), (4, 5)).tolist() == [[4, 0, 5, 3]]
    assert metrics.boxes(one([[1, 2], [9, 10]]), (2, 2), threshold=0.2).tolist() == [[0, 1, 2, 2]]  # 2 is not above 2
    assert metrics.boxes(one([[-1, -2], [0, -3]]), (2, 2)).tolist() == [[0, 0, 0, 0]]


def test_iou() -> None:
    first = np.array([[0, 0, 4, 4], [0, 0, 2, 2], [0, 0, 2, 2], [0, 0, 0, 0]])
    second = np.array([[2, 0, 6, 4], [0, 0, 2, 2], [2, 2, 4, 4], [0, 0, 0, 0]])
    assert metrics.box_iou(first, second).tolist() == pytest.approx([8 / 24, 1, 0, 0])


def test_saliency_is_the_gradient() -> None:
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 2))
    images = torch.rand(3, 3, 2, 2)
    classes = torch.tensor([0, 1, 1])
    expected = model[1].weight[classes].reshape(3, 3, 2, 2).abs().amax(1, keepdim=True)
    torch.testing.assert_close(controls.saliency(model, images, classes), expected)
    assert model[1].weight.grad is None
    assert images.grad is None


def test_edges_are_where_brightness_changes() -> None:
    images = torch.zeros(1, 3, 5, 5)
    images[..., 3:] = 1
    assert controls.edges(images)[0, 0].tolist() == [[0, 0, 4, 4, 0]] * 5


def test_best_boxes_are_at_least_as_good_as_at_the_papers_threshold() -> None:
    made = scenes.load(60, 0)
    heatmaps = torch.from_numpy(made.class_masks()[:, None]).float() + 0.1 * torch.rand(60, 1, 64, 64)
    fixed = metrics.box_iou(metrics.boxes(heatmaps, (64, 64), 0.05), made.boxes[:, 0]) >= 0.5
    best = controls.best_boxes(heatmaps, made.boxes[:, 0], (64, 64))
    assert best.sum() > fixed.sum()


def test_centred_box_has_the_mean_size() -> None:
    truth = np.array([[0, 0, 10, 20], [30, 30, 50, 40]])
    assert controls.centred_boxes(truth, (64, 64)).tolist() == [[24, 24, 40, 40]] * 2  # 15 x 15, rounded to even


def test_rank_correlation_shares_ranks_among_equal_values() -> None:
    first = torch.tensor([[[[1.0, 2.0], [3.0, 10.0]]]]).repeat(4, 1, 1, 1)
    second = torch.tensor([[[[0.0, 5.0], [6.0, 7.0]]], [[[3.0, 2.0], [1.0, 0.0]]], [[[0.0, 0.0], [1.0, 1.0]]]])
    second = torch.cat([second, torch.ones(1, 1, 2, 2)])
    # third by hand: ranks 1 2 3 4 and 1.5 1.5 3.5 3.5: covariance 4, variances 5 and 4
    expected = [1.0, -1.0, 4 / np.sqrt(5 * 4), 0.0]
    np.testing.assert_allclose(metrics.rank_correlation(first, second), expected, rtol=1e-6)


def test_rank_correlation_is_that_of_all_pairs() -> None:
    """Spearman's from its definition: the correlation of ranks, equal values sharing theirs."""
    generator = torch.Generator().manual_seed(0)
    first, second = (torch.randint(0, 9, (5, 1, 6, 4), generator=generator).float() for _ in range(2))
    for i, found in enumerate(metrics.rank_correlation(first, second)):
        ranks = []
        for values in (first[i].flatten().tolist(), second[i].flatten().tolist()):
            ranks.append([sum(o < v for o in values) + (sum(o == v for o in values) + 1) / 2 for v in values])
        assert found == pytest.approx(np.corrcoef(ranks)[0, 1], rel=1e-6)


class Sums(nn.Module):
    """Logits: the sum of the first channel, and 0; so the first class's confidence is 1 / (1 + exp(-sum))."""

    def forward(self, images: Tensor) -> Tensor:
        total = images[:, 0].sum((1, 2))
        return torch.stack([total, 0 * total], 1)


def logistic(value: float) -> float:
    return 1 / (1 + np.exp(-value))


def test_confidences_by_hand() -> None:
    images = torch.tensor([[[[2.0, 0.0]]], [[[1.0, -3.0]]]])
    found = metrics.confidence(Sums(), images, torch.tensor([0, 1]))
    assert found.tolist() == pytest.approx([logistic(2), logistic(2)])
    shown = metrics.masked_by_heatmap(images, one([[0, 0.5]]), 4.0)
    assert shown.flatten(1).tolist() == [[4, 2], [4, 0.5]]
    assert torch.equal(metrics.masked_by_heatmap(images, one([[0, 0.5]]), 0), images * one([[0, 0.5]]))
    grown = metrics.masked_by_heatmap(torch.ones(1, 3, 1, 4), one([[0, 4]]) / 4, 0)
    assert grown[0, 2].tolist() == [[0, 0.25, 0.75, 1]]


def test_drops_rises_and_wins_by_hand() -> None:
    before, ours, theirs = torch.tensor([0.8, 0.5, 0.4]), torch.tensor([0.2, 0.6, 0.4]), torch.tensor([0.3, 0.1, 0.4])
    assert metrics.confidence_drops(before, ours).tolist() == pytest.approx([0.75, 0, 0])
    assert metrics.confidence_rises(before, ours).tolist() == [False, True, False]
    assert metrics.confidence_rises(theirs, ours).tolist() == [False, True, False]  # a draw is no win


def test_deletion_and_insertion_by_hand() -> None:
    images, heatmap, first = torch.tensor([[[[1.0, 2.0], [-1.0, 0.5]]]]), one([[1, 9], [0, 5]]), torch.tensor([0])
    deleted = metrics.deletion_curve(Sums(), images, first, heatmap, 0.0, steps=4)
    assert deleted.tolist()[0] == pytest.approx([logistic(each) for each in (2.5, 0.5, 0, -1, 0)])
    inserted = metrics.insertion_curve(Sums(), images, first, heatmap, torch.full_like(images, 0.1), steps=4)
    assert inserted.tolist()[0] == pytest.approx([logistic(each) for each in (0.4, 2.3, 2.7, 3.6, 2.5)])
    curve = torch.tensor([[1.0, 0.5, 0.0], [0.0, 1.0, 1.0]])
    assert metrics.area(curve).tolist() == [0.5, 0.75]
    with pytest.raises(OptionsError):
        metrics.deletion_curve(Sums(), images, first, heatmap, 0.0, steps=5)


def slow_curve(model, start: Tensor, end: Tensor, cls: int, heatmap: Tensor, steps: int) -> list[float]:
    """Petsiuk et al. 2018, one image and one pixel at a time: from start to end, the highest value first."""
    height, width = end.shape[1:]
    values = upsample(heatmap[None], (height, width))[0, 0]
    order = sorted(((y, x) for y in range(height) for x in range(width)), key=lambda at: -float(values[at]))
    canvas, curve, done = start.clone(), [], 0
    for step in range(steps + 1):
        while done < step * len(order) // steps:
            canvas[:, order[done][0], order[done][1]] = end[:, order[done][0], order[done][1]]
            done += 1
        with torch.no_grad():
            curve.append(float(model(canvas[None]).softmax(1)[0, cls]))
    return curve


def test_curves_are_those_of_the_slow_definition_on_a_network() -> None:
    model = networks.load("gap-scenes", 0)
    made = scenes.load(3, 0)
    images, classes = networks.inputs(made.images, made.labels)
    heatmaps = torch.rand(3, 1, 16, 16, generator=torch.Generator().manual_seed(1)).round(decimals=1)  # equal values
    shares: list[float] = []
    model.train()
    deleted = metrics.deletion_curve(model, images, classes, heatmaps, 0.5, steps=7, batch=5, report=shares.append)
    inserted = metrics.insertion_curve(model, images, classes, heatmaps, steps=7)
    assert model.training
    model.eval()
    start = metrics.blurred(images)
    for i in range(3):
        grey = torch.full_like(images[i], 0.5)
        expected = slow_curve(model, images[i], grey, int(classes[i]), heatmaps[i], 7)
        assert deleted[i].tolist() == pytest.approx(expected, abs=1e-5)
        expected = slow_curve(model, start[i], images[i], int(classes[i]), heatmaps[i], 7)
        assert inserted[i].tolist() == pytest.approx(expected, abs=1e-5)
    assert shares == sorted(shares)
    assert len(shares) == 5
    assert shares[-1] == 1


def test_a_map_of_the_object_scores_better_than_noise_and_its_negative_worse() -> None:
    model, made = networks.load("fc-scenes", 0), scenes.one_object(16, 0)
    images, classes = networks.inputs(made.images, made.labels)
    true = torch.from_numpy(made.class_masks()[:, None]).float()
    deleted, inserted = [], []
    for heatmaps in (true, controls.noise(images), -true):
        curve = metrics.deletion_curve(model, images, classes, heatmaps, 0.5, steps=8)
        deleted.append(metrics.area(curve).mean())
        inserted.append(metrics.area(metrics.insertion_curve(model, images, classes, heatmaps, steps=8)).mean())
    assert deleted[0] < deleted[2]
    assert inserted[0] > inserted[1] > inserted[2]


def test_blur_is_the_nearly_flat_gaussian_of_rise_and_keeps_flat_parts() -> None:
    dot = torch.zeros(1, 2, 31, 31)
    dot[0, 1, 15, 15] = 1
    found = metrics.blurred(dot)
    across = np.zeros(11)
    for offset in range(-20, 21):  # four deviations; what falls outside of the eleven is folded back
        place = (5 + offset) % 22
        across[min(place, 21 - place)] += np.exp(-(offset**2) / 50)
    expected = np.outer(across, across) / across.sum() ** 2
    assert expected[5, 5] / expected[0, 0] == pytest.approx(1.14, abs=0.005)
    np.testing.assert_allclose(found[0, 1, 10:21, 10:21].numpy(), expected, rtol=1e-5)
    assert found[0, 0].abs().max() == 0
    assert found.sum() == pytest.approx(1)
    torch.testing.assert_close(metrics.blurred(torch.full((1, 3, 8, 8), 0.3)), torch.full((1, 3, 8, 8), 0.3))


def test_pixel_flipping_covers_the_highest_regions_first() -> None:
    image = one([[4, 0, 3, 0], [0, 0, 0, 0], [1, 0, 0, 2], [0, 0, 0, 0]])  # four regions of 2 by 2 pixels
    first = one([[9, 0], [-3, 0]]) + one([[0, 7], [0, 5]])  # 4, 3, 2, 1
    images, heatmaps = image.repeat(2, 1, 1, 1), torch.cat([first, -first])

    class Sums(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return torch.stack([images.sum((1, 2, 3)), torch.zeros(len(images))], 1)

    expected = torch.tensor([[10.0, 6, 3, 1, 0], [10, 9, 7, 4, 0]]).sigmoid()
    shares: list[float] = []
    heatmaps = heatmaps.repeat_interleave(2, 2).repeat_interleave(2, 3)
    for fill in (torch.zeros_like(images), torch.zeros_like):
        found = metrics.pixel_flipping(
            Sums(), images, torch.tensor([0, 0]), heatmaps, fill, region=2, steps=4, report=shares.append
        )
        torch.testing.assert_close(found, expected)
    assert shares == [0.2, 0.4, 0.6, 0.8, 1.0] * 2
    with pytest.raises(OptionsError):
        metrics.pixel_flipping(Sums(), images, torch.tensor([0, 0]), heatmaps, torch.zeros_like, region=3, steps=1)
