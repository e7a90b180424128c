"""LRP on the scenes: does relevance add up to the logit, and is what it shows what the network depends on?

Conservation is measured on 40 held-out scenes with one object.  An "error" is the largest difference, over images and
layers, between the sum of the relevance and the logit, relative to the mean logit.  The maps are LRP's with alpha 2 and
beta 1, of vgg-scenes on 80 scenes, beside the gradient and a random map.  "energy" is the share of positive values on
the object.  "aopc" is the mean fall of the class's probability while 32 regions of 4 by 4 pixels, an eighth of the
image, are covered in the map's order with the blurred image or with noise.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from repro.attribution.lrp import epsilon_alpha2_beta1, epsilon_gamma_box, epsilon_plus, everywhere, lrp, lrp_at
from repro.engine.relevance_rules import AlphaBeta, Composite, Epsilon, Rule, Zero, ZPlus
from repro.lab import controls, figures, flipping, metrics, networks, photo_panels, scenes


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    one = scenes.one_object(80, seed)
    images, classes = networks.inputs(one.images, one.labels, device)
    model, masks = networks.load("vgg-scenes", seed).to(device), one.class_masks()
    noise = torch.rand(images.shape, generator=torch.Generator().manual_seed(seed)).to(images)
    maps = {
        "lrp": lrp(model, images, classes, epsilon_alpha2_beta1).sum(1, keepdim=True),
        "gradient": controls.saliency(model, images, classes),
        "random": noise[:, :1],
    }
    quantities = {"chance-energy": float(masks.mean())}
    for name, heatmaps in maps.items():
        quantities[f"{name}-energy"] = float(metrics.energy_in_mask(heatmaps, masks).mean())
        for cover, fill in (("blurred", flipping.blurred(images)), ("noise", noise)):
            curves = metrics.pixel_flipping(model, images, classes, heatmaps, fill)
            quantities[f"{name}-{cover}-aopc"] = float((curves[:, :1] - curves).mean())
    return quantities | _conservation(seed, images[:40], classes[:40])


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """Three scenes: relevance by four composites, and the gradient; each map on its own scale."""
    model = networks.load("vgg-scenes", seed).to(device)
    one = scenes.one_object(40, seed).take(np.array([1, 4, 9]))
    images, classes = networks.inputs(one.images, one.labels, device)
    composites = {"LRP-epsilon": everywhere(Epsilon()), "epsilon-plus": epsilon_plus}
    composites |= {"alpha 2, beta 1": epsilon_alpha2_beta1, "epsilon, gamma, z-B": epsilon_gamma_box(-2, 2)}
    maps = {name: lrp(model, images, classes, each).sum(1, keepdim=True) for name, each in composites.items()}
    maps["gradient"] = controls.saliency(model, images, classes)
    maps = {name: heatmaps / heatmaps.abs().amax((1, 2, 3), keepdim=True) for name, heatmaps in maps.items()}
    rows = [
        [figures.Panel(scenes.CLASSES[one.labels[i]], images[i])]
        + [figures.Panel(name, heatmap=heatmaps[i]) for name, heatmaps in maps.items()]
        for i in range(3)
    ]
    return figures.panels(rows, "Layer-wise relevance propagation", "share of the map's largest magnitude")


def photograph() -> photo_panels.Panels:
    return photo_panels.pixels(lrp, signed=True)


def _conservation(seed: int, images: Tensor, classes: Tensor) -> dict[str, float]:
    """Without biases, with biases, and through shortcuts."""
    names = ("bias-free-scenes", "zf-scenes", "residual-scenes")
    free, zf, residual = (networks.load(name, seed).to(images) for name in names)
    layers = [module for module in free.modules() if isinstance(module, nn.Conv2d | nn.Linear | nn.MaxPool2d)]
    rules: dict[str, Rule] = {
        "zero": Zero(),
        "z-plus": ZPlus(),
        "alpha-beta": AlphaBeta(2, 1),
        "epsilon": Epsilon(0.25),
    }
    quantities = {f"{k}-error": _error(free, images, classes, layers, everywhere(rule)) for k, rule in rules.items()}

    pixels = images.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(free(pixels).gather(1, classes[:, None]).sum(), pixels)
    zero = lrp(free, images, classes, everywhere(Zero()))
    difference = zero - gradient * (images - 0.5)  # the network sees (images - 0.5) / 0.25
    quantities["gradient-input-error"] = float(difference.abs().max() / zero.abs().max())

    residual = _without_offsets(residual)
    blocks = [residual.get_submodule(name) for name in ("stem", "blocks.0", "blocks.1", "blocks.2", "pool")]
    quantities["residual-error"] = _error(residual, images, classes, blocks, everywhere(Epsilon()))

    logits = zf(images).gather(1, classes[:, None])[:, 0].detach()
    missing = logits - lrp(zf, images, classes, everywhere(Epsilon())).sum((1, 2, 3))
    return quantities | {"bias-share": float((missing / logits).abs().mean())}


def _error(
    model: nn.Module, images: Tensor, classes: Tensor, layers: Sequence[nn.Module], composite: Composite
) -> float:
    at = [*lrp_at(model, images, classes, layers, composite), lrp(model, images, classes, composite)]
    sums = torch.stack([relevance.flatten(1).sum(1) for relevance in at])
    logits = model(images).gather(1, classes[:, None])[:, 0].detach()
    return float((sums - logits).abs().max() / logits.abs().mean())


def _without_offsets(model: nn.Module) -> nn.Module:
    """A copy without biases, whose BatchNorms only scale."""
    copied = copy.deepcopy(model)
    with torch.no_grad():
        for name, value in (*copied.named_parameters(), *copied.named_buffers()):
            if name.endswith(("bias", "running_mean")):
                value.zero_()
    return copied
