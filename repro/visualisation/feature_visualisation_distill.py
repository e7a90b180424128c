"""Feature visualisation as in Distill: Fourier coefficients and uncorrelated colours are optimised, not pixels.

Before each step the image is moved, turned and scaled a little at random, so that only what survives this is drawn.
The objective is the mean activation of a channel; given the whole network as the layer, the logit of a class.
Article: ``olah2017feature``; the formulas are those of its code, ``lucid``.  Pictures are ``(B, C, H, W)`` in [0, 1].

Differences from the code:
1. Coefficients start ten times as large: on nearly plain grey some networks have no gradient.
2. One resampling moves, scales and turns, with grey outside; the picture keeps its size, which some networks ask for.
   Lucid pads, crops, scales, turns and crops again, which leaves it 12 pixels larger.
3. All pictures start from the same noise and are moved alike; with diversity each starts from other noise.

Raises OptionsError, LayerError, UnitsError, and GradientError for a layer that no gradient leads back from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from repro.engine import steps as stepping
from repro.engine.encodings import Shape, checked, place
from repro.engine.errors import OptionsError
from repro.engine.objectives import channel_mean, maps
from repro.engine.optimise import Report, gradients_to_images, optimise
from repro.engine.results import Images

# how ImageNet's colours vary together: each column is one independent colour, as strong as it varies
COLOURS = torch.tensor([[0.26, 0.09, 0.02], [0.27, 0.0, -0.05], [0.27, -0.09, 0.03]], dtype=torch.float64)
ANGLES, SPREAD = (*range(-10, 11), *(0,) * 5), 0.1  # degrees; standard deviation of the start


def feature_visualisation_distill(
    model: nn.Module,
    target_layer: nn.Module,
    channels: Tensor | Sequence[int],
    *,
    shape: Shape,
    parameterisation: Literal["fourier", "pixels"] = "fourier",
    transforms: bool = True,
    diversity: float = 0.0,
    steps: int = 128,
    rate: float = 0.05,
    seed: int = 0,
    report: Report = lambda done: None,
) -> Images:
    """Pictures ``(B, *shape)`` of these channels ``(B,)`` of a layer; ``rate`` is Adam's step size.  ``diversity``
    is the weight of the term that makes pictures differ: name one channel several times.
    """
    if steps < 0 or rate <= 0 or diversity < 0 or parameterisation not in ("fourier", "pixels"):
        raise OptionsError(f"no {parameterisation!r} with {steps} steps, rate {rate:g} and diversity {diversity:g}")
    like, _ = place(model, seed)
    generator = torch.Generator().manual_seed(seed)
    own, size = len(channels) if diversity else 1, (shape[1], shape[2])
    form = (size[0], size[1] // 2 + 1, 2) if parameterisation == "fourier" else size
    noise = SPREAD * torch.randn(own, checked(shape)[0], *form, generator=generator, dtype=torch.float64)
    exact = torch.promote_types(like.dtype, torch.float32)  # half precision has no Fourier transform
    start = noise.to(like.device, exact).expand(len(channels), *noise.shape[1:])

    def images_of(x: Tensor) -> Tensor:
        values = from_spectrum(x, size) if parameterisation == "fourier" else x
        return coloured(values).sigmoid().to(like.dtype)  # Eq. (b)

    def objective(images: Tensor) -> Tensor:
        seen = moved(images, generator) if transforms else images
        return mean(seen) - (diversity * alike(maps(model, seen, target_layer)) if diversity else 0)

    with gradients_to_images(model):
        mean = channel_mean(model, target_layer, channels, images_of(start))
        return optimise(start, objective, stepping.adam(rate), steps, images_of, report=report)[0].detach()


def from_spectrum(coefficients: Tensor, size: tuple[int, int]) -> Tensor:
    """Values ``(B, C, H, W)`` of real and imaginary parts ``(B, C, H, W // 2 + 1, 2)`` of equal weight."""
    down, across = torch.fft.fftfreq(size[0]), torch.fft.rfftfreq(size[1])
    frequency = torch.hypot(down[:, None], across).clamp_min(1 / max(size)).to(coefficients)
    scaled = torch.view_as_complex(coefficients) * (math.sqrt(math.prod(size)) / frequency)
    return torch.fft.irfft2(scaled, s=size) / 4  # type: ignore[no-any-return]  # Eq. (a); torch.fft has no types


def coloured(values: Tensor) -> Tensor:
    """Independent colours ``(B, 3, H, W)`` as red, green and blue; one channel is left as it is."""
    matrix = (COLOURS / COLOURS.norm(dim=0).max()).to(values)
    return torch.einsum("ij,bjhw->bihw", matrix, values) if values.shape[1] == 3 else values


def moved(images: Tensor, generator: torch.Generator) -> Tensor:
    """All images ``(B, C, H, W)`` moved by up to 6 pixels, scaled by up to a tenth and turned by up to 10 degrees."""
    draws = [int(torch.randint(most, (), generator=generator)) for most in (9, 5, 9, 5, 11, len(ANGLES))]
    height, width = images.shape[2:]
    right, down = (2 * (a + b - 6) / side for a, b, side in ((*draws[:2], width), (*draws[2:4], height)))
    angle, zoom = math.radians(ANGLES[draws[5]]), 1 + (draws[4] - 5) / 50
    cos, sin = math.cos(angle) / zoom, math.sin(angle) / zoom
    rows = [[cos, -sin * height / width, right], [sin * width / height, cos, down]]
    theta = torch.tensor(rows, dtype=torch.float64).to(images).expand(len(images), 2, 3)
    grid = functional.affine_grid(theta, list(images.shape), align_corners=False)
    return 0.5 + functional.grid_sample(images - 0.5, grid, align_corners=False)


def alike(found: Tensor) -> Tensor:
    """How like the others' each image's maps ``(B, C, h, w)`` are in texture, ``(B,)``: cosines of Gram matrices."""
    if found.dim() != 4:
        raise OptionsError("diversity compares feature maps: this layer has none")
    grams = functional.normalize((found.flatten(2) @ found.flatten(2).transpose(1, 2)).flatten(1), dim=1)
    return ((grams @ grams.T).sum(1) - 1) / len(grams)  # Eq. (c)
