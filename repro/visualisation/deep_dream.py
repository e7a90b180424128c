"""Deep dream: a photograph, changed until a layer responds more strongly to whatever it already sees there.

Each step follows the gradient of half the squared norm of the layer's activations, over the gradient's mean size.  The
picture is dreamt from small to large, in octaves; what one octave adds is enlarged and added to the next.

Blog post: ``mordvintsev2015inceptionism``; the steps are those of the authors' notebook (google/deepdream,
``dream.ipynb``).  Images and dreams are ``(B, C, H, W)`` in [0, 1].

Differences from the notebook:
1. Each octave's image is made from the whole image, with a filter against aliasing, not from the octave above it.
2. Fewer octaves where the shorter side would fall below 32 pixels.

The notebook's layers follow a ReLU.  If a layer has negative values, they grow in size as well.

Raises ImagesError, OptionsError, LayerError, and GradientError for a layer that no gradient leads back from.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from repro.engine import checks
from repro.engine.errors import OptionsError
from repro.engine.objectives import maps
from repro.engine.optimise import Report, gradients_to_images, optimise
from repro.engine.results import Images

SMALLEST = 32  # pixels of an octave's shorter side


def deep_dream(
    model: nn.Module,
    images: Tensor,
    target_layer: nn.Module,
    *,
    octaves: int = 4,
    scale: float = 1.4,
    steps: int = 10,
    rate: float = 1.5 / 255,
    shift: int = 32,
    seed: int = 0,
    report: Report = lambda done: None,
) -> Images:
    """Dreams ``(B, C, H, W)`` of a layer, from these images: ``steps`` in each octave, of mean size ``rate``.

    Each octave is ``scale`` times as large as the one before.  For each step all images are shifted by the same random
    number of pixels, up to ``shift`` either way; what leaves at one side comes in at the other.
    """
    checks.check_unit_range(images)
    if octaves < 1 or scale <= 1 or steps < 0 or rate <= 0 or shift < 0:
        raise OptionsError(
            "need an octave or more, a scale above 1, a positive rate, no negative steps or shift; "
            f"got {octaves}, {scale}, {rate}, {steps}, {shift}"
        )
    generator = torch.Generator().manual_seed(seed)
    sizes = _sizes(images, octaves, scale)
    detail = torch.zeros_like(images)
    with gradients_to_images(model):
        for number, size in enumerate(sizes):
            base = functional.interpolate(images, size, mode="bilinear", antialias=True)
            start = base + functional.interpolate(detail, size, mode="bilinear")  # Eq. (c)
            moves = torch.randint(-shift, shift + 1, (steps, 2), generator=generator).tolist()
            dream = _octave(model, start, target_layer, moves, rate, _share(report, number, len(sizes)))
            detail = dream - base
    return dream


def _octave(
    model: nn.Module, start: Tensor, layer: nn.Module, moves: list[list[int]], rate: float, report: Report
) -> Tensor:
    """Steps at one size, with a shift (down, right) for each."""
    upcoming = iter(moves)

    def energy(x: Tensor) -> Tensor:
        shifted = x.roll(next(upcoming), (2, 3))
        return maps(model, shifted, layer).flatten(1).square().sum(1) / 2  # Eq. (a)

    def step(x: Tensor, gradient: Tensor, _: Tensor) -> Tensor:
        size = gradient.abs().mean((1, 2, 3), keepdim=True).clamp_min(torch.finfo(gradient.dtype).tiny)
        return (x + rate * gradient / size).clamp(0, 1)  # Eq. (b)

    return optimise(start.clamp(0, 1), energy, step, len(moves), report=report)[0].detach()


def _share(report: Report, number: int, count: int) -> Report:
    """Reports of one octave as shares of all."""
    return lambda done: report((number + done) / count)


def _sizes(images: Tensor, octaves: int, scale: float) -> list[list[int]]:
    """Heights and widths, from the smallest octave to the image's own."""
    whole = images.shape[2:]
    sizes = [[round(side / scale**number) for side in whole] for number in range(octaves)]
    return [sizes[0], *(size for size in sizes[1:] if min(size) >= SMALLEST)][::-1]
