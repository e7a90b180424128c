"""See what a model computes inside, and leave it exactly as it was found.

Every context manager here undoes its changes also when the code inside it fails.  Gradients are asked for while it
lasts: a model that saves memory by checkpoints runs parts of itself again on the way back.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map

_UNSCRIPTED = "give the model as it was before torch.jit made it"
_SEEN = "a ReluRule saw this threshold, and it's no ReLU"
Rule = Callable[[Tensor, Tensor], Tensor]  # gradient and where the input was positive, to what is sent back


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Every module in evaluation mode, afterwards each in the mode that it had (a frozen BatchNorm stays frozen).

    What is compiled runs as it was written, and a ``DataParallel`` on one device: inside compiled code and in other
    threads nothing could be watched.  Hooks for the way back rest: they are for training, and stand between operations.
    """
    modes = [(module, module.training) for module in model.modules()]
    hooks = [(module, module._backward_hooks, module._backward_pre_hooks) for module in model.modules()]
    parallel = [(each, each.device_ids) for each in model.modules() if isinstance(each, nn.DataParallel)]
    try:
        model.eval()
        for each, _ in parallel:
            each.device_ids = []
        for module, _, _ in hooks:
            module._backward_hooks, module._backward_pre_hooks = OrderedDict(), OrderedDict()
        with _as_written():
            yield
    finally:
        for module, back, before in hooks:
            module._backward_hooks, module._backward_pre_hooks = back, before
        for module, mode in modes:
            module.training = mode
        for each, devices in parallel:
            each.device_ids = devices


def _as_written() -> AbstractContextManager[None]:
    """Without ``torch.compile``; where its machinery was never loaded nothing is compiled, and loading it is slow."""
    compiling = "torch._dynamo" in sys.modules
    return torch.compiler.set_stance("force_eager") if compiling else nullcontext()


@contextmanager
def frozen(model: nn.Module) -> Iterator[None]:
    """No gradients for parameters: they cost time, and ``.grad`` would not be as it was found."""
    # what was made in inference mode has no gradient, and its flag can't be given back
    flags = [(each, each.requires_grad) for each in model.parameters() if not each.is_inference()]
    try:
        for parameter, _ in flags:
            parameter.requires_grad_(False)
        yield
    finally:
        for parameter, flag in flags:
            parameter.requires_grad_(flag)


@contextmanager
def activations(model: nn.Module, *layers: nn.Module) -> Iterator[list[Tensor]]:
    """The outputs of these layers in the last forward pass, in the layers' order; gradients can be asked of them.  Of a
    layer that runs several times in one pass it is the last output.

    The model goes on with a copy, so that an in-place ReLU right after a layer changes the copy, and what was caught
    stays what the layer returned.  Where nothing before a layer needs a gradient, the graph starts at its output.
    Raises ValueError for a layer that is not one of the model's, that did not run or returned something else than a
    tensor, and for scripted modules.
    """
    if any(isinstance(module, torch.jit.ScriptModule) for module in (model, *layers)):
        raise ValueError(f"inside a scripted model nothing can be watched: {_UNSCRIPTED}")
    modules = set(model.modules())
    if any(layer not in modules for layer in layers):
        raise ValueError("target_layer is not a module of this model")
    caught: dict[nn.Module, Any] = {}

    def keep(layer: nn.Module, _: Any, output: Any) -> Any:
        caught[layer] = output
        if not isinstance(output, Tensor):
            return None
        if torch.is_grad_enabled() and output.is_floating_point() and not output.requires_grad:
            output.requires_grad_()
        return output.clone()

    outputs: list[Tensor] = []
    handles = [layer.register_forward_hook(keep) for layer in layers]
    caught_model = model.register_forward_hook(lambda *_: _fill(outputs, caught, layers))
    try:
        yield outputs
    finally:
        for handle in (*handles, caught_model):
            handle.remove()


def _fill(outputs: list[Tensor], caught: dict[nn.Module, Any], layers: Sequence[nn.Module]) -> None:
    for layer in layers:
        if not isinstance(caught.get(layer), Tensor):
            raise ValueError(f"the target layer ({type(layer).__name__}) did not run, or returned no tensor")
    outputs[:] = [caught[layer] for layer in layers]


def is_in_place(func: Any, args: Any, kwargs: Any) -> bool:
    """Whether this call of a torch function overwrites its first argument."""
    name = func.__name__
    if name == "__setitem__" or (name.endswith("_") and not name.endswith("__") and name != "requires_grad_"):
        return True
    code = getattr(func, "__code__", None)
    if code and "inplace" in (names := code.co_varnames[: code.co_argcount]):
        place = names.index("inplace")
        return bool(args[place] if len(args) > place else kwargs.get("inplace", False))
    return False


class Head(TorchFunctionMode):
    """Within ``with Head() as head:`` the last global pooling and the linear layer after it, however they are written.

    A hook on a module would miss ``functional.adaptive_avg_pool2d(x, 1)`` and ``x.mean((2, 3))``, which DenseNet,
    MobileNetV2 and ShuffleNetV2 use; the operations themselves are watched instead.
    """

    _POOLING = (functional.adaptive_avg_pool2d, functional.avg_pool2d, torch.mean, Tensor.mean)

    def __init__(self) -> None:
        super().__init__()
        self.feature_maps: Tensor | None = None  # (B, C, h, w), what the last pooling was given
        self.linear: tuple[Tensor, Tensor | None] | None = None  # weight (K, C) and bias (K,)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        output = func(*args, **kwargs)
        pooled = args[0] if args else kwargs.get("input")
        if func in self._POOLING and pooled.dim() == 4:
            self.feature_maps = pooled
        elif func is functional.linear:
            given = dict(zip(("input", "weight", "bias"), args, strict=False)) | kwargs
            self.linear = (given["weight"], given.get("bias"))
        return output


class LastMaps(TorchFunctionMode):
    """Within ``with LastMaps() as last:`` what the last pooling over places was given: the last convolution's maps.

    A pooling counts if it leaves fewer places than it was given, or a single one; so VGG's adaptive pooling from 7x7 to
    7x7 does not.  Maximum and average count alike, however they are written.  What the maps were used for before the
    pooling is outside their graph, which starts at them; with ``joined`` it goes on to what they were made of.  With
    ``waits`` no graph starts before a pooling that leaves a single place, so that nothing is kept of what comes before.
    """

    _POOLING = (
        *(functional.adaptive_avg_pool2d, functional.avg_pool2d, torch.mean, Tensor.mean),
        *(functional.adaptive_max_pool2d, functional.max_pool2d, torch.amax, Tensor.amax),
    )

    def __init__(self, waits: bool = False, joined: bool = False) -> None:
        super().__init__()
        self.feature_maps: Tensor | None = None  # (B, C, h, w)
        self._waits, self._joined = waits, joined
        self._pooled: list[Tensor] = []
        self._instead: Tensor | None = None  # of what was pooled, from the pooling on: it has the maps' graph

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in self._POOLING:
            given, *others = args if args else (kwargs["input"],)
            others_by_name = {key: value for key, value in kwargs.items() if key != "input"}
            if not self._known(given) and self._pools(given, func, others, others_by_name):
                self._begin(given)
        if self._instead is not None:
            if is_in_place(func, args, kwargs) and self._known(args[0] if args else kwargs["input"]):
                self._pooled.append(self._instead)
                self._instead = self._instead.clone()  # the maps stay as they were
            args, kwargs = tree_map(lambda each: self._instead if self._known(each) else each, (args, kwargs))
        return func(*args, **kwargs)

    def _known(self, each: Any) -> bool:
        return each is not None and any(each is one for one in (*self._pooled, self._instead))

    def _begin(self, given: Tensor) -> None:
        self.feature_maps, self._pooled, self._instead, self._waits = given, [given], None, False
        if not torch.is_grad_enabled():
            return
        if self._joined:
            self.feature_maps = self._instead = given.view_as(given)
        else:
            self.feature_maps = given.detach().requires_grad_()
            self._instead = self.feature_maps.view_as(given)
            if not given._is_view():
                given.detach_()  # what it was made of takes no more memory

    def _pools(self, given: Tensor, func: Any, others: Any, others_by_name: Any) -> bool:
        if given.dim() != 4:
            return False
        pooled = func(torch.empty_like(given, device="meta"), *others, **others_by_name)  # shapes alone
        pooled = pooled[0] if isinstance(pooled, tuple) else pooled  # with the places of the maxima
        places = pooled.shape[2:].numel()
        fewer = places == 1 or (places < given.shape[2:].numel() and not self._waits)
        return bool(pooled.shape[:2] == given.shape[:2]) and fewer


@contextmanager
def maps_and_logits(
    model: nn.Module, images: Tensor, target_layer: nn.Module | None = None, *, joined: bool = False
) -> Iterator[tuple[Tensor, Tensor]]:
    """Feature maps ``(B, C, h, w)`` of a layer, and what the model returns, with a graph that reaches back to them and
    no further: what comes before takes no memory.  With ``joined`` it goes on to the images, which require gradients.

    One forward pass, in evaluation mode, with no gradients for parameters, also where the caller switched gradients
    off.  Without a ``target_layer`` the maps are those that the last pooling over places is given: the last
    convolution's, after its ReLU.  Which is the last is known beforehand where the model owns a pooling to a single
    place; elsewhere the graph starts at each anew.  Raises ValueError, with layers to choose from, if there are no such
    maps.
    """
    with torch.inference_mode(False), torch.enable_grad(), evaluating(model), frozen(model):
        if not joined:
            images = images.detach().clone() if images.is_inference() else images.detach()
        if target_layer:
            with activations(model, target_layer) as outputs:
                logits = model(images)
            feature_maps: Tensor | None = outputs[0]
        else:
            feature_maps, logits = _last_maps(model, images, joined)
        if feature_maps is None or feature_maps.dim() != 4:
            wrong = (
                "model has no pooling over places to find them at" if feature_maps is None else "layer has no such maps"
            )
            layers = ", ".join(_layers_with_maps(model, images)[-8:])
            raise ValueError(f"feature maps have the shape (B, C, h, w), and this {wrong}: choose a layer of {layers}")
        yield feature_maps, logits


def _last_maps(model: nn.Module, images: Tensor, joined: bool) -> tuple[Tensor | None, Any]:
    if any(isinstance(module, torch.jit.ScriptModule) for module in model.modules()):
        raise ValueError(
            f"the last pooling may be in a scripted part: choose target_layer outside it, or {_UNSCRIPTED}"
        )
    adaptive = (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)
    waits = any(isinstance(module, adaptive) and module.output_size in (1, (1, 1)) for module in model.modules())
    with LastMaps(waits, joined) as last:
        logits = model(images)
    if waits and last.feature_maps is None:  # the module that was waited for did not run
        with LastMaps(joined=joined) as last:
            logits = model(images)
    return last.feature_maps, logits


@contextmanager
def following() -> Iterator[None]:
    """ValueError, in place of torch's error, for a way back through checkpoints that can't be followed."""
    try:
        yield
    except RuntimeError as error:
        if "checkpoint" not in str(error):
            raise
        raise ValueError(
            "the model runs parts of itself again on the way back, unwatched: switch its checkpointing off"
        ) from error


def gradient(logits: Tensor, classes: Tensor, inputs: Tensor, *, again: bool = False) -> Tensor:
    """Of each image's logit of its class with respect to its maps or pixels.

    With ``again`` the graph is kept, so that more can be asked of it.  Raises ValueError if the logit does not depend
    on them, or by checkpoints that can't be followed.
    """
    chosen = functional.one_hot(classes, logits.shape[1]).to(logits)
    found = None
    with following():
        if logits.requires_grad and inputs.requires_grad:
            (found,) = torch.autograd.grad(logits, inputs, chosen, allow_unused=True, retain_graph=again)
    if found is None:
        raise ValueError("the logits do not depend on the layer or the image, or not by operations with a gradient")
    return found


def _layers_with_maps(model: nn.Module, images: Tensor) -> list[str]:
    """Names of the layers that return maps with more than one place, in the order in which they run."""
    names: dict[str, None] = {}

    def note(name: str, output: Any) -> None:
        if name and isinstance(output, Tensor) and output.dim() == 4 and output.shape[2:].numel() > 1:
            names[name] = None

    def watch(name: str) -> Any:
        return lambda _, __, output: note(name, output)

    handles = [
        module.register_forward_hook(watch(name))
        for name, module in model.named_modules()
        if not isinstance(module, torch.jit.ScriptModule)
    ]
    try:
        with torch.no_grad(), evaluating(model):
            model(images)
    finally:
        for handle in handles:
            handle.remove()
    return list(names)


class ReluRule(TorchFunctionMode):
    """Within ``with ReluRule(rule):`` every ReLU sends back ``rule(gradient, passed)`` in place of its gradient.

    ``gradient`` is what arrives at the ReLU's output, ``passed`` says where its input was positive.  The operation
    itself is replaced, as a module, function or method, in place or not: every ``relu``, ``clamp``, ``clip`` and
    ``clamp_min`` at 0, and ``threshold`` from 0 to 0.  No module is touched, and forward values stay the same to the
    last bit.  Another ``rule`` can be set between two ways back.

    Other ways to write it keep their own gradient, and nothing tells: ``maximum(x, 0)``, ``where(x > 0, x, 0)``,
    ``x * (x > 0)``, ``hardtanh(x, 0, inf)``, ``leaky_relu(x, 0)``, and a clamp at a tensor that is no scalar or on a
    GPU.  A scripted or compiled ReLU is out of reach: ``check_ruled`` tells, but not of every clamp.
    """

    _RELUS = (functional.relu, functional.relu_, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_)
    _CLAMPS = (
        *(torch.clamp, torch.clamp_, Tensor.clamp, Tensor.clamp_),
        *(torch.clip, torch.clip_, Tensor.clip, Tensor.clip_),
    )
    _MINIMA = (torch.clamp_min, torch.clamp_min_, Tensor.clamp_min, Tensor.clamp_min_)
    _THRESHOLDS = (functional.threshold, torch.threshold, torch.threshold_)

    def __init__(self, rule: Rule) -> None:
        super().__init__()
        self.rule = rule

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if not self._is_relu(func, args, kwargs):
            result = func(*args, **kwargs)
            if func in self._THRESHOLDS and result.grad_fn:
                result.grad_fn.metadata[_SEEN] = True
            return result
        given: Tensor = args[0] if args else kwargs["input"]
        in_place = is_in_place(func, args, kwargs)
        if in_place and given._is_view():  # autograd lets no function of one's own change these
            return given.copy_(_RuledRelu.apply(given, self, False))  # type: ignore[no-untyped-call]  # torch's has no types
        return _RuledRelu.apply(given, self, in_place)  # type: ignore[no-untyped-call]  # torch's has no types

    def _is_relu(self, func: Any, args: Any, kwargs: Any) -> bool:
        if func in self._CLAMPS:
            bounds = dict(zip(("input", "min", "max"), args, strict=False)) | kwargs
            low, high = bounds.get("min"), bounds.get("max")
            return high is None and _is_zero(low)
        if func in self._MINIMA:
            return _is_zero(args[1] if len(args) > 1 else kwargs.get("min"))
        if func in self._THRESHOLDS:
            numbers = dict(zip(("input", "threshold", "value"), args, strict=False)) | kwargs
            return _is_zero(numbers["threshold"]) and _is_zero(numbers["value"])
        return func in self._RELUS


def _is_zero(number: Any) -> bool:
    if isinstance(number, Tensor) and number.dim() == 0 and number.device.type == "cpu" and not number.requires_grad:
        number = number.item()  # there's no GPU to wait for
    return isinstance(number, int | float) and number == 0


class _RuledRelu(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, given: Tensor, mode: ReluRule, in_place: bool) -> Tensor:
        result = given.relu_() if in_place else given.relu()
        if in_place:
            context.mark_dirty(given)
        context.save_for_backward(result)  # the next layer keeps it anyway: no memory is added
        context.mode = mode
        return result

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (result,) = context.saved_tensors
        return context.mode.rule(gradients[0], result > 0), None, None


def check_ruled(output: Tensor) -> None:
    """ValueError if a ReLU on the way to this output, which a ``ReluRule`` was to rule, kept its own gradient: one in a
    scripted or compiled part, where no rule can reach it.
    """
    nodes: list[Any] = [output.grad_fn]
    seen = set()
    while nodes:
        node = nodes.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        name = node.name()
        threshold = name.startswith("ThresholdBackward") and node._saved_threshold == 0 and _SEEN not in node.metadata
        if name.startswith("ReluBackward") or threshold or "DifferentiableGraph" in name:
            raise ValueError(f"the rule for ReLUs can't reach all of them, some are in a scripted part: {_UNSCRIPTED}")
        nodes += [following for following, _ in node.next_functions]


def check_images(images: Tensor) -> None:
    """ValueError if images are no floating-point tensor ``(B, C, H, W)``."""
    tensor = isinstance(images, Tensor)
    if not tensor or not images.is_floating_point() or images.dim() != 4:
        given = f"{images.dtype} {tuple(images.shape)}" if tensor else type(images).__name__
        advice = "divide grey levels by 255, and give a single image as images[None]"
        raise ValueError(f"images must be floating point (B, C, H, W), not {given}: {advice}")


def check_logits(logits: Tensor) -> Tensor:
    """What a model returned, if these are logits ``(B, K)``; ValueError if not."""
    tensor = isinstance(logits, Tensor)
    if not tensor or logits.dim() != 2:
        given = f"a tensor {tuple(logits.shape)}" if tensor else type(logits).__name__
        raise ValueError(f"the model must return logits of shape (B, K), not {given}: wrap it so that it does")
    return logits


def class_indices(target_classes: Tensor | Sequence[int], logits: Tensor) -> Tensor:
    """Target classes as a tensor ``(B,)`` beside the logits ``(B, K)``; ValueError if either does not fit."""
    check_logits(logits)
    classes = torch.as_tensor(target_classes, device=logits.device)
    if classes.shape != logits.shape[:1] or (len(classes) and classes.is_floating_point()):  # [] is floating point
        given = f"{classes.dtype} {tuple(classes.shape)}"
        raise ValueError(f"target_classes must be {len(logits)} whole numbers, one an image, not {given}")
    if ((classes < 0) | (classes >= logits.shape[1])).any():
        raise ValueError(f"target_classes must lie in 0..{logits.shape[1] - 1}, not {classes.tolist()}")
    return classes.long()
