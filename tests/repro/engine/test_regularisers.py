"""Operators after a step: SciPy's blur, also where the Gaussian is wider than the image; ties at the percentile stay."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from repro.engine.regularisers import blurred, without_smallest


@pytest.mark.parametrize(("size", "width"), [((7, 6), 0.5), ((7, 6), 1.0), ((5, 3), 3.0), ((1, 9), 0.7)])
def test_the_blur_is_scipys(size: tuple[int, int], width: float) -> None:
    x = torch.randn((2, 3, *size), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = [[ndimage.gaussian_filter(channel, width) for channel in image] for image in x.numpy()]
    torch.testing.assert_close(blurred(x, width), torch.tensor(np.array(expected)), rtol=0, atol=1e-12)


def test_the_smallest_are_below_numpys_percentile_and_ties_stay() -> None:
    sizes = torch.randint(1, 5, (3, 1, 6, 5), generator=torch.Generator().manual_seed(0)).double()
    x = torch.ones(3, 2, 6, 5).double()
    for percentage in (20, 50, 90):
        kept = without_smallest(x, sizes, percentage)
        for image, size in zip(kept, sizes.numpy(), strict=True):
            expected = size[0] >= np.percentile(size, percentage)
            assert np.array_equal(image.numpy(), np.stack([expected, expected]).astype(float))
    assert without_smallest(x, sizes, 0) is x
