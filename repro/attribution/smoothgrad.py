"""SmoothGrad: the mean of the gradients of many noisy copies of the image, in which their speckle averages out.

The gradient of a network changes sharply from one image to a hardly different one.  What stays if Gaussian noise is
added to the image, again and again, says more about its surroundings than the gradient at one point.

Paper: ``smilkov2017smoothgrad``.  It has no journal version and its equations no numbers; here they are

    (a)  mean_n M_c(x + N(0, sigma^2))      of the gradient M_c of the class's logit
    (b)  sigma = noise (x_max - x_min)      the noise as a share of the image's own range

The attribution is ``(B, C, H, W)``, signed, in logits per unit of the image's values.  With ``squared=True`` it is the
mean of the squares, as in the code of the paper's authors (PAIR's saliency) by default: never negative, in the square
of that unit, and in half precision easily too small for it.

Noise is drawn on the CPU, in single precision, from the seed and the number of the sample: it is the same on every
device, for every image of a batch, and whatever ``batch`` is.  The noisy copies are not cut off at 0 and 1, which would
move their mean.  The class is the one that is asked for, also where the network no longer sees it in a noisy copy.

captum 0.9.0 takes ``stdevs`` in the image's own units, by default 1: far too much for images in [0, 1].  zennit 0.5.1
leaves the last sample without noise, so that one in twenty is the plain gradient.

Raises ImagesError, LogitsError, ClassesError, GradientError, OptionsError (noise, samples, batch).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from repro.engine import checks, variants
from repro.engine.errors import OptionsError
from repro.engine.results import Attribution
from repro.engine.variants import Report


def smoothgrad(
    model: nn.Module,
    images: Tensor,
    target_classes: Tensor,
    *,
    noise: float = 0.15,
    samples: int = 50,
    squared: bool = False,
    seed: int = 0,
    batch: int = 8,
    report: Report = variants.silent,
) -> Attribution:
    """Attribution ``(B, C, H, W)`` of ``images (B, C, H, W)``, for one class per image, ``(B,)``.

    ``noise`` is a share of each image's range; the paper advises 0.1 to 0.2, and some 50 ``samples``.  ``batch`` noisy
    images go through the network at a time: the memory needed, and not the result, depends on it.
    """
    checks.check_images(images)
    if noise < 0 or samples < 1:
        raise OptionsError(f"need noise of 0 or more and 1 sample or more; got {noise}, {samples}")
    spread = images.amax((1, 2, 3), keepdim=True) - images.amin((1, 2, 3), keepdim=True)
    sigma = noise * spread  # Eq. (b)

    def noisy(rows: Tensor, numbers: Tensor) -> Tensor:
        drawn, place = numbers.unique(return_inverse=True)
        normal = torch.empty(len(drawn), *images.shape[1:])
        for sample, number in zip(normal, drawn.tolist(), strict=True):
            sample.normal_(generator=torch.Generator().manual_seed(1_000_003 * seed + number))  # no two seeds share one
        return images[rows] + sigma[rows] * normal.to(images)[place]

    each = torch.square if squared else None
    return variants.mean_gradient(  # Eq. (a)
        model, images, target_classes, samples, noisy, each=each, batch=batch, report=report
    )
