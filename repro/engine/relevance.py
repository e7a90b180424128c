"""Propagate relevance back through a network, in one forward and one backward pass, with a rule for each linear layer.

What travels back in place of the gradient is c = R / x, relevance over activation.  Wherever a network is piecewise
linear, c is passed on exactly as a gradient is: a ReLU passes R on unchanged, max pooling gives it all to the largest
input, and a sum (a shortcut, average pooling, an offset) shares it in proportion to what each part contributed.  So
only convolutions and linear layers need a rule of their own.  A BatchNorm right after one is folded into it; any other
BatchNorm counts as a scaling with a bias, which takes its share.

The image is the exception: pixels of value 0 may receive relevance, so at the image R itself travels, also through what
a network does to the image first: when it is cropped, shifted and scaled by constants, each pixel keeps its relevance.

Operations are watched, not modules: functions count, and layers that are used twice.  An operation without a rule
raises NoRuleError with its name: products of two parts of the network, softmax, GELU, and what cannot be seen at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.weak import WeakTensorKeyDictionary

from repro.engine import checks, gradients, watching
from repro.engine.errors import GradientError, LayerError, NoRuleError, OptionsError
from repro.engine.relevance_layer import CONVOLUTIONS, Layer, convolution_sums, linear_sums
from repro.engine.relevance_rules import Composite


def propagate(
    model: nn.Module,
    images: Tensor,
    target_classes: Tensor,
    composite: Composite,
    layers: Sequence[nn.Module] = (),
    relevance: Tensor | None = None,
) -> list[Tensor]:
    """Relevance of the images and of what the layers returned; it starts as the logit of each image's class, or as
    ``relevance (B, K)``.
    """
    checks.check_images(images)
    exact = torch.autocast(images.device.type, enabled=False)
    with torch.inference_mode(False), torch.enable_grad(), exact, watching.evaluating(model), watching.frozen(model):
        pixels = images.detach().clone().requires_grad_()
        with RelevanceMode(pixels, composite) as mode, watching.activations(model, *layers) as outputs:
            logits = model(pixels.clone())
        classes = checks.class_indices(target_classes, logits)
        if not logits.requires_grad or not mode.tracks(logits):
            raise GradientError("the logits do not depend on the image through operations that LRP can see")
        c = functional.one_hot(classes, logits.shape[1]).to(logits)  # R / logit, where R is the logit itself
        if relevance is not None:
            if relevance.shape != logits.shape:
                raise OptionsError(
                    f"relevance needs the logits' shape {tuple(logits.shape)}, got {tuple(relevance.shape)}"
                )
            c = torch.where(logits == 0, 0, relevance.to(logits) / logits).detach()
        with gradients.following():
            found = torch.autograd.grad(logits, [pixels, *outputs], c, allow_unused=True)
    result = []
    for tensor, c_of in zip([pixels, *outputs], found, strict=True):
        if c_of is None:
            raise LayerError("no relevance reaches this layer: the logits do not depend on it, or it is folded away")
        result.append((c_of if mode.is_image(tensor) else c_of * tensor).detach())
    return result


@dataclass
class _Tracked:
    """What is known of a tensor that relevance reaches."""

    image: bool = False  # the image itself, or the image shifted and scaled by constants
    nonnegative: bool = False
    layer: Layer | None = None  # the one that returned it
    used: bool = False  # by an operation, so that relevance may reach it from there


_SHAPE_OPERATIONS = {  # and copies: values are moved, not changed
    *("view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze", "transpose", "permute", "swapaxes", "movedim"),
    *("t", "__get__", "__getitem__", "select", "narrow", "chunk", "split", "tensor_split", "unbind", "index_select"),
    *("cat", "concat", "concatenate", "stack", "expand", "expand_as", "repeat", "view_as", "reshape_as", "contiguous"),
    *("clone", "to", "float", "double", "type", "type_as", "requires_grad_", "alias"),
    *("flip", "roll", "ravel", "gather"),
    *("channel_shuffle", "pixel_shuffle", "pixel_unshuffle", "dropout", "dropout1d", "dropout2d", "dropout3d"),
    *("feature_dropout", "native_channel_shuffle", "split_with_sizes", "unsafe_chunk", "unsafe_split", "swapdims"),
}
_POOLINGS = {
    f"{adaptive}{kind}_pool{d}d{indices}"
    for adaptive in ("", "adaptive_")
    for kind in ("avg", "max")
    for d in (1, 2, 3)
    for indices in ("", "_with_indices")
}
_SUMS = {"add", "sum", "mean", "amax", "max", "maximum"}
_PIECEWISE_LINEAR = (
    _SHAPE_OPERATIONS
    | _POOLINGS
    | _SUMS
    | {
        *("relu", "leaky_relu", "prelu", "abs", "sub", "subtract", "rsub", "neg", "negative", "amin", "min", "minimum"),
        *("pad", "interpolate", "upsample", "where", "masked_fill"),
    }
)
_CLAMPS = {"clamp", "clip", "clamp_min"}
_POINTWISE = {"tanh", "hardtanh", "relu6", "elu", "celu", "selu", *_CLAMPS}  # nonlinearities with g(0) = 0
_OFFSETS_AND_SCALINGS = {"add", "sub", "subtract", "rsub", "mul", "multiply", "div", "divide", "true_divide"}
_PRODUCTS = {"mul", "multiply", "div", "divide", "true_divide"}


class RelevanceMode(TorchFunctionMode):
    """Gradients of what a network computes inside this context are c = R / x; with respect to the image they are R.

    ``composite`` is asked for each layer's rule on the way back.  ``images`` must require a gradient.
    """

    def __init__(self, images: Tensor, composite: Composite) -> None:
        super().__init__()
        self.composite = composite
        self._counter = [0]
        self._tracked = WeakTensorKeyDictionary()
        self._tracked[images] = _Tracked(image=True)

    def tracks(self, tensor: Tensor) -> bool:
        """Whether relevance of this tensor is passed back."""
        return tensor in self._tracked

    def is_image(self, tensor: Tensor) -> bool:
        """Whether the gradient of this tensor is R itself, not c."""
        return bool(self._tracked[tensor].image)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        tracked = [each for each in tree_leaves((args, kwargs)) if isinstance(each, Tensor) and each.requires_grad]
        if not tracked:
            return func(*args, **kwargs)
        for tensor in tracked:
            if tensor not in self._tracked:
                made_by = tensor.grad_fn.name() if tensor.grad_fn else "a tensor of the model that requires a gradient"
                raise NoRuleError(f"LRP cannot see the operation behind {made_by}: it is scripted, compiled or custom")
        name = func.__name__
        in_place = watching.is_in_place(func, args, kwargs)
        if name.endswith("_") and name[:-1] in _PIECEWISE_LINEAR | _POINTWISE | _PRODUCTS:
            name = name[:-1]
        name = "rsub" if name == "__rsub__" else name
        given = [self._tracked[tensor] for tensor in tracked]
        if name in CONVOLUTIONS or name == "linear" or self._is_product_with_constant(name, args):
            return self._linear(func, name, args, kwargs)
        if func is functional.batch_norm:
            return self._batch_norm(args, kwargs)
        if all(each.image for each in given):
            if name in _OFFSETS_AND_SCALINGS and len(tracked) == 1 and tracked[0] is (args[0] if args else None):
                return self._offset_or_scale(func, name, in_place, args, kwargs)
            if name not in _SHAPE_OPERATIONS and name != "pad":
                return self._leave_the_image(func, args, kwargs)
        elif any(each.image for each in given):
            return self._leave_the_image(func, args, kwargs)
        if name in _POINTWISE and not (name in _CLAMPS and _bounds(args, kwargs) == (0, None)):
            return self._pointwise(func, name, in_place, args, kwargs)
        if name in _PRODUCTS and (len(tracked) > 1 or (name not in ("mul", "multiply") and args[0] is not tracked[0])):
            raise NoRuleError(
                f"LRP has no rule for a product of two parts of the network ({name}), as in squeeze-and-excitation or"
                " attention"
            )
        if name in _PIECEWISE_LINEAR | _PRODUCTS | _CLAMPS:
            return self._piecewise_linear(func, name, in_place, tracked, args, kwargs)
        result = func(*args, **kwargs)
        if in_place or any(_has_gradient(each) for each in tree_leaves(result)):
            raise NoRuleError(f"LRP has no rule for {name}")
        return result

    def _piecewise_linear(
        self, func: Any, name: str, in_place: bool, tracked: list[Tensor], args: Any, kwargs: Any
    ) -> Any:
        given = [self._tracked[tensor] for tensor in tracked]
        rectifies = name in ("relu", *_CLAMPS, "abs")
        if in_place:
            self._before_overwriting(args[0] if args else kwargs["input"], rectifies and name != "abs")
        result = func(*args, **kwargs)
        if not any(_has_gradient(each) for each in tree_leaves(result)):
            return result  # a shape, or detached on purpose
        for each in given:
            each.used = True
        tensors = [each for each in tree_leaves((args, kwargs)) if isinstance(each, Tensor)]
        with_number = name in ("add", "maximum") and (len(tensors) < 2 or "alpha" in kwargs)
        keeps_sign = name in _SHAPE_OPERATIONS | _POOLINGS | _SUMS and len(tensors) == len(tracked) and not with_number
        nonnegative = rectifies or (keeps_sign and all(each.nonnegative for each in given))
        image = (name in _SHAPE_OPERATIONS or name == "pad") and all(each.image for each in given)
        layer = given[0].layer if name in ("clone", "contiguous") else None
        for each in tree_leaves(result):
            if _has_gradient(each) and (in_place or not any(each is tensor for tensor in tracked)):
                self._tracked[each] = _Tracked(image, nonnegative, layer)
        return result

    def _before_overwriting(self, tensor: Tensor, rectifies: bool = False) -> None:
        """Keep a layer's outputs before they are overwritten; not for a ReLU: what it changes has no relevance."""
        known = self._tracked[tensor] if tensor in self._tracked else _Tracked()
        layer, known.layer = known.layer, None
        if layer is None or layer.outputs.data_ptr() != tensor.data_ptr():
            return
        if rectifies and not known.used:
            layer.rectified = True
            layer._versions = (layer._versions[0], layer._versions[1] + 1)
        else:
            layer.outputs = layer.outputs.clone()
            layer._versions = (layer._versions[0], layer.outputs._version)

    def _linear(self, func: Any, name: str, args: Any, kwargs: Any) -> Tensor:
        names = ["input", "weight", "bias", "stride", "padding"]
        names += ["output_padding", "groups", "dilation"] if "transpose" in name else ["dilation", "groups"]
        if name not in CONVOLUTIONS and name != "linear":
            given: dict[str, Any] = {"input": args[0], "weight": args[1].mT}
        else:
            given = dict(zip(names, args, strict=False)) | kwargs
        inputs, weight, bias = given["input"], given["weight"], given.get("bias")
        if weight.requires_grad or (bias is not None and bias.requires_grad) or not inputs.requires_grad:
            raise NoRuleError(f"LRP has no rule for {name} whose weights depend on the image")
        forward, backward = convolution_sums(name, given) if name in CONVOLUTIONS else linear_sums()
        layer = Layer(
            "convolution" if name in CONVOLUTIONS else "linear",
            self._counter[0],
            self._tracked[inputs].image,
            self._tracked[inputs].nonnegative,
            inputs.detach(),
            inputs.detach(),
            _weight=weight,
            _bias=bias,
            _forward=forward,
            _backward=backward,
            _counter=self._counter,
            _foldable="transpose" not in name,
            _source=inputs,
        )
        self._counter[0] += 1
        return self._run(layer, lambda: func(*args, **kwargs))

    def _run(self, layer: Layer, compute: Callable[[], Tensor]) -> Tensor:
        source = layer._source
        assert source is not None  # noqa: S101  # every layer here was made with one
        self._tracked[source].used = True
        result: Tensor = _RuleOfLayer.apply(source, layer, self.composite, compute)  # type: ignore[no-untyped-call]  # torch's has no types
        self._tracked[result] = _Tracked(layer=layer)
        return result

    def _batch_norm(self, args: Any, kwargs: Any) -> Any:
        names = ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps")
        given: dict[str, Any] = {"weight": None, "bias": None, "eps": 1e-5}
        given |= dict(zip(names, args, strict=False)) | kwargs
        inputs, mean, variance = given["input"], given["running_mean"], given["running_var"]
        if given.get("training") or mean is None or variance is None:
            raise NoRuleError("LRP has no rule for a BatchNorm that takes its statistics from the images themselves")
        known = self._tracked[inputs]
        if known.image:
            return self._leave_the_image(functional.batch_norm, args, kwargs)
        layer = known.layer
        if layer is None or not layer._foldable or (layer.kind == "linear" and inputs.dim() != 2):
            return self._piecewise_linear(functional.batch_norm, "batch_norm", False, [inputs], args, kwargs)
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

    def _offset_or_scale(self, func: Any, name: str, in_place: bool, args: Any, kwargs: Any) -> Tensor:
        image = args[0]
        shifted: Callable[..., Tensor] = getattr(Tensor, name) if in_place else func
        result: Tensor = _PassThrough.apply(image, lambda: shifted(*args, **kwargs))  # type: ignore[no-untyped-call]  # torch's has no types
        if result.shape != image.shape:
            return self._leave_the_image(func, args, kwargs)  # type: ignore[no-any-return]  # of one tensor one
        result = image.copy_(result) if in_place else result
        self._tracked[result] = _Tracked(image=True)
        return result

    def _leave_the_image(self, func: Any, args: Any, kwargs: Any) -> Any:
        """At the image R travels, beyond it c = R / x: change from one to the other."""
        if watching.is_in_place(func, args, kwargs):
            raise NoRuleError(f"LRP cannot follow {func.__name__}, which overwrites the image: give it a copy")

        def leave(each: Any) -> Any:
            if not (isinstance(each, Tensor) and each in self._tracked and self._tracked[each].image):
                return each
            left: Tensor = _LeaveImage.apply(each)  # type: ignore[no-untyped-call]  # torch's has no types
            self._tracked[left] = _Tracked()
            return left

        args, kwargs = tree_map(leave, args), tree_map(leave, kwargs)
        return self.__torch_function__(func, (), args, kwargs)

    def _pointwise(self, func: Any, name: str, in_place: bool, args: Any, kwargs: Any) -> Tensor:
        """A nonlinearity with g(0) = 0 passes R on unchanged: c is multiplied by g(z) / z."""
        if name in _CLAMPS and not _contains_zero(*_bounds(args, kwargs)):
            raise NoRuleError(f"LRP has no rule for {name} whose bounds leave out 0")
        tensor = args[0] if args else kwargs["input"]
        self._tracked[tensor].used = True
        plain = tensor.detach().clone()
        args, kwargs = tree_map(lambda each: plain if each is tensor else each, (args, kwargs))
        before = tensor.detach().clone() if in_place else tensor.detach()
        result: Tensor = _Pointwise.apply(tensor, before, lambda: func(*args, **kwargs))  # type: ignore[no-untyped-call]  # torch's has no types
        if in_place:
            self._before_overwriting(tensor)
            result = tensor.copy_(result)
        self._tracked[result] = _Tracked(nonnegative=name == "relu6")
        return result

    @staticmethod
    def _is_product_with_constant(name: str, args: Any) -> bool:
        return (
            name in ("matmul", "mm", "__matmul__")
            and args[0].requires_grad
            and not args[1].requires_grad
            and args[1].dim() == 2
            and args[0].dim() > 1
        )


class _RuleOfLayer(torch.autograd.Function):
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
            raise NoRuleError(f"LRP needs what {layer.kind} {layer.position} saw or returned, and it was overwritten")
        rule, c = context.composite(layer), gradients[0]
        if not layer.first and getattr(rule, "first_layer_only", False):
            raise OptionsError(f"{type(rule).__name__} is a rule for the first layer, which sees the image")
        if hasattr(rule, "quick"):
            found = rule.quick(layer, c)
            found = found * layer.inputs if layer.first else found
        else:
            found = rule(layer, c * layer.outputs)
            found = found if layer.first else torch.where(layer.inputs == 0, 0, found / layer.inputs)
        return found, None, None, None


class _PassThrough(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, image: Tensor, compute: Any) -> Tensor:
        result: Tensor = compute()
        return result

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None


class _LeaveImage(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, image: Tensor) -> Tensor:
        context.save_for_backward(image)
        return image.clone()

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:
        (image,) = context.saved_tensors
        return gradients[0] * image  # type: ignore[no-any-return]  # autograd's context has no types


class _Pointwise(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, tensor: Tensor, before: Tensor, compute: Any) -> Tensor:
        result: Tensor = compute()
        context.save_for_backward(torch.where(before == 0, 0, result / before))
        return result

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (slope,) = context.saved_tensors
        return gradients[0] * slope, None, None


def _has_gradient(each: Any) -> bool:
    return isinstance(each, Tensor) and each.requires_grad


def _bounds(args: Any, kwargs: Any) -> tuple[Any, Any]:
    bounds = dict(zip(("input", "min", "max"), args, strict=False)) | kwargs
    return bounds.get("min"), bounds.get("max")


def _contains_zero(low: Any, high: Any) -> bool:
    return all(each is None or isinstance(each, int | float) for each in (low, high)) and (
        (low is None or low <= 0) and (high is None or high >= 0)
    )
