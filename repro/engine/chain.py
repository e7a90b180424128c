"""The chain of operations from the images to a layer, recorded while the model runs.

For methods that go back through a network by rules of their own.  However a layer is written (module, function,
method, in place or not), ``record`` returns what is needed to reverse it: max pooling's switches, filters, shapes.
The model is not touched, and activations are not kept.  ``Graph`` keeps them, and has paths that part and meet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakTensorKeyDictionary

from repro.engine import watching
from repro.engine.errors import GradientError, NoRuleError
from repro.engine.relu_rules import ReluRule


@dataclass(frozen=True)
class Step:
    """One operation; ``below`` is the shape of what it was given."""

    below: torch.Size


@dataclass(frozen=True)
class Rectification(Step):
    """A ReLU."""


@dataclass(frozen=True)
class Reshaping(Step):
    """The same numbers in another shape, or in the same."""


@dataclass(frozen=True)
class Scaling(Step):
    """Times a constant and plus another, as in the normalisation of images."""

    factor: Tensor | float


@dataclass(frozen=True)
class Linear(Step):
    """A linear layer; ``weight`` is ``(outputs, inputs)``."""

    weight: Tensor


@dataclass(frozen=True)
class Window(Step):
    """What moves over maps: rows and columns of kernel, stride, padding and dilation."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]


@dataclass(frozen=True)
class Convolution(Window):
    """A convolution with filters ``weight``, ``(outputs, inputs / groups, rows, columns)``."""

    weight: Tensor
    groups: int


@dataclass(frozen=True)
class Pooling(Window):
    """Max pooling; ``switches`` are the places of the maxima, as indices into each flattened map below."""

    switches: Tensor


def record(model: nn.Module, images: Tensor, target_layer: nn.Module) -> tuple[list[Step], Tensor]:
    """The steps from the images to the layer, the first one first, and the layer's output.

    Raises NoRuleError if they are not one chain of these steps, and GradientError if the layer does not depend on the
    images.
    """
    # a gradient is never taken: that a tensor needs one tells that it depends on the images, also by unseen operations
    with torch.inference_mode(False), torch.enable_grad(), watching.evaluating(model), watching.frozen(model):
        pixels = images.detach().clone().requires_grad_().clone()  # not a leaf: the model may change it in place
        recorder = _Recorder(pixels)
        forgetting = saved_tensors_hooks(lambda tensor: None, lambda _: torch.empty(0))
        with forgetting, watching.activations(model, target_layer) as outputs, recorder:
            model(pixels)
        return recorder.steps(outputs[0]), outputs[0].detach()


@dataclass(frozen=True)
class _Made:
    """How a tensor was made: by which step, or why it can't be reversed, from what; and its version after that."""

    step: Step | str
    before: _Made | None
    version: int


class _Recorder(TorchFunctionMode):
    def __init__(self, images: Tensor) -> None:
        super().__init__()
        self._made = WeakTensorKeyDictionary()  # a tensor lives no longer than the model needs it
        self._made[images] = _Made("", None, images._version)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        given = [tensor for tensor in _tensors((args, kwargs)) if tensor in self._made or not tensor.is_leaf]
        if not given:
            return func(*args, **kwargs)
        before, versions = self._how(given[0]), [tensor._version for tensor in given]
        step, result = _run(func, args, kwargs, given[0])
        if len(given) > 1:
            step = "a place where paths meet"
        for made in _tensors((result,)):
            unchanged = any(made is each and made._version == v for each, v in zip(given, versions, strict=True))
            if not unchanged:
                self._made[made] = _Made(step, before, made._version)
        return result

    def _how(self, tensor: Tensor) -> _Made:
        made: _Made | None = self._made.get(tensor)
        if made is None:
            return _Made("an operation that can't be seen from Python", None, tensor._version)
        if made.version != tensor._version:
            return _Made("a change in place of what was a part or a view", made, tensor._version)
        return made

    def steps(self, maps: Tensor) -> list[Step]:
        steps: list[Step] = []
        if maps not in self._made and maps.is_leaf:
            raise GradientError("the target layer does not depend on the images, or not by operations with a gradient")
        made = self._how(maps)
        while made.step:
            if isinstance(made.step, str):
                known = "convolutions, ReLUs, max poolings and linear layers"
                raise NoRuleError(f"only one chain of {known} can be reversed; before this layer there is {made.step}")
            steps.append(made.step)
            assert made.before is not None  # noqa: S101  # only the images come from nothing
            made = made.before
        return steps[::-1]


def _tensors(values: Iterable[Any]) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, (list, tuple, dict)):
            yield from _tensors(value.values() if isinstance(value, dict) else value)


_CONVOLUTION = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
_POOLING = ("input", "kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices")
_BATCH_NORM = ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps")
_GLOBAL = ("mean", "amax", "adaptive_avg_pool2d", "adaptive_max_pool2d")
_CUT = ("clamp", "clamp_max", "dropout", "dropout2d", "feature_dropout")  # all but a few values stay what they are
_RESHAPING = ("clone", "contiguous", "flatten", "reshape", "squeeze", "unflatten", "unsqueeze", "view")


def _run(func: Any, args: Any, kwargs: Any, given: Tensor) -> tuple[Step | str, Any]:
    """The step that a function is to a tensor that it is given, or its name if it is no known step; and its result."""
    below, name = given.shape, func.__name__.strip("_")
    if name in ("max_pool2d", "max_pool2d_with_indices"):
        named = dict(zip(_POOLING, args, strict=False)) | kwargs
        asked = named.pop("return_indices", False) or name == "max_pool2d_with_indices"
        values, switches = functional.max_pool2d(**named, return_indices=True)
        kernel = _pair(named["kernel_size"])
        stride = _pair(named.get("stride") or kernel)
        window = kernel, stride, _pair(named.get("padding", 0)), _pair(named.get("dilation", 1))
        return Pooling(below, *window, switches), (values, switches) if asked else values
    rectifies = ReluRule.is_relu(func, args, kwargs)
    result = func(*args, **kwargs)
    if not isinstance(result, Tensor):
        return name, result
    if rectifies:
        return Rectification(below), result
    if name == "conv2d":
        return _convolution(dict(zip(_CONVOLUTION, args, strict=False)) | kwargs, given), result
    same = result.shape == below and name == "adaptive_avg_pool2d"  # from 6x6 to 6x6, as AlexNet and VGG have it
    if same or (name in _RESHAPING and result.dtype == given.dtype):
        return Reshaping(below), result
    weight, factor = _weight(name, args, kwargs, given), _factor(name, args, kwargs, given)
    if weight is not None:
        return Linear(below, weight), result
    return (name if factor is None else Scaling(below, factor)), result


def place_keeping(func: Any, args: Any, kwargs: Any, given: Tensor) -> tuple[Step | str, Any]:
    """Run a torch function; the step that it is to ``given``, or its name, and its result.

    For recorders that ask only where things lie: ReLU6, average pooling and padding are steps too.
    """
    below, name = given.shape, func.__name__.strip("_")
    step, result = _run(func, args, kwargs, given)
    if name == "relu6" or (name == "hardtanh" and (kwargs.get("min_val", args[1] if len(args) > 1 else -1)) == 0):
        return Rectification(below), result
    if name == "avg_pool2d":
        named = dict(zip(_POOLING, args, strict=False)) | kwargs
        kernel = _pair(named["kernel_size"])
        return Window(
            below, kernel, _pair(named.get("stride") or kernel), _pair(named.get("padding", 0)), (1, 1)
        ), result
    if name == "pad":
        added = [*(args[1] if len(args) > 1 else kwargs["pad"]), 0, 0]
        if min(added) >= 0:
            return Window(below, (1, 1), (1, 1), (added[2], added[0]), (1, 1)), result
    return step, result


@dataclass(frozen=True, eq=False)
class Node:
    """An operation of a ``Graph``; the images are one that was given nothing."""

    number: int  # in the order in which they ran
    step: Step | str  # or its name: "add" and "cat" of several tensors, and what is no step
    given: tuple[Node, ...]  # what it was given of all that depends on the images
    values: tuple[Tensor, ...]  # of that, before the operation
    shape: torch.Size  # of its result
    version: int


class Graph(TorchFunctionMode):
    """Within ``with Graph(pixels) as graph:`` every operation on ``graph.images``, and what it was given.

    For methods that need activations, and places alone of what lies between: a mean over all positions is a window, a
    BatchNorm a part of the convolution before it.  ``pixels`` must require a gradient: that a tensor needs one tells
    that it depends on them, also by operations that can't be seen.
    """

    def __init__(self, pixels: Tensor) -> None:
        super().__init__()
        self.images = pixels.clone()  # not a leaf: the model may change it in place
        self._nodes = WeakTensorKeyDictionary()
        self._nodes[self.images] = Node(0, "", (), (), pixels.shape, self.images._version)
        self._count = 0

    def node(self, tensor: Tensor) -> Node:
        """What made a tensor; NoRuleError if that can't be told."""
        node: Node | None = self._nodes.get(tensor)
        if node is None:
            raise NoRuleError(f"a part of the model cannot be followed: {watching.UNSCRIPTED}")
        if node.version != tensor._version:
            raise NoRuleError("a part or view of a tensor is changed in place, which cannot be followed")
        return node

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        tensors = [each for each in _tensors((args, kwargs)) if each in self._nodes or not each.is_leaf]
        if not tensors:
            return func(*args, **kwargs)
        given, versions = tuple(map(self.node, tensors)), [each._version for each in tensors]
        values = tuple(each.detach().clone() for each in tensors)
        step, result = place_keeping(func, args, kwargs, tensors[0])
        name = func.__name__.strip("_").removeprefix("i")
        if len(given) > 1:
            step = name if name in ("add", "cat") else "a product or another meeting of paths"
        for made in _tensors((result,)):
            if any(made is each and made._version == v for each, v in zip(tensors, versions, strict=True)):
                continue
            if isinstance(step, str) and len(given) == 1:
                step = _known(name, step, args, kwargs, tensors[0], made)
            self._count += 1
            node, below = Node(self._count, step, given, values, made.shape, made._version), given[0]
            if name == "batch_norm" and isinstance(step, Scaling) and isinstance(below.step, Convolution):
                factor = torch.as_tensor(step.factor)[:, None, None, None]
                folded = replace(below.step, weight=below.step.weight * factor)
                node = replace(node, step=folded, given=below.given, values=below.values)
            self._nodes[made] = node
        return result


def look(maps: Tensor, points: Tensor, channels: Tensor, window: Window) -> tuple[Tensor, Tensor, Tensor]:
    """What a window shows of maps ``(B, C, h, w)`` for units ``(n, 4)`` of its result, in the channels ``(n, c)``.

    The values ``(n, c, positions)``, 0 in the padding; whether a position is inside, ``(n, 1, positions)``; its row and
    column, ``(n, positions, 2)``.
    """
    offsets = torch.cartesian_prod(*(torch.arange(side, device=maps.device) for side in window.kernel))
    stride, padding, dilation = (offsets.new_tensor(each) for each in (window.stride, window.padding, window.dilation))
    places = (points[:, None, 2:] * stride - padding) + offsets * dilation
    within = places.clamp(offsets.new_zeros(2), offsets.new_tensor(maps.shape[2:]) - 1)
    inside = (within == places).all(2)[:, None]
    values = maps[points[:, 0, None, None], channels[:, :, None], within[:, None, :, 0], within[:, None, :, 1]]
    return torch.where(inside, values, 0), inside, within


def reshaped(points: Tensor, above: torch.Size, below: torch.Size) -> Tensor:
    """Indices ``(n, dimensions)`` into a tensor as those of the same numbers in the shape below."""
    flat = points.new_zeros(len(points))
    for column, side in zip(points.T, above, strict=True):
        flat = flat * side + column
    return torch.stack(torch.unravel_index(flat, below), 1)


def _known(name: str, step: str, args: Any, kwargs: Any, given: Tensor, made: Tensor) -> Step | str:
    """Steps that ``_run`` does not know: poolings over all positions, a BatchNorm, what cuts values off."""
    if name in _GLOBAL and given.dim() == 4 and made.shape[:2] == given.shape[:2] and made.shape[2:].numel() == 1:
        rows, columns = given.shape[2:]
        return Window(given.shape, (rows, columns), (1, 1), (0, 0), (1, 1))
    if name == "batch_norm":
        named = dict(zip(_BATCH_NORM, args, strict=False)) | kwargs
        spread = (named["running_var"] + named.get("eps", 1e-5)).sqrt()
        return Scaling(given.shape, (1 if named.get("weight") is None else named["weight"]) / spread)
    return Rectification(given.shape) if name in _CUT and made.shape == given.shape else step


def _convolution(named: dict[str, Any], given: Tensor) -> Step | str:
    weight = named["weight"]
    kernel, stride, dilation = _pair(weight.shape[2:]), _pair(named.get("stride", 1)), _pair(named.get("dilation", 1))
    padding = named.get("padding", 0)
    if padding == "same":
        beyond = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        if any(each % 2 for each in beyond):
            return "a convolution with more padding on one side"
        padding = [each // 2 for each in beyond]
    if named["input"] is not given:
        return "a convolution with filters that depend on the image"
    window = kernel, stride, _pair(0 if padding == "valid" else padding), dilation
    return Convolution(given.shape, *window, weight.detach(), named.get("groups", 1))


def _weight(name: str, args: Any, kwargs: Any, given: Tensor) -> Tensor | None:
    """Of a linear layer, however it is written."""
    if name == "linear" and args[0] is given:
        weight: Tensor = args[1] if len(args) > 1 else kwargs["weight"]
        return weight.detach()
    product: tuple[Any, ...] = args[-2:] if name in ("matmul", "mm") or (name == "addmm" and not kwargs) else ()
    if len(product) == 2 and product[0] is given and product[1].dim() == 2:
        transposed: Tensor = product[1].detach().T
        return transposed
    return None


def _factor(name: str, args: Any, kwargs: Any, given: Tensor) -> Tensor | float | None:
    """By which sums, differences, products and quotients with a constant multiply what they are given."""
    if len(args) != 2 or kwargs:
        return None
    first = args[0] is given
    other = args[1] if first else args[0]
    if name in ("add", "sub", "rsub"):
        return 1.0 if name == "add" or first == (name == "sub") else -1.0
    if name == "mul":
        return other  # type: ignore[no-any-return]  # a number or a tensor
    return 1 / other if name == "div" and first else None


def _pair(sides: Any) -> tuple[int, int]:
    rows, columns = (sides, sides) if isinstance(sides, int) else (sides[0], sides[-1])
    return int(rows), int(columns)
