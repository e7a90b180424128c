"""Send relevance back through a network in one forward and one backward pass, by a rule for each of its linear layers.

What travels back in place of the gradient is c = R / a, relevance by activation.  Wherever a network is linear piece by
piece, c is passed on exactly as a gradient is: a ReLU hands R on unchanged, max pooling to the largest input, a sum (a
shortcut, average pooling, a shift) in proportion to what each part contributed, and c = R / a stays free of divisions
by small numbers.  So only convolutions and linear layers need a rule of their own; a BatchNorm right after one is
folded into it.  Other BatchNorms count as a scaling with a bias, which takes its share.

The image is the exception: pixels of value 0 may be given relevance, so at the image it is R itself that travels, also
through what a network does to it first: it is cut, shifted and scaled by constants, and each pixel keeps its relevance.

Operations are watched, not modules, so that functions and layers that are used twice count.  What is neither of these
raises ValueError with its name: products of two parts of the network, softmax, GELU, whatever cannot be seen at all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.weak import WeakTensorKeyDictionary

from repro.engine.watching import is_in_place


@dataclass
class Layer:
    """A convolution or linear layer at work, the BatchNorm right after it folded in: what a rule has to know.

    ``position`` counts such layers in the order in which they run, from 0; there are ``count`` of them.  A ``first``
    layer sees the image.  ``nonnegative`` inputs are known to be so: they come from a ReLU.  ``rectified`` outputs had
    a ReLU put in their place: what was negative is 0, and has no relevance.
    """

    kind: str  # "convolution" or "linear"
    position: int
    first: bool
    nonnegative: bool
    inputs: Tensor  # a_j
    outputs: Tensor  # z_k, with the bias
    rectified: bool = False
    _weight: Tensor = field(repr=False, kw_only=True)
    _bias: Tensor | None = field(repr=False, kw_only=True)
    _forward: Callable[[Tensor, Tensor], Tensor] = field(repr=False, kw_only=True)
    _backward: Callable[[Tensor, Tensor], Tensor] = field(repr=False, kw_only=True)
    _counted: list[int] = field(repr=False, kw_only=True)
    _scale: Tensor | None = field(default=None, repr=False, kw_only=True)  # of the BatchNorm, one for each output
    _foldable: bool = field(default=True, repr=False, kw_only=True)
    _source: Tensor | None = field(default=None, repr=False, kw_only=True)  # the input with its graph
    _versions: tuple[int, int] = field(default=(0, 0), repr=False, kw_only=True)

    @property
    def count(self) -> int:
        return self._counted[0]

    @property
    def weight(self) -> Tensor:
        """w_jk, as the module keeps them."""
        if self._scale is None:
            return self._weight
        return self._weight * self._scale.view(-1, *[1] * (self._weight.dim() - 1))

    @property
    def bias(self) -> Tensor | None:
        """b_k, shaped so that it can be added to the outputs."""
        if self._bias is None or self.kind == "linear":
            return self._bias
        return self._bias.view(-1, *[1] * (self._weight.dim() - 2))

    def forward(self, inputs: Tensor, weight: Tensor) -> Tensor:
        """sum_j a_j w_jk, without a bias."""
        return self._forward(inputs, weight)

    def backward(self, s: Tensor, weight: Tensor | None = None) -> Tensor:
        """sum_k w_jk s_k, with the layer's own weights unless others are given."""
        if weight is not None:
            return self._backward(s, weight)
        if self._scale is not None:
            if self._weight.numel() < s.numel():
                return self._backward(s, self.weight)
            s = s * (self._scale if self.kind == "linear" else self._scale.view(-1, *[1] * (s.dim() - 2)))
        return self._backward(s, self._weight)


Rule = Callable[[Layer, Tensor], Tensor]  # c_k of the outputs to c_j of the inputs; with .pixels, to R_j
Composite = Callable[[Layer], Rule]


@dataclass
class _Seen:
    """What is known of a tensor that relevance reaches."""

    image: bool = False  # a pixel's place and no more than a shift and a scale away from the pixel
    nonnegative: bool = False
    layer: Layer | None = None  # that returned it
    used: bool = False


_CONVOLUTIONS = {f"conv{d}d": d for d in (1, 2, 3)} | {f"conv_transpose{d}d": d for d in (1, 2, 3)}
_MOVES = {  # every value stays what it is
    *("view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze", "transpose", "permute", "swapaxes", "movedim"),
    *("t", "__get__", "__getitem__", "select", "narrow", "chunk", "split", "tensor_split", "unbind", "index_select"),
    *("cat", "concat", "concatenate", "stack", "expand", "expand_as", "repeat", "view_as", "reshape_as", "contiguous"),
    *("clone", "to", "float", "double", "type", "type_as", "requires_grad_", "alias"),
    *("flip", "roll", "ravel", "gather"),
    *("channel_shuffle", "pixel_shuffle", "pixel_unshuffle", "dropout", "dropout1d", "dropout2d", "dropout3d"),
    *("feature_dropout", "native_channel_shuffle", "split_with_sizes", "unsafe_chunk", "unsafe_split", "swapdims"),
}
_POOLS = {
    f"{adaptive}{kind}_pool{d}d{indices}"
    for adaptive in ("", "adaptive_")
    for kind in ("avg", "max")
    for d in (1, 2, 3)
    for indices in ("", "_with_indices")
}
_SUMS = {"add", "sum", "mean", "amax", "max", "maximum"}
_PIECEWISE = (
    _MOVES
    | _POOLS
    | _SUMS
    | {
        *("relu", "leaky_relu", "prelu", "abs", "sub", "subtract", "rsub", "neg", "negative", "amin", "min", "minimum"),
        *("pad", "interpolate", "upsample", "where", "masked_fill"),
    }
)
_CLAMPS = {"clamp", "clip", "clamp_min"}
_BENT = {"tanh", "hardtanh", "relu6", "elu", "celu", "selu", *_CLAMPS}  # g(0) = 0 and rising, but no lines
_SHIFTS = {"add", "sub", "subtract", "rsub", "mul", "multiply", "div", "divide", "true_divide"}
_PRODUCTS = {"mul", "multiply", "div", "divide", "true_divide"}


class Relevance(TorchFunctionMode):
    """Within ``with Relevance(images, composite):`` gradients of what comes out are relevance, as said above.

    ``composite`` says for each layer by which rule; it is asked on the way back.  ``images`` must require a gradient.
    """

    def __init__(self, images: Tensor, composite: Composite) -> None:
        super().__init__()
        self.composite = composite
        self._counted = [0]
        self._seen = WeakTensorKeyDictionary()
        self._seen[images] = _Seen(image=True)

    def reaches(self, tensor: Tensor) -> bool:
        """Whether relevance that is put on this tensor finds its way back."""
        return tensor in self._seen

    def is_image(self, tensor: Tensor) -> bool:
        """Whether the gradient of this tensor is R itself, not R by its value."""
        return bool(self._seen[tensor].image)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        carrying = [each for each in tree_leaves((args, kwargs)) if isinstance(each, Tensor) and each.requires_grad]
        if not carrying:
            return func(*args, **kwargs)
        for tensor in carrying:
            if tensor not in self._seen:
                made_by = tensor.grad_fn.name() if tensor.grad_fn else "a tensor of the model that wants a gradient"
                raise ValueError(f"LRP cannot see the operation behind {made_by}: it is scripted, compiled or custom")
        name = func.__name__
        in_place = is_in_place(func, args, kwargs)
        if name.endswith("_") and name[:-1] in _PIECEWISE | _BENT | _PRODUCTS:
            name = name[:-1]
        name = "rsub" if name == "__rsub__" else name
        given = [self._seen[tensor] for tensor in carrying]
        if name in _CONVOLUTIONS or name == "linear" or self._multiplies_by_a_constant(name, args):
            return self._linear(func, name, args, kwargs)
        if func is functional.batch_norm:
            return self._batch_norm(args, kwargs)
        if all(each.image for each in given):
            if name in _SHIFTS and len(carrying) == 1 and carrying[0] is (args[0] if args else None):
                return self._shift(func, name, in_place, args, kwargs)
            if name not in _MOVES and name != "pad":
                return self._from_the_image(func, args, kwargs)
        elif any(each.image for each in given):
            return self._from_the_image(func, args, kwargs)
        if name in _BENT and not (name in _CLAMPS and _bounds(args, kwargs) == (0, None)):
            return self._bent(func, name, in_place, args, kwargs)
        if name in _PRODUCTS and (
            len(carrying) > 1 or (name not in ("mul", "multiply") and args[0] is not carrying[0])
        ):
            raise ValueError(
                f"LRP has no rule for a product of two parts of the network ({name}), as in squeeze-and-excitation or"
                " attention: explain a network without"
            )
        if name in _PIECEWISE | _PRODUCTS | _CLAMPS:
            return self._piecewise(func, name, in_place, carrying, args, kwargs)
        result = func(*args, **kwargs)
        if in_place or any(_carries(each) for each in tree_leaves(result)):
            raise ValueError(f"LRP has no rule for {name}, and relevance would have to pass through it")
        return result

    def _piecewise(self, func: Any, name: str, in_place: bool, carrying: list[Tensor], args: Any, kwargs: Any) -> Any:
        given = [self._seen[tensor] for tensor in carrying]
        rectifies = name in ("relu", *_CLAMPS, "abs")
        if in_place:
            self._overwrite(args[0] if args else kwargs["input"], rectifies and name != "abs")
        result = func(*args, **kwargs)
        if not any(_carries(each) for each in tree_leaves(result)):
            return result  # a shape, or what is cut off on purpose
        for each in given:
            each.used = True
        tensors = [each for each in tree_leaves((args, kwargs)) if isinstance(each, Tensor)]
        numbers = name in _SUMS and (len(tensors) < 2 or "alpha" in kwargs) and name in ("add", "maximum")
        stays = name in _MOVES | _POOLS | _SUMS and len(tensors) == len(carrying) and not numbers
        nonnegative = rectifies or (stays and all(each.nonnegative for each in given))
        image = (name in _MOVES or name == "pad") and all(each.image for each in given)
        layer = given[0].layer if name in ("clone", "contiguous") else None
        for each in tree_leaves(result):
            if _carries(each) and (in_place or not any(each is tensor for tensor in carrying)):
                self._seen[each] = _Seen(image, nonnegative, layer)
        return result

    def _overwrite(self, tensor: Tensor, rectifies: bool = False) -> None:
        """Keep what a layer returned before it is overwritten; after a ReLU what is left says as much."""
        seen = self._seen[tensor] if tensor in self._seen else _Seen()
        layer, seen.layer = seen.layer, None
        if layer is None or layer.outputs.data_ptr() != tensor.data_ptr():
            return
        if rectifies and not seen.used:
            layer.rectified = True
            layer._versions = (layer._versions[0], layer._versions[1] + 1)
        else:
            layer.outputs = layer.outputs.clone()
            layer._versions = (layer._versions[0], layer.outputs._version)

    def _linear(self, func: Any, name: str, args: Any, kwargs: Any) -> Tensor:
        names = ["input", "weight", "bias", "stride", "padding"]
        names += ["output_padding", "groups", "dilation"] if "transpose" in name else ["dilation", "groups"]
        if name not in _CONVOLUTIONS and name != "linear":
            given: dict[str, Any] = {"input": args[0], "weight": args[1].mT}
        else:
            given = dict(zip(names, args, strict=False)) | kwargs
        inputs, weight, bias = given["input"], given["weight"], given.get("bias")
        if weight.requires_grad or (bias is not None and bias.requires_grad) or not inputs.requires_grad:
            raise ValueError(f"LRP has no rule for {name} whose weights depend on the image")
        forward, backward = _matrix() if name not in _CONVOLUTIONS else _convolution(func, name, given)
        layer = Layer(
            "convolution" if name in _CONVOLUTIONS else "linear",
            self._counted[0],
            self._seen[inputs].image,
            self._seen[inputs].nonnegative,
            inputs.detach(),
            inputs.detach(),
            _weight=weight,
            _bias=bias,
            _forward=forward,
            _backward=backward,
            _counted=self._counted,
            _foldable="transpose" not in name,
            _source=inputs,
        )
        self._counted[0] += 1
        return self._run(layer, lambda: func(*args, **kwargs))

    def _run(self, layer: Layer, compute: Callable[[], Tensor]) -> Tensor:
        source = layer._source
        assert source is not None  # noqa: S101  # every layer here was made with one
        self._seen[source].used = True
        result: Tensor = _ByRule.apply(source, layer, self.composite, compute)  # type: ignore[no-untyped-call]  # torch's has no types
        self._seen[result] = _Seen(layer=layer)
        return result

    def _batch_norm(self, args: Any, kwargs: Any) -> Any:
        names = ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps")
        given: dict[str, Any] = {"weight": None, "bias": None, "eps": 1e-5}
        given |= dict(zip(names, args, strict=False)) | kwargs
        inputs, mean, variance = given["input"], given["running_mean"], given["running_var"]
        if given.get("training") or mean is None or variance is None:
            raise ValueError("LRP has no rule for a BatchNorm that takes its statistics from the images themselves")
        seen = self._seen[inputs]
        if seen.image:
            return self._from_the_image(functional.batch_norm, args, kwargs)
        layer = seen.layer
        if layer is None or not layer._foldable or (layer.kind == "linear" and inputs.dim() != 2):
            return self._piecewise(functional.batch_norm, "batch_norm", False, [inputs], args, kwargs)
        scale = (variance + given["eps"]).rsqrt()
        scale = scale if given["weight"] is None else scale * given["weight"]
        shift = -mean if layer._bias is None else layer._bias - mean
        shift = shift * scale if given["bias"] is None else shift * scale + given["bias"]
        if layer._scale is not None:
            scale = scale * layer._scale
        folded = replace(layer, _scale=scale, _bias=shift)
        plain = inputs.detach()
        return self._run(
            folded, lambda: functional.batch_norm(plain, *args[1:], **{k: v for k, v in kwargs.items() if k != "input"})
        )

    def _shift(self, func: Any, name: str, in_place: bool, args: Any, kwargs: Any) -> Tensor:
        image = args[0]
        shifted: Callable[..., Tensor] = getattr(Tensor, name) if in_place else func
        result: Tensor = _Pass.apply(image, lambda: shifted(*args, **kwargs))  # type: ignore[no-untyped-call]  # torch's has no types
        if result.shape != image.shape:
            return self._from_the_image(func, args, kwargs)  # type: ignore[no-any-return]  # of one tensor one
        result = image.copy_(result) if in_place else result
        self._seen[result] = _Seen(image=True)
        return result

    def _from_the_image(self, func: Any, args: Any, kwargs: Any) -> Any:
        """From R at the image to c = R / a beyond it."""
        if is_in_place(func, args, kwargs):
            raise ValueError(f"LRP cannot follow {func.__name__}, which overwrites the image: give it a copy")

        def enter(each: Any) -> Any:
            if not (isinstance(each, Tensor) and each in self._seen and self._seen[each].image):
                return each
            entered: Tensor = _Enter.apply(each)  # type: ignore[no-untyped-call]  # torch's has no types
            self._seen[entered] = _Seen()
            return entered

        args, kwargs = tree_map(enter, args), tree_map(enter, kwargs)
        return self.__torch_function__(func, (), args, kwargs)

    def _bent(self, func: Any, name: str, in_place: bool, args: Any, kwargs: Any) -> Tensor:
        """What bends but keeps 0 in its place hands R on unchanged: c is multiplied by g(z) / z."""
        if name in _CLAMPS and not _holds_zero(*_bounds(args, kwargs)):
            raise ValueError(f"LRP has no rule for {name} with bounds that leave out 0")
        tensor = args[0] if args else kwargs["input"]
        self._seen[tensor].used = True
        plain = tensor.detach().clone()
        args, kwargs = tree_map(lambda each: plain if each is tensor else each, (args, kwargs))
        before = tensor.detach().clone() if in_place else tensor.detach()
        result: Tensor = _Bend.apply(tensor, before, lambda: func(*args, **kwargs))  # type: ignore[no-untyped-call]  # torch's has no types
        if in_place:
            self._overwrite(tensor)
            result = tensor.copy_(result)
        self._seen[result] = _Seen(nonnegative=name == "relu6")
        return result

    @staticmethod
    def _multiplies_by_a_constant(name: str, args: Any) -> bool:
        return (
            name in ("matmul", "mm", "__matmul__")
            and args[0].requires_grad
            and not args[1].requires_grad
            and args[1].dim() == 2
            and args[0].dim() > 1
        )


class _ByRule(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, inputs: Tensor, layer: Layer, composite: Composite, compute: Any) -> Tensor:
        outputs: Tensor = compute()
        layer.outputs = outputs.detach()
        layer._versions = (layer.inputs._version, layer.outputs._version)
        context.layer, context.composite = layer, composite
        return outputs

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        layer, context.layer = context.layer, None  # what it holds is no longer needed
        if (layer.inputs._version, layer.outputs._version) != layer._versions:
            raise ValueError(f"LRP needs what {layer.kind} {layer.position} saw or returned, and it was overwritten")
        rule = context.composite(layer)
        found = rule(layer, gradients[0])
        if getattr(rule, "pixels", False):
            if not layer.first:
                raise ValueError(
                    f"{type(rule).__name__} is a rule for the layer that sees the image, and not beyond it"
                )
        elif layer.first:
            found = found * layer.inputs
        return found, None, None, None


class _Pass(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, image: Tensor, compute: Any) -> Tensor:
        result: Tensor = compute()
        return result

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None


class _Enter(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, image: Tensor) -> Tensor:
        context.save_for_backward(image)
        return image.clone()

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:
        (image,) = context.saved_tensors
        return gradients[0] * image  # type: ignore[no-any-return]  # autograd's context has no types


class _Bend(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, tensor: Tensor, before: Tensor, compute: Any) -> Tensor:
        result: Tensor = compute()
        context.save_for_backward(torch.where(before == 0, 0, result / before))
        return result

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (slope,) = context.saved_tensors
        return gradients[0] * slope, None, None


def _carries(each: Any) -> bool:
    return isinstance(each, Tensor) and each.requires_grad


def _bounds(args: Any, kwargs: Any) -> tuple[Any, Any]:
    bounds = dict(zip(("input", "min", "max"), args, strict=False)) | kwargs
    return bounds.get("min"), bounds.get("max")


def _holds_zero(low: Any, high: Any) -> bool:
    return all(each is None or isinstance(each, int | float) for each in (low, high)) and (
        (low is None or low <= 0) and (high is None or high >= 0)
    )


def _matrix() -> tuple[Any, Any]:
    return functional.linear, lambda s, weight: s @ weight


def _convolution(func: Any, name: str, given: dict[str, Any]) -> tuple[Any, Any]:
    """The convolution with other inputs and weights, and the one back, which autograd uses for the input's gradient."""
    dimensions, inputs, weight = _CONVOLUTIONS[name], given["input"], given["weight"]
    if inputs.dim() != dimensions + 2:
        raise ValueError(f"LRP takes images in batches: {name} was given {tuple(inputs.shape)}")

    def spread(key: str, default: int) -> list[int]:
        value = given.get(key, default)
        return [value] * dimensions if isinstance(value, int) else list(value)

    stride, dilation, groups = spread("stride", 1), spread("dilation", 1), given.get("groups", 1)
    if isinstance(given.get("padding"), str):
        whole = [d * (k - 1) for d, k in zip(dilation, weight.shape[2:], strict=True)]
        padding = [0] * dimensions if given["padding"] == "valid" else [each // 2 for each in whole]
        if given["padding"] == "same" and any(each % 2 for each in whole):
            raise ValueError(
                f"LRP has no rule for {name} with padding 'same' and an even kernel, which pads one side more"
            )
    else:
        padding = spread("padding", 0)
    transposed, outer, shape = "transpose" in name, spread("output_padding", 0), inputs.shape
    rest = (stride, padding, dilation, transposed, outer, groups)

    def forward(other: Tensor, weights: Tensor) -> Tensor:
        result: Tensor = torch.ops.aten.convolution(other, weights, None, *rest)
        return result

    def backward(s: Tensor, weights: Tensor) -> Tensor:
        like = s.new_empty(1).expand(shape)  # only its shape is asked for
        result: Tensor = torch.ops.aten.convolution_backward(s, like, weights, None, *rest, (True, False, False))[0]
        return result

    return forward, backward
