"""Deep visualization's regularisers: ascent on a class, and after every step the image is regularised.

Four operators keep the image plain: it decays, is blurred, and pixels of small norm or of small contribution are set
to zero.  The paper's Table 1 mixes them in four ways, which give four styles of picture.

Paper: ``yosinski2015understanding``; order and steps as in the authors' toolbox (``optimize/gradient_optimizer.py``).
Their network sees images less the mean image: x here is the image less ``mean``, so that zero is the mean's colour.
Pictures are ``(B, C, H, W)`` in [0, 1].

Differences from the authors' code:
1. Each step has a set length.  Theirs has a set rate (100, in grey levels) in the second and the third style, a set
   predicted progress (2) in the others; both suit the size of one network's logits.
2. 100 steps; they take 500 to 1000.
3. The last step is one that blurs; with theirs that depends on how many there are.
4. All pictures start from the same noise.
5. Classes only; the authors picture units of every layer.

Raises LogitsError, ClassesError and OptionsError.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from repro.engine.encodings import Shape, checked, place
from repro.engine.errors import OptionsError
from repro.engine.objectives import class_score
from repro.engine.optimise import Report, gradients_to_images, optimise
from repro.engine.regularisers import blurred, without_smallest
from repro.engine.results import Images
from repro.engine.steps import unit_mean_square

NOISE = 10 / 255  # standard deviation of the start


class Regularisers(NamedTuple):
    """One row of Table 1."""

    decay: float = 0.0  # theta_decay, the part of x that each step takes away
    blur: float = 0.0  # theta_b_width, in pixels
    every: int = 1  # theta_b_every: once in so many steps, and in the last
    norm: float = 0.0  # theta_n_pct: per cent of the pixels, those of the smallest norm
    contribution: float = 0.0  # theta_c_pct, likewise


Style = Literal["norm", "decay", "blur", "contribution"]
STYLES: dict[Style, Regularisers] = {
    "norm": Regularisers(blur=0.5, every=4, norm=50),
    "decay": Regularisers(decay=0.3, norm=20),
    "blur": Regularisers(decay=0.0001, blur=1.0, every=4),
    "contribution": Regularisers(blur=0.5, every=4, contribution=90),
}


def deepvis_regularisers(
    model: nn.Module,
    target_classes: Tensor | Sequence[int],
    *,
    shape: Shape,
    style: Style | Regularisers = "blur",
    mean: Tensor | float = 0.5,
    rate: float = 0.06,
    steps: int = 100,
    seed: int = 0,
    report: Report = lambda done: None,
) -> Images:
    """Pictures ``(B, *shape)`` of the classes ``(B,)``.

    ``style`` is a row of Table 1, or your own regularisers; ``mean`` a value or an image ``shape``; ``rate`` the root
    mean square of a step.
    """
    if style not in STYLES and not isinstance(style, Regularisers):
        raise OptionsError(f"style is {', '.join(STYLES)}, or Regularisers(...), not {style!r}")
    if steps < 0 or rate <= 0:
        raise OptionsError(f"need steps of 0 or more and a positive rate; got {steps} and {rate}")
    how = style if isinstance(style, Regularisers) else STYLES[style]
    like, _ = place(model, seed)
    noise = torch.randn(checked(shape), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    centre = torch.as_tensor(mean, dtype=like.dtype, device=like.device).expand(shape)
    left = iter(range(steps - 1, -1, -1))

    def step(x: Tensor, gradient: Tensor, _: Tensor) -> Tensor:
        x = regularised(x + rate * unit_mean_square(gradient), gradient, how, next(left))  # Eq. (a)
        return (centre + x).clamp(0, 1) - centre

    with gradients_to_images(model):
        start = ((centre + (NOISE * noise).to(like)).clamp(0, 1) - centre).repeat(len(target_classes), 1, 1, 1)
        logit = class_score(model, target_classes, centre + start)
        images, _ = optimise(start, logit, step, steps, lambda x: centre + x, report=report)
    return images.detach().clamp(0, 1)


def regularised(x: Tensor, gradient: Tensor, how: Regularisers, left: int) -> Tensor:
    """r_theta of images ``(B, C, H, W)`` less the mean, after a step along ``gradient``, with so many left."""
    x = (1 - how.decay) * x
    if how.blur and left % how.every == 0:
        x = blurred(x, how.blur)
    x = without_smallest(x, x.square().sum(1, keepdim=True).sqrt(), how.norm)
    return without_smallest(x, (x * gradient).sum(1, keepdim=True).abs(), how.contribution)  # Eq. (b)
