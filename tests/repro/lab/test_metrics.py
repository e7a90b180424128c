"""Each metric on cases that can be done by hand."""

import numpy as np
import pytest
import torch

from repro.lab import controls, metrics, scenes


def one(values: list[list[float]]) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float32)[None, None]


def test_pointing_hits_where_the_highest_point_lies() -> None:
    heatmaps = torch.cat([one([[0, 1], [5, 2]]), one([[0, 1], [5, 2]]), one([[3, 3], [3, 3]])])
    masks = np.array([[[0, 0], [1, 0]], [[1, 1], [0, 1]], [[1, 0], [0, 0]]], bool)
    assert metrics.pointing_hits(heatmaps, masks).tolist() == [True, False, True]  # of equal points the first


def test_mass_counts_positive_values_only() -> None:
    masks = np.array([[[1, 0], [0, 0]]] * 3, bool)
    heatmaps = torch.cat([one([[3, 1], [-9, 0]]), one([[-3, 1], [1, 0]]), one([[-1, -1], [0, 0]])])
    assert metrics.mass_in_mask(heatmaps, masks).tolist() == [0.75, 0, 0]


def test_box_of_the_largest_part() -> None:
    values = [[9, 9, 0, 0, 9], [0, 0, 0, 0, 9], [0, 0, 9, 0, 9], [0, 0, 0, 9, 0]]
    # three parts: 2 pixels, 3 pixels, and single ones that touch at corners only
    assert metrics.boxes(one(values), (4, 5)).tolist() == [[4, 0, 5, 3]]
    assert metrics.boxes(one([[1, 2], [9, 10]]), (2, 2), threshold=0.2).tolist() == [[0, 1, 2, 2]]  # 2 is not above 2
    assert metrics.boxes(one([[-1, -2], [0, -3]]), (2, 2)).tolist() == [[0, 0, 0, 0]]


def test_maps_grow_by_pixel_areas() -> None:
    """Doubling (0, 4): 1 and 3 lie between, and the ends are flat; aligned corners would give 4/3 and 8/3."""
    assert metrics.upsample(one([[0, 4]]), (1, 4)).tolist() == [[[[0, 1, 3, 4]]]]
    assert metrics.upsample(one([[0], [4]]), (4, 1)).flatten().tolist() == [0, 1, 3, 4]  # height is the first


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
    with pytest.raises(ValueError, match="do not fit"):
        metrics.pixel_flipping(Sums(), images, torch.tensor([0, 0]), heatmaps, torch.zeros_like, region=3, steps=1)
