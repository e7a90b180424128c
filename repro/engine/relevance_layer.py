"""A convolution or linear layer as LRP's rules see it: its inputs, outputs and weights, and sums over either side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from repro.engine.errors import NoRuleError

CONVOLUTIONS = {f"conv{d}d": d for d in (1, 2, 3)} | {f"conv_transpose{d}d": d for d in (1, 2, 3)}

Sum = Callable[[Tensor, Tensor], Tensor]


@dataclass
class Layer:
    """One call of a convolution or linear layer; a BatchNorm right after it is folded in.

    ``position`` counts these layers in the order in which they run, from 0; there are ``count`` of them.  The
    ``first`` layer sees the image.  ``nonnegative``: the inputs are known to be at least 0, as after a ReLU.
    ``rectified``: a ReLU has overwritten the outputs in place; those that were negative are 0 and have no relevance.
    """

    kind: str  # "convolution" or "linear"
    position: int
    first: bool
    nonnegative: bool
    inputs: Tensor  # x_i
    outputs: Tensor  # z_j = sum_i x_i w_ij + b_j
    rectified: bool = False
    _weight: Tensor = field(repr=False, kw_only=True)
    _bias: Tensor | None = field(repr=False, kw_only=True)
    _forward: Sum = field(repr=False, kw_only=True)
    _backward: Sum = field(repr=False, kw_only=True)
    _counter: list[int] = field(repr=False, kw_only=True)
    _scale: Tensor | None = field(default=None, repr=False, kw_only=True)  # of the BatchNorm, one for each output
    _foldable: bool = field(default=True, repr=False, kw_only=True)
    _source: Tensor | None = field(default=None, repr=False, kw_only=True)  # the inputs with their graph
    _versions: tuple[int, int] = field(default=(0, 0), repr=False, kw_only=True)

    @property
    def count(self) -> int:
        return self._counter[0]

    @property
    def weight(self) -> Tensor:
        """w_ij, in the module's own layout."""
        if self._scale is None:
            return self._weight
        return self._weight * self._scale.view(-1, *[1] * (self._weight.dim() - 1))

    @property
    def bias(self) -> Tensor | None:
        """b_j, shaped so that it can be added to the outputs."""
        if self._bias is None or self.kind == "linear":
            return self._bias
        return self._bias.view(-1, *[1] * (self._weight.dim() - 2))

    def forward(self, inputs: Tensor, weight: Tensor) -> Tensor:
        """sum_i x_i w_ij, without a bias."""
        return self._forward(inputs, weight)

    def backward(self, s: Tensor, weight: Tensor | None = None) -> Tensor:
        """sum_j w_ij s_j, with the layer's own weights unless others are given."""
        if weight is not None:
            return self._backward(s, weight)
        if self._scale is not None:
            if self._weight.numel() < s.numel():
                return self._backward(s, self.weight)
            s = s * (self._scale if self.kind == "linear" else self._scale.view(-1, *[1] * (s.dim() - 2)))
        return self._backward(s, self._weight)


def linear_sums() -> tuple[Sum, Sum]:
    """The two sums of a linear layer: over its inputs, over its outputs."""
    return functional.linear, lambda s, weight: s @ weight


def convolution_sums(name: str, given: dict[str, Any]) -> tuple[Sum, Sum]:
    """The two sums of a convolution: the second is the one that autograd uses for the input's gradient."""
    dimensions, inputs, weight = CONVOLUTIONS[name], given["input"], given["weight"]
    if inputs.dim() != dimensions + 2:
        raise NoRuleError(f"LRP takes images in batches: {name} was given {tuple(inputs.shape)}")

    def per_dimension(key: str, default: int) -> list[int]:
        value = given.get(key, default)
        return [value] * dimensions if isinstance(value, int) else list(value)

    stride, dilation, groups = per_dimension("stride", 1), per_dimension("dilation", 1), given.get("groups", 1)
    if isinstance(given.get("padding"), str):
        total = [d * (k - 1) for d, k in zip(dilation, weight.shape[2:], strict=True)]
        padding = [0] * dimensions if given["padding"] == "valid" else [each // 2 for each in total]
        if given["padding"] == "same" and any(each % 2 for each in total):
            raise NoRuleError(f"LRP has no rule for {name} with padding='same' and an even kernel (uneven padding)")
    else:
        padding = per_dimension("padding", 0)
    transposed, output_padding, shape = "transpose" in name, per_dimension("output_padding", 0), inputs.shape
    options = (stride, padding, dilation, transposed, output_padding, groups)

    def forward(other: Tensor, weights: Tensor) -> Tensor:
        result: Tensor = torch.ops.aten.convolution(other, weights, None, *options)
        return result

    def backward(s: Tensor, weights: Tensor) -> Tensor:
        like = s.new_empty(1).expand(shape)  # only its shape is asked for
        result: Tensor = torch.ops.aten.convolution_backward(s, like, weights, None, *options, (True, False, False))[0]
        return result

    return forward, backward
