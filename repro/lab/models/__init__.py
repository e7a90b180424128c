"""Models by name: ``photo:efficientnet-lite0``, the laboratory's as ``lab:gap-scenes``, torchvision's as ``resnet18``,
timm's as ``timm:resnet50``, and a function of one's own as ``path/to/file.py:function``.

A model comes with what belongs to it: the size of the images that its weights were trained with, and the classes'
names.  Every model takes images in [0, 1] and normalises them inside, so that a gradient, an attack's budget and a
clip to [0, 1] are all in the image's own values.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from repro.lab import digits, networks, photographs, scenes
from repro.lab.errors import ModelError
from repro.lab.models import own_file, photo, timm_models, vision
from repro.lab.models.choices import class_index, last_maps_layer, layer, suggest
from repro.lab.models.preprocessing import LoadedModel, Preprocessing
from repro.lab.models.vision import torchvision

__all__ = [
    "LAB",
    "PHOTO",
    "LoadedModel",
    "Preprocessing",
    "class_index",
    "example",
    "has_own_weights",
    "last_maps_layer",
    "layer",
    "load",
    "torchvision",
]

LAB = "lab:"
PHOTO = photo.NAME


def load(name: str, weights: str | None = None, seed: int = 0) -> LoadedModel:
    """A model by name.

    ``lab:<network>`` has the laboratory's weights of ``seed``, ``photo:efficientnet-lite0`` those of its package, a
    function of one's own its own.  For torchvision's and timm's models ``weights`` is ``DEFAULT`` (downloaded once), a
    local .safetensors, .pth or .pt file with a state dict, or ``random``; for torchvision's also the name of weights.

    Raises ModelError or WeightsError if the model or the weights are not known, cannot be read or do not fit.
    """
    if has_own_weights(name):
        if weights is not None:
            raise ModelError(f"{name} comes with its weights: leave the weights out, or choose a torchvision model")
        if name == photo.NAME:
            return photo.load()
        return _laboratory(name.removeprefix(LAB), seed) if name.startswith(LAB) else own_file.load(name)
    if name.startswith(timm_models.PREFIX):
        return timm_models.load(name.removeprefix(timm_models.PREFIX), weights, seed)
    names = vision.names()
    if name not in names:
        others = [photo.NAME, *(LAB + network for network in networks.NAMES)]
        raise ModelError(f"no model is called {name!r}{suggest(name, [*names, *others])}")
    return vision.load(name, weights, seed)


def has_own_weights(name: str) -> bool:
    """Whether a model of this name comes with its weights."""
    return name.startswith(LAB) or name == photo.NAME or own_file.is_own(name)


def example(name: str) -> Tensor:
    """An image of the kind that the model of this name was trained on, ``(1 or 3, H, W)`` in [0, 1]: a digit, a scene
    of shapes, or for all that know photographs one of a cat (S. van der Walt, CC0)."""
    if not name.startswith(LAB):
        return photographs.load("cat")
    if networks.described(name.removeprefix(LAB)).input == "mnist":
        return torch.from_numpy(digits.load(1, 0).images[0]) / 255
    return torch.from_numpy(scenes.render(np.array([scenes.EXAMPLE]), 0).images[0]) / 255


def _laboratory(network: str, seed: int) -> LoadedModel:
    model = networks.load(network, seed)
    if networks.described(network).input == "mnist":
        return LoadedModel(model, Preprocessing(digits.SIZE, digits.SIZE, 1), digits.CLASSES)
    return LoadedModel(model, Preprocessing(scenes.SIZE, scenes.SIZE), scenes.CLASSES)
