"""Neural style: an image with the content of one picture and the texture of another.

Content is how strongly each channel of a layer responds at each place.  Style is which channels respond together, at
any place: the Gram matrices of the maps of several layers.  An image is optimised until both match.

Paper: ``gatys2015neural``.  Only its abstract and readers' notes could be read: the equations bear letters of ours.
Images are ``(B, C, H, W)`` in [0, 1].

Differences from the paper:
1. Each loss is divided by its value for maps of zeros.  Otherwise one layer may outweigh all others in networks other
   than VGG-19.  With ``relative=False`` the losses are the paper's.
2. The start is the content image, as in most later code; ``start="noise"`` is the paper's.
3. Adam, with values cut to [0, 1] at each step.
4. Content is read at the last of the layers.

Raises ImagesError (half precision too), OptionsError, LayerError and GradientError.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from repro.engine import checks, watching
from repro.engine import steps as stepping
from repro.engine.errors import GradientError, ImagesError, LayerError, OptionsError
from repro.engine.optimise import Report, gradients_to_images, optimise
from repro.engine.results import Images


def neural_style(
    model: nn.Module,
    images: Tensor,
    styles: Tensor,
    layers: Sequence[nn.Module],
    *,
    ratio: float = 0.1,
    relative: bool = True,
    start: Literal["content", "noise"] = "content",
    steps: int = 100,
    rate: float = 0.02,
    seed: int = 0,
    report: Report = lambda done: None,
) -> Images:
    """The images ``(B, C, H, W)`` in the style of ``styles (B or 1, C, h, w)``, which are brought to the same size.

    ``layers`` give the style, the last of them the content too.  ``ratio`` is alpha / beta, the weight of the content
    over that of the style; ``rate`` is Adam's step size.
    """
    for each in (images, styles):
        checks.check_unit_range(each)
    if images.dtype in (torch.float16, torch.bfloat16):
        raise ImagesError("sums of products leave half precision: give the images and the model in float32")
    if styles.shape[1] != images.shape[1] or len(styles) not in (1, len(images)):
        raise ImagesError(f"give one style or {len(images)}, as many colours as the images; not {tuple(styles.shape)}")
    if not layers or steps < 0 or rate <= 0 or ratio < 0 or start not in ("content", "noise"):
        raise OptionsError(f"no {start!r} with {len(layers)} layers, {steps} steps, rate {rate:g}, ratio {ratio:g}")
    sized = functional.interpolate(styles.to(images), images.shape[2:], mode="bilinear", antialias=True).clamp(0, 1)
    with gradients_to_images(model):
        with torch.no_grad():
            content, textures = maps(model, images, layers)[-1], [gram(each) for each in maps(model, sized, layers)]

        def objective(x: Tensor) -> Tensor:
            found = maps(model, x, layers)
            style = [style_loss(each, texture, relative) for each, texture in zip(found, textures, strict=True)]
            return -(ratio * content_loss(found[-1], content, relative) + torch.stack(style).mean(0))  # Eq. (d)

        ascend = stepping.adam(rate)
        noise = torch.rand(images.shape[1:], generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        begin = images if start == "content" else noise.to(images).repeat(len(images), 1, 1, 1)
        return optimise(begin, objective, lambda *each: ascend(*each).clamp(0, 1), steps, report=report)[0].detach()


def maps(model: nn.Module, images: Tensor, layers: Sequence[nn.Module]) -> list[Tensor]:
    """What the layers return in one pass, each ``(B, N, h, w)``."""
    with watching.activations(model, *layers) as outputs:
        model(images)
        if any(each.dim() != 4 for each in outputs):
            raise LayerError("style is read from feature maps: choose layers that return them")
        if images.requires_grad and not all(each.requires_grad for each in outputs):
            raise GradientError("a layer has no gradient back to the image")
        return list(outputs)


def gram(found: Tensor) -> Tensor:
    """How strongly channels of maps ``(B, N, h, w)`` respond together, summed over places, ``(B, N, N)``."""
    flat = found.flatten(2)
    return flat @ flat.transpose(1, 2)  # Eq. (b)


def content_loss(found: Tensor, wanted: Tensor, relative: bool = False) -> Tensor:
    """Half the squared distance of maps ``(B, N, h, w)``, ``(B,)``; or that over half the wanted ones' squares."""
    loss = (found - wanted).square().sum((1, 2, 3)) / 2  # Eq. (a)
    return loss / (wanted.square().sum((1, 2, 3)) / 2).clamp_min(1e-12) if relative else loss


def style_loss(found: Tensor, texture: Tensor, relative: bool = False) -> Tensor:
    """Distance of the maps' Gram matrices from ``texture (B or 1, N, N)``, ``(B,)``; or that over the texture's own."""
    sizes = 4 * found.shape[1] ** 2 * (found.shape[2] * found.shape[3]) ** 2
    loss = (gram(found) - texture).square().sum((1, 2)) / sizes  # Eq. (c)
    return loss / (texture.square().sum((1, 2)) / sizes).clamp_min(1e-12) if relative else loss
