"""Vanilla gradient: which pixels change the score of a class most when they change a little.

Near an image a class's score is almost a linear function of the pixels; its weights are the gradient, which one
backward pass gives.  A pixel's saliency is the largest absolute value among its colours.

Paper: ``simonyan2014deep``, Sec. 3 and 3.1 (arXiv v2).

The gradient is ``(B, C, H, W)``, signed, in logits per unit of the image's values: a network that normalises inside
scales it for each colour.  ``saliency`` makes the paper's map ``(B, 1, H, W)`` of it, which is not negative.  The score
is the logit, not the probability, which can rise because other classes fall.

Differences from the paper:
1. The paper averages the saliency of ten crops of an image; here it is that of the image itself.
2. Cutting the object out by its colours (Sec. 3.2) needs no network: it is in ``repro/lab/graph_cut.py``.

captum 0.9.0, zennit 0.5.1 and this module agree to the last bit; captum's ``Saliency`` drops the signs unless
``abs=False``.

Raises ImagesError, LogitsError and ClassesError for inputs that do not fit; GradientError if the logits do not depend
on the image.
"""

from __future__ import annotations

from torch import Tensor, nn

from repro.engine import gradients
from repro.engine.results import Attribution, Heatmap


def vanilla_gradient(model: nn.Module, images: Tensor, target_classes: Tensor) -> Attribution:
    """Gradient w ``(B, C, H, W)`` at ``images (B, C, H, W)`` of the logit of one class per image, ``(B,)``."""
    return gradients.pixel_gradient(model, images, target_classes)  # Eq. (4)


def saliency(gradient: Tensor) -> Heatmap:
    """Saliency M ``(B, 1, H, W)`` of a gradient ``(B, C, H, W)``."""
    return gradient.abs().amax(1, keepdim=True)  # Eq. (a)
