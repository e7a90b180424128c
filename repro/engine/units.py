"""Units of a layer: one activation alone, the images that excite a unit most, and what it can see of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from repro.engine import chain, checks, variants, watching
from repro.engine.errors import LayerError, OptionsError, UnitsError


def alone(maps: Tensor, channels: Tensor | Sequence[int], positions: Tensor | None = None) -> Tensor:
    """One activation of each image, all others zero, shaped like ``maps (B, C, h, w)`` or ``(B, K)``.

    Without ``positions (B, 2)``, row and column, it is the channel's strongest.
    """
    units = indices(maps, channels)
    if len(units) != len(maps):
        raise UnitsError(f"channels must be {len(maps)} whole numbers, one an image, not {len(units)}")
    rows, flat = torch.arange(len(maps), device=maps.device), maps.flatten(2) if maps.dim() > 2 else maps[..., None]
    values = flat[rows, units]
    places = values.argmax(1) if positions is None else _places(maps, positions)
    if len(places) != len(maps):
        raise UnitsError(f"positions must be {len(maps)} pairs, one an image, not {len(places)}")
    start = torch.zeros_like(flat)
    start[rows, units, places] = values[rows, places]
    return start.view_as(maps)


def indices(maps: Tensor, channels: Tensor | Sequence[int]) -> Tensor:
    """Channels as indices ``(N,)`` of maps ``(B, C, h, w)`` or ``(B, K)``."""
    if maps.dim() not in (2, 4):
        raise LayerError(f"a layer of units returns (B, C, h, w) or (B, K), and this one {tuple(maps.shape)}")
    units = torch.as_tensor(channels, device=maps.device)
    if units.dim() != 1 or (len(units) and not _whole(units)):
        raise UnitsError(f"channels must be whole numbers in one row, not {units.tolist()}")
    if ((units < 0) | (units >= maps.shape[1])).any():
        raise UnitsError(f"channels must lie in 0..{maps.shape[1] - 1}, not {units.tolist()}")
    return units.long()


def _places(maps: Tensor, positions: Tensor) -> Tensor:
    """Positions ``(N, 2)`` as indices ``(N,)`` of flattened maps."""
    if maps.dim() != 4 or positions.dim() != 2 or positions.shape[1] != 2 or not _whole(positions):
        known = "rows and columns of maps (B, C, h, w), whole numbers (N, 2)"
        raise UnitsError(f"positions must be {known}, not {positions.tolist()}")
    sizes = torch.tensor(maps.shape[2:], device=maps.device)
    positions = positions.to(sizes)
    if ((positions < 0) | (positions >= sizes)).any():
        raise UnitsError(f"positions must lie within {tuple(maps.shape[2:])}, not {positions.tolist()}")
    return positions[:, 0] * sizes[1] + positions[:, 1]


def _whole(numbers: Tensor) -> bool:
    return not (numbers.is_floating_point() or numbers.is_complex() or numbers.dtype == torch.bool)


def receptive_fields(model: nn.Module, images: Tensor, target_layer: nn.Module, positions: Tensor) -> Tensor:
    """Boxes ``(N, 4)`` x0 y0 x1 y1 in pixels, ends exclusive, of all that units at ``positions (N, 2)`` can see.

    Computed from the kernels, strides, paddings and dilations of the layers below; cut at the border of each layer's
    input, because what lies beyond is padding.  ``images`` are one or more images of the size meant.  After flattening
    a unit has no position and sees everything.
    """
    checks.check_images(images)
    steps, maps = chain.record(model, images[:1], target_layer)
    if maps.dim() == 4:
        _places(maps, positions)
    if any(isinstance(step, chain.Linear) for step in steps):
        height, width = images.shape[2:]
        return torch.tensor([0, 0, width, height], device=positions.device).repeat(len(positions), 1)
    positions = positions.long()
    first, last = positions, positions  # rows and columns at the ends, both inclusive
    for step in reversed(steps):
        if isinstance(step, chain.Window):
            window = step.kernel, step.stride, step.padding, step.dilation, step.below[2:]
            kernel, stride, padding, dilation, below = (positions.new_tensor(each) for each in window)
            first, last = first * stride - padding, last * stride - padding + dilation * (kernel - 1)
            first = first + _taps(-first, dilation)
            last = last - _taps(last - (below - 1), dilation)
    return torch.cat([first.flip(1), last.flip(1) + 1], 1)


def _taps(beyond: Tensor, dilation: Tensor) -> Tensor:
    """From a tap this far beyond the border to the kernel's first one inside: what lies between is padding."""
    return (beyond.clamp_min(0) + dilation - 1) // dilation * dilation


@dataclass(frozen=True)
class Strongest:
    """For K units the N images that excite each most, the strongest first."""

    rows: Tensor  # (K, N), which of the images
    channels: Tensor  # (K, N), of which unit
    positions: Tensor | None  # (K, N, 2), row and column of the unit's strongest place; None in a layer without maps
    activations: Tensor  # (K, N)
    boxes: Tensor  # (K, N, 4), what the unit sees of the image: x0 y0 x1 y1 in pixels, ends exclusive


def strongest(
    model: nn.Module,
    images: Tensor,
    target_layer: nn.Module,
    channels: Sequence[int],
    count: int = 9,
    *,
    batch: int = 64,
    report: variants.Report = variants.silent,
) -> Strongest:
    """The ``count`` images that excite each of these units most, each image by the unit's strongest place in it.

    Raises OptionsError if there are fewer images, and UnitsError if there are no such channels.
    """
    checks.check_images(images)
    if not 1 <= count <= len(images):
        raise OptionsError(f"the {count} strongest of {len(images)} images: give more images, or another count")
    if not len(channels):
        raise UnitsError("channels must name one unit or more, and there are none")
    values: list[Tensor] = []
    places: list[Tensor] = []
    with torch.no_grad(), watching.evaluating(model), watching.activations(model, target_layer) as outputs:
        for part in variants.parts(len(images), batch, report):
            model(images[part])
            units = indices(outputs[0], channels)
            value, place = (
                outputs[0][:, units].flatten(2).max(2) if outputs[0].dim() == 4 else _flat(outputs[0][:, units])
            )
            values.append(value)
            places.append(place)
    activations, rows = torch.cat(values).topk(count, 0)  # (N, K)
    place, width = torch.cat(places).gather(0, rows).T, outputs[0].shape[-1]
    has_maps = outputs[0].dim() == 4
    positions = torch.stack([place // width, place % width], 2)
    boxes = receptive_fields(model, images, target_layer, positions.flatten(0, 1)).view(-1, count, 4)
    of_units = units[:, None].expand(-1, count)
    return Strongest(rows.T, of_units, positions if has_maps else None, activations.T, boxes)


def _flat(values: Tensor) -> tuple[Tensor, Tensor]:
    """Values of units without places, and a place that is the only one."""
    return values, torch.zeros_like(values, dtype=torch.long)


@torch.no_grad()
def channel_count(model: nn.Module, images: Tensor, target_layer: nn.Module) -> int:
    """How many channels a layer has, which is asked of one image; LayerError if it has none."""
    checks.check_images(images)
    with watching.evaluating(model), watching.activations(model, target_layer) as outputs:
        checks.check_logits(model(images[:1]))
    indices(outputs[0], [])
    return outputs[0].shape[1]


@torch.no_grad()
def switched_off(
    model: nn.Module,
    images: Tensor,
    target_layer: nn.Module,
    off: Sequence[Sequence[int]],
    *,
    batch: int = 64,
    report: variants.Report = variants.silent,
) -> Tensor:
    """Logits ``(B, M, K)`` of each image with each of M sets of channels switched off: zero in what the layer returns.

    All images pass M times, ``batch`` of them at a time.
    """
    keep = torch.ones(len(off), channel_count(model, images, target_layer), device=images.device)
    for row, channels in zip(keep, off, strict=True):
        row[indices(keep, channels)] = 0
    now = [keep]

    def switch(_: nn.Module, __: Any, maps: Tensor) -> Tensor:
        return torch.where(now[0].view(*maps.shape[:2], *[1] * (maps.dim() - 2)) > 0, maps, 0)

    def version(images: Tensor, numbers: Tensor) -> Tensor:
        now[0] = keep[numbers]
        return images

    handle = target_layer.register_forward_hook(switch)
    try:
        with watching.evaluating(model):
            return variants.scores(
                images, len(off), version, lambda seen, _: checks.check_logits(model(seen)), batch=batch, report=report
            )
    finally:
        handle.remove()
