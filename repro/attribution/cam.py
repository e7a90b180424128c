"""Class activation mapping (CAM): where in the image the evidence for a class lies.

A network that ends in global average pooling and one linear layer scores a class as a weighted mean over all positions
of its feature maps.  CAM stops before the mean, which leaves one score for each position.

Paper: ``zhou2016learning``, Sec. 2.

The heatmap is ``(B, 1, h, w)`` on the grid of the feature maps, in logits and signed: negative values are evidence
against the class.

Differences from the paper:
1. The paper sums over positions, networks take the mean: here the *mean* of the map is the class's logit.
2. A bias of the linear layer is not part of the map (the paper sets it to zero); the mean is the logit without it.
3. The paper replaces the top of AlexNet, VGG and GoogLeNet and trains it again.  Here the network must already end that
   way, which is checked on its own numbers by Eq. (1).

Raises ImagesError, LogitsError and ClassesError for inputs that do not fit; LayerError if the logits are not a linear
layer of the means of the feature maps.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from repro.engine import checks, pooling, watching
from repro.engine.errors import LayerError
from repro.engine.results import Heatmap


@torch.no_grad()
def cam(model: nn.Module, images: Tensor, target_classes: Tensor, target_layer: nn.Module | None = None) -> Heatmap:
    """Class activation maps M_c ``(B, 1, h, w)`` of ``images (B, 3, H, W)``, for one class per image, ``(B,)``.

    ``target_layer`` returns the feature maps f_k; by default they are the input of the last pooling.
    """
    checks.check_images(images)
    layers = [target_layer] if target_layer else []
    with watching.observing(model, *layers, gradients=False) as outputs, pooling.Head() as head:
        logits = model(images)
    classes = checks.class_indices(target_classes, logits)
    feature_maps = outputs[0] if target_layer else head.feature_maps
    if head.linear is None or feature_maps is None or feature_maps.dim() != 4:
        raise LayerError("CAM needs a network that ends in global average pooling and a linear layer")
    weight, bias = head.linear
    _check_head(feature_maps, weight, bias, logits)
    return class_activation_map(feature_maps, weight[classes])


def class_activation_map(feature_maps: Tensor, class_weights: Tensor) -> Tensor:
    """M_c of feature maps ``(B, C, h, w)`` and the weights of each image's class, ``(B, C)``."""
    return torch.einsum("bkyx,bk->byx", feature_maps, class_weights)[:, None]  # Eq. (2)


def _check_head(feature_maps: Tensor, weight: Tensor, bias: Tensor | None, logits: Tensor) -> None:
    """LayerError unless the logits are those of Eq. (1), whatever the model does between feature maps and logits."""
    if feature_maps.shape[1] == weight.shape[1] and logits.shape[1:] == weight.shape[:1]:
        if not len(logits):
            return  # empty batch: nothing to check
        pooled = feature_maps.mean((2, 3))  # Eq. (a), divided by the number of positions
        scores = pooled @ weight.T  # Eq. (1)
        expected = logits if bias is None else logits - bias
        rounding = 16 * torch.finfo(logits.dtype).eps
        allowed = max(1e-3, rounding) * expected.abs().max() + rounding * logits.abs().max()
        if (scores - expected).abs().max() <= allowed:
            return
    raise LayerError("CAM does not apply: the logits are not a linear layer of the means of these feature maps")
