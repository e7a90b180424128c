"""LRP's rules: how each layer shares the relevance R_j of its outputs among its inputs.

All rules share in proportion, R_i = sum_j z_ij / z_j R_j, where z_ij is the contribution of input i to output j and z_j
the sum of all contributions to j, the bias b_j among them.  They differ in what counts as a contribution.

A rule called with a layer and R_j returns R_i, in the papers' form.  What runs in the hidden layers is ``quick``, the
same rule for c = R / x (relevance over activation), which needs no multiplication by x_i and no division by it in the
next layer; the tests hold both forms equal.  A rule without ``quick`` works too, only slower.

Symbols: inputs x_i, weights w_ij; ``x_pos = max(x, 0)``, ``x_neg = min(x, 0)``, likewise for w and b.  Where inputs can
be negative (a normalised image), positive contributions are x_pos w_pos and x_neg w_neg: the sign of z_ij decides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import ClassVar

import torch
from torch import Tensor

from repro.engine.errors import OptionsError
from repro.engine.relevance_layer import Layer

Rule = Callable[[Layer, Tensor], Tensor]  # R_j of the outputs to R_i of the inputs
Composite = Callable[[Layer], Rule]  # which rule a layer gets


def share(layer: Layer, relevance: Tensor, terms: Sequence[tuple[Tensor, Tensor]], bias: Tensor, eps: float) -> Tensor:
    """R_i = sum_j z_ij / z_j R_j, where z_ij = a_i v_ij, summed over the terms (a, v), and z_j = sum_i z_ij + b_j.

    ``eps`` moves z_j away from 0.  An output whose z_j is exactly 0 has nothing to share.
    """
    z = _stabilised(reduce(add, (layer.forward(a, v) for a, v in terms)) + bias, eps)
    ratio = torch.where(z == 0, 0, relevance / z)
    return reduce(add, (a * layer.backward(ratio, v) for a, v in terms))


@dataclass(frozen=True)
class Zero:
    """LRP-0 (Bach et al. 2015)."""

    def __call__(self, layer: Layer, relevance: Tensor) -> Tensor:
        return share(layer, relevance, [(layer.inputs, layer.weight)], _bias(layer), 0)  # Eq. (56)

    def quick(self, layer: Layer, c: Tensor) -> Tensor:
        return layer.backward(c)  # R_j / z_j is c_j itself


@dataclass(frozen=True)
class Epsilon:
    """LRP-epsilon (Bach et al. 2015)."""

    stabiliser: float = 1e-6

    def __call__(self, layer: Layer, relevance: Tensor) -> Tensor:
        return share(layer, relevance, [(layer.inputs, layer.weight)], _bias(layer), self.stabiliser)  # Eq. (58)

    def quick(self, layer: Layer, c: Tensor) -> Tensor:
        # c z / (z + eps sign(z)) = c - eps c / (|z| + eps), which reads and writes the fewest values
        size = layer.outputs.abs().add_(self.stabiliser)
        return layer.backward(torch.addcdiv(c, c, size, value=-self.stabiliser))


@dataclass(frozen=True)
class AlphaBeta:
    """LRP-alpha-beta (Bach et al. 2015), here with alpha - beta = 1 and beta >= 0."""

    alpha: float = 2
    beta: float = 1
    stabiliser: float = 1e-6

    def __post_init__(self) -> None:
        if self.beta < 0 or abs(self.alpha - self.beta - 1) > 1e-9:
            raise OptionsError(f"need alpha - beta = 1 and beta >= 0; got alpha {self.alpha}, beta {self.beta}")

    def __call__(self, layer: Layer, relevance: Tensor) -> Tensor:
        (x_pos, x_neg), (w_pos, w_neg), (b_pos, b_neg) = (
            _signs(layer.inputs),
            _signs(layer.weight),
            _signs(_bias(layer)),
        )
        positive = share(layer, relevance, [(x_pos, w_pos), (x_neg, w_neg)], b_pos, self.stabiliser)
        negative = share(layer, relevance, [(x_pos, w_neg), (x_neg, w_pos)], b_neg, self.stabiliser)
        return self.alpha * positive - self.beta * negative  # Eq. (60)

    def quick(self, layer: Layer, c: Tensor) -> Tensor:
        positive = self._quick_share(layer, c, 1)
        return positive if self.beta == 0 else self.alpha * positive - self.beta * self._quick_share(layer, c, -1)

    def _quick_share(self, layer: Layer, c: Tensor, sign: int) -> Tensor:
        v, v_of_negative = _of_sign(layer.weight, sign), None if layer.nonnegative else _of_sign(layer.weight, -sign)
        z = _quick_sum(layer, v, v_of_negative)
        z += sign * self.stabiliser + (0 if layer.bias is None else _of_sign(layer.bias, sign))
        return _quick_back(layer, (c * layer.outputs).div_(z), v, v_of_negative)


@dataclass(frozen=True)
class ZPlus:
    """The z-plus rule of deep Taylor decomposition (Montavon et al. 2017): alpha-beta with alpha 1 and beta 0."""

    stabiliser: float = 1e-6

    def __call__(self, layer: Layer, relevance: Tensor) -> Tensor:
        (x_pos, x_neg), (w_pos, w_neg), (b_pos, _) = _signs(layer.inputs), _signs(layer.weight), _signs(_bias(layer))
        return share(layer, relevance, [(x_pos, w_pos), (x_neg, w_neg)], b_pos, self.stabiliser)  # Eq. (a)

    def quick(self, layer: Layer, c: Tensor) -> Tensor:
        return AlphaBeta(1, 0, self.stabiliser).quick(layer, c)


@dataclass(frozen=True)
class Gamma:
    """LRP-gamma (Montavon et al. 2019); where the output is negative, it is the negative contributions that count
    1 + gamma times.
    """

    gamma: float = 0.25
    stabiliser: float = 1e-6

    def __call__(self, layer: Layer, relevance: Tensor) -> Tensor:
        (x_pos, x_neg), (w_pos, w_neg), (b_pos, b_neg) = (
            _signs(layer.inputs),
            _signs(layer.weight),
            _signs(_bias(layer)),
        )
        favour_pos, favour_neg = (layer.weight + self.gamma * part for part in (w_pos, w_neg))
        bias_pos, bias_neg = (_bias(layer) + self.gamma * part for part in (b_pos, b_neg))
        to_pos, to_neg = relevance * (layer.outputs > 0), relevance * (layer.outputs <= 0)
        return (
            share(layer, to_pos, [(x_pos, favour_pos), (x_neg, favour_neg)], bias_pos, self.stabiliser)  # Eq. (b)
            + share(layer, to_neg, [(x_pos, favour_neg), (x_neg, favour_pos)], bias_neg, self.stabiliser)
        )

    def quick(self, layer: Layer, c: Tensor) -> Tensor:
        relevance = c * layer.outputs
        if layer.rectified:
            return self._quick_share(layer, relevance, 1)
        positive = layer.outputs > 0
        found = self._quick_share(layer, relevance * positive, 1)
        return found + self._quick_share(layer, relevance * ~positive, -1)

    def _quick_share(self, layer: Layer, relevance: Tensor, sign: int) -> Tensor:
        weight, bias = layer.weight, layer.bias
        v = weight + self.gamma * _of_sign(weight, sign)
        v_of_negative = None if layer.nonnegative else weight + self.gamma * _of_sign(weight, -sign)
        z = _quick_sum(layer, v, v_of_negative)
        if bias is not None:
            z += bias + self.gamma * _of_sign(bias, sign)
        return _quick_back(layer, relevance.div_(_stabilised(z, self.stabiliser)), v, v_of_negative)


@dataclass(frozen=True)
class WSquare:
    """The w-square rule of deep Taylor decomposition (Montavon et al. 2017), for the first layer."""

    stabiliser: float = 1e-6
    first_layer_only: ClassVar[bool] = True

    def __call__(self, layer: Layer, relevance: Tensor) -> Tensor:
        one = torch.ones_like(layer.inputs[:1])
        return share(layer, relevance, [(one, layer.weight.square())], one.new_zeros(()), self.stabiliser)  # Eq. (c)


@dataclass(frozen=True)
class ZBox:
    """The z-B rule of deep Taylor decomposition (Montavon et al. 2017), for the first layer.

    ``low`` and ``high`` bound what the first layer sees: numbers, or one for each channel.
    """

    low: float | Sequence[float]
    high: float | Sequence[float]
    stabiliser: float = 1e-6
    first_layer_only: ClassVar[bool] = True

    def __call__(self, layer: Layer, relevance: Tensor) -> Tensor:
        x, w, (w_pos, w_neg) = layer.inputs, layer.weight, _signs(layer.weight)
        low, high = self._filled(self.low, x), self._filled(self.high, x)
        terms = [(x, w), (-low, w_pos), (-high, w_neg)]
        return share(layer, relevance, terms, x.new_zeros(()), self.stabiliser)  # Eq. (d)

    @staticmethod
    def _filled(bound: float | Sequence[float], x: Tensor) -> Tensor:
        value = torch.as_tensor(bound, dtype=x.dtype, device=x.device)
        return (value.view(-1, *[1] * (x.dim() - 2)) if value.dim() else value).expand(1, *x.shape[1:])


@dataclass(frozen=True)
class Flat:
    """All inputs of an output get the same (``_flat_lrp`` in the authors' LRP Toolbox), for the first layer."""

    stabiliser: float = 1e-6
    first_layer_only: ClassVar[bool] = True

    def __call__(self, layer: Layer, relevance: Tensor) -> Tensor:
        one, ones = torch.ones_like(layer.inputs[:1]), torch.ones_like(layer.weight)
        return share(layer, relevance, [(one, ones)], one.new_zeros(()), self.stabiliser)  # Eq. (e)


def _bias(layer: Layer) -> Tensor:
    return layer.outputs.new_zeros(()) if layer.bias is None else layer.bias


def _of_sign(values: Tensor, sign: int) -> Tensor:
    return values.clamp(min=0) if sign > 0 else values.clamp(max=0)


def _signs(values: Tensor) -> tuple[Tensor, Tensor]:
    return values.clamp(min=0), values.clamp(max=0)


def _stabilised(z: Tensor, eps: float) -> Tensor:
    return torch.copysign(z.new_full((), eps), z).add_(z)


def _quick_sum(layer: Layer, v: Tensor, v_of_negative: Tensor | None) -> Tensor:
    """sum_i x_i v_ij, where negative inputs may have other weights than positive ones."""
    if v_of_negative is None:
        return layer.forward(layer.inputs, v)
    x_pos, x_neg = _signs(layer.inputs)
    return layer.forward(x_pos, v).add_(layer.forward(x_neg, v_of_negative))


def _quick_back(layer: Layer, ratio: Tensor, v: Tensor, v_of_negative: Tensor | None) -> Tensor:
    """sum_j v_ij R_j / z_j, with the weights that belong to the sign of x_i."""
    c = layer.backward(ratio, v)
    return c if v_of_negative is None else torch.where(layer.inputs > 0, c, layer.backward(ratio, v_of_negative))
