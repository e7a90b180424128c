"""Layer-wise relevance propagation: hand a class's logit back, layer by layer, until every pixel has its share of it.

Each unit passes on the relevance that it receives to its inputs, in proportion to what they contributed to it.  What a
layer receives it hands on, so that the shares of the pixels add up to the logit, as far as the rule conserves.

Paper: ``bach2015pixel``.  In its symbols, x_i are a layer's inputs, z_ij = x_i w_ij their contributions to unit j, b_j
its bias, z_j = sum_i z_ij + b_j what it returns, and R_j its relevance:

    R_i = sum_j z_ij / z_j R_j                                               ``Zero``             (56)
    R_i = sum_j z_ij / (z_j + eps sign(z_j)) R_j                             ``Epsilon``          (58)
    R_i = sum_j (alpha z_ij+ / z_j+ - beta z_ij- / z_j-) R_j                 ``AlphaBeta``        (60)

where + and - keep what is positive and what is negative; z_j+ and z_j- take in the bias as well.  From later papers:

    R_i = sum_j z_ij+ / z_j+ R_j                                             ``ZPlus``
    R_i = sum_j x_i (w_ij + gamma w_ij+) / sum_i x_i (w_ij + gamma w_ij+) R_j    ``Gamma``
    R_i = sum_j w_ij^2 / sum_i w_ij^2 R_j                                    ``WSquare``
    R_i = sum_j (z_ij - l_i w_ij+ - h_i w_ij-) / sum_i (...) R_j             ``ZBox``
    R_i = sum_j 1 / sum_i 1 R_j                                              ``Flat``

z-plus, w-square and z-B are those of deep Taylor decomposition (``montavon2017explaining``); gamma, and a rule for each
kind of layer (a composite), are those of the overview (``montavon2019layer``, Sec. 10.2 and 10.3).

Relevance ``(B, C, H, W)`` is in logits, with its sign.  A composite is a function from a layer to its rule:
``epsilon_plus``, ``epsilon_alpha2_beta1``, ``epsilon_gamma_box(low, high)``, the first two also with ``_flat``, or
``everywhere(rule)``; a function of one's own sees the layer's ``kind``, ``position``, ``count`` and whether it is
``first``.

Differences from the papers:
1. alpha - beta = 1 with beta >= 0, as is usual since; Bach et al. write alpha + beta = 1 with a negative beta.
2. Every rule but ``Zero`` has a small stabiliser with the sign of the denominator, sign(0) being 1.
3. Inputs below zero (a normalised image, say) are given to z-plus, alpha-beta and gamma by the sign of z_ij, not of
   w_ij.  Gamma has then gamma w_ij+ where the unit is positive, and gamma w_ij- where it is negative.
4. Max pooling hands all to the largest input.  Sums and average pooling share by ``Zero``, and so does a BatchNorm
   that does not follow a convolution or linear layer; one that does is folded into it.
5. Shifts and scalings of the image by constants hand its relevance on as it is; ``ZBox`` wants the bounds of what the
   first layer sees, after them.
6. ``WSquare``, ``ZBox`` and ``Flat`` are rules for the first layer only.

Where zennit 0.5.1 agrees and where it does not: without its canonisers it takes the plain gradient of sums and
functions, and a BatchNorm that it has folded still divides by sqrt(1 + eps); its w-square counts the squared bias
among the inputs.  captum 0.9.0 gives max pooling the epsilon rule, and does not conserve on a ResNet.  Nowhere does
alpha-beta conserve what reaches a unit whose contributions all have one sign: the other has nothing to share.

Raises ValueError for operations without a rule (products of two parts of the network, as in squeeze-and-excitation and
attention; softmax, GELU, SiLU, sigmoid; LayerNorm) and for those that cannot be seen; and if images or classes do not
fit.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn import functional

from repro.engine import checks, gradients, watching
from repro.engine.relevance import Composite, Layer, Relevance, Rule
from repro.lab import controls, figures, metrics, networks, scenes


def epsilon_plus(layer: Layer) -> Rule:
    """z-plus for convolutions, epsilon for linear layers."""
    return ZPlus() if layer.kind == "convolution" else Epsilon()


def lrp(
    model: nn.Module,
    images: Tensor,
    target_classes: Tensor,
    composite: Composite = epsilon_plus,
    *,
    relevance: Tensor | None = None,
) -> Tensor:
    """Relevance ``(B, C, H, W)`` of ``images`` for one class an image, ``(B,)``: one pass forward, one back.

    ``relevance (B, K)`` is that of the logits, if it is not to be the logit of the class; a logit that is exactly 0
    has none to pass on.  An autocast around it is switched off: rules want inputs and weights of one type.
    """
    return _propagate(model, images, target_classes, composite, (), relevance)[0]


def lrp_at(
    model: nn.Module,
    images: Tensor,
    target_classes: Tensor,
    layers: Sequence[nn.Module],
    composite: Composite = epsilon_plus,
) -> list[Tensor]:
    """Relevance of what these layers returned, each shaped like it: the steps on the way from the logit to the image.

    Raises ValueError for a layer on which the logits do not depend, such as a convolution whose BatchNorm is folded
    into it: ask for the BatchNorm.
    """
    return _propagate(model, images, target_classes, composite, layers, None)[1:]


@dataclass(frozen=True)
class Zero:
    def __call__(self, layer: Layer, c: Tensor) -> Tensor:
        return layer.backward(c)  # Eq. (56): R_j / z_j is c_j itself


@dataclass(frozen=True)
class Epsilon:
    stabiliser: float = 1e-6

    def __call__(self, layer: Layer, c: Tensor) -> Tensor:
        # Eq. (58): c z / (z + eps sign(z)) = c - eps c / (|z| + eps), which reads and writes the fewest values
        size = layer.outputs.abs().add_(self.stabiliser)
        return layer.backward(torch.addcdiv(c, c, size, value=-self.stabiliser))


@dataclass(frozen=True)
class AlphaBeta:
    alpha: float = 2
    beta: float = 1
    stabiliser: float = 1e-6

    def __post_init__(self) -> None:
        if self.beta < 0 or abs(self.alpha - self.beta - 1) > 1e-9:
            raise ValueError(f"alpha - beta must be 1 and beta not negative: {self.alpha} and {self.beta} are not")

    def __call__(self, layer: Layer, c: Tensor) -> Tensor:
        found = self._one_sign(layer, c, 1)
        if self.beta == 0:
            return found
        return self.alpha * found - self.beta * self._one_sign(layer, c, -1)  # Eq. (60)

    def _one_sign(self, layer: Layer, c: Tensor, sign: int) -> Tensor:
        """By the contributions of one sign alone, z_ij+ or z_ij-: positive inputs meet the weights of that sign,
        negative ones those of the other.
        """
        same, other = _only(layer.weight, sign), None if layer.nonnegative else _only(layer.weight, -sign)
        z = _sum(layer, same, other)
        z += sign * self.stabiliser + (0 if layer.bias is None else _only(layer.bias, sign))
        return _shares(layer, (c * layer.outputs).div_(z), same, other)


@dataclass(frozen=True)
class ZPlus:
    stabiliser: float = 1e-6

    def __call__(self, layer: Layer, c: Tensor) -> Tensor:
        return AlphaBeta(1, 0, self.stabiliser)(layer, c)


@dataclass(frozen=True)
class Gamma:
    gamma: float = 0.25
    stabiliser: float = 1e-6

    def __call__(self, layer: Layer, c: Tensor) -> Tensor:
        relevance = c * layer.outputs
        if layer.rectified:
            return self._one_sign(layer, relevance, 1)
        positive = layer.outputs > 0
        found = self._one_sign(layer, relevance * positive, 1)
        return found + self._one_sign(layer, relevance * ~positive, -1)

    def _one_sign(self, layer: Layer, relevance: Tensor, sign: int) -> Tensor:
        """Of units that are positive, or that are negative: contributions of that sign count 1 + gamma times."""
        weight, bias = layer.weight, layer.bias
        more = weight + self.gamma * _only(weight, sign)
        less = None if layer.nonnegative else weight + self.gamma * _only(weight, -sign)
        z = _sum(layer, more, less)
        if bias is not None:
            z += bias + self.gamma * _only(bias, sign)
        return _shares(layer, relevance.div_(_stabilised(z, self.stabiliser)), more, less)


@dataclass(frozen=True)
class WSquare:
    stabiliser: float = 1e-6
    pixels: ClassVar[bool] = True

    def __call__(self, layer: Layer, c: Tensor) -> Tensor:
        weight = layer.weight.square()
        z = layer.forward(torch.ones_like(layer.inputs[:1]), weight)
        return layer.backward(c * layer.outputs / (z + self.stabiliser), weight)


@dataclass(frozen=True)
class Flat:
    stabiliser: float = 1e-6
    pixels: ClassVar[bool] = True

    def __call__(self, layer: Layer, c: Tensor) -> Tensor:
        weight = torch.ones_like(layer.weight)
        z = layer.forward(torch.ones_like(layer.inputs[:1]), weight)
        return layer.backward(c * layer.outputs / (z + self.stabiliser), weight)


@dataclass(frozen=True)
class ZBox:
    """``low`` and ``high`` bound what the first layer sees: numbers, or one for each channel."""

    low: float | Sequence[float]
    high: float | Sequence[float]
    stabiliser: float = 1e-6
    pixels: ClassVar[bool] = True

    def __call__(self, layer: Layer, c: Tensor) -> Tensor:
        x, weight = layer.inputs, layer.weight
        low, high = (self._filled(bound, x) for bound in (self.low, self.high))
        up, down = weight.clamp(min=0), weight.clamp(max=0)
        z = layer.forward(x, weight) - layer.forward(low, up) - layer.forward(high, down)
        s = c * layer.outputs / _stabilised(z, self.stabiliser)
        return x * layer.backward(s, weight) - low * layer.backward(s, up) - high * layer.backward(s, down)

    @staticmethod
    def _filled(bound: float | Sequence[float], x: Tensor) -> Tensor:
        value = torch.as_tensor(bound, dtype=x.dtype, device=x.device)
        return (value.view(-1, *[1] * (x.dim() - 2)) if value.dim() else value).expand(1, *x.shape[1:])


def everywhere(rule: Rule) -> Composite:
    """One rule for every layer."""
    return lambda _: rule


def epsilon_alpha2_beta1(layer: Layer) -> Rule:
    """alpha-beta with 2 and 1 for convolutions, epsilon for linear layers."""
    return AlphaBeta() if layer.kind == "convolution" else Epsilon()


def epsilon_plus_flat(layer: Layer) -> Rule:
    """The same as ``epsilon_plus``, with the flat rule for the first layer."""
    return Flat() if layer.first else epsilon_plus(layer)


def epsilon_alpha2_beta1_flat(layer: Layer) -> Rule:
    """The same as ``epsilon_alpha2_beta1``, with the flat rule for the first layer."""
    return Flat() if layer.first else epsilon_alpha2_beta1(layer)


def epsilon_gamma_box(low: float | Sequence[float], high: float | Sequence[float], gamma: float = 0.25) -> Composite:
    """z-B for the first layer, gamma for the other convolutions, epsilon for linear layers."""

    def composite(layer: Layer) -> Rule:
        if layer.first:
            return ZBox(low, high)
        return Gamma(gamma) if layer.kind == "convolution" else Epsilon()

    return composite


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """The claims' numbers on 80 held-out scenes with one object, 40 of them for conservation.

    "error" is the largest difference between the sum of relevance, at any layer, and the logit, as a share of the mean
    logit; "bias" is how much of the logit does not arrive at the pixels, as a share of it, on average over the images.
    Maps are LRP's with alpha 2 and beta 1, on vgg-scenes.  In pixel flipping 32 regions of 4 by 4 pixels, an eighth of
    the image, are covered with a blurred image or with noise; "aopc" is the mean fall of the class's probability.
    """
    one = scenes.one_object(80, seed)
    images, classes = networks.inputs(one.images, one.labels, device)
    model, masks = networks.load("vgg-scenes", seed).to(device), one.class_masks()
    noise = torch.rand(images.shape, generator=torch.Generator().manual_seed(seed)).to(images)
    maps = {
        "lrp": _summed(lrp(model, images, classes, epsilon_alpha2_beta1)),
        "epsilon": _summed(lrp(model, images, classes, everywhere(Epsilon()))),
        "gradient": controls.saliency(model, images, classes),
        "random": noise[:, :1],
    }
    scores = {
        name: {
            "mass": float(metrics.energy_in_mask(found, masks).mean()),
            "blurred-aopc": _aopc(metrics.pixel_flipping(model, images, classes, found, _blurred)),
            "noise-aopc": _aopc(metrics.pixel_flipping(model, images, classes, found, noise)),
        }
        for name, found in maps.items()
    }
    quantities = {f"{name}-{what}": value for name, of in scores.items() for what, value in of.items()}
    quantities |= {
        f"{first}-minus-{second}-{what}": scores[first][what] - scores[second][what]
        for first, second in (("lrp", "gradient"), ("lrp", "random"), ("gradient", "random"), ("epsilon", "gradient"))
        for what in scores["lrp"]
    }
    quantities |= {"chance-mass": float(masks.mean()), "lrp-minus-chance-mass": scores["lrp"]["mass"] - masks.mean()}
    return quantities | _conservation(seed, images[:40], classes[:40])


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """Three scenes: what four choices of rules say of one logit, and the gradient; each map on its own scale."""
    model = networks.load("vgg-scenes", seed).to(device)
    one = scenes.one_object(40, seed).take(np.array([1, 4, 9]))
    images, classes = networks.inputs(one.images, one.labels, device)
    composites = {
        "LRP-epsilon": everywhere(Epsilon()),
        "epsilon-plus": epsilon_plus,
        "alpha 2, beta 1": epsilon_alpha2_beta1,
        "epsilon, gamma, z-B": epsilon_gamma_box(-2, 2),
    }
    maps = {name: _summed(lrp(model, images, classes, composite)) for name, composite in composites.items()}
    maps["gradient"] = controls.saliency(model, images, classes)
    maps = {name: found / found.abs().amax((1, 2, 3), keepdim=True) for name, found in maps.items()}
    rows = [
        [figures.Panel(scenes.CLASSES[one.labels[i]], images[i])]
        + [figures.Panel(name, heatmap=found[i]) for name, found in maps.items()]
        for i in range(3)
    ]
    return figures.panels(rows, "Layer-wise relevance propagation", "share of the map's largest size")


def _only(values: Tensor, sign: int) -> Tensor:
    return values.clamp(min=0) if sign > 0 else values.clamp(max=0)


def _sum(layer: Layer, weight: Tensor, for_negative: Tensor | None) -> Tensor:
    """sum_i x_i w_ij, where negative inputs may meet other weights than positive ones."""
    if for_negative is None:
        return layer.forward(layer.inputs, weight)
    up, down = layer.inputs.clamp(min=0), layer.inputs.clamp(max=0)
    return layer.forward(up, weight).add_(layer.forward(down, for_negative))


def _shares(layer: Layer, s: Tensor, weight: Tensor, for_negative: Tensor | None) -> Tensor:
    """sum_j w_ij s_j, each input's share by its x_i of what reaches its units."""
    c = layer.backward(s, weight)
    return c if for_negative is None else torch.where(layer.inputs > 0, c, layer.backward(s, for_negative))


def _stabilised(z: Tensor, stabiliser: float) -> Tensor:
    return torch.copysign(z.new_full((), stabiliser), z).add_(z)


def _propagate(
    model: nn.Module,
    images: Tensor,
    target_classes: Tensor,
    composite: Composite,
    layers: Sequence[nn.Module],
    relevance: Tensor | None,
) -> list[Tensor]:
    """Relevance of the images and of what the layers returned."""
    checks.check_images(images)
    exact = torch.autocast(images.device.type, enabled=False)
    with torch.inference_mode(False), torch.enable_grad(), exact, watching.evaluating(model), watching.frozen(model):
        pixels = images.detach().clone().requires_grad_()
        with Relevance(pixels, composite) as mode, watching.activations(model, *layers) as outputs:
            logits = model(pixels.clone())
        classes = checks.class_indices(target_classes, logits)
        if not logits.requires_grad or not mode.reaches(logits):
            raise ValueError("the logits do not depend on the image by operations that LRP can see")
        given = nn.functional.one_hot(classes, logits.shape[1]).to(logits)
        if relevance is not None:
            if relevance.shape != logits.shape:
                raise ValueError(f"relevance has the logits' shape {tuple(logits.shape)}, not {tuple(relevance.shape)}")
            given = torch.where(logits == 0, 0, relevance.to(logits) / logits).detach()
        with gradients.following():
            found = torch.autograd.grad(logits, [pixels, *outputs], given, allow_unused=True)
    result = []
    for tensor, gradient in zip([pixels, *outputs], found, strict=True):
        if gradient is None:
            raise ValueError("no relevance reaches this layer: the logits do not depend on it, or it is folded away")
        result.append((gradient if mode.is_image(tensor) else gradient * tensor).detach())
    return result


def _conservation(seed: int, images: Tensor, classes: Tensor) -> dict[str, float]:
    """What arrives, layer by layer: without biases, with biases, through shortcuts."""
    free, zf, residual = (
        networks.load(name, seed).to(images) for name in ("bias-free-scenes", "zf-scenes", "residual-scenes")
    )
    quantities = {}
    layers = [module for module in free.modules() if isinstance(module, nn.Conv2d | nn.Linear | nn.MaxPool2d)]
    rules: dict[str, Rule] = {"zero": Zero(), "z-plus": ZPlus(), "gamma": Gamma(), "alpha-beta": AlphaBeta()}
    for name, rule in (rules | {"epsilon": Epsilon(0.25)}).items():
        quantities[f"{name}-error"] = _error(free, images, classes, layers, everywhere(rule))
    pixels = images.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(free(pixels).gather(1, classes[:, None]).sum(), pixels)
    zero = lrp(free, images, classes, everywhere(Zero()))
    difference = zero - gradient * (images - 0.5)  # the network sees (images - 0.5) / 0.25
    quantities["zero-minus-gradient-input"] = float(difference.abs().max() / zero.abs().max())

    shiftless = _without_shifts(residual)
    blocks = [shiftless.get_submodule(name) for name in ("stem", "blocks.0", "blocks.1", "blocks.2", "pool")]
    quantities["residual-error"] = _error(shiftless, images, classes, blocks, everywhere(Epsilon()))
    for name, model in (("zf", zf), ("residual", residual)):
        for what, composite in (("epsilon", everywhere(Epsilon())), ("epsilon-plus", epsilon_plus)):
            logits = _logits(model, images, classes)
            missing = logits - lrp(model, images, classes, composite).sum((1, 2, 3))
            quantities[f"{name}-{what}-bias"] = float((missing / logits).abs().mean())
    return quantities


def _error(
    model: nn.Module, images: Tensor, classes: Tensor, layers: Sequence[nn.Module], composite: Composite
) -> float:
    at = [*lrp_at(model, images, classes, layers, composite), lrp(model, images, classes, composite)]
    sums, logits = torch.stack([relevance.flatten(1).sum(1) for relevance in at]), _logits(model, images, classes)
    return float((sums - logits).abs().max() / logits.abs().mean())


def _without_shifts(model: nn.Module) -> nn.Module:
    """A copy in which nothing is added: no biases, and BatchNorms that only scale."""
    copied = copy.deepcopy(model)
    with torch.no_grad():
        for name, value in (*copied.named_parameters(), *copied.named_buffers()):
            if name.endswith(("bias", "running_mean")):
                value.zero_()
    return copied


@torch.no_grad()
def _logits(model: nn.Module, images: Tensor, classes: Tensor) -> Tensor:
    logits: Tensor = model(images).gather(1, classes[:, None])[:, 0]
    return logits


def _summed(relevance: Tensor) -> Tensor:
    return relevance.sum(1, keepdim=True)


def _aopc(curve: Tensor) -> float:
    return float((curve[:, :1] - curve).mean())


def _blurred(images: Tensor) -> Tensor:
    for _ in range(2):
        images = functional.avg_pool2d(images, 17, stride=1, padding=8, count_include_pad=False)
    return images
