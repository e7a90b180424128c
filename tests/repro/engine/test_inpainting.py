"""Harmonic inpainting against a dense linear system, in closed form, and beside scikit-image's biharmonic one."""

import pytest
import torch
from skimage.restoration import inpaint_biharmonic
from torch import Tensor

from repro.engine.inpainting import harmonic


def images_of(count: int, size: int = 12, channels: int = 3) -> Tensor:
    return torch.rand(count, channels, size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def holes_of(count: int, size: int = 12) -> Tensor:
    return torch.rand(count, size, size, generator=torch.Generator().manual_seed(2)) > 0.5


def square(size: int = 12) -> Tensor:
    hole = torch.zeros(1, size, size, dtype=torch.bool)
    hole[:, 3:8, 4:9] = True
    return hole


def surface(function, size: int = 12) -> Tensor:
    down, across = torch.meshgrid(*[torch.arange(size, dtype=torch.float64)] * 2, indexing="ij")
    return function(down, across).expand(1, 2, size, size).clone()


def slow_harmonic(image: Tensor, hole: Tensor) -> Tensor:
    """Each pixel of the hole is the mean of its neighbours: all these equations at once, written out."""
    numbers = {tuple(place): row for row, place in enumerate(hole.nonzero().tolist())}
    left = torch.zeros(len(numbers), len(numbers), dtype=image.dtype)
    right = torch.zeros(len(numbers), len(image), dtype=image.dtype)
    for (y, x), row in numbers.items():
        for place in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
            if not (0 <= place[0] < hole.shape[0] and 0 <= place[1] < hole.shape[1]):
                continue
            left[row, row] += 1
            if place in numbers:
                left[row, numbers[place]] -= 1
            else:
                right[row] += image[:, place[0], place[1]]
    filled = image.clone()
    filled[:, hole] = torch.linalg.solve(left, right).T
    return filled


def test_equals_the_dense_system_also_at_the_border() -> None:
    images, holes = images_of(3), holes_of(3)
    assert holes[:, 0].any()
    expected = torch.stack([slow_harmonic(*each) for each in zip(images, holes, strict=True)])
    torch.testing.assert_close(harmonic(images, holes), expected, rtol=0, atol=1e-12)
    assert (expected - images).abs().max() > 0.1


@pytest.mark.parametrize(
    "function",
    [
        pytest.param(lambda y, x: 0.3 + 0 * x + 0 * y, id="flat"),
        pytest.param(lambda y, x: (2 * x - 3 * y) / 60, id="ramp"),
        pytest.param(lambda y, x: (x * x - y * y) / 121, id="saddle"),
    ],
)
def test_what_is_harmonic_is_restored_here_and_by_scikit_image(function) -> None:
    whole, hole = surface(function), square()
    emptied = whole.masked_fill(hole[:, None], 0.0)
    torch.testing.assert_close(harmonic(emptied, hole), whole, rtol=0, atol=1e-9)
    theirs = inpaint_biharmonic(emptied[0].permute(1, 2, 0).numpy(), hole[0].numpy(), channel_axis=-1)
    torch.testing.assert_close(torch.from_numpy(theirs).permute(2, 0, 1), whole[0], rtol=0, atol=1e-9)


def test_nothing_leaves_the_range_of_the_rim() -> None:
    images, hole = images_of(1), square()
    rim = torch.nn.functional.max_pool2d(hole[:, None].float(), 3, 1, 1)[:, 0].bool() & ~hole
    filled = harmonic(images, hole)[0]
    assert (filled[:, hole[0]].amax(1) <= images[0][:, rim[0]].amax(1)).all()
    assert (filled[:, hole[0]].amin(1) >= images[0][:, rim[0]].amin(1)).all()


def test_only_holes_change_and_what_is_in_them_does_not_matter() -> None:
    images, holes = images_of(2), holes_of(2)
    filled = harmonic(images, holes)
    kept = ~holes[:, None].expand_as(images)
    assert torch.equal(filled[kept], images[kept])
    torch.testing.assert_close(harmonic(images.masked_fill(~kept, 9.0), holes), filled, rtol=0, atol=1e-12)
    assert torch.equal(harmonic(images, torch.zeros_like(holes)), images)


def test_a_batch_is_filled_image_by_image() -> None:
    images, holes = images_of(3), holes_of(3)
    holes[1] = square()[0]
    apart = torch.cat([harmonic(images[i : i + 1], holes[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(harmonic(images, holes), apart, rtol=0, atol=1e-13)


def test_an_image_without_a_rim_becomes_zero_and_no_image_stays_none() -> None:
    assert harmonic(images_of(1), torch.ones(1, 12, 12, dtype=torch.bool)).abs().max() == 0
    assert harmonic(images_of(2)[:0], holes_of(2)[:0]).shape == (0, 3, 12, 12)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float16, 2e-3)])
def test_in_less_precision_it_is_nearly_the_same(dtype: torch.dtype, tolerance: float) -> None:
    images, holes = images_of(2), holes_of(2)
    found = harmonic(images.to(dtype), holes)
    assert found.dtype == dtype
    torch.testing.assert_close(found.double(), harmonic(images.to(dtype).double(), holes), rtol=0, atol=tolerance)
