"""The grid that strided convolutions leave in maps sent back to the pixels, and what resampling leaves of it."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from repro.attribution.explanation_by_interpretation import relevant_units, unit_maps, unit_responses
from repro.lab import networks, scenes

PENALTY, STRIDES = 2e-3, 4


def grids(seed: int, device: str) -> dict[str, float]:
    """How much of a map is a grid, with and without resampling: the deviation, relative to the mean, of the means over
    the pixels with the same place in squares of 4 by 4, which is the stride of the upper layers of gap-scenes.
    """
    model, one = networks.load("gap-scenes", seed).to(device), scenes.one_object(24, seed)
    some = scenes.load(200, seed, held_out=False)
    examples, labels = networks.inputs(some.images, some.labels, device)
    weights = relevant_units(unit_responses(model, examples)[0], labels, 10, penalty=PENALTY)
    images, classes = networks.inputs(one.images, one.labels, device)
    maps = {
        name: unit_maps(model, images, classes, weights, resample=each)
        for name, each in (("resampled", True), ("plain", False))
    }
    maps["blurred"] = functional.avg_pool2d(maps["plain"], 3, 1, 1)
    return {f"{name}-grid": float(_grid(each)) for name, each in maps.items()}


def _grid(maps: Tensor) -> Tensor:
    inner = maps[:, :, STRIDES:-STRIDES, STRIDES:-STRIDES]
    means = inner.unflatten(2, (-1, STRIDES)).unflatten(4, (-1, STRIDES)).mean((2, 4)).flatten(2)
    used = means.mean(2) > 0
    return (means.std(2) / means.mean(2))[used].mean()  # type: ignore[no-any-return]  # it is a tensor
