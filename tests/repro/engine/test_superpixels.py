"""Superpixels by small literal numbers, and what is refused."""

import pytest
import torch

from repro.engine.errors import OptionsError
from repro.engine.superpixels import Superpixels, grid, mean_colours

IMAGES = torch.tensor([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]], [[[0.0, 0.0, 1.0], [1.0, 1.0, 0.0]]]])
SEGMENTS = torch.tensor([[[7, 7, 3], [7, 9, 9]], [[1, 1, 1], [2, 2, 2]]])


def test_labels_are_numbered_from_zero_whatever_they_were() -> None:
    whole = Superpixels.of(IMAGES, SEGMENTS)
    assert whole.labels.tolist() == [[[1, 1, 0], [1, 2, 2]], [[0, 0, 0], [1, 1, 1]]]
    assert whole.counts == [3, 2]
    assert Superpixels.of(IMAGES[:0], SEGMENTS[:0]).counts == []


def test_what_is_off_is_hidden_by_grey_or_by_its_mean_colour() -> None:
    on, rows = torch.tensor([[False, True, False], [True, False, False]]), torch.tensor([0, 1])
    grey = Superpixels.of(IMAGES, SEGMENTS, 0.5).shown(rows, on)
    assert grey.tolist() == [[[[1, 2, 0.5], [4, 0.5, 0.5]]], [[[0, 0, 1], [0.5, 0.5, 0.5]]]]
    mean = Superpixels.of(IMAGES, SEGMENTS, "mean").shown(rows, on)
    torch.testing.assert_close(mean, torch.tensor([[[[1, 2, 3], [4, 5.5, 5.5]]], [[[0, 0, 1], [2 / 3, 2 / 3, 2 / 3]]]]))
    shown = Superpixels.of(IMAGES, SEGMENTS).shown(torch.tensor([1, 1]), torch.ones(2, 3, dtype=torch.bool))
    assert torch.equal(shown, IMAGES[[1, 1]])


def test_values_lie_on_the_pixels_of_their_superpixel() -> None:
    whole = Superpixels.of(IMAGES, SEGMENTS)
    maps = whole.on_pixels([torch.tensor([1.0, 2.0, 3.0]).double(), torch.tensor([-1.0, 4.0])])
    assert maps.tolist() == [[[[2, 2, 1], [2, 3, 3]]], [[[-1, -1, -1], [4, 4, 4]]]]
    assert maps.dtype == IMAGES.dtype


def test_mean_colours_of_half_precision_are_not_cut_off() -> None:
    images, labels = torch.full((1, 1, 300, 300), 0.7).half(), torch.zeros(1, 300, 300, dtype=torch.long)
    torch.testing.assert_close(mean_colours(images, labels), images, rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    ("height", "width", "count", "expected"),
    [(8, 8, 4, 4), (4, 16, 4, 4), (64, 64, 60, 64), (5, 3, 15, 15), (3, 3, 1, 1)],
)
def test_the_grid_has_about_as_many_squares(height: int, width: int, count: int, expected: int) -> None:
    labels = grid(torch.zeros(2, 3, height, width), count)
    assert labels.shape == (2, height, width)
    assert labels.unique().tolist() == list(range(expected))
    sizes = labels[0].flatten().bincount()
    assert sizes.max() <= 4 * sizes.min()


def test_a_grid_by_hand() -> None:
    assert grid(torch.zeros(1, 1, 4, 4), 4).tolist() == [[[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 3, 3], [2, 2, 3, 3]]]


@pytest.mark.parametrize("segments", [SEGMENTS.float(), SEGMENTS[:1], SEGMENTS[:, :1]])
def test_segments_that_do_not_fit_are_refused(segments: torch.Tensor) -> None:
    with pytest.raises(OptionsError):
        Superpixels.of(IMAGES, segments)


def test_options_out_of_range_are_refused() -> None:
    with pytest.raises(OptionsError):
        Superpixels.of(IMAGES, SEGMENTS, "black")
    for count in (0, 7):
        with pytest.raises(OptionsError):
            grid(IMAGES, count)
