"""Guided backpropagation: a picture of the edges and textures that excite a unit, with what would inhibit it left out.

It is the gradient of a class's logit with respect to the image but for one thing: on its way back through a ReLU, only
what is positive is let through, and only where the ReLU itself was on.

Paper: ``springenberg2015striving``.  In its symbols (Fig. 1), f_i is the input of a ReLU, R_i^l what is sent back to
layer l:

    backpropagation          R_i^l = (f_i^l > 0) R_i^(l+1)
    deconvnet                R_i^l = (R_i^(l+1) > 0) R_i^(l+1)
    guided backpropagation   R_i^l = (f_i^l > 0) (R_i^(l+1) > 0) R_i^(l+1)

The attribution is ``(B, 3, H, W)``, signed, in logits per unit of the image's values.  It explains less than it shows:
the picture hardly depends on the class (Selvaraju et al. 2017) nor on what the upper layers have learned (Adebayo et
al. 2018), and this module measures both.

Differences from the paper:
1. It starts from a single unit of some layer; here from the logit of a class.

The rule reaches a ReLU as a module, a function or a method, in place or not, a clamp at 0 and a threshold from 0 to 0:
the operation is intercepted, not the modules. Libraries that hook modules (captum 0.9.0, zennit 0.5.1, pytorch-grad-cam
1.5.7) silently use the plain gradient at a ReLU that is a function call, such as DenseNet's last. Other activations
(GELU, SiLU, leaky ReLU, ReLU6) keep their own gradient, and so does a ReLU that is written in another way, such as
``torch.maximum(x, zeros)`` or ``torch.where(x > 0, x, 0)``. A compiled model runs as it was written; a ReLU in a
scripted part can't be reached.

Raises ValueError if images or classes do not fit, and if a ReLU is in a scripted part.
"""

from __future__ import annotations

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from repro.engine import checks, gradients, relu_rules, watching
from repro.lab import controls, figures, metrics, networks, scenes


def guided_backprop(model: nn.Module, images: Tensor, target_classes: Tensor) -> Tensor:
    """Attribution R^0 ``(B, 3, H, W)`` of ``images (B, 3, H, W)`` for one class an image, ``(B,)``."""
    return ruled_gradient(model, images, target_classes, guided_rule)


def guided_rule(relevance: Tensor, passed: Tensor) -> Tensor:
    return relevance.relu() * passed  # R^l = (f^l > 0) (R^(l+1) > 0) R^(l+1)


def deconvnet_rule(relevance: Tensor, passed: Tensor) -> Tensor:
    return relevance.relu()  # R^l = (R^(l+1) > 0) R^(l+1)


def backprop_rule(relevance: Tensor, passed: Tensor) -> Tensor:
    return relevance * passed  # R^l = (f^l > 0) R^(l+1)


def ruled_gradient(model: nn.Module, images: Tensor, target_classes: Tensor, rule: relu_rules.Rule) -> Tensor:
    """The logit's gradient, with this rule at every ReLU."""
    checks.check_images(images)
    with torch.inference_mode(False), torch.enable_grad(), watching.evaluating(model), watching.frozen(model):
        pixels = images.detach().clone().requires_grad_()
        with relu_rules.ReluRule(rule):
            logits = model(pixels)
            classes = checks.class_indices(target_classes, logits)
            relu_rules.check_ruled(logits)
            return gradients.gradient(logits, classes, pixels)


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """The claims' numbers on 300 held-out scenes of all kinds and 300 with objects of two classes.

    "mass" is the share of a map's size, summed over the colours, that lies on the objects of the class; gap-scenes has
    no maximum pooling, fc-scenes has.  Similarities are rank correlations of the maps, pooled to 16 by 16 places.
    """
    held_out, two = scenes.load(2000, seed), scenes.load(400, seed, two_classes=True)
    masks = held_out.class_masks()[:300]
    images, classes = networks.inputs(held_out.images[:300], held_out.labels[:300], device)
    quantities = {"area": float(masks.mean())}
    for name, network in (("gap", "gap-scenes"), ("fc", "fc-scenes")):
        model = networks.load(network, seed).to(device)
        shares = {}
        for what, rule in (("guided", guided_rule), ("backprop", backprop_rule), ("deconvnet", deconvnet_rule)):
            found = metrics.channel_size(ruled_gradient(model, images, classes, rule))
            shares[what] = float(metrics.mass_in_mask(found, masks).mean())
        quantities |= {f"{name}-{what}-mass": share for what, share in shares.items()}
        for control in ("backprop", "deconvnet"):
            quantities[f"{name}-guided-minus-{control}-mass"] = shares["guided"] - shares[control]

    model = networks.load("fc-scenes", seed).to(device)
    forgetful = controls.randomised(model, "classifier.0", "classifier.2")
    pair, first = networks.inputs(two.images[:300], two.instance_classes[:300, 0], device)
    second = torch.from_numpy(two.instance_classes[:300, 1]).to(device)
    for name, rule in (("guided", guided_rule), ("backprop", backprop_rule)):
        maps = [ruled_gradient(model, pair, each, rule) for each in (first, second)]
        quantities[f"{name}-of-two-classes"] = _similarity(*maps)
        maps = [ruled_gradient(each, images, classes, rule) for each in (model, forgetful)]
        quantities[f"{name}-randomised"] = _similarity(*maps)
    difference = quantities["guided-randomised"] - quantities["backprop-randomised"]
    return quantities | {"guided-minus-backprop-randomised": difference}


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """Three scenes: the gradient, the deconvnet's rule, guided backpropagation, and that with the head forgotten."""
    model = networks.load("fc-scenes", seed).to(device)
    forgetful = controls.randomised(model, "classifier.0", "classifier.2")
    one = scenes.one_object(3, seed)
    images, classes = networks.inputs(one.images, one.labels, device)
    columns = {
        "gradient": ruled_gradient(model, images, classes, backprop_rule),
        "deconvnet": ruled_gradient(model, images, classes, deconvnet_rule),
        "guided": ruled_gradient(model, images, classes, guided_rule),
        "guided, head forgotten": ruled_gradient(forgetful, images, classes, guided_rule),
    }
    rows = [
        [figures.Panel(scenes.CLASSES[one.labels[i]], images[i])]
        + [figures.Panel(title, heatmap=_shown(maps)[i]) for title, maps in columns.items()]
        for i in range(3)
    ]
    return figures.panels(rows, "Guided backpropagation", "share of the map's maximum, colours summed")


def _shown(attribution: Tensor) -> Tensor:
    """Signed, its colours summed, each map on its own scale."""
    signed = attribution.sum(1, keepdim=True)
    return signed / signed.abs().amax((1, 2, 3), keepdim=True).clamp_min(1e-12)


def _similarity(first: Tensor, second: Tensor) -> float:
    pooled = [nn.functional.avg_pool2d(metrics.channel_size(each), 4) for each in (first, second)]
    return float(metrics.rank_correlation(*pooled).mean())
