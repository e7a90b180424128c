"""Likeness, purity and patches, by hand."""

import numpy as np
import pytest
import torch

from repro.experiments.visualisation.likeness import likeness
from repro.experiments.visualisation.unit_patterns import purity, seen


def test_likeness_is_one_for_the_same_pattern_elsewhere_and_less_for_another() -> None:
    pictures = torch.zeros(3, 1, 12, 12)
    pictures[0, 0, 2:5, 2:5] = pictures[1, 0, 7:10, 6:9] = torch.arange(9.0).view(3, 3)
    pictures[2, 0, 7:10, 6:9] = -torch.arange(9.0).view(3, 3)
    same, other = likeness(pictures[[0, 0]], pictures[[1, 2]]).tolist()
    assert same == pytest.approx(1, abs=1e-5)
    assert other < 0.5


def test_purity_by_hand() -> None:
    assert purity(np.array([[1, 1, 1, 2], [0, 1, 2, 3]])) == (0.75 + 0.25) / 2


def test_a_unit_is_shown_by_the_patch_that_it_sees() -> None:
    images = torch.rand(1, 3, 8, 8)
    found = seen(images, torch.tensor([[2, 1, 6, 4]]))
    patch = images[:, :, 1:4, 2:6]
    torch.testing.assert_close(found[:, :, 1:4, 2:6], patch - patch.mean((2, 3), keepdim=True))
    assert found.count_nonzero() <= 36
