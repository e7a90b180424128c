"""Windows by hand, and the Gaussian of patches against numpy and against the precision matrix's form of the same."""

import numpy as np
import pytest
import torch
from torch import Tensor

from repro.engine.errors import OptionsError
from repro.engine.patches import Gaussian, Windows, conditional, marginal


def images_of(count: int, height: int = 12, width: int = 12, channels: int = 2) -> Tensor:
    """Each pixel depends on its neighbours: noise under a 3 by 3 mean."""
    generator = torch.Generator().manual_seed(count)
    noise = torch.rand(count, channels, height + 2, width + 2, dtype=torch.float64, generator=generator)
    return torch.nn.functional.avg_pool2d(noise, 3, 1)


def test_windows_by_hand() -> None:
    """Of 2 pixels, moved by 2 over 5 columns, with a rim of 1: the last one ends at the border, as does its patch."""
    windows = Windows.on(torch.zeros(1, 1, 4, 5), 2, 1, 2)
    assert windows.pixels.tolist() == [
        *([0, 1, 5, 6], [2, 3, 7, 8], [3, 4, 8, 9]),
        *([10, 11, 15, 16], [12, 13, 17, 18], [13, 14, 18, 19]),
    ]
    assert windows.around[:, [0, -1]].tolist() == [[0, 18], [1, 19], [1, 19]] * 2
    inside = windows.inside[windows.kinds].nonzero()[:, 1].view(6, 4).tolist()
    assert inside[:3] == [[0, 1, 4, 5], [1, 2, 5, 6], [2, 3, 6, 7]]
    assert inside[3:] == [[8, 9, 12, 13], [9, 10, 13, 14], [10, 11, 14, 15]]
    assert torch.equal(windows.around[windows.inside[windows.kinds]].view(6, 4), windows.pixels)
    values = torch.tensor([[1.0, 2.0, 4.0, 8.0, 8.0, 8.0]])
    assert windows.mean(values).tolist() == [[[[1, 1, 2, 3, 4]] * 2 + [[8] * 5] * 2]]


def test_put_changes_the_window_alone() -> None:
    windows, images = Windows.on(torch.zeros(1, 2, 4, 5), 2, 1, 2), torch.zeros(2, 2, 4, 5)
    changed = windows.put(images, torch.tensor([1, 5]), torch.arange(1.0, 17.0).view(2, 2, 4))
    assert changed[0, 1].tolist() == [[0, 0, 5, 6, 0], [0, 0, 7, 8, 0], [0] * 5, [0] * 5]
    assert changed[1, 0].tolist() == [[0] * 5, [0] * 5, [0, 0, 0, 9, 10], [0, 0, 0, 11, 12]]
    assert images.abs().max() == 0


@pytest.mark.parametrize(("window", "rim", "stride"), [(3, 2, 1), (4, 3, 3), (12, 0, 5), (1, 5, 1)])
def test_every_pixel_is_in_a_window_and_a_constant_stays_one(window: int, rim: int, stride: int) -> None:
    windows = Windows.on(images_of(1), window, rim, stride)
    assert windows.pixels.unique().tolist() == list(range(144))
    torch.testing.assert_close(windows.mean(torch.full((2, windows.count), 0.7)), torch.full((2, 1, 12, 12), 0.7))


def test_the_fit_equals_numpy() -> None:
    images = images_of(3, 7, 8)
    gaussian = Gaussian.fit(images, 3, noise=0.0)
    for colour in range(2):
        patches = [
            image[colour, y : y + 3, x : x + 3].flatten().numpy()
            for image in images
            for y in range(5)
            for x in range(6)
        ]
        np.testing.assert_allclose(gaussian.mean[colour], np.mean(patches, 0), rtol=1e-12)
        np.testing.assert_allclose(gaussian.covariance[colour], np.cov(np.array(patches).T, bias=True), atol=1e-11)


def test_of_many_patches_some_are_taken() -> None:
    few, all_of_them = (Gaussian.fit(images_of(20, 30, 30), 3, count) for count in (200, 10**6))
    assert not torch.equal(few.mean, all_of_them.mean)
    torch.testing.assert_close(few.mean, all_of_them.mean, atol=0.03, rtol=0)


def test_the_conditional_equals_that_of_the_precision_matrix() -> None:
    """With the inverse of the covariance, P: covariance P_11^-1, and the matrix of the mean -P_11^-1 P_12."""
    gaussian, inside = Gaussian.fit(images_of(40), 5), Windows.on(images_of(1), 3, 1, 3).inside[0]
    matrix, factor = gaussian.given(inside)
    for colour in range(2):
        precision = np.linalg.inv(gaussian.covariance[colour].numpy())
        own, rest = np.flatnonzero(inside), np.flatnonzero(~inside)
        left = np.linalg.inv(precision[np.ix_(own, own)])
        np.testing.assert_allclose(factor[colour] @ factor[colour].T, left, rtol=1e-6, atol=1e-10)
        np.testing.assert_allclose(matrix[colour], -left @ precision[np.ix_(own, rest)], rtol=1e-6, atol=1e-8)


def test_samples_have_the_conditional_mean_and_covariance() -> None:
    """For each window and each image, within five standard errors; the two colours have no relation."""
    images, others, samples = images_of(2), images_of(60), 1500
    windows = Windows.on(images, 3, 2, 3)
    fill, gaussian = conditional(windows, images, others, samples), Gaussian.fit(others, 7)
    for row, number in ((0, 0), (1, 6)):
        found = fill(torch.full((samples,), row), number * samples + torch.arange(samples))
        matrix, factor = gaussian.given(inside := windows.inside[windows.kinds[number]])
        for colour in range(2):
            away = images[row, colour].flatten()[windows.around[number]] - gaussian.mean[colour]
            mean = gaussian.mean[colour, inside] + matrix[colour] @ away[~inside]
            spread = factor[colour].square().sum(1).sqrt()
            assert ((found[:, colour].mean(0) - mean).abs() < 5 * spread / samples**0.5).all()
            expected = factor[colour] @ factor[colour].T / spread / spread[:, None]
            torch.testing.assert_close(found[:, colour].T.corrcoef(), expected, atol=5 / samples**0.5, rtol=0)
        assert found.flatten(1).T.corrcoef()[:9, 9:].abs().max() < 5 / samples**0.5


def test_windows_near_each_other_take_different_samples() -> None:
    images = torch.full((1, 1, 9, 9), 0.5)
    fill = conditional(Windows.on(images, 3, 1, 1), images, images_of(30, channels=1), 4)
    drawn = fill(torch.zeros(40, dtype=torch.long), 4 * 8 + torch.arange(40))
    assert len(drawn.unique(dim=0)) == 40


def test_what_is_flat_is_filled_flat_and_nothing_leaves_the_range_seen() -> None:
    flat = torch.full((1, 2, 9, 9), 0.3)
    drawn = conditional(Windows.on(flat, 3, 2, 3), flat, None, 5)(torch.zeros(45, dtype=torch.long), torch.arange(45))
    torch.testing.assert_close(drawn, torch.full_like(drawn, 0.3), atol=1e-5, rtol=0)
    others = images_of(30) - images_of(30).min()
    extreme = conditional(Windows.on(flat, 3, 2, 3), 5 * flat, others.float(), 5)
    drawn = extreme(torch.zeros(45, dtype=torch.long), torch.arange(45))
    assert drawn.max() == others.float().max()
    assert drawn.min() >= 0


def test_marginal_samples_are_other_images_in_turn() -> None:
    others, images = images_of(3), images_of(1)
    windows = Windows.on(images, 4, 0, 4)
    drawn = marginal(windows, images, others, 2)(torch.zeros(18, dtype=torch.long), torch.arange(18))
    for number in range(18):
        y, x = divmod(number // 2, 3)
        window = others[number % 3, :, 4 * y : 4 * y + 4, 4 * x : 4 * x + 4]
        assert torch.equal(drawn[number], window.flatten(1))


@pytest.mark.parametrize(
    ("window", "rim", "stride"), [(3, 5, 1), (13, 0, 1), (3, 1, 4), (3, 1, 0), (0, 1, 0), (3, -1, 1)]
)
def test_windows_that_do_not_fit_are_refused(window: int, rim: int, stride: int) -> None:
    with pytest.raises(OptionsError):
        Windows.on(images_of(1), window, rim, stride)
