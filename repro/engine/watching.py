"""See what a model computes inside, and leave it exactly as it was found.

Every context manager here undoes its changes also if the code inside it fails.  Compute gradients inside the block: a
model that saves memory by checkpoints runs parts of itself again in the backward pass.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from repro.engine import checks
from repro.engine.errors import LayerError

UNSCRIPTED = "give the model as it was before torch.jit made it"


@contextmanager
def observing(model: nn.Module, *layers: nn.Module, gradients: bool = True) -> Iterator[list[Tensor]]:
    """What every method needs around its forward passes: the model in evaluation mode, its parameters frozen, gradients
    on (or off) whatever the caller switched on or off, and the outputs of these layers as in ``activations``.
    """
    inference = torch.is_inference_mode_enabled() and not gradients
    watched: AbstractContextManager[list[Tensor]] = activations(model, *layers) if layers else nullcontext([])
    with (
        torch.inference_mode(inference),
        torch.set_grad_enabled(gradients),
        evaluating(model),
        frozen(model),
        watched as outputs,
    ):
        yield outputs


def pixels(images: Tensor) -> Tensor:
    """A copy of the images ``(B, C, H, W)`` that requires gradients; ImagesError if they are no images."""
    checks.check_images(images)
    return images.detach().clone().requires_grad_()


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Every module in evaluation mode, afterwards each in the mode that it had (a frozen BatchNorm stays frozen).

    A compiled model runs uncompiled, and a ``DataParallel`` on one device: inside compiled code and in other threads
    nothing can be watched.  Backward hooks are switched off: they are for training, and stand between operations.
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
    """Without ``torch.compile``; if its machinery was never loaded nothing is compiled, and loading it is slow."""
    compiling = "torch._dynamo" in sys.modules
    return torch.compiler.set_stance("force_eager") if compiling else nullcontext()


@contextmanager
def frozen(model: nn.Module) -> Iterator[None]:
    """No gradients for parameters: they cost time, and ``.grad`` would not be as it was found."""
    # a parameter made in inference mode has no gradient, and its flag cannot be restored
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
    """The outputs of these layers in the last forward pass, in the layers' order, as tensors of the model's graph.

    If a layer runs several times in one pass, its last output counts.  The model goes on with a copy, so that an
    in-place ReLU right after a layer overwrites the copy and not the output kept here.  If nothing before a layer needs
    a gradient, the graph starts at its output.  Raises LayerError for a layer that is not in the model, that did not
    run or returned something else than a tensor, and for scripted modules.
    """
    if any(isinstance(module, torch.jit.ScriptModule) for module in (model, *layers)):
        raise LayerError(f"inside a scripted model nothing can be watched: {UNSCRIPTED}")
    modules = set(model.modules())
    if any(layer not in modules for layer in layers):
        raise LayerError("target_layer is not a module of this model")
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
            raise LayerError(f"the target layer ({type(layer).__name__}) did not run, or returned no tensor")
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
