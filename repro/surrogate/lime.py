"""LIME: a linear model that says, near one image, which of its parts the network's answer depends on.

Superpixels are greyed out at random, and a linear model learns to predict the network's answer from what is left; the
more is left of the image, the more a sample counts.  A superpixel's weight is what showing it adds to the answer.

Paper: ``ribeiro2016why``, Sec. 3, equations numbered as there.  Without a number is

    (a)  pi_x(z) = exp(-D(x, z)^2 / sigma^2)     how much the sample z counts, Sec. 3.4

The heatmap is ``(B, 1, H, W)``, signed: at each pixel its superpixel's weight, in units of the probability or logit.

Differences from the paper:
1. D is the cosine distance of the on/off vectors, as in the authors' package; for images the paper names the L2
   distance and gives no width.  The package takes the square root of (a), so that its width of 0.25 is ours of 0.3536.
2. The linear model has an intercept and, as in the package, a ridge penalty.  K-Lasso (Algorithm 1) is ``keep=K`` with
   ``penalty=0``; by default all superpixels stay.
3. ``of="logit"`` explains the logit.  ``fill="mean"`` hides a superpixel by its mean colour, which the package does.
4. Superpixels are an argument.  By default they are squares, which need no library.

Raises ImagesError, LogitsError, ClassesError, OptionsError (segments, parts, samples, keep, fill, of, width, batch).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from repro.engine import superpixels, surrogates, variants
from repro.engine.errors import OptionsError
from repro.engine.results import Heatmap
from repro.engine.superpixels import Superpixels
from repro.engine.surrogates import LinearModel


def lime(
    model: nn.Module,
    images: Tensor,
    target_classes: Tensor,
    segments: Tensor | None = None,
    *,
    parts: int = 60,
    samples: int = 1000,
    keep: int | None = None,
    fill: float | Literal["mean"] = 0.5,
    of: Literal["probability", "logit"] = "probability",
    width: float = 0.3536,
    penalty: float = 1.0,
    seed: int = 0,
    batch: int = 64,
    report: variants.Report = variants.silent,
) -> Heatmap:
    """Weights of the superpixels, ``(B, 1, H, W)``, for one class an image ``(B,)``.

    ``segments (B, H, W)`` numbers each pixel's superpixel; without it there are about ``parts`` squares.
    ``fill`` is the grey in the units of ``images (B, C, H, W)``, 0 for normalised ones.  At most ``keep`` superpixels
    get a weight.  ``batch`` images go through the network at a time.
    """
    whole = Superpixels.of(images, superpixels.grid(images, parts) if segments is None else segments, fill)
    on = switches(whole.counts, samples, seed)
    found = superpixels.answers(model, whole, target_classes, on, of=of, batch=batch, report=report)
    fits = [fit(z[:, :n], f, width, penalty, keep) for z, f, n in zip(on, found, whole.counts, strict=True)]  # Eq. (1)
    return whole.on_pixels([each.coefficients for each in fits])


def switches(counts: Sequence[int], samples: int, seed: int = 0) -> Tensor:
    """On/off vectors ``(B, samples, S)`` for each image's count of superpixels: first all are on, then a random number
    of them, 1 to all, is off.  Beyond an image's count they are off.
    """
    if samples < 2:
        raise OptionsError(f"a linear model is fitted to 2 samples or more, not {samples}")
    on = torch.zeros(len(counts), samples, max(counts, default=0), dtype=torch.bool)
    for vectors, count in zip(on, counts, strict=True):
        generator = torch.Generator().manual_seed(seed)  # an image's samples do not depend on its batch
        off = torch.randint(1, count + 1, (samples, 1), generator=generator)
        vectors[:, :count] = torch.rand(samples, count, generator=generator).argsort(1) >= off
        vectors[0, :count] = True
    return on


def proximity(on: Tensor, width: float) -> Tensor:
    """How much each sample counts, ``(samples,)``: 1 for the whole image, less the more is hidden."""
    if width <= 0:
        raise OptionsError(f"width must be more than 0, not {width}")
    distance = 1 - on.double().mean(1).sqrt()  # of the cosine with a vector of ones
    return torch.exp(-((distance / width) ** 2))  # Eq. (a)


def fit(on: Tensor, found: Tensor, width: float, penalty: float, keep: int | None = None) -> LinearModel:
    """The linear model of ``found (samples,)``, what the network says with the superpixels ``on (samples, S)``."""
    if keep is not None and keep < 1:
        raise OptionsError(f"keep is how many superpixels get a weight: 1 or more, not {keep}")
    z, f, counts = on.cpu().double(), found.cpu().double(), proximity(on.cpu(), width)  # some devices have no float64
    chosen = list(range(z.shape[1])) if keep is None else surrogates.lasso_choice(z, f, counts, keep)
    linear = surrogates.weighted_ridge(z[:, chosen], f, counts, penalty)  # Eq. (2)
    coefficients = z.new_zeros(z.shape[1])
    coefficients[chosen] = linear.coefficients
    return linear._replace(coefficients=coefficients)
