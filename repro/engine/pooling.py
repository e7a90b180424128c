"""The input of the last pooling, found without naming a layer: the feature maps of CAM and its relatives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map

from repro.engine import checks
from repro.engine.errors import LayerError
from repro.engine.watching import UNSCRIPTED, activations, evaluating, is_in_place, observing


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
    """Within ``with LastMaps() as last:`` the input of the last pooling over positions: the last convolution's maps.

    A pooling counts if it leaves fewer positions than it was given, or a single one; so VGG's adaptive pooling from
    7x7 to 7x7 does not.  Maximum and average pooling count, however they are written.  The graph starts at the maps,
    and what else they were used for before the pooling is outside it; with ``to_pixels`` it reaches back to the
    image.  With ``global_first`` poolings that leave several positions are skipped until one over all positions has
    run, so that nothing before it is kept in memory.
    """

    _POOLING = (
        *(functional.adaptive_avg_pool2d, functional.avg_pool2d, torch.mean, Tensor.mean),
        *(functional.adaptive_max_pool2d, functional.max_pool2d, torch.amax, Tensor.amax),
    )

    def __init__(self, global_first: bool = False, to_pixels: bool = False) -> None:
        super().__init__()
        self.feature_maps: Tensor | None = None  # (B, C, h, w)
        self._global_first, self._to_pixels = global_first, to_pixels
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
        self.feature_maps, self._pooled, self._instead, self._global_first = given, [given], None, False
        if not torch.is_grad_enabled():
            return
        if self._to_pixels:
            self.feature_maps = self._instead = given.view_as(given)
        else:
            self.feature_maps = given.detach().requires_grad_()
            self._instead = self.feature_maps.view_as(given)
            if not given._is_view():
                given.detach_()  # frees the graph before it

    def _pools(self, given: Tensor, func: Any, others: Any, others_by_name: Any) -> bool:
        if given.dim() != 4:
            return False
        pooled = func(torch.empty_like(given, device="meta"), *others, **others_by_name)  # shapes alone
        pooled = pooled[0] if isinstance(pooled, tuple) else pooled  # with the positions of the maxima
        positions = pooled.shape[2:].numel()
        fewer = positions == 1 or (positions < given.shape[2:].numel() and not self._global_first)
        return bool(pooled.shape[:2] == given.shape[:2]) and fewer


@contextmanager
def maps_and_logits(
    model: nn.Module, images: Tensor, target_layer: nn.Module | None = None, *, to_pixels: bool = False
) -> Iterator[tuple[Tensor, Tensor]]:
    """Feature maps ``(B, C, h, w)`` of a layer, and the model's output, with a graph that reaches back to the maps and
    no further: what comes before takes no memory.  With ``to_pixels`` it reaches the images, which require gradients.

    One forward pass, as in ``watching.observing``.  Without a ``target_layer`` the maps are the input of the last
    pooling over positions: the last convolution's, after its ReLU.  If the model has a module that pools over all
    positions, the last pooling is known beforehand; otherwise a new graph starts at each.  Raises LayerError, with
    layers to choose from, if there are no such maps.
    """
    checks.check_images(images)
    with observing(model):
        if not to_pixels:
            images = images.detach().clone() if images.is_inference() else images.detach()
        if target_layer:
            with activations(model, target_layer) as outputs:
                logits = model(images)
            feature_maps: Tensor | None = outputs[0]
        else:
            feature_maps, logits = _last_maps(model, images, to_pixels)
        if feature_maps is None or feature_maps.dim() != 4:
            wrong = "model has no pooling over positions" if feature_maps is None else "layer returns no such maps"
            layers = ", ".join(_layers_with_maps(model, images)[-8:])
            raise LayerError(f"no feature maps (B, C, h, w): this {wrong}; choose a layer of {layers}")
        yield feature_maps, logits


def _last_maps(model: nn.Module, images: Tensor, to_pixels: bool) -> tuple[Tensor | None, Any]:
    if any(isinstance(module, torch.jit.ScriptModule) for module in model.modules()):
        raise LayerError(
            f"the last pooling may be in a scripted part: choose a target_layer outside it, or {UNSCRIPTED}"
        )
    adaptive = (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)
    global_first = any(isinstance(module, adaptive) and module.output_size in (1, (1, 1)) for module in model.modules())
    with LastMaps(global_first, to_pixels) as last:
        logits = model(images)
    if global_first and last.feature_maps is None:  # the module that pools over all positions did not run
        with LastMaps(to_pixels=to_pixels) as last:
            logits = model(images)
    return last.feature_maps, logits


def _layers_with_maps(model: nn.Module, images: Tensor) -> list[str]:
    """Names of the layers that return maps with more than one position, in the order in which they run."""
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
