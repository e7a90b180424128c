"""Enlarging, normalising and reducing maps, on numbers that can be done by hand."""

import torch

from repro.engine.heatmaps import channel_absolute_sum, max_normalise, min_max_normalise, upsample


def one(values: list[list[float]]) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float32)[None, None]


def test_maps_grow_by_pixel_areas() -> None:
    """Doubling (0, 4): 1 and 3 lie between, and the ends are flat; aligned corners would give 4/3 and 8/3."""
    assert upsample(one([[0, 4]]), (1, 4)).tolist() == [[[[0, 1, 3, 4]]]]
    assert upsample(one([[0], [4]]), (4, 1)).flatten().tolist() == [0, 1, 3, 4]  # height is the first


def test_normalised_maps_keep_zero_or_start_at_it() -> None:
    assert min_max_normalise(one([[-1, 1], [0, 3]])).flatten().tolist() == [0, 0.5, 0.25, 1]
    assert min_max_normalise(one([[2, 2]]).half()).flatten().tolist() == [0, 0]
    assert min_max_normalise(one([[0, 1e-14]])).flatten().tolist() == [0, 1]
    assert max_normalise(one([[-4, 1], [0, 2]])).flatten().tolist() == [-1, 0.25, 0, 0.5]
    assert max_normalise(one([[0, 0]])).flatten().tolist() == [0, 0]


def test_absolute_values_are_summed_over_channels() -> None:
    assert channel_absolute_sum(torch.tensor([[[[1.0]], [[-2.0]], [[0.0]]]])).tolist() == [[[[3.0]]]]
