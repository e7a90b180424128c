"""Multipliers in place of derivatives: what DeepLIFT sends back through a network, however it is written.

A network runs on the reference first, and what each nonlinearity is given there is kept.  When it then runs on the
images, each nonlinearity sends back the difference of its outputs over the difference of its inputs, and max pooling
sends all to one input of its window.  What else a network may hold is linear: its multiplier is its derivative.

Both runs have to call the same operations in the same order.  An operation without a rule raises NoRuleError: products
of two parts of the network, softmax, LayerNorm, and what cannot be seen (scripted or custom).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakTensorKeyDictionary

from repro.engine import watching
from repro.engine.errors import NoRuleError
from repro.engine.relevance_layer import CONVOLUTIONS, Sum, convolution_sums, linear_sums

_POINTWISE = {
    *("relu", "relu6", "leaky_relu", "prelu", "elu", "celu", "selu", "gelu", "silu", "mish", "softplus", "softsign"),
    *("sigmoid", "logsigmoid", "tanh", "hardtanh", "hardsigmoid", "hardswish", "threshold", "_threshold"),
    *("clamp", "clip", "clamp_min", "clamp_max", "abs", "exp", "log", "sqrt", "square"),
}
_MAX_POOLINGS = {f"{adaptive}max_pool{d}d" for adaptive in ("", "adaptive_") for d in (1, 2, 3)}
_PRODUCTS = {"Convolution", "Addmm", "Addbmm", "Baddbmm", "Mm", "Bmm", "Mv", "Dot", "Linear", "Mul", "Div"}
_LINEAR = {  # nodes of autograd's graph
    *("NativeBatchNorm", "CudnnBatchNorm", "MiopenBatchNorm", "Add", "Sub", "Rsub", "Neg", "Sum", "Mean"),
    *("AvgPool2D", "AvgPool3D", "AdaptiveAvgPool2D", "AdaptiveAvgPool3D", "MkldnnAdaptiveAvgPool2D"),
    *("UpsampleNearest2D", "UpsampleBilinear2D", "ConstantPadNd", "ReflectionPad2D", "ReplicationPad2D"),
    *("View", "UnsafeView", "ReshapeAlias", "Transpose", "T", "Permute", "Squeeze", "Unsqueeze", "Expand", "Repeat"),
    *("Slice", "Select", "Index", "IndexSelect", "Gather", "Cat", "Stack", "Split", "SplitWithSizes", "Unbind", "Flip"),
    *("Roll", "PixelShuffle", "PixelUnshuffle", "NativeChannelShuffle", "Clone", "Alias", "AsStrided", "ToCopy"),
    *("Copy", "CopySlices", "AccumulateGrad", "_Rescaled", "_Routed", "_Revealed"),
}


class Differences(TorchFunctionMode):
    """Within it a network runs twice: on the reference, and after ``to_images()`` on the images.

    The gradients of the second run are multipliers.  The reference may be one image for all.  With ``reveal_cancel`` a
    nonlinearity right after a convolution or linear layer keeps positive and negative contributions apart.
    """

    def __init__(self, reveal_cancel: bool = False) -> None:
        super().__init__()
        self._reveal_cancel = reveal_cancel
        self._kept: list[tuple[str, Tensor]] = []  # of each operation with a rule, what it was given for the reference
        self._at: int | None = None
        self._layers = WeakTensorKeyDictionary()  # by a layer's outputs: their version, and the layer

    def to_images(self) -> None:
        self._at = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        in_place = watching.is_in_place(func, args, kwargs)
        name = (func.__name__.rstrip("_") if in_place else func.__name__).removesuffix("_with_indices")
        is_layer = self._reveal_cancel and (name in CONVOLUTIONS or name == "linear")
        if not (is_layer or name in _POINTWISE or name in _MAX_POOLINGS):
            return self._linear(func, name, args, kwargs)
        given, *others = args if args else (kwargs.pop("input"),)
        if self._at is None:
            self._kept.append((name, given.detach().clone()))
            return func(given, *others, **kwargs)
        reference = self._reference_of(name, given)
        if not _follows(given) or any(_follows(each) for each in tree_leaves((others, kwargs))):
            return func(given, *others, **kwargs)  # constants, or what ``check_rules`` refuses
        if is_layer:
            outputs: Tensor = func(given, *others, **kwargs)
            self._layers[outputs] = outputs._version, _Layer.of(name, given, reference, others, kwargs)
            return outputs
        if name in _MAX_POOLINGS:
            pool = getattr(functional, f"{name}_with_indices")
            both = _Routed.apply(given, reference, lambda maps: pool(maps, *others, **kwargs))  # type: ignore[no-untyped-call]  # torch's has no types
            return both if func.__name__.endswith("_with_indices") else both[0]

        def nonlinearity(x: Tensor) -> Tensor:
            changed: Tensor = func(x.clone() if in_place else x, *others, **kwargs)
            return changed

        layer = self._layer_of(given)
        rule = _Rescaled if layer is None else _Revealed
        source = given if layer is None else layer.inputs
        result: Tensor = rule.apply(source, given.detach(), reference, nonlinearity, layer)  # type: ignore[no-untyped-call]  # torch's has no types
        return given.copy_(result) if in_place else result

    def _layer_of(self, outputs: Any) -> _Layer | None:
        """The layer that returned this, unless it was changed in place since, as by a shortcut."""
        version, layer = self._layers.get(outputs, (0, None)) if isinstance(outputs, Tensor) else (0, None)
        return layer if layer is not None and version == outputs._version else None

    def _linear(self, func: Any, name: str, args: Any, kwargs: Any) -> Any:
        """A copy of a layer's outputs, or a multiple, is what a layer returns too."""
        layer = self._layer_of(args[0]) if args and name in ("clone", "mul") else None
        result = func(*args, **kwargs)
        factor = args[1] if len(args) > 1 else 1
        if layer and isinstance(factor, int | float):
            self._layers[result] = result._version, replace(layer, weight=layer.weight * factor)
        return result

    def _reference_of(self, name: str, given: Tensor) -> Tensor:
        at = self._at or 0
        self._at = at + 1
        kept, reference = self._kept[at] if at < len(self._kept) else ("nothing", given)
        fits = len(reference.shape) == len(given.shape) and all(
            a in (1, b) for a, b in zip(reference.shape, given.shape, strict=True)
        )
        if kept != name or not fits:
            raise NoRuleError(f"reference and images go through different operations: {kept} there, {name} here")
        return reference


def check_rules(output: Tensor) -> None:
    """NoRuleError if what the output was computed by is neither linear nor an operation with a rule."""
    nodes, seen = [output.grad_fn], set()
    while nodes:
        node: Any = nodes.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        below = [each for each, _ in node.next_functions if each is not None]
        name = re.sub(r"(Backwards?)?\d*$", "", node.name().rpartition("::")[2])
        if name not in _LINEAR | _PRODUCTS or getattr(node, "_saved_training", False):
            raise NoRuleError(f"there is no rule for {name}, or the operation behind it cannot be seen")
        if name in _PRODUCTS and len(below) > 1:
            raise NoRuleError(f"there is no rule for a product of two parts of the network ({name})")
        nodes += below


class _Rescaled(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, source: Tensor, given: Tensor, reference: Tensor, compute: Any, layer: None) -> Tensor:
        result: Tensor = compute(given)
        context.save_for_backward(_slope(compute, given, reference, result - compute(reference)))
        return result

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (multiplier,) = context.saved_tensors
        return gradients[0] * multiplier, None, None, None, None


def _slope(compute: Callable[[Tensor], Tensor], given: Tensor, reference: Tensor, difference: Tensor) -> Tensor:
    """Difference of outputs over that of inputs; where the inputs are all but equal, the derivative."""
    change = given - reference
    near = change.abs() <= torch.finfo(given.dtype).eps ** 0.5 * given.abs()
    slope = difference / change  # Eq. (a)
    if near.any():
        with torch.enable_grad():
            at = given.detach().requires_grad_()
            (derivative,) = torch.autograd.grad(compute(at).sum(), at)
        slope = torch.where(near, derivative, slope)
    return slope


class _Routed(torch.autograd.Function):
    """A window's difference goes to the largest input of whichever has the larger maximum, image or reference."""

    @staticmethod
    def forward(context: Any, given: Tensor, reference: Tensor, pool: Any) -> tuple[Tensor, Tensor]:
        (values, winners), (before, winners_before) = pool(given), pool(reference)
        d = values.dim() - 2
        place = torch.where(values >= before, winners, winners_before).flatten(-d)
        difference = (given - reference).flatten(-d).gather(-1, place)
        share = (values - before).flatten(-d) / difference
        context.save_for_backward(place, torch.where(difference == 0, 1, share))
        context.shape = given.shape
        context.mark_non_differentiable(winners)
        return values, winners

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        place, share = context.saved_tensors
        passed = gradients[0].reshape(share.shape) * share
        spread = passed.new_zeros((*context.shape[:2], context.shape[2:].numel())).scatter_add_(-1, place, passed)
        return spread.view(context.shape), None, None


@dataclass(frozen=True)
class _Layer:
    inputs: Tensor
    difference: Tensor  # of the inputs from those of the reference
    weight: Tensor
    forward: Sum
    backward: Sum

    @classmethod
    def of(cls, name: str, inputs: Tensor, reference: Tensor, others: Any, kwargs: Any) -> _Layer:
        names = ["weight", "bias", "stride", "padding"]
        names += ["output_padding", "groups", "dilation"] if "transpose" in name else ["dilation", "groups"]
        given: dict[str, Any] = {"input": inputs} | dict(zip(names, others, strict=False)) | kwargs
        sums = convolution_sums(name, given) if name in CONVOLUTIONS else linear_sums()
        return cls(inputs, inputs.detach() - reference, given["weight"], *sums)


class _Revealed(torch.autograd.Function):
    """Separate multipliers for the positive and the negative contributions to a nonlinearity."""

    @staticmethod
    def forward(
        context: Any,
        source: Tensor,
        given: Tensor,
        reference: Tensor,
        compute: Callable[[Tensor], Tensor],
        layer: _Layer,
    ) -> Tensor:
        (d_pos, d_neg), (w_pos, w_neg) = _signs(layer.difference), _signs(layer.weight)
        z_pos = layer.forward(d_pos, w_pos) + layer.forward(d_neg, w_neg)  # Eq. (b)
        z_neg = layer.forward(d_pos, w_neg) + layer.forward(d_neg, w_pos)
        y, y0, y_pos, y_neg = (compute(each) for each in (given, reference, reference + z_pos, reference + z_neg))
        slope = _slope(compute, given, reference, y - y0)
        for z, alone, other in ((z_pos, y_pos, y_neg), (z_neg, y_neg, y_pos)):
            z.copy_(torch.where(z == 0, slope, (alone - y0 + y - other) / (2 * z)))  # Eq. (c), over its input
        context.save_for_backward(z_pos, z_neg)
        context.layer = layer
        return y

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        layer, (pos, neg) = context.layer, (gradients[0] * each for each in context.saved_tensors)
        w_pos, w_neg = _signs(layer.weight)
        up = layer.backward(pos, w_pos) + layer.backward(neg, w_neg)
        down = layer.backward(pos, w_neg) + layer.backward(neg, w_pos)
        both = torch.where(layer.difference > 0, up, torch.where(layer.difference < 0, down, (up + down) / 2))
        return both, None, None, None, None


def _signs(values: Tensor) -> tuple[Tensor, Tensor]:
    return values.clamp(min=0), values.clamp(max=0)


def _follows(each: Any) -> bool:
    return isinstance(each, Tensor) and each.requires_grad
