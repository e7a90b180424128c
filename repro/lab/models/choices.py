"""A layer or a class of a model, by its name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from repro.engine import pooling, watching
from repro.engine.errors import ClassesError, LayerError


def layer(model: nn.Module, name: str) -> nn.Module:
    """The module of this name; LayerError with the closest names if there is none."""
    modules: dict[str, nn.Module] = dict(model.named_modules())
    del modules[""]  # the model itself
    if found := modules.get(name):
        return found
    shallow = [key for key in modules if key.count(".") <= 1]
    close = difflib.get_close_matches(name, list(modules), n=5, cutoff=0.4) or shallow[-8:]
    raise LayerError(f"the model has no layer {name!r}: try {', '.join(close)}")


def last_maps_layer(model: nn.Module, images: Tensor) -> str:
    """Name of the layer that makes what the last pooling over places is given: the last maps, after their ReLU.

    Of several layers that return this one tensor (a convolution and the ReLU that overwrites it, a block and its last
    module) the last to return it.  Raises LayerError, with layers to choose from, if no layer returns it.
    """
    returned: list[
        tuple[str, Tensor]
    ] = []  # kept alive: memory that is freed would be used again, and two outputs would have one address

    def note(name: str) -> Any:
        return lambda _, __, output: returned.append((name, output)) if isinstance(output, Tensor) else None

    handles = [module.register_forward_hook(note(name)) for name, module in model.named_modules() if name]
    try:
        with torch.no_grad(), watching.evaluating(model), pooling.LastMaps() as last:
            model(images)
    finally:
        for handle in handles:
            handle.remove()
    if last.feature_maps is not None:
        address = last.feature_maps.data_ptr()
        names = [name for name, output in returned if output.data_ptr() == address]
        if names:
            return names[-1]
    layers = dict.fromkeys(name for name, output in returned if output.dim() == 4 and output.shape[2:].numel() > 1)
    raise LayerError(f"no last feature maps were found: choose a layer of {', '.join(list(layers)[-8:])}")


def class_index(classes: Sequence[str], chosen: str, count: int) -> int:
    """A class by its number or (part of) its name; ClassesError with candidates if there is none or more than one."""
    if chosen.removeprefix("-").isdecimal():
        if 0 <= int(chosen) < count:
            return int(chosen)
        raise ClassesError(f"there is no class {chosen}: the model has {count} classes, 0 to {count - 1}")
    names = [name.lower() for name in classes]
    wanted = chosen.lower()
    if wanted in names:
        return names.index(wanted)
    containing = [i for i, name in enumerate(names) if wanted in name]
    if len(containing) == 1:
        return containing[0]
    if containing:
        raise ClassesError(
            f"{chosen!r} fits several classes: choose one of {', '.join(classes[i] for i in containing[:8])}"
        )
    if not classes:
        raise ClassesError(f"the names of the classes are not known: give a number from 0 to {count - 1}")
    raise ClassesError(f"no class is called {chosen!r}{suggest(wanted, classes)}")


def suggest(word: str, choices: Iterable[str]) -> str:
    """': did you mean ...?' with the closest choices; empty if none is close."""
    close = difflib.get_close_matches(word, list(choices), n=3, cutoff=0.5)
    return f": did you mean {' or '.join(close)}?" if close else ""
