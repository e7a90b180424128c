"""Network inversion: an image that a layer can't tell from the given one, found by descent from noise.

What differs between the two is what the layer does not keep; priors of natural images decide what is put in its place.

Paper: ``mahendran2015understanding``.  In its symbols, Phi is the representation (a layer, or HOG), Phi_0 that of the
image x_0, sigma the norm of an average image, so that x, the image less mid-grey, has norms of about one:

    x* = argmin ||Phi(sigma x) - Phi_0||^2 / ||Phi_0||^2 + lambda_alpha R_alpha(x) + lambda_V R_V(x)     (objective)
    R_alpha(x) = ||x||_alpha^alpha                                                                      (range)
    R_V(x) = sum_ij ((x_i,j+1 - x_ij)^2 + (x_i+1,j - x_ij)^2)^(beta / 2)                                 (variation)
    mu_t+1 = m mu_t - eta_t grad E(x_t),   x_t+1 = x_t + mu_t+1                                          (descent)

with alpha = 6, beta = 2, m = 0.9, eta = 0.004 for 100 steps, a tenth of it for 200, a hundredth for 100; the momentum
starts anew when the rate falls.  lambda_V is 0.5, 5, 50 in the lower, middle and upper third of the paper's network.
These constants are those of the authors' code (deep-goggle, ``invert_nn.m`` and ``experiment_cnn.m``), in the
objective's units: that code divides the priors by 2 sigma^2 and multiplies the rate by sigma^2.

The pre-image is ``(B, C, H, W)`` in the images' units, [0, 1], and not clipped: the prior holds it near that range.
Nothing is known of the image but its representation: where the layer keeps no colour, the pre-image is grey.

Differences from the paper:
1. lambda_alpha is stated for a mean over the N values of an image and multiplied by N^(alpha/2 - 1), lambda_V likewise
   (by 1 at beta = 2), so that both mean the same at any size: 0.009 is the paper's 2.16e8 at its N = 227 * 227 * 3.
2. lambda_V is 0.5 at every layer, unless told otherwise, so that layers can be compared.
3. No single step is longer than 0.02, a fiftieth of the start's norm.  Noise excites these networks' upper layers so
   much that at the paper's rate the first steps would otherwise leave all bounds.
4. The start is the same noise for every image of a batch: each comes out as it would alone.

The variation has both directions.  pytorch-cnn-visualizations takes the differences of a ``(1, 3, H, W)`` tensor one
dimension too early, between colours and between rows: an image that varies along its width alone has none there.

Raises ValueError if the layer is not of this model, does not run, or has no gradient back to the image; if it returns
nothing but zeros; if images or rates do not fit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor, nn

from repro.engine import checks, watching
from repro.engine.hog import Hog
from repro.lab import figures, metrics, networks, scenes

MOMENTUM = 0.9
RATES = (4e-3,) * 100 + (4e-4,) * 200 + (4e-5,) * 100
STEP = 0.02


def network_inversion(
    model: nn.Module,
    images: Tensor,
    target_layer: nn.Module,
    *,
    lambda_alpha: float = 0.009,
    lambda_tv: float = 0.5,
    alpha: float = 6,
    beta: float = 2,
    sigma: float = 0.27,
    rates: Sequence[float] | Tensor = RATES,
    seed: int = 0,
    report: Callable[[float], None] = lambda share: None,
) -> Tensor:
    """Pre-images x* ``(B, C, H, W)`` of what ``target_layer`` returns for ``images (B, C, H, W)`` in [0, 1].

    The layer may return maps or vectors; if it runs more than once, the first time counts, and nothing after it is
    computed.  ``sigma`` is the root mean square of an average image's values about mid-grey, 0.27 as the authors
    measured it.  Each rate is one step of the descent.  Another ``seed`` starts elsewhere and may end elsewhere.
    """
    checks.check_images(images)
    if images.dtype == torch.float16:
        raise ValueError("float16 has no room for the priors' weights: give the images and the model in float32")
    rates = [float(rate) for rate in rates]
    if not rates or not all(0 < rate < math.inf for rate in rates):
        raise ValueError("rates must be positive numbers, one for each step of the descent")
    with torch.inference_mode(False), torch.enable_grad(), watching.evaluating(model), watching.frozen(model):
        target = _representation(model, images.detach().clone(), target_layer).detach()
        energy = target.square().sum(1)  # ||Phi_0||^2
        if not (energy > 0).all():
            raise ValueError(
                "the layer returns nothing but zeros for an image, which any image may have: choose another"
            )
        values = images.shape[1:].numel()
        scale = sigma * math.sqrt(values)
        x = _start(images, seed)
        velocity, last = torch.zeros_like(x), rates[0]
        for step, rate in enumerate(rates):
            x.requires_grad_()
            found = _representation(model, 0.5 + scale * x, target_layer)
            objective = (found - target).square().sum(1) / energy
            if lambda_alpha:
                objective = objective + lambda_alpha * values ** (alpha / 2 - 1) * _range(x, alpha)
            if lambda_tv:
                objective = objective + lambda_tv * values ** (beta / 2 - 1) * total_variation(x, beta)
            velocity = _momentum(velocity if rate == last else torch.zeros_like(x), _gradient(objective, x), rate)
            x, last = x.detach() + velocity, rate
            report((step + 1) / len(rates))
        pre_images: Tensor = 0.5 + scale * x
        return pre_images


def total_variation(images: Tensor, beta: float = 2) -> Tensor:
    """R_V ``(B,)`` of ``images (B, C, H, W)``, summed over places and colours; beyond the border nothing changes."""
    right = nn.functional.pad(images.diff(dim=3), (0, 1))
    down = nn.functional.pad(images.diff(dim=2), (0, 0, 0, 1))
    squares: Tensor = right.square() + down.square()
    if beta != 2:  # where nothing changes a smaller power has no gradient
        squares = torch.where(squares > 0, squares, 1).pow(beta / 2) * (squares > 0)
    return squares.sum((1, 2, 3))


def _range(x: Tensor, alpha: float) -> Tensor:
    return x.abs().pow(alpha).sum((1, 2, 3))  # R_alpha


def _gradient(objective: Tensor, x: Tensor) -> Tensor:
    return torch.autograd.grad(objective.sum(), x)[0]  # an image's objective depends on no other image


def _momentum(velocity: Tensor, gradient: Tensor, rate: float) -> Tensor:
    length = rate * gradient.flatten(1).norm(dim=1).clamp_min(1e-30)[:, None, None, None]
    changed: Tensor = MOMENTUM * velocity - rate * (STEP / length).clamp_max(1) * gradient  # mu_t+1
    return changed


def _start(images: Tensor, seed: int) -> Tensor:
    """Noise of norm one."""
    noise = torch.randn(images.shape[1:], generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    noise /= torch.linalg.vector_norm(noise)
    return noise.to(images).repeat(len(images), 1, 1, 1)


class _Reached(Exception):  # noqa: N818  # no error
    def __init__(self, output: Any) -> None:
        self.output = output


def _representation(model: nn.Module, images: Tensor, layer: nn.Module) -> Tensor:
    """Phi ``(B, d)``; the model stops at the layer."""

    def stop(_: nn.Module, __: Any, output: Any) -> None:
        raise _Reached(output)

    if all(layer is not module for module in model.modules()):
        raise ValueError("target_layer is not a module of this model")
    handle = layer.register_forward_hook(stop)
    try:
        model(images)
    except _Reached as reached:
        output = reached.output
    else:
        raise ValueError(f"the target layer ({type(layer).__name__}) did not run")
    finally:
        handle.remove()
    if not isinstance(output, Tensor) or output.shape[:1] != images.shape[:1]:
        raise ValueError(f"the target layer ({type(layer).__name__}) returned no tensor with a row for each image")
    if images.requires_grad and not output.requires_grad:
        raise ValueError(f"the target layer ({type(layer).__name__}) has no gradient back to the image")
    return output.flatten(1)


LAYERS = {  # of zf-scenes, by AlexNet's names
    "relu1": "features.1",
    "pool2": "features.5",
    "relu5": "features.11",
    "relu6": "classifier.1",
    "fc8": "classifier.4",
}
SHORT = (4e-3,) * 100 + (4e-4,) * 50


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """The claims' numbers on eight held-out scenes with one object, zf-scenes; HOG on the same scenes in grey.

    Errors are squared distances as a share of the mean squared distance between two of 200 such scenes (the authors'
    normalisation): another scene has 1.  Feature errors are those of the layer or of HOG, image errors of the pixels,
    colour errors of the mean colour.  "position" is the area under the ROC curve of how far a place's colour is from
    the usual one, for where the object is.  The descent has 150 steps; "long" has the paper's 400.
    """
    model, other = (networks.load(name, seed).to(device) for name in ("zf-scenes", "gap-scenes"))
    one = scenes.one_object(200, seed)
    all_images, _ = networks.inputs(one.images, one.labels, device)
    images, masks = all_images[:8], one.class_masks()[:8]
    grey, another = torch.full_like(images, 0.5), all_images[8:16]

    def invert(layer: str, **options: Any) -> Tensor:
        return network_inversion(model, images, model.get_submodule(layer), **({"rates": SHORT} | options))

    def image_error(pre_images: Tensor, than: Tensor = images) -> float:
        return _error(nn.Flatten(), pre_images, than, all_images)

    def feature_error(layer: str, pre_images: Tensor) -> float:
        with torch.no_grad():
            return _error(
                lambda each: _representation(model, each, model.get_submodule(layer)), pre_images, images, all_images
            )

    found = {name: invert(layer) for name, layer in LAYERS.items()}
    quantities = {
        **{f"{name}-feature-error": feature_error(LAYERS[name], each) for name, each in found.items()},
        "grey-colour-error": _error(_mean_colour, grey, images, all_images),
        "image-position": _position(images, masks),
        "another-scene-position": _position(another, masks),
    }
    for name, each in (found | {"grey": grey, "another-scene": another}).items():
        quantities[f"{name}-image-error"] = image_error(each)
    for name, each in found.items():
        quantities[f"{name}-colour-error"] = _error(_mean_colour, each, images, all_images)
        quantities[f"{name}-position"] = _position(each, masks)
        quantities[f"{name}-class-kept"] = _same_class(model, each, images)
        quantities[f"{name}-class-kept-for-another-network"] = _same_class(other, each, images)

    for layer in ("relu1", "pool2"):
        for name, options in (
            ("no-prior", {"lambda_alpha": 0.0, "lambda_tv": 0.0}),
            ("range-only", {"lambda_tv": 0.0}),
        ):
            quantities[f"{layer}-{name}-image-error"] = image_error(invert(LAYERS[layer], **options))
    for name, strength in (("weak", 0.05), ("strong", 5.0)):
        each = invert("features.1", lambda_tv=strength)
        quantities[f"relu1-{name}-image-error"] = image_error(each)
        quantities[f"relu1-{name}-feature-error"] = feature_error("features.1", each)
    for layer in ("relu1", "relu5"):
        quantities[f"{layer}-spread"] = image_error(invert(LAYERS[layer], seed=1), found[layer])
    each = invert("features.11", rates=RATES)
    quantities["relu5-long-image-error"] = image_error(each)
    quantities["relu5-long-feature-error"] = feature_error("features.11", each)
    for beta in (1, 2):
        quantities[f"pool1-beta-{beta}-spikes"] = _spikes(invert("features.2", beta=beta))
    quantities["image-spikes"] = _spikes(images)

    all_grey = all_images.mean(1, keepdim=True)
    for name, hog in (("hog", Hog()), ("bilinear-hog", Hog(bilinear=True))):
        each = network_inversion(hog, all_grey[:8], hog, rates=SHORT)
        described = nn.Sequential(hog, nn.Flatten())
        quantities[f"{name}-feature-error"] = _error(described, each, all_grey[:8], all_grey)
        quantities[f"{name}-image-error"] = _error(nn.Flatten(), each, all_grey[:8], all_grey)
    quantities["grey-hog-image-error"] = _error(nn.Flatten(), grey[:, :1], all_grey[:8], all_grey)
    return quantities | _differences(quantities)


def _differences(quantities: dict[str, float]) -> dict[str, float]:
    """What the claims bound: one thing against another, on the same scenes."""
    feature_errors = [quantities[f"{layer}-feature-error"] for layer in LAYERS]
    pairs = {
        "hog-minus-worst-layer-feature-error": (quantities["hog-feature-error"], max(feature_errors)),
        **_less(quantities, "image-error", ("grey", "relu1"), ("grey", "relu5"), ("pool2", "relu1"), ("fc8", "relu5")),
        **_less(quantities, "image-error", ("relu1-range-only", "relu1"), ("pool2-range-only", "pool2")),
        **_less(quantities, "image-error", ("pool2-no-prior", "pool2-range-only")),
        **_less(quantities, "feature-error", ("relu1-strong", "relu1-weak"), ("hog", "bilinear-hog")),
        **_less(quantities, "position", ("relu5", "another-scene"), ("relu5", "fc8")),
        **_less(quantities, "colour-error", ("pool2", "relu1")),
        **_less(quantities, "spread", ("relu5", "relu1")),
        **_less(quantities, "spikes", ("pool1-beta-1", "pool1-beta-2")),
    }
    smallest = min(quantities[f"{layer}-class-kept"] for layer in LAYERS)
    differences = {name: first - second for name, (first, second) in pairs.items()}
    return {"largest-feature-error": max(feature_errors), "smallest-class-kept": smallest} | differences


def _less(quantities: dict[str, float], what: str, *pairs: tuple[str, str]) -> dict[str, tuple[float, float]]:
    return {
        f"{one}-minus-{other}-{what}": (quantities[f"{one}-{what}"], quantities[f"{other}-{what}"])
        for one, other in pairs
    }


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
    priors: dict[str, dict[str, float]] = {
        "relu1, no prior": {"lambda_alpha": 0, "lambda_tv": 0},
        "relu1, range only": {"lambda_tv": 0},
        "relu1, λ = 0.05": {"lambda_tv": 0.05},
        "relu1, λ = 0.5": {},
        "relu1, λ = 5": {"lambda_tv": 5},
    }
    rows.append(rows[0][:1] + [invert(title, "features.1", images[:1], **each)[0] for title, each in priors.items()])
    return figures.panels(rows, "Network inversion: images that a layer can hardly tell from the given one")


def _error(represent: Callable[[Tensor], Tensor], found: Tensor, images: Tensor, all_images: Tensor) -> float:
    """Mean of ||Phi(x*) - Phi_0||^2 over the mean of ||Phi(x_i) - Phi(x_j)||^2, as the authors' code has it."""
    everything = represent(all_images).double()
    between = torch.cdist(everything, everything).square().mean()
    return float((represent(found).double() - represent(images)).square().sum(1).mean() / between)


def _mean_colour(images: Tensor) -> Tensor:
    return images.mean((2, 3))


def _position(images: Tensor, masks: NDArray[np.bool_]) -> float:
    usual = images.flatten(2).median(2).values[..., None, None]
    unusual = nn.functional.avg_pool2d((images - usual).square().sum(1, keepdim=True), 5, 1, 2)
    return float(metrics.pixel_auc(unusual, masks).mean())


def _spikes(images: Tensor) -> float:
    """How large the largest hundredth of all values of the Laplacian is, in shares of its whole size."""
    centre = images[:, :, 1:-1, 1:-1]
    around = images[:, :, 2:, 1:-1] + images[:, :, :-2, 1:-1] + images[:, :, 1:-1, 2:] + images[:, :, 1:-1, :-2]
    sizes = (centre - around / 4).square().flatten(1).sort(1, descending=True).values
    return float((sizes[:, : sizes.shape[1] // 100].sum(1) / sizes.sum(1)).mean())


@torch.no_grad()
def _same_class(model: nn.Module, pre_images: Tensor, images: Tensor) -> float:
    return float((model(pre_images).argmax(1) == model(images).argmax(1)).float().mean())
