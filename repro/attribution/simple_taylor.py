"""Simple Taylor decomposition: how much each pixel contributes to a logit, to first order.

The logit is expanded around a root point, where it is 0: each pixel gets its term, the gradient times its distance from
the root point.  A network of ReLUs without biases has root points as near to the empty image as one likes, and there
the terms are gradient times input and add up to the logit.

Papers: ``bach2015pixel``, on Taylor-type decomposition; ``montavon2018methods``, Sec. 4.2.  The equations bear letters
here.

Relevance is ``(B, C, H, W)``, signed, in logits.  Its sum falls short of the logit by what higher orders and biases
hold: ``residual`` is that difference.

Differences from the papers:
1. "Input" is the distance from ``reference``, in the image's own values: 0.5 is what networks here see as 0.  Gradient
   times [0, 1] values would give black nothing.
2. Bach et al. search for a nearby root point; with ``root=True`` it is that on the straight line from the reference to
   the image, found by halving.  Where the logit has the same sign at both ends there is none: it stays the reference.

Compared with captum 0.9.0: its ``InputXGradient`` equals this with reference 0, and only with that.

Raises ImagesError, LogitsError, ClassesError for inputs that do not fit; GradientError if the logits do not depend on
the image.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from repro.engine import checks, gradients, watching
from repro.engine.results import Relevance

HALVINGS = 20  # of the line from the reference to the image: a millionth of its length


def simple_taylor(
    model: nn.Module,
    images: Tensor,
    target_classes: Tensor,
    reference: float | Tensor = 0.5,
    *,
    root: bool = False,
) -> Relevance:
    """Relevance R ``(B, C, H, W)`` of ``images (B, C, H, W)``, for one class per image, ``(B,)``.

    ``reference`` is a number or an image, ``(C, 1, 1)`` or ``(C, H, W)``.  The gradient is taken at the image, or with
    ``root`` at the root point of ``root_points``.
    """
    checks.check_images(images)
    if not root:
        return gradients.pixel_gradient(model, images, target_classes) * (images - reference)  # Eq. (b)
    roots = root_points(model, images, target_classes, reference)
    return gradients.pixel_gradient(model, roots, target_classes) * (images - roots)  # Eq. (a)


@torch.no_grad()
def root_points(model: nn.Module, images: Tensor, target_classes: Tensor, reference: float | Tensor = 0.5) -> Tensor:
    """Images ``(B, C, H, W)`` with a logit of 0 on the line from the reference to each image; the reference if none."""
    checks.check_images(images)
    start = torch.zeros_like(images) + reference
    at_start, at_image = (_logits(model, each, target_classes) for each in (start, images))
    changes = at_start.sign() != at_image.sign()
    low, high = torch.zeros_like(at_image), changes.to(at_image)  # shares of the way to the image
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        beyond = _logits(model, start.lerp(images, middle), target_classes).sign() == at_image.sign()
        low, high = torch.where(beyond, low, middle), torch.where(beyond, middle, high)
    return start.lerp(images, torch.where(changes, high, 0))


def residual(model: nn.Module, images: Tensor, target_classes: Tensor, relevance: Relevance) -> Tensor:
    """What the relevance leaves of the logit, f - sum R, ``(B,)``."""
    with torch.no_grad():
        logits = _logits(model, images, target_classes)
    return logits[:, 0, 0, 0] - relevance.sum((1, 2, 3))  # Eq. (c)


def _logits(model: nn.Module, images: Tensor, target_classes: Tensor) -> Tensor:
    """The logit of each image's class, ``(B, 1, 1, 1)``."""
    with watching.evaluating(model):
        logits = checks.check_logits(model(images))
    return logits.gather(1, checks.class_indices(target_classes, logits)[:, None])[:, :, None, None]
