"""Guided Grad-CAM: the fine edges of guided backpropagation, kept where Grad-CAM sees evidence for the class.

Grad-CAM shows where, but coarsely; guided backpropagation is sharp, but hardly depends on the class.  Their product is
sharp and follows the class.

Paper: ``selvaraju2017gradcam``, Sec. 3.2 and Fig. 2; sections as in its journal version (IJCV 2020, arXiv v4).

The attribution is ``(B, 3, H, W)``, signed as guided backpropagation is; its size has no meaningful unit.  What keeps
guided backpropagation from explaining the network holds for the edges shown here too: only where they are shown
depends on the class.

Raises what Grad-CAM and guided backpropagation raise.
"""

from __future__ import annotations

from torch import Tensor, nn

from repro.attribution.grad_cam import heatmap
from repro.attribution.guided_backprop import backprop_rule, guided_rule
from repro.engine import checks, gradients, pooling, relu_rules, watching
from repro.engine.heatmaps import upsample
from repro.engine.results import Attribution


def guided_grad_cam(
    model: nn.Module, images: Tensor, target_classes: Tensor, target_layer: nn.Module | None = None
) -> Attribution:
    """Attribution ``(B, 3, H, W)`` of ``images (B, 3, H, W)``, for one class per image, ``(B,)``.

    ``target_layer`` is Grad-CAM's; by default its maps are the input of the last pooling.  One forward pass serves two
    backward passes: the plain one to the feature maps, the guided one to the pixels.
    """
    with watching.observing(model), relu_rules.ReluRule(backprop_rule) as relus:
        pixels = watching.pixels(images)
        with pooling.maps_and_logits(model, pixels, target_layer, to_pixels=True) as (feature_maps, logits):
            classes = checks.class_indices(target_classes, logits)
            relu_rules.check_ruled(logits)
            gradient = gradients.gradient(logits, classes, feature_maps, retain_graph=True)
            relus.rule = guided_rule
            guided = gradients.gradient(logits, classes, pixels)
    coarse = heatmap(feature_maps.detach(), gradient)
    return upsample(coarse, images.shape[2:]) * guided  # Eq. (a)
