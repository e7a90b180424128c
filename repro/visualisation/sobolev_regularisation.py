"""Sobolev gradients: gradient ascent to an image of a class, along a gradient whose high frequencies are damped.

The plain gradient is the steepest direction if the length of a step is measured pixel by pixel.  If differences between
neighbouring pixels add to the length, the Sobolev gradient is the steepest: the plain one after a smoothing filter.  It
takes the place of a penalty.

Paper: ``baust2018understanding``.  The pictures are ``(B, C, H, W)`` in [0, 1].

Differences from the paper, of which only abstract and introduction could be read:
1. The filter is applied exactly, in the Fourier domain, so that the image's opposite borders are neighbours.
2. The start is noise after the same filter: smooth steps could not remove fine noise.
3. Steps have a set length after filtering, which falls to zero.
4. Values beyond [0, 1] are cut at the end.

Raises LogitsError, ClassesError and OptionsError.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from repro.engine import steps as stepping
from repro.engine.encodings import Shape, checked, place
from repro.engine.errors import OptionsError
from repro.engine.objectives import class_score
from repro.engine.optimise import Report, Step, gradients_to_images, optimise
from repro.engine.results import Images

NOISE, RATE = 0.1, 0.06  # root mean squares of the start and of the first step


def sobolev_regularisation(
    model: nn.Module,
    target_classes: Tensor | Sequence[int],
    *,
    shape: Shape,
    strength: float = 4.0,
    order: int = 1,
    mean: Tensor | float = 0.5,
    steps: int = 64,
    seed: int = 0,
    report: Report = lambda done: None,
) -> Images:
    """Pictures ``(B, *shape)`` of the classes ``(B,)``: their logits raised from ``mean``, a value or an image.

    ``strength`` is lambda, in square pixels: waves of 2 pi times its root, in pixels, are damped by about half, shorter
    ones by more.
    """
    if steps < 0 or order < 1 or not 0 <= strength < math.inf:
        raise OptionsError(f"need steps and strength of 0 or more, and an order from 1; got {steps, strength, order}")
    like, _ = place(model, seed)
    noise = torch.randn(checked(shape), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    centre = torch.as_tensor(mean, dtype=like.dtype, device=like.device).expand(shape)
    with gradients_to_images(model):
        smooth = stepping.unit_mean_square(sobolev_gradient(noise[None], strength, order))
        start = (NOISE * smooth).to(like).repeat(len(target_classes), 1, 1, 1)
        score = class_score(model, target_classes, centre + start)
        step = along(stepping.normalised(stepping.falling(RATE, steps)), strength, order)
        images, _ = optimise(start, score, step, steps, lambda x: centre + x, report=report)
    return images.detach().clamp(0, 1)


def along(step: Step, strength: float, order: int = 1) -> Step:
    """A step of ``optimise`` that goes along the Sobolev gradient, for any objective."""
    return lambda x, gradient, values: step(x, sobolev_gradient(gradient, strength, order), values)  # Eq. (b)


def sobolev_gradient(gradient: Tensor, strength: float, order: int = 1) -> Tensor:
    """The gradient ``(B, C, H, W)`` by the inner product of the Sobolev space H^order, of the same shape."""
    if not gradient.numel():
        return gradient  # some libraries refuse to transform nothing
    wide = gradient.float() if gradient.dtype in (torch.float16, torch.bfloat16) else gradient
    down, across = (
        2 - 2 * torch.cos(2 * math.pi * torch.fft.fftfreq(size, dtype=wide.dtype, device=wide.device))
        for size in wide.shape[2:]
    )
    damped = (1 + strength * (down[:, None] + across)) ** -order
    smooth: Tensor = torch.fft.ifft2(torch.fft.fft2(wide) * damped).real  # Eq. (a)
    return smooth.to(gradient)
