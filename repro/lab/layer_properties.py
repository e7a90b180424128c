"""What changes from layer to layer: invariance, the course of training, correspondence of parts.

The other experiments of Zeiler and Fergus, next to their deconvnet: three functions that measure, and the numbers of
the deconvnet's claims that come from them.

Paper: ``zeiler2014visualizing`` (sections and figures as on arXiv).  In its symbols, x_i^l is the feature vector of
image i in layer l, and x~_i^l that of the same image with a part covered:

    invariance        ||x^l(moved image) - x^l(image)||, for shifts, scales and rotations               (Fig. 5)
    correspondence    epsilon_i^l = x_i^l - x~_i^l
                      Delta_l = sum_(i,j, i != j) H(sign(epsilon_i^l), sign(epsilon_j^l))            (Sec. 4.3)

with Hamming distance H.  A low Delta says that covering this part changes all images' features in the same way.

Differences from the paper:
1. Distances are divided by the mean distance between different images, so that layers can be compared.
2. Delta is a mean, over pairs and over features, and so a share between 0 and 1.
3. Moving an image continues its border outwards; the paper does not say what it fills with.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from repro.engine import watching
from repro.lab import digits, networks, scenes

_MODULES = ("features.2", "features.5", "features.7", "features.9", "features.12", "classifier.1", "classifier.3")
# the paper's seven layers in zf-scenes, each after its ReLU and its pooling
LAYERS = {str(number): name for number, name in enumerate(_MODULES, 1)}
DIGITS = {"1": "features.2", "2": "features.5", "3": "classifier.1"}  # of lenet-digits, likewise


def features(model: nn.Module, images: Tensor, layers: Sequence[nn.Module]) -> tuple[list[Tensor], Tensor]:
    """Feature vectors x^l ``(B, D_l)`` of each layer, and the logits ``(B, K)``."""
    with torch.no_grad(), watching.evaluating(model), watching.activations(model, *layers) as outputs:
        logits = model(images)
    return [output.flatten(1) for output in outputs], logits


def moved(images: Tensor, shift: float = 0.0, scale: float = 1.0, angle: float = 0.0) -> Tensor:
    """Images ``(B, C, H, W)`` shifted down by pixels, enlarged about the middle, turned by degrees anticlockwise."""
    cos, sin = (f(math.radians(angle)) / scale for f in (math.cos, math.sin))
    aspect = images.shape[2] / images.shape[3]  # the grid's units are half the height and half the width
    inverse = images.new_tensor([[cos, -sin * aspect, 0.0], [sin / aspect, cos, 0.0]])
    inverse[:, 2] -= inverse[:, 1] * 2 * shift / images.shape[2]
    grid = functional.affine_grid(inverse.expand(len(images), 2, 3), list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)


def changes(first: Tensor, second: Tensor) -> Tensor:
    """Distance of feature vectors ``(B, D)`` pair by pair, ``(B,)``: 1 is that of two different images (Fig. 5)."""
    count = len(first)
    typical = torch.cdist(first, first).sum() / (count * (count - 1))
    distances: Tensor = (first - second).norm(dim=1)
    return distances / typical.clamp_min(1e-12)


def inconsistency(whole: Tensor, covered: Tensor) -> Tensor:
    """Delta_l of feature vectors ``(B, D)`` of B images, whole and with a part covered: a share, lower is tighter."""
    signs = (whole - covered).sign()  # sign(epsilon_i)
    differing = (signs[:, None] != signs[None]).to(whole).mean(2)  # H, as a share of the features
    return differing.sum() / (len(signs) * (len(signs) - 1))  # the diagonal is zero


def invariance(seed: int, device: str) -> dict[str, float]:
    """On 100 scenes with one object; rotation also on digits, which have an upright."""
    model = networks.load("zf-scenes", seed).to(device)
    one = scenes.one_object(100, seed)
    images, classes = networks.inputs(one.images, one.labels, device)
    layers = [model.get_submodule(name) for name in LAYERS.values()]
    whole, logits = features(model, images, layers)
    kept = {"": _sure(logits, classes)}
    found = {}
    for name, small, large in (("shift", 2.0, 4.0), ("scale", 1.1, 1.2), ("angle", 10.0, 90.0)):
        for size, amount in (("small", small), ("large", large)):
            changed, logits = features(model, moved(images, **{name: amount}), layers)
            kept[f"{size}-{name}"] = _sure(logits, classes)
            if size == "small":
                for layer, before, after in zip(LAYERS, whole, changed, strict=True):
                    found[f"{name}-layer-{layer}"] = float(changes(before, after).mean())
        found[f"{name}-layer-1-minus-7"] = found[f"{name}-layer-1"] - found[f"{name}-layer-7"]
        found[f"{name}-probability-kept"] = kept[f"large-{name}"] / kept[""]
    found["shift-minus-angle-probability-kept"] = found["shift-probability-kept"] - found["angle-probability-kept"]
    for name, amounts in (("shift", np.arange(0, 18, 2.0)), ("scale", np.linspace(1, 1.8, 9))):
        first, last = _straightness(model, images, [layers[0], layers[-1]], name, amounts)
        found |= {f"{name}-straightness": last, f"{name}-straighter-than-layer-1": last - first}
    return found | _upright(seed, device)


def _straightness(
    model: nn.Module, images: Tensor, layers: Sequence[nn.Module], name: str, amounts: NDArray[np.float64]
) -> list[float]:
    """For each layer: how much of its mean changes a straight line from the unmoved image explains, R squared."""
    whole, _ = features(model, images, layers)
    means = []
    for amount in amounts:
        changed, _ = features(model, moved(images, **{name: float(amount)}), layers)
        means.append([float(changes(*pair).mean()) for pair in zip(whole, changed, strict=True)])
    by_layer, steps = np.array(means), (amounts - amounts[0])[:, None]
    lines = steps * (steps * by_layer).sum(0) / np.square(steps).sum()
    residual = np.square(by_layer - lines).sum(0) / np.square(by_layer - by_layer.mean(0)).sum(0)
    return [float(1 - each) for each in residual]


def _sure(logits: Tensor, classes: Tensor) -> float:
    return float(logits.softmax(1).gather(1, classes[:, None]).mean())


def _upright(seed: int, device: str) -> dict[str, float]:
    """Digits upside down: how many are still recognised, of those that look the same and of those that do not."""
    model = networks.load("lenet-digits", seed).to(device)
    some = digits.load(500, seed)
    images, classes = networks.inputs(some.images, some.labels, device)
    turned = moved(images, angle=180)
    alike = functional.cosine_similarity(images.flatten(1), turned.flatten(1))
    with torch.no_grad():
        right = (model(turned).argmax(1) == classes).float()
        sideways = (model(moved(images, angle=90)).argmax(1) == classes).float()
        shifted = (model(moved(images, shift=2)).argmax(1) == classes).float()
    symmetric = alike > alike.median()
    return {
        "digits-shifted-minus-turned": float(shifted.mean() - sideways.mean()),
        "digits-symmetric-upside-down": float(right[symmetric].mean()),
        "digits-symmetric-minus-other-upside-down": float(right[symmetric].mean() - right[~symmetric].mean()),
    }


def correspondence(seed: int, device: str) -> dict[str, float]:
    """Delta_l on digits, which have an upright as the paper's dogs have: three parts of each class, 4 times 5 images.

    A part is the place where the class's mean image is brightest, in its upper, middle and lower third; it is covered
    with a grey square.  "random" covers a random place of each digit, "place" the part's place in digits of any class.
    """
    model = networks.load("lenet-digits", seed).to(device)
    some = digits.load(500, seed)
    images, classes = networks.inputs(some.images, some.labels, device)
    layers = [model.get_submodule(name) for name in DIGITS.values()]
    rng = np.random.default_rng(seed)
    found: dict[str, list[list[float]]] = {"part": [], "random": [], "place": []}
    for digit in range(10):
        own = images[classes == digit]
        mean = own.mean(0)[0].cpu().numpy()
        for top in (2, 10, 18):
            row, column = divmod(int(mean[top : top + 8].argmax()), digits.SIZE)
            for start in range(0, 20, 5):
                five, any_five = own[start : start + 5], images[rng.choice(len(images), 5, replace=False)]
                strokes = [np.argwhere(image[0] > 0.5) for image in five.cpu().numpy()]
                anywhere = np.array([stroke[rng.integers(len(stroke))] for stroke in strokes])
                part = np.tile([top + row, column], (5, 1))
                for name, covered, at in (("part", five, part), ("random", five, anywhere), ("place", any_five, part)):
                    pairs = (features(model, each, layers)[0] for each in (covered, _covered(covered, at)))
                    found[name].append([float(inconsistency(*pair)) for pair in zip(*pairs, strict=True)])
    means = {name: dict(zip(DIGITS, np.mean(each, 0), strict=True)) for name, each in found.items()}
    quantities = {f"{name}-delta-layer-{layer}": float(each[layer]) for name, each in means.items() for layer in DIGITS}
    for layer in ("2", "3"):
        for control in ("random", "place"):
            difference = float(means[control][layer] - means["part"][layer])
            quantities[f"{control}-minus-part-delta-layer-{layer}"] = difference
    narrower = quantities["random-minus-part-delta-layer-2"] - quantities["random-minus-part-delta-layer-3"]
    return quantities | {"delta-gap-narrows": narrower}


def _covered(images: Tensor, centres: NDArray[np.int64]) -> Tensor:
    """A grey square of 7 by 7 pixels about one place of each image."""
    covered = images.clone()
    for image, (row, column) in zip(covered, centres, strict=True):
        image[:, max(row - 3, 0) : row + 4, max(column - 3, 0) : column + 4] = 0.5
    return covered
