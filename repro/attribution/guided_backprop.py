"""Guided backpropagation: a picture of the edges and textures that excite a class, without what inhibits it.

It is the gradient of the class's logit with respect to the pixels with one change: a ReLU sends back only what is
positive, and only where the ReLU itself was on.

Paper: ``springenberg2015striving``, Sec. 3.4 and Fig. 1.

The attribution is ``(B, 3, H, W)``, signed, in logits per unit of the image's values.  It explains less than it shows:
it hardly depends on the class (``selvaraju2017gradcam``) or on what the upper layers have learned
(``adebayo2018sanity``), and the claims measure both.

Differences from the paper:
1. It starts from the logit of a class; the paper starts from one unit of some layer.

The rule reaches a ReLU as a module, a function or a method, in place or not, a clamp at 0 and a threshold from 0 to 0,
because the operation is intercepted, not the module.  Libraries that hook modules (captum 0.9.0, zennit 0.5.1,
pytorch-grad-cam 1.5.7) silently use the plain gradient at a ReLU that is a function call, such as DenseNet's last.
Other activations (GELU, SiLU, leaky ReLU, ReLU6) keep their own gradient, and so does a ReLU that is written in another
way, such as ``torch.maximum(x, zeros)`` or ``torch.where(x > 0, x, 0)``.  A compiled model runs uncompiled.

Raises ImagesError, LogitsError and ClassesError for inputs that do not fit; NoRuleError if a ReLU is in a scripted
part; GradientError if the logits do not depend on the image.
"""

from __future__ import annotations

from torch import Tensor, nn

from repro.engine import gradients
from repro.engine.results import Attribution


def guided_backprop(model: nn.Module, images: Tensor, target_classes: Tensor) -> Attribution:
    """Attribution R^0 ``(B, 3, H, W)`` of ``images (B, 3, H, W)``, for one class per image, ``(B,)``."""
    return gradients.pixel_gradient(model, images, target_classes, guided_rule)


# The three rules of Fig. 1: ``signal`` is R^(l+1), sent back to a ReLU; ``passed``, where its input f^l was positive.


def backprop_rule(signal: Tensor, passed: Tensor) -> Tensor:
    return signal * passed  # Eq. (a)


def deconvnet_rule(signal: Tensor, passed: Tensor) -> Tensor:
    return signal.relu()  # Eq. (b)


def guided_rule(signal: Tensor, passed: Tensor) -> Tensor:
    return signal.relu() * passed  # Eq. (c)
