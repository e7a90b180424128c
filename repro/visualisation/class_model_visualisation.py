"""Class model visualisation: the image that a network scores highest for a class, kept near the mean image.

Gradient ascent on the pixels raises the class's logit; an L2 penalty on the distance from the mean image bounds it.

Paper: ``simonyan2014deep``, whose network sees images less the mean image: I here is the image less ``mean``.  The
picture is ``(B, C, H, W)`` in [0, 1].

Differences from the paper:
1. lambda is for the mean of I's squares, not their sum, so that it means the same at any size.
2. I starts as faint noise, the same for every class: on plain grey the logits of some networks have no gradient.
3. Each step has a set length, which falls to zero.  The paper names no step.
4. Values beyond [0, 1] are cut at the end.

Raises LogitsError, ClassesError and OptionsError.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from repro.engine import steps as stepping
from repro.engine.encodings import Shape, checked, place
from repro.engine.errors import OptionsError
from repro.engine.objectives import class_score
from repro.engine.optimise import Report, gradients_to_images, optimise
from repro.engine.results import Images

NOISE, RATE = 0.1, 0.06  # standard deviation of the start; length of the first step, as a root mean square


def class_model_visualisation(
    model: nn.Module,
    target_classes: Tensor | Sequence[int],
    *,
    shape: Shape,
    weight: float = 1e4,
    of: Literal["logit", "log-probability"] = "logit",
    mean: Tensor | float = 0.5,
    steps: int = 64,
    seed: int = 0,
    report: Report = lambda done: None,
) -> Images:
    """Pictures ``(B, *shape)`` of the classes ``(B,)``; ``weight`` is lambda, ``mean`` a value or an image ``shape``.

    The right weight depends on the size of the logits: too small a one gives noise, too large a one the mean image.
    The paper raises the logit; a log-probability also rises where other classes' logits fall.
    """
    if steps < 0 or weight < 0 or of not in ("logit", "log-probability"):
        raise OptionsError(f"need steps and weight of 0 or more, and logit or log-probability; got {steps, weight, of}")
    like, _ = place(model, seed)
    noise = torch.randn(checked(shape), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    centre = torch.as_tensor(mean, dtype=like.dtype, device=like.device).expand(shape)
    with gradients_to_images(model):
        start = (NOISE * noise).to(like).repeat(len(target_classes), 1, 1, 1)
        score = class_score(model, target_classes, centre + start, of)
        penalty = [(-weight, lambda x: x.square().mean((1, 2, 3)))] if weight else []
        ascent = stepping.normalised(stepping.falling(RATE, steps))
        images, _ = optimise(start, score, ascent, steps, lambda x: centre + x, penalty, report)  # Eq. (a)
    return images.detach().clamp(0, 1)
