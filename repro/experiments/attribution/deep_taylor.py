"""Deep Taylor decomposition: is relevance conserved and positive, on the object, and of the class that was asked for?

On 40 held-out scenes with one object.  "error" is the largest gap between the sum of the relevance and the logit,
relative to the mean logit, and "lowest" the lowest relevance over the highest, before negative values are cut off, both
on bias-free-scenes.  "lost" is the share of the logit that no pixel gets on vgg-scenes, which has biases.  "auc" tells
pixels of the object from others there: "taylor" is simple Taylor decomposition, gradient times image less grey,
"sensitivity" the squared gradient, "blurred" the gradient's size averaged over 5 by 5 pixels.  "of-two-classes" is the
rank correlation of a scene's maps for its class and for the one that comes second.
"""

from __future__ import annotations

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn import functional

from repro.attribution.deep_taylor import deep_taylor, first_bounds, taylor
from repro.attribution.grad_cam import grad_cam
from repro.attribution.lrp import everywhere, first, lrp
from repro.engine import gradients
from repro.engine.relevance_rules import WSquare, ZPlus
from repro.lab import controls, figures, metrics, networks, photo_panels, protocols, scenes

METHODS: dict[str, protocols.Method] = {
    "deep-taylor": deep_taylor,
    "taylor": lambda model, images, classes: gradients.pixel_gradient(model, images, classes) * (images - 0.5),
    "sensitivity": lambda model, images, classes: gradients.pixel_gradient(model, images, classes).square(),
}


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    one = scenes.one_object(40, seed)
    images, classes = networks.inputs(one.images, one.labels, device)
    free, vgg = (networks.load(name, seed).to(device) for name in ("bias-free-scenes", "vgg-scenes"))
    relevance = lrp(free, images, classes, taylor(*first_bounds(free, images, 0.0, 1.0)))
    logits, with_biases = (_logits(model, images).gather(1, classes[:, None])[:, 0] for model in (free, vgg))
    maps = {name: method(vgg, images, classes).sum(1, keepdim=True) for name, method in METHODS.items()}
    shares = maps["deep-taylor"].sum((1, 2, 3)) / with_biases
    blurred = functional.avg_pool2d(controls.saliency(vgg, images, classes), 5, 1, 2)
    auc = maps | {"blurred": blurred, "edges": controls.edges(images)}
    found = {f"{name}-auc": float(metrics.pixel_auc(each, one.class_masks()).mean()) for name, each in auc.items()}
    second = _logits(free, images).scatter(1, classes[:, None], -torch.inf).argmax(1)
    for name, method in {"deep-taylor": METHODS["deep-taylor"], "grad-cam": grad_cam}.items():
        both = (method(free, images, each).sum(1, keepdim=True) for each in (classes, second))
        found[f"{name}-of-two-classes"] = float(metrics.rank_correlation(*both).mean())
    return found | {
        "error": float((relevance.sum((1, 2, 3)) - logits).abs().max() / logits.mean()),
        "lowest": float(relevance.min() / relevance.max()),
        "lost": float((1 - shares).mean()),
    }


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """Three scenes: z-B and w-square in the first layer, the map for another class, simple Taylor decomposition."""
    model, one = networks.load("bias-free-scenes", seed).to(device), scenes.one_object(10, seed)
    images, classes = networks.inputs(one.images[[1, 4, 9]], one.labels[[1, 4, 9]], device)
    second = _logits(model, images).scatter(1, classes[:, None], -torch.inf).argmax(1)
    maps = {
        "deep Taylor, z-B": deep_taylor(model, images, classes),
        "w-square": lrp(model, images, classes, first(WSquare(), everywhere(ZPlus()))),
        "second class, z-B": deep_taylor(model, images, second),
        "simple Taylor": METHODS["taylor"](model, images, classes),
    }
    totals = {name: each.sum(1, keepdim=True) for name, each in maps.items()}
    rows = [
        [figures.Panel(scenes.CLASSES[classes[i]], images[i])]
        + [figures.Panel(name, heatmap=each[i] / each[i].abs().max()) for name, each in totals.items()]
        for i in range(3)
    ]
    return figures.panels(rows, "Deep Taylor decomposition", "share of the map's largest magnitude, colours summed")


def photograph() -> photo_panels.Panels:
    return photo_panels.pixels(deep_taylor)


@torch.no_grad()
def _logits(model: nn.Module, images: Tensor) -> Tensor:
    logits: Tensor = model(images)
    return logits
