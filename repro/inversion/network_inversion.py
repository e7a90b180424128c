"""Network inversion: an image that a layer cannot tell from the given one, found by gradient descent from noise.

What differs between the two is what the layer does not keep; priors of natural images fill it in.

Paper: ``mahendran2015understanding``.  Phi is the representation (a layer, or HOG), Phi_0 that of the image x_0, sigma
the norm of an average image: x, an image less mid-grey, has a norm of about one.  Constants are those of the authors'
code (deep-goggle, ``invert_nn.m``), which divides the priors by 2 sigma^2, multiplies the rate by sigma^2, and starts
the momentum from zero when the rate falls.

The pre-image is ``(B, C, H, W)`` in the images' units, near [0, 1] by the prior and not cut.

Differences from the paper:
1. lambda_alpha is for a mean over the N values of an image, times N^(alpha/2 - 1), lambda_tv likewise, so that both
   mean the same at any size: 0.009 is the paper's 2.16e8 at its N = 227 * 227 * 3.
2. lambda_tv is the same at every layer, so that layers can be compared; the paper has 0.5, 5 and 50 from low to high.
3. No step is longer than 0.02: noise excites small networks so strongly that the descent would diverge.
4. The start is the same noise for every image of a batch.

Raises ImagesError, OptionsError, LayerError and GradientError.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from repro.engine import checks
from repro.engine.errors import ImagesError, LayerError, OptionsError
from repro.engine.optimise import Report, Step, gradients_to_images, optimise
from repro.engine.representations import representation
from repro.engine.results import PreImages

MOMENTUM, LONGEST_STEP = 0.9, 0.02
RATES = (4e-3,) * 100 + (4e-4,) * 200 + (4e-5,) * 100


def network_inversion(
    model: nn.Module,
    images: Tensor,
    target_layer: nn.Module,
    *,
    lambda_alpha: float = 0.009,
    lambda_tv: float = 0.5,
    alpha: float = 6,
    beta: float = 2,
    sigma: float = 0.27,
    rates: Sequence[float] | Tensor = RATES,
    seed: int = 0,
    report: Report = lambda done: None,
) -> PreImages:
    """Pre-images x* ``(B, C, H, W)`` of what ``target_layer`` returns for ``images (B, C, H, W)`` in [0, 1].

    ``sigma`` is the root mean square of an average image about mid-grey.  Each rate is one step of the descent.
    """
    checks.check_images(images)
    if images.dtype == torch.float16:
        raise ImagesError("float16 cannot hold the priors' weights: give the images and the model in float32")
    rates, values = [float(rate) for rate in rates], images.shape[1:].numel()
    if not rates or not all(0 < rate < math.inf for rate in rates):
        raise OptionsError("rates must be positive numbers, one for each step of the descent")
    noise = torch.randn(images.shape[1:], generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    start = (noise / torch.linalg.vector_norm(noise)).to(images).repeat(len(images), 1, 1, 1)
    with gradients_to_images(model):
        target = representation(model, images.detach().clone(), target_layer).detach()
        energy = target.square().sum(1)
        if not (energy > 0).all():
            raise LayerError("the layer returns only zeros for an image, as it may for any image: choose another layer")

        def misfit(candidates: Tensor) -> Tensor:
            return (representation(model, candidates, target_layer) - target).square().sum(1) / energy  # Eq. (a)

        priors = [
            (lambda_alpha * values ** (alpha / 2 - 1), lambda x: range_prior(x, alpha)),
            (lambda_tv * values ** (beta / 2 - 1), lambda x: total_variation(x, beta)),
        ]
        used = [prior for prior in priors if prior[0]]
        descent, scale = _descent(rates), sigma * math.sqrt(values)
        return optimise(start, misfit, descent, len(rates), lambda x: 0.5 + scale * x, used, report)[0]


def range_prior(images: Tensor, alpha: float = 6) -> Tensor:
    """R_alpha ``(B,)`` of ``images (B, C, H, W)``."""
    return images.abs().pow(alpha).sum((1, 2, 3))  # Eq. (b)


def total_variation(images: Tensor, beta: float = 2) -> Tensor:
    """R_V ``(B,)`` of ``images (B, C, H, W)``, summed over pixels and channels; constant beyond the border."""
    right = nn.functional.pad(images.diff(dim=3), (0, 1))
    down = nn.functional.pad(images.diff(dim=2), (0, 0, 0, 1))
    squares = right.square() + down.square()  # where nothing changes a power below 2 has no gradient
    powers = squares if beta == 2 else torch.where(squares > 0, squares, 1).pow(beta / 2) * (squares > 0)
    return powers.sum((1, 2, 3))  # Eq. (c)


def _descent(rates: Sequence[float]) -> Step:
    previous, velocity, remaining = 0.0, torch.zeros(()), iter(rates)

    def step(x: Tensor, gradient: Tensor, _: Tensor) -> Tensor:
        nonlocal previous, velocity
        rate = next(remaining)
        velocity = velocity if rate == previous else torch.zeros_like(x)
        length = rate * gradient.flatten(1).norm(dim=1).clamp_min(1e-30)[:, None, None, None]
        velocity = MOMENTUM * velocity - rate * (LONGEST_STEP / length).clamp_max(1) * gradient  # Eq. (d)
        previous = rate
        return torch.add(x, velocity)  # Eq. (d)

    return step
