"""Network inversion of a small network's layers and of HOG: what comes back, and what the priors contribute."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from repro.engine.hog import Hog
from repro.engine.representations import representation
from repro.inversion.network_inversion import RATES, network_inversion
from repro.lab import figures, metrics, networks, photo_panels, scenes

LAYERS = {  # of zf-scenes, by AlexNet's names
    "relu1": "features.1",
    "pool2": "features.5",
    "relu5": "features.11",
    "relu6": "classifier.1",
    "fc8": "classifier.4",
}
SHORT = (4e-3,) * 100 + (4e-4,) * 50


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """The claims' quantities on eight held-out scenes with one object, zf-scenes; HOG on the same scenes in grey.

    Errors are squared distances as a share of the mean squared distance between two of 200 such scenes (the authors'
    normalisation): another scene has 1.  "feature-error" is of the layer or of HOG, "image-error" of the pixels,
    "colour-error" of the mean colour.  The descent has 150 steps; "long" has the paper's 400.
    """
    model, other = (networks.load(name, seed).to(device) for name in ("zf-scenes", "gap-scenes"))
    one = scenes.one_object(200, seed)
    every, _ = networks.inputs(one.images, one.labels, device)
    images, masks = every[:8], one.class_masks()[:8]
    grey, another = torch.full_like(images, 0.5), every[8:16]

    def invert(layer: str, **options: Any) -> Tensor:
        return network_inversion(model, images, model.get_submodule(LAYERS[layer]), **({"rates": SHORT} | options))

    def feature_error(layer: str, pre_images: Tensor) -> float:
        target = model.get_submodule(LAYERS[layer])
        return metrics.relative_error(lambda given: representation(model, given, target), pre_images, images, every)

    found = {name: invert(name) for name in LAYERS}
    varied = {f"{layer}-range-only": invert(layer, lambda_tv=0.0) for layer in ("relu1", "pool2")}
    varied["pool2-no-prior"] = invert("pool2", lambda_alpha=0.0, lambda_tv=0.0)
    strengths = {f"relu1-{name}": invert("relu1", lambda_tv=tv) for name, tv in (("weak", 0.05), ("strong", 5.0))}
    long = invert("relu5", rates=RATES)
    quantities = {f"{name}-feature-error": feature_error(name, each) for name, each in found.items()}
    kept = {f"{name}-class-kept": _same_class(model, each, images) for name, each in found.items()}
    quantities |= {"largest-feature-error": max(quantities.values()), "smallest-class-kept": min(kept.values())} | kept
    for name, each in (found | varied | {"grey": grey, "another-scene": another, "relu5-long": long}).items():
        quantities[f"{name}-image-error"] = metrics.relative_error(nn.Flatten(), each, images, every)
    quantities |= {f"{name}-feature-error": feature_error("relu1", each) for name, each in strengths.items()}
    for name, each in (found | {"another-scene": another, "image": images}).items():
        quantities[f"{name}-position"] = metrics.unusual_colour_auc(each, masks)
    for name, each in (found | {"grey": grey}).items():
        quantities[f"{name}-colour-error"] = metrics.relative_error(
            lambda given: given.mean((2, 3)), each, images, every
        )
    quantities["relu5-class-kept-for-another-network"] = _same_class(other, found["relu5"], images)
    for layer in ("relu1", "relu5"):
        quantities[f"{layer}-spread"] = metrics.relative_error(nn.Flatten(), invert(layer, seed=1), found[layer], every)
    pool1 = model.get_submodule("features.2")
    for beta in (1, 2):
        spiky = network_inversion(model, images, pool1, beta=beta, rates=SHORT)
        quantities[f"pool1-beta-{beta}-spikes"] = metrics.laplacian_spikes(spiky)
    in_grey = every.mean(1, keepdim=True)
    for name, hog in (("hog", Hog()), ("bilinear-hog", Hog(bilinear=True))):
        each = network_inversion(hog, in_grey[:8], hog, rates=SHORT)
        quantities[f"{name}-feature-error"] = metrics.relative_error(
            nn.Sequential(hog, nn.Flatten()), each, in_grey[:8], in_grey
        )
    return quantities


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """Two scenes as five layers of zf-scenes keep them, and what the priors put in place of what the first does not."""
    model = networks.load("zf-scenes", seed).to(device)
    one = scenes.one_object(200, seed).take(np.array([0, 3]))
    images, _ = networks.inputs(one.images, one.labels, device)

    def invert(title: str, layer: str, given: Tensor = images, **options: Any) -> list[figures.Panel]:
        found = network_inversion(model, given, model.get_submodule(layer), rates=SHORT, **options)
        return [figures.Panel(title, each.clamp(0, 1)) for each in found]

    columns = [[figures.Panel(scenes.CLASSES[label], image) for label, image in zip(one.labels, images, strict=True)]]
    columns += [invert(name, layer) for name, layer in LAYERS.items()]
    rows = [list(row) for row in zip(*columns, strict=True)]
    priors: dict[str, dict[str, float]]
    priors = {"no prior": {"lambda_alpha": 0, "lambda_tv": 0}, "range only": {"lambda_tv": 0}}
    priors |= {f"λ = {tv:g}": {"lambda_tv": tv} for tv in (0.05, 0.5, 5)}
    by_prior = [invert(f"relu1, {name}", "features.1", images[:1], **each)[0] for name, each in priors.items()]
    title = "Network inversion: images that a layer can hardly tell from the given one"
    return figures.panels([*rows, [rows[0][0], *by_prior]], title)


def photograph() -> photo_panels.Panels:
    """What is left of a cat in an early and in a deep layer."""
    images, model = photo_panels.view("cat"), photo_panels.network()
    layers = [model.get_submodule(name) for name in ("blocks.1", "blocks.4")]
    return [images[0], *(network_inversion(model, images, each, rates=RATES[::3])[0] for each in layers)]


@torch.no_grad()
def _same_class(model: nn.Module, pre_images: Tensor, images: Tensor) -> float:
    return float((model(pre_images).argmax(1) == model(images).argmax(1)).float().mean())
