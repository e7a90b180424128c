"""HOG against its definition in loops, numbers worked out by hand, and what it must not notice."""

import math

import pytest
import torch
from torch import Tensor

from repro.engine.errors import ImagesError, OptionsError
from repro.engine.hog import Hog

HOGS = pytest.mark.parametrize("bilinear", [False, True])


def slow_hog(image: Tensor, bilinear: bool, cell: int = 8) -> Tensor:
    """Pixel by pixel, bin by bin, for one grey image ``(H, W)``."""
    height, width = image.shape
    rows, columns = height // cell, width // cell
    cells = torch.zeros(18, rows, columns, dtype=image.dtype)
    for y in range(height):
        for x in range(width):
            across = (image[y, min(x + 1, width - 1)] - image[y, max(x - 1, 0)]).item() / 2
            down = (image[min(y + 1, height - 1), x] - image[max(y - 1, 0), x]).item() / 2
            size, turn = math.hypot(across, down), (math.degrees(math.atan2(down, across)) % 360) / 20
            if bilinear:
                lower = math.floor(turn)
                shares = {lower % 18: 1 - (turn - lower), (lower + 1) % 18: turn - lower}
            else:
                shares = {round(turn) % 18: 1.0}
            for i in range(rows):
                for j in range(columns):
                    near = [
                        max(0.0, 1 - abs(place + 0.5 - (index + 0.5) * cell) / cell)
                        for place, index in ((y, i), (x, j))
                    ]
                    for o, share in shares.items():
                        cells[o, i, j] += near[0] * near[1] * share * size
    result = torch.zeros(27, rows, columns, dtype=image.dtype)
    for i in range(rows):
        for j in range(columns):
            for top in (i - 1, i):
                for left in (j - 1, j):
                    if top < 0 or left < 0 or top + 1 >= rows or left + 1 >= columns:
                        continue
                    norm = 0.0
                    for a in (top, top + 1):
                        for b in (left, left + 1):
                            for o in range(9):
                                norm += (cells[o, a, b] + cells[o + 9, a, b]).item() ** 2
                    for o in range(27):
                        value = cells[o, i, j] if o < 18 else cells[o - 18, i, j] + cells[o - 9, i, j]
                        result[o, i, j] += min(value.item() / math.sqrt(norm), 0.2) / 2
    return result


def grey(count: int, height: int, width: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(count, 1, height, width, dtype=torch.float64, generator=generator)


@HOGS
def test_equals_the_definition_in_loops(bilinear: bool) -> None:
    images = grey(2, 16, 24)
    images[1] = images[1].cumsum(2).cumsum(1) / 300  # smooth: few directions, so that values are cut off
    found = Hog(bilinear)(images)
    assert found.shape == (2, 27, 2, 3)
    for image, each in zip(images, found, strict=True):
        torch.testing.assert_close(each, slow_hog(image[0], bilinear), rtol=1e-10, atol=1e-12)
    assert (found[1] >= 0.2).any()


def test_a_ramp_has_one_direction() -> None:
    """To the right is direction 0; upwards is 270 degrees, in the middle between bins 13 and 14 of 20 degrees each."""
    ramp = torch.linspace(0, 1, 32, dtype=torch.float64).expand(1, 1, 32, 32)
    for hog, image, bins in ((Hog(), ramp, [0, 18]), (Hog(bilinear=True), ramp.mT.flip(2), [13, 14, 22, 23])):
        inner = hog(image)[0, :, 1:-1, 1:-1]
        assert inner.amax((1, 2)).nonzero().flatten().tolist() == bins
        assert inner.max() == 0.4  # a half or a third of the norm of four equal cells: 0.2, of four blocks, halved


@HOGS
def test_brightness_and_contrast_do_not_matter(bilinear: bool) -> None:
    images = grey(1, 32, 32)
    torch.testing.assert_close(Hog(bilinear)(0.3 * images + 0.2), Hog(bilinear)(images), rtol=1e-9, atol=1e-12)


@HOGS
def test_a_mirror_image_has_mirrored_bins(bilinear: bool) -> None:
    images = grey(1, 32, 32)
    mirrored = Hog(bilinear)(images.flip(3)).flip(3)
    signed = [(9 - o) % 18 for o in range(18)]
    unsigned = [18 + (9 - o) % 9 for o in range(9)]
    torch.testing.assert_close(mirrored, Hog(bilinear)(images)[:, signed + unsigned], rtol=1e-9, atol=1e-12)


def test_gradients_equal_finite_differences() -> None:
    images = grey(1, 16, 16).requires_grad_()
    assert torch.autograd.gradcheck(Hog(bilinear=True), (images,), eps=1e-7, atol=1e-4, fast_mode=True)


@HOGS
def test_a_flat_image_has_nothing_and_no_nan(bilinear: bool) -> None:
    images = torch.full((1, 1, 16, 16), 0.5, requires_grad=True)
    found = Hog(bilinear)(images)
    (gradient,) = torch.autograd.grad(found.sum(), images)
    assert found.count_nonzero() == 0
    assert gradient.isfinite().all()


@pytest.mark.parametrize("shape", [(1, 3, 16, 16), (1, 1, 16, 20), (1, 1, 8, 16), (1, 1, 16, 0), (1, 16, 16)])
def test_images_that_do_not_fit_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ImagesError):
        Hog()(torch.zeros(shape))


@pytest.mark.parametrize("cell", [0, 1, 7, -2])
def test_a_cell_without_a_middle_is_refused(cell: int) -> None:
    with pytest.raises(OptionsError):
        Hog(cell=cell)
