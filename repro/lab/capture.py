"""See what a model computes inside, and leave it exactly as it was found.

Every context manager here undoes its changes also when the code inside it fails.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Every module in evaluation mode, afterwards each in the mode that it had (a frozen BatchNorm stays frozen)."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


@contextmanager
def frozen(model: nn.Module) -> Iterator[None]:
    """No gradients for parameters: they cost time, and ``.grad`` would not be as it was found."""
    flags = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    try:
        for parameter, _ in flags:
            parameter.requires_grad_(False)
        yield
    finally:
        for parameter, flag in flags:
            parameter.requires_grad_(flag)


@contextmanager
def activations(model: nn.Module, *layers: nn.Module) -> Iterator[list[Tensor]]:
    """The outputs of these layers in the last forward pass, in the layers' order; gradients can be asked of them.

    The model goes on with a copy, so that an in-place ReLU right after a layer changes the copy, and what was caught
    stays what the layer returned.  Raises ValueError for a layer that is not one of the model's, or that did not run or
    returned something else than a tensor.
    """
    modules = set(model.modules())
    if any(layer not in modules for layer in layers):
        raise ValueError("target_layer is not a module of this model")
    caught: dict[nn.Module, Any] = {}

    def keep(layer: nn.Module, _: Any, output: Any) -> Any:
        caught[layer] = output
        return output.clone() if isinstance(output, Tensor) else None

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
        if func in self._POOLING and args[0].dim() == 4:
            self.feature_maps = args[0]
        elif func is functional.linear:
            given = dict(zip(("input", "weight", "bias"), args, strict=False)) | kwargs
            self.linear = (given["weight"], given.get("bias"))
        return output


def class_indices(target_classes: Tensor | Sequence[int], logits: Tensor) -> Tensor:
    """Target classes as a tensor ``(B,)`` beside the logits ``(B, K)``; ValueError if they do not fit."""
    classes = torch.as_tensor(target_classes, device=logits.device)
    if classes.shape != logits.shape[:1] or classes.dtype.is_floating_point:
        given = f"{classes.dtype} {tuple(classes.shape)}"
        raise ValueError(f"target_classes must be {len(logits)} whole numbers, one an image, not {given}")
    if ((classes < 0) | (classes >= logits.shape[1])).any():
        raise ValueError(f"target_classes must lie in 0..{logits.shape[1] - 1}, not {classes.tolist()}")
    return classes.long()
