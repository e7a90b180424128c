"""Inpainting what-if: what would the network say if this part of the image were not there?

A region is removed and filled in from what surrounds it, and the network classifies the image again.  What the class
loses shows whether the decision depends on the region.

Paper: ``cabrera2018interactive``, a demonstration without equations.  Ours are

    (a)  u(p) = mean of u(q) over the neighbours q of p     at each pixel p of the hole; u is the image around it
    (b)  R_i  = f_c(x) - f_c(x without region i)            f_c is the probability of class c

The heatmap is ``(B, 1, H, W)``, signed: at each pixel what the class loses without its region.

Differences from the paper:
1. There a person rubs out one region after another.  ``what_if`` does that with given masks; the heatmap removes every
   superpixel in turn.
2. Any inpainting can fill the hole: the authors use Telea's in the browser and PatchMatch on a server, here it is the
   smoothest continuation, Laplace's equation (a).  It invents no texture, and never leaves the range of the rim.
3. Removed regions grow by ``grow`` pixels, or an object's outline stays and gives it away.
4. The class activation maps that stand beside the rankings are ``cam`` of the images that ``what_if`` returns.
5. ``fill=0.5`` greys the region out instead; ``of="logit"`` explains the logit.

Raises ImagesError, LogitsError, ClassesError, OptionsError (masks, segments, parts, fill, grow, of, batch).
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from repro.engine import checks, inpainting, superpixels, variants, watching
from repro.engine.errors import OptionsError
from repro.engine.results import Heatmap
from repro.engine.superpixels import Superpixels

Fill = float | Literal["inpainted"]


class WhatIf(NamedTuple):
    """The images without a region, and the probabilities of all classes."""

    images: Tensor  # (B, C, H, W)
    before: Tensor  # (B, K)
    after: Tensor  # (B, K)


def inpainting_what_if(
    model: nn.Module,
    images: Tensor,
    target_classes: Tensor,
    segments: Tensor | None = None,
    *,
    parts: int = 60,
    fill: float | Literal["inpainted"] = "inpainted",
    grow: int = 2,
    of: Literal["probability", "logit"] = "probability",
    batch: int = 64,
    report: variants.Report = variants.silent,
) -> Heatmap:
    """What one class an image ``(B,)`` loses without each superpixel, on the pixels ``(B, 1, H, W)``.

    ``segments (B, H, W)`` numbers the superpixel of each pixel of ``images (B, C, H, W)``; without it there are about
    ``parts`` squares.  ``batch`` images go through the network at a time.
    """
    whole = Superpixels.of(images, superpixels.grid(images, parts) if segments is None else segments)

    def version(rows: Tensor, numbers: Tensor) -> Tensor:
        hole = whole.labels[rows] == numbers.to(rows.device)[:, None, None]
        return without(images[rows], hole, fill, grow)

    count = max(whole.counts, default=1)
    before, after = variants.class_scores(
        model, images, target_classes, count, version, of=of, batch=batch, report=report
    )
    classes = checks.class_indices(target_classes, before)
    return whole.on_pixels(list(before.gather(1, classes[:, None]) - after))  # Eq. (b)


def what_if(model: nn.Module, images: Tensor, masks: Tensor, *, fill: Fill = "inpainted", grow: int = 2) -> WhatIf:
    """``images (B, C, H, W)`` without the region of each, and what the network says before and after.

    ``masks (B, H, W)`` are true where something is removed.
    """
    changed = without(images, masks, fill, grow)
    with torch.no_grad(), watching.evaluating(model):
        before, after = (checks.check_logits(model(each)).softmax(1) for each in (images, changed))
    return WhatIf(changed, before, after)


def without(images: Tensor, masks: Tensor, fill: Fill = "inpainted", grow: int = 2) -> Tensor:
    """The images with the masked region, grown by ``grow`` pixels, filled in."""
    checks.check_images(images)
    if masks.dtype != torch.bool or masks.shape != (len(images), *images.shape[2:]):
        shape = (len(images), *images.shape[2:])
        raise OptionsError(f"masks must be true or false {shape}, not {masks.dtype} {tuple(masks.shape)}")
    if grow < 0:
        raise OptionsError(f"grow is by how many pixels a region grows: 0 or more, not {grow}")
    holes = functional.max_pool2d(masks[:, None].float(), 2 * grow + 1, 1, grow)[:, 0] > 0 if grow else masks
    if isinstance(fill, str):
        if fill != "inpainted":
            raise OptionsError(f"fill must be a number or 'inpainted', not {fill!r}")
        return inpainting.harmonic(images, holes)  # Eq. (a)
    return torch.where(holes[:, None], fill, images)
