"""A way back through strided convolutions that leaves no grid."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

_NAMES = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")


class Resampled(TorchFunctionMode):
    """Within ``with Resampled():`` a convolution with a stride sends its signal back without gaps between the strides.

    The signal is enlarged by nearest neighbour to the size that the convolution would return with stride 1, and goes
    back as through that convolution, divided by how often each value is repeated.  Forward values stay the same; a
    convolution with stride 1 keeps its own gradient.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func not in (functional.conv2d, torch.conv2d):
            return func(*args, **kwargs)
        named = dict(zip(_NAMES, args, strict=False)) | kwargs
        stride, padding = _pair(named.get("stride", 1)), named.get("padding", 0)
        if stride == (1, 1) or isinstance(padding, str) or not torch.is_grad_enabled():
            return func(*args, **kwargs)
        shape = _pair(padding), _pair(named.get("dilation", 1)), named.get("groups", 1)
        return _Resampled.apply(named["input"], named["weight"], named.get("bias"), stride, *shape)  # type: ignore[no-untyped-call]  # torch's has no types


class _Resampled(torch.autograd.Function):
    @staticmethod
    def forward(
        context: Any,
        given: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        stride: tuple[int, int],
        padding: tuple[int, int],
        dilation: tuple[int, int],
        groups: int,
    ) -> Tensor:
        context.save_for_backward(weight)
        context.shape = given.shape, stride, padding, dilation, groups
        return functional.conv2d(given, weight, bias, stride, padding, dilation, groups)

    @staticmethod
    def backward(context: Any, *signals: Tensor) -> tuple[Tensor | None, ...]:
        (weight,), (below, stride, padding, dilation, groups) = context.saved_tensors, context.shape
        sides = zip(below[2:], weight.shape[2:], padding, dilation, strict=True)
        size = [side + 2 * pad - step * (kernel - 1) for side, kernel, pad, step in sides]
        enlarged = functional.interpolate(signals[0], size) / (stride[0] * stride[1])
        back = torch.nn.grad.conv2d_input(list(below), weight, enlarged, 1, padding, dilation, groups)  # type: ignore[attr-defined]  # torch's module of gradients
        return back, *[None] * 6


def _pair(sides: Any) -> tuple[int, int]:
    rows, columns = (sides, sides) if isinstance(sides, int) else (sides[0], sides[-1])
    return int(rows), int(columns)
