"""Models by name: the laboratory's own as ``lab:gap-scenes``, torchvision's as ``resnet18``, with weights of one's own.

A model comes with what belongs to it: the size of the images that its weights were trained with, and the classes'
names.  Every model takes images in [0, 1] and normalises them inside, so that a gradient, an attack's budget and a
clip to [0, 1] are all in the image's own values.
"""

from __future__ import annotations

import difflib
import struct
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from types import ModuleType
from typing import Any

import numpy as np
import skimage.data
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from repro.engine import pooling, watching
from repro.engine.errors import ClassesError, ImagesError, LayerError
from repro.lab import digits, files, networks, scenes
from repro.lab.errors import ModelError, WeightsError

LAB = "lab:"
THINNEST = 64  # longer by shorter side: of what is thinner hardly anything would be seen, and it takes gigabytes
LUMA = (0.299, 0.587, 0.114)  # how much each colour adds to grey, as in JPEG


@dataclass(frozen=True)
class Preprocessing:
    """What a model sees of an image: shorter side to ``resize``, then the middle square of ``crop``."""

    resize: int
    crop: int
    channels: int = 3  # or 1: grey
    interpolation: str = "bilinear"

    def view(self, image: Tensor) -> Tensor:
        """What the model sees of an image ``(1 or 3, H, W)`` in [0, 1], ``(channels, crop, crop)``, also in [0, 1].

        Raises ImagesError for an image that is too thin.
        """
        height, width = image.shape[1:]
        shorter = min(height, width)
        if max(height, width) > THINNEST * shorter:
            raise ImagesError(
                f"an image of {height} x {width} pixels is too thin: its longer side is at most {THINNEST} times the"
                " shorter"
            )
        size = (max(self.crop, self.resize * height // shorter), max(self.crop, self.resize * width // shorter))
        resized = functional.interpolate(image[None], size, mode=self.interpolation, antialias=True)[0].clamp(0, 1)
        top, left = round((size[0] - self.crop) / 2), round((size[1] - self.crop) / 2)
        square = resized[:, top : top + self.crop, left : left + self.crop]
        if self.channels == 1 and len(square) == 3:
            return torch.einsum("chw,c->hw", square, square.new_tensor(LUMA))[None]
        return square.expand(self.channels, -1, -1)


@dataclass(frozen=True)
class LoadedModel:
    """A model in evaluation mode that takes images in [0, 1], its preprocessing, its class names (empty if unknown)."""

    model: nn.Module
    preprocessing: Preprocessing
    classes: Sequence[str]


def load(name: str, weights: str | None = None, seed: int = 0) -> LoadedModel:
    """A model by name.

    ``lab:<network>`` has the laboratory's weights of ``seed``.  For torchvision's models ``weights`` is the name of
    torchvision's weights (``DEFAULT``, ``IMAGENET1K_V1``; downloaded once), a local .safetensors, .pth or .pt file with
    a state dict, or ``random``.

    Raises ModelError or WeightsError if they are not known, cannot be read or do not fit.
    """
    if name.startswith(LAB):
        if weights is not None:
            raise ModelError(f"{name} has weights of its own: leave the weights out, or choose a torchvision model")
        model = networks.load(name.removeprefix(LAB), seed)
        if networks.described(name.removeprefix(LAB)).input == "digits":
            return LoadedModel(model, Preprocessing(digits.SIZE, digits.SIZE, 1), digits.CLASSES)
        return LoadedModel(model, Preprocessing(scenes.SIZE, scenes.SIZE), scenes.CLASSES)
    vision = _torchvision()
    names = vision.models.list_models(vision.models)
    if name not in names:
        own = [LAB + network for network in networks.NAMES]
        raise ModelError(f"no model is called {name!r}{_suggest(name, [*names, *own])}")
    if weights is None:
        raise ModelError(f"{name} needs weights: DEFAULT (torchvision's, downloaded), a local file, or random")
    choices = vision.models.get_model_weights(name)
    if weights != "random" and not Path(weights).suffix:
        if weights not in ("DEFAULT", *choices.__members__):
            there = dict.fromkeys(("DEFAULT", *choices.__members__))
            raise WeightsError(f"{name} has no weights {weights!r}: there are {', '.join(there)}")
        chosen = choices[weights] if weights != "DEFAULT" else choices.DEFAULT
        try:
            model = vision.models.get_model(name, weights=chosen)
        except OSError as error:
            raise WeightsError(f"{weights} of {name} could not be downloaded ({error}): give a local file") from error
        return LoadedModel(_in_unit_range(model, chosen), _preprocessing(chosen), chosen.meta["categories"])
    state = {} if weights == "random" else _state(Path(weights))
    categories = choices.DEFAULT.meta["categories"]
    options: dict[str, Any] = {"num_classes": _class_count(state) or len(categories)}
    if name in ("googlenet", "inception_v3"):  # their auxiliary heads are not always saved; their own start is slow
        options |= {"aux_logits": any(key.lower().startswith("aux") for key in state), "init_weights": False}
    with torch.random.fork_rng(devices=[]):  # random weights are the same each time for the same seed
        torch.manual_seed(seed)
        model = vision.models.get_model(name, weights=None, **options)
    if weights != "random":
        _fill(model, state, Path(weights))
    known = options["num_classes"] == len(categories)
    model = _in_unit_range(model, choices.DEFAULT)
    return LoadedModel(model, _preprocessing(choices.DEFAULT), categories if known else ())


def example(name: str) -> Tensor:
    """An image of the kind that the model of this name was trained on, ``(1 or 3, H, W)`` in [0, 1]: a digit, a scene
    of shapes, or for torchvision's models scikit-image's photograph of a cat (S. van der Walt, CC0)."""
    if not name.startswith(LAB):
        photograph = skimage.data.chelsea()
        return torch.from_numpy(photograph).permute(2, 0, 1) / 255
    if networks.described(name.removeprefix(LAB)).input == "digits":
        return torch.from_numpy(digits.load(1, 0).images[0]) / 255
    return torch.from_numpy(scenes.render(np.array([scenes.EXAMPLE]), 0).images[0]) / 255


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
    returned: list[tuple[str, Tensor]] = []  # kept until the end, so that no two tensors share an address

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
    raise ClassesError(f"no class is called {chosen!r}{_suggest(wanted, classes)}")


def _suggest(word: str, choices: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(choices), n=3, cutoff=0.5)
    return f": did you mean {' or '.join(close)}?" if close else ""


def _preprocessing(weights: Any) -> Preprocessing:
    """From torchvision's own preset of these weights."""
    preset = weights.transforms()
    return Preprocessing(preset.resize_size[0], preset.crop_size[0], interpolation=preset.interpolation.value)


def _in_unit_range(model: nn.Module, weights: Any) -> nn.Module:
    """The model in evaluation mode, which from now on takes images in [0, 1]: it normalises them first.

    It stays the same object with the same layers and names, of a subclass of its own class.
    """
    preset, kind = weights.transforms(), type(model)

    def forward(self: Any, images: Tensor) -> Tensor:
        logits: Tensor = kind.forward(self, (images - self.image_mean) / self.image_std)
        return logits

    for name, values in (("image_mean", preset.mean), ("image_std", preset.std)):
        model.register_buffer(name, torch.tensor(values)[:, None, None], persistent=False)
    model.__class__ = type(kind.__name__, (kind,), {"forward": forward, "__module__": kind.__module__})
    return model.eval()


def _state(path: Path) -> dict[str, Tensor]:
    """The state dict in a file.  Only tensors are read: a file that would run code is refused."""
    if not path.is_file():
        raise WeightsError(f"there is no file {path}")
    files.note(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of a strange pickle, which is then refused below
            state: Any = (
                load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
            )
    except (UnpicklingError, LookupError, struct.error) as error:
        raise WeightsError(
            f"{path} holds more than tensors, or is no file of weights: save model.state_dict() alone"
        ) from error
    except (SafetensorError, RuntimeError, OSError, EOFError, ValueError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise WeightsError(
            f"{path} cannot be read as weights ({reason[:160]}): save model.state_dict() alone"
        ) from error
    for wrapping in ("state_dict", "model"):
        if isinstance(state, dict) and isinstance(state.get(wrapping), dict):
            state = state[wrapping]
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise WeightsError(f"{path} holds no state dict: save model.state_dict() alone")
    return {key.removeprefix("module."): value for key, value in state.items()}


def _class_count(state: Mapping[str, Tensor]) -> int | None:
    """How many classes these weights tell apart: rows of the last matrix, or of SqueezeNet's last convolution."""
    if (convolution := state.get("classifier.1.weight")) is not None and convolution.dim() == 4:
        return len(convolution)
    matrices = [value for key, value in state.items() if value.dim() == 2 and not key.lower().startswith("aux")]
    return len(matrices[-1]) if matrices else None


def _fill(model: nn.Module, state: dict[str, Tensor], path: Path) -> None:
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        first = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise WeightsError(f"the weights in {path} do not fit the model: {first[:200]}") from error


def _torchvision() -> ModuleType:
    """torchvision, also where its compiled part does not fit the installed torch.

    Its import then stops at 'operator torchvision::nms does not exist' (pytorch/vision#8985), although no classifier
    needs those operators.  Declaring them, without code, is all that the import asks for.
    """
    try:
        import torchvision
    except RuntimeError as error:
        if "torchvision::nms does not exist" not in str(error):
            raise
        global _DECLARED  # torch forgets the declarations when this object goes
        _DECLARED = torch.library.Library("torchvision", "DEF")
        _DECLARED.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _DECLARED.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        import torchvision
    module: ModuleType = torchvision
    return module


_DECLARED: Any = None
