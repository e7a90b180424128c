"""Sensitivity analysis: how strongly the output reacts to each pixel, as the square of its gradient.

The squares add up to the squared length of the gradient, not to the output: they show what would make the class more
or less likely, not what makes it likely.  The explanation vector keeps the signs: it points to where another class
becomes more probable.

Papers: ``baehrens2010how`` for the explanation vector, a gradient of the probability; ``montavon2018methods``,
Sec. 4.1, for the heatmap of squares.  Their equations bear letters here.

The heatmap is ``(B, 1, H, W)`` and not negative, in squared logits per squared unit of the image's values; the vector
is ``(B, C, H, W)``, signed, in probability per unit.

Differences from the papers:
1. The squares of the colours are summed, so that a pixel has one number; the sum over the image stays the same.
2. The vector is that of any class that is asked for; in the paper of the predicted one.
3. Baehrens et al. estimate the probability by Parzen windows where a classifier has no gradient; networks have one.

Of a sure classifier the probability hardly has a gradient: it is taken through the log odds, which are never rounded
to 1, and ``of="logit"`` is the default.  Squares of small gradients vanish in half precision.

Raises ImagesError, LogitsError, ClassesError for inputs that do not fit; OptionsError for another ``of``; GradientError
if the logits do not depend on the image.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from repro.engine import checks, gradients, watching
from repro.engine.errors import OptionsError
from repro.engine.results import Attribution, Heatmap

Output = Callable[[nn.Module, Tensor, Tensor], Tensor]  # of model, images and one class per image, its gradient


def sensitivity_analysis(
    model: nn.Module, images: Tensor, target_classes: Tensor, *, of: Literal["logit", "probability"] = "logit"
) -> Heatmap:
    """Heatmap R ``(B, 1, H, W)`` of ``images (B, C, H, W)``, for one class per image, ``(B,)``."""
    if of not in ("logit", "probability"):
        raise OptionsError(f"of must be 'logit' or 'probability', not {of!r}")
    output: Output = gradients.pixel_gradient if of == "logit" else explanation_vectors
    return output(model, images, target_classes).square().sum(1, keepdim=True)  # Eq. (b)


def explanation_vectors(model: nn.Module, images: Tensor, target_classes: Tensor) -> Attribution:
    """Gradient zeta ``(B, C, H, W)`` of the probability that the class is another than that of ``target_classes``."""
    with watching.observing(model):
        pixels = watching.pixels(images)
        logits: Tensor = model(pixels)
        classes = checks.class_indices(target_classes, logits)
        own = logits.gather(1, classes[:, None])
        others = logits.scatter(1, classes[:, None], -torch.inf).logsumexp(1, keepdim=True)
        log_odds = own - others  # p = sigmoid(log odds), and 1 - p = sigmoid(-log odds) even where p is rounded to 1
        slope = (log_odds.sigmoid() * (-log_odds).sigmoid()).detach()[:, :, None, None]
        return -slope * gradients.gradient(log_odds, torch.zeros_like(classes), pixels)  # Eq. (a)
