"""DeepLIFT: how much does each pixel contribute to what the score is more than the score of a reference image?

A derivative says nothing where a unit is saturated.  A multiplier, the difference of outputs over the difference of
inputs, does; multipliers obey a chain rule and are sent back through the network as derivatives are.

Paper: ``shrikumar2017learning``; its appendix was not read.

Contributions ``(B, C, H, W)`` are in logits, signed, and sum to the difference of the two logits.  The reference is a
number for one grey (0 is black), ``(1, C, 1, 1)`` for a colour, or images ``(1 or B, C, H, W)``.  Much depends on it.

The rules are in ``repro.engine.differences``: rescale for every nonlinearity; or reveal-cancel for those right after a
convolution or linear layer, which keeps positive and negative contributions to a unit apart, and rescale for the rest.

Differences from the paper:
1. Max pooling passes a window's difference to the largest input of whichever is larger there, image or reference.  The
   paper leaves it open (Sec. 5, "simply using the gradients"), and the gradient does not sum to the difference.
2. Near the reference the derivative is taken at the image, not at the reference; both are equal in the limit.
3. The logit is explained as it is; the mean over the classes is not subtracted (Sec. 3.6).

Compared with captum 0.9.0: it refuses a ReLU module that is used twice, as in ResNets, and takes the gradient of ReLUs
that are functions.  After several max poolings its contributions miss the difference.  It has no reveal-cancel.

Raises NoRuleError for operations without a rule (products of two parts of the network, softmax, LayerNorm), for those
that cannot be seen, and if contributions do not sum; OptionsError, ImagesError, LogitsError, ClassesError for inputs
that do not fit.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from repro.engine import checks, differences, gradients, watching
from repro.engine.errors import NoRuleError, OptionsError
from repro.engine.results import Attribution


def deeplift(
    model: nn.Module,
    images: Tensor,
    target_classes: Tensor,
    reference: float | Tensor = 0.5,
    *,
    rule: Literal["rescale", "reveal-cancel"] = "rescale",
) -> Attribution:
    """Contributions ``(B, C, H, W)`` to the logit of each image's class, ``(B,)``: two forward passes, one backward.

    A reference that is the same for all images goes through the network once.
    """
    if rule not in ("rescale", "reveal-cancel"):
        raise OptionsError(f"rule is 'rescale' or 'reveal-cancel', not {rule!r}")
    checks.check_images(images)
    start = _reference(reference, images)
    exact = torch.autocast(images.device.type, enabled=False)
    with watching.observing(model), exact, differences.Differences(rule == "reveal-cancel") as both:
        pixels = watching.pixels(images)
        with torch.no_grad():
            before = checks.check_logits(model(start.clone()))
        both.to_images()
        logits = model(pixels)
        classes = checks.class_indices(target_classes, logits)
        differences.check_rules(logits)
        multipliers = gradients.gradient(logits, classes, pixels)  # Eq. (3)
    contributions = multipliers * (images - start)  # Eq. (2)
    change = (logits.detach() - before).gather(1, classes[:, None])[:, 0]
    _check_sum(contributions, change)
    return contributions


def _reference(reference: float | Tensor, images: Tensor) -> Tensor:
    """As images, one or as many as there are."""
    start = torch.as_tensor(reference, dtype=images.dtype, device=images.device).detach().clone()
    fits = start.dim() == 4 and all(side in (1, whole) for side, whole in zip(start.shape, images.shape, strict=True))
    if start.dim() and not fits:
        raise OptionsError(f"a reference is a number or images like {tuple(images.shape)}, not {tuple(start.shape)}")
    return start.expand(len(start) if start.dim() else 1, *images.shape[1:])


def _check_sum(contributions: Tensor, change: Tensor) -> None:
    """NoRuleError if summation-to-delta fails by more than rounding: a nonlinearity was taken for linear."""
    missing = (contributions.sum((1, 2, 3)) - change).abs()  # Eq. (1)
    size = contributions.abs().sum((1, 2, 3)) + change.abs()
    if (missing > max(0.01, torch.finfo(size.dtype).eps ** 0.5) * size).any():
        raise NoRuleError("contributions do not sum to the difference of the logits: the model hides a nonlinearity")
