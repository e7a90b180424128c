"""Grad-CAM: where in the image the evidence for a class lies, for any network and any of its layers.

The mean gradient of the class's logit over a feature map says how much the map matters to the class.  The weighted sum
of the maps, with these means as weights, shows where.  No network has to be changed or trained again.

Paper: ``selvaraju2017gradcam``, Sec. 3; sections and equations as in its journal version (IJCV 2020, arXiv v4).

``counterfactual=True`` negates the gradient (Sec. 3.3): the map shows the regions whose removal would raise the logit.

The heatmap is ``(B, 1, h, w)`` on the grid of the feature maps, in logits, and never negative.  If nothing supports the
class, the map stays zero; it is not rescaled to [0, 1], which would show noise.

Differences from the paper:
1. The paper takes the last convolution.  Here, unless a layer is given, the maps are the input of the last pooling over
   positions: the last convolution's after its ReLU, as in the paper's own figures.  The gradient covers what follows
   that pooling; if a network uses these maps before it as well (a second head), give the layer, and all uses count.

At a convolution or BatchNorm that an in-place ReLU follows, maps and gradient are those before the ReLU.
pytorch-grad-cam 1.5.7 keeps the tensor that the ReLU overwrites, and combines maps after it with gradients before it.

The heatmap has the model's dtype; in half precision it is about 0.1% off, in bfloat16 1%.  A compiled model runs
uncompiled.

Raises ImagesError, LogitsError and ClassesError for inputs that do not fit; LayerError for a layer without feature maps
and for scripted models; GradientError if the logits do not depend on the layer.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from repro.engine import gradients
from repro.engine.results import Heatmap


def grad_cam(
    model: nn.Module,
    images: Tensor,
    target_classes: Tensor,
    target_layer: nn.Module | None = None,
    *,
    counterfactual: bool = False,
) -> Heatmap:
    """Maps L^c ``(B, 1, h, w)`` of ``images (B, 3, H, W)``, for one class per image, ``(B,)``: one backward pass.

    ``target_layer`` returns the feature maps A^k; by default they are the input of the last pooling.
    """
    feature_maps, gradient = gradients.layer_gradient(model, images, target_classes, target_layer)
    if counterfactual:
        gradient = -gradient  # Eq. (a)
    return heatmap(feature_maps, gradient)


def heatmap(feature_maps: Tensor, gradient: Tensor) -> Tensor:
    """L^c of the feature maps and the gradient of the logit with respect to them, each ``(B, C, h, w)``."""
    channel_weights = gradient.mean((2, 3))  # Eq. (1)
    return torch.einsum("bkij,bk->bij", feature_maps, channel_weights)[:, None].relu()  # Eq. (2)
