"""Occlusion sensitivity: cover a part of the image and see how far the class's score falls.

A grey square slides over the image: the network looks where hiding the image costs the class most.  No gradient needed.

Paper: ``zeiler2014visualizing``, Sec. 4.2 and Fig. 7.  Its equations have no numbers; with x_(u,v) the image x with the
square at position (u, v) they are here

    (a)  p_c(x_(u,v))             probability of the class c, Fig. 7 (d): ``occlusion``
    (b)  sum_ij A^k_ij(x_(u,v))   activation of the feature map k that is strongest in x, Fig. 7 (b): ``map_occlusion``

The heatmap is ``(B, 1, h, w)`` on the grid of the square's positions, and signed: below zero the class gains from what
is hidden.  ``on_pixels`` brings it onto the image's pixels.

Differences from the paper:
1. We return the fall, p_c(x) - p_c(x_(u,v)), so that what matters is high, as in other heatmaps.
2. Positions, size and grey are arguments; the paper does not give them.  The last positions of a row or column may
   reach over the border, so that every pixel is covered by some square.
3. ``of="logit"`` takes the logit, which still moves when the network is so sure that its probability stays at 1.
4. The strongest feature map is that with the largest sum; the paper does not say which.

Raises ImagesError, LogitsError, ClassesError, LayerError (no feature maps), OptionsError (patch, stride, of, batch).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

from repro.engine import checks, variants, watching
from repro.engine.errors import LayerError, OptionsError
from repro.engine.results import Heatmap
from repro.engine.variants import Report, Squares

Score = Callable[[Tensor], Tensor]  # of images (N, C, H, W), (N, K)


def occlusion(
    model: nn.Module,
    images: Tensor,
    target_classes: Tensor,
    *,
    patch: int = 16,
    stride: int = 8,
    fill: float | Tensor = 0.5,
    of: Literal["probability", "logit"] = "probability",
    batch: int = 64,
    report: Report = variants.silent,
) -> Heatmap:
    """Fall of the class's probability, or logit, at each position, ``(B, 1, h, w)``, for one class an image ``(B,)``.

    A square of ``patch`` pixels moves by ``stride``; ``fill`` is its grey in the units of ``images (B, C, H, W)``, a
    number or ``(C, 1, 1)``, 0 for normalised images.  ``batch`` covered images go through the network at a time.
    """
    if of not in ("probability", "logit"):
        raise OptionsError(f"of must be 'probability' or 'logit', not {of!r}")
    squares = Squares.on(images, patch, stride, fill)

    def score(covered: Tensor) -> Tensor:
        logits = checks.check_logits(model(covered))
        return logits.softmax(1) if of == "probability" else logits  # Eq. (a)

    return _falls(model, images, score, partial(checks.class_indices, target_classes), squares, batch, report)[0]


def map_occlusion(
    model: nn.Module,
    images: Tensor,
    target_layer: nn.Module,
    *,
    patch: int = 16,
    stride: int = 8,
    fill: float | Tensor = 0.5,
    batch: int = 64,
    report: Report = variants.silent,
) -> tuple[Heatmap, Tensor]:
    """Fall of the strongest feature map's sum at each position, and which map that is, ``(B,)``."""
    squares = Squares.on(images, patch, stride, fill)

    def score(covered: Tensor) -> Tensor:
        with watching.activations(model, target_layer) as outputs:
            model(covered)
        if outputs[0].dim() != 4:
            raise LayerError(f"a layer with feature maps (B, C, h, w) is needed, not {tuple(outputs[0].shape)}")
        return outputs[0].sum((2, 3))  # Eq. (b)

    return _falls(model, images, score, lambda whole: whole.max(1).indices, squares, batch, report)


def _falls(
    model: nn.Module, images: Tensor, score: Score, choose: Score, squares: Squares, batch: int, report: Report
) -> tuple[Tensor, Tensor]:
    """Fall of one of the scores ``(N, K)`` at each position, and which one ``choose`` took from the whole images'."""
    with torch.no_grad(), watching.evaluating(model):
        whole = torch.cat([score(images[part]) for part in variants.parts(len(images), batch)])
        chosen = choose(whole)[:, None]

        def score_of_chosen(covered: Tensor, rows: Tensor) -> Tensor:
            return score(covered).gather(1, chosen[rows])[:, 0]

        left = variants.scores(images, squares.count, squares.cover, score_of_chosen, batch=batch, report=report)
        return (whole.gather(1, chosen) - left).view(len(images), 1, *squares.grid), chosen[:, 0]


def on_pixels(falls: Heatmap, size: tuple[int, int], patch: int = 16, stride: int = 8) -> Heatmap:
    """On the image's pixels, ``(B, 1, H, W)``: at each pixel the mean fall over all squares that cover it."""
    return Squares(size, patch, stride).mean(falls)
