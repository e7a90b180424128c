"""See what a model computes inside, and leave it exactly as it was found.

Every context manager here undoes its changes also when the code inside it fails.  Gradients are asked for while it
lasts: a model that saves memory by checkpoints runs parts of itself again on the way back.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

UNSCRIPTED = "give the model as it was before torch.jit made it"


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
        raise ValueError(f"inside a scripted model nothing can be watched: {UNSCRIPTED}")
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
