"""Models by name: the laboratory's own as ``lab:gap-scenes``, torchvision's as ``resnet18``, with weights of one's own.

A model comes with what belongs to it: the preprocessing that its weights were trained with, and the classes' names.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from types import ModuleType
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from repro.lab import networks, scenes

LAB = "lab:"


@dataclass(frozen=True)
class Preprocessing:
    """Shorter side to ``resize``, the middle square of ``crop``, then mean and standard deviation of each channel."""

    resize: int
    crop: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str = "bilinear"

    def view(self, image: Tensor) -> Tensor:
        """What the model sees of an image ``(3, H, W)`` in [0, 1], ``(3, crop, crop)``, also in [0, 1]."""
        height, width = image.shape[1:]
        scale = self.resize / min(height, width)
        size = (max(self.crop, int(height * scale)), max(self.crop, int(width * scale)))
        resized = functional.interpolate(image[None], size, mode=self.interpolation, antialias=True)[0].clamp(0, 1)
        top, left = round((size[0] - self.crop) / 2), round((size[1] - self.crop) / 2)
        return resized[:, top : top + self.crop, left : left + self.crop]

    def normalise(self, view: Tensor) -> Tensor:
        """A batch of one for the model, ``(1, 3, crop, crop)``."""
        return ((view - view.new_tensor(self.mean)[:, None, None]) / view.new_tensor(self.std)[:, None, None])[None]


@dataclass(frozen=True)
class LoadedModel:
    """A model in evaluation mode, its preprocessing and its class names (empty if they are not known)."""

    model: nn.Module
    preprocessing: Preprocessing
    classes: Sequence[str]


def load(name: str, weights: str | None = None, seed: int = 0) -> LoadedModel:
    """A model by name.

    ``lab:<network>`` has the laboratory's weights of ``seed``.  For torchvision's models ``weights`` is the name of
    torchvision's weights (``DEFAULT``, ``IMAGENET1K_V1``; downloaded once), a local .safetensors, .pth or .pt file with
    a state dict, or ``random``.

    Raises ValueError if the model or the weights are not known, cannot be read or do not fit.
    """
    if name.startswith(LAB):
        if weights is not None:
            raise ValueError(f"{name} has weights of its own: leave the weights out, or choose a torchvision model")
        preprocessing = Preprocessing(scenes.SIZE, scenes.SIZE, (0, 0, 0), (1, 1, 1))  # the networks normalise inside
        return LoadedModel(networks.load(name.removeprefix(LAB), seed), preprocessing, scenes.CLASSES)
    if weights is None:
        raise ValueError(f"{name} needs weights: DEFAULT (torchvision's, downloaded), a local file, or random")
    vision = _torchvision()
    if name not in vision.models.list_models(vision.models):
        raise ValueError(f"no model is called {name!r}{_suggest(name, vision.models.list_models(vision.models))}")
    choices = vision.models.get_model_weights(name)
    if weights != "random" and not Path(weights).suffix:
        if weights not in ("DEFAULT", *choices.__members__):
            raise ValueError(f"{name} has no weights {weights!r}: there are DEFAULT, {', '.join(choices.__members__)}")
        chosen = choices[weights] if weights != "DEFAULT" else choices.DEFAULT
        try:
            model = vision.models.get_model(name, weights=chosen)
        except OSError as error:
            raise ValueError(f"{weights} of {name} could not be downloaded ({error}): give a local file") from error
        return LoadedModel(model.eval(), _preprocessing(chosen), chosen.meta["categories"])
    state = {} if weights == "random" else _state(Path(weights))
    matrices = [value for key, value in state.items() if value.dim() == 2 and not key.lower().startswith("aux")]
    categories = choices.DEFAULT.meta["categories"]
    options: dict[str, Any] = {"num_classes": len(matrices[-1]) if matrices else len(categories)}
    if name in ("googlenet", "inception_v3"):  # their auxiliary heads are not always saved; their own start is slow
        options |= {"aux_logits": any(key.lower().startswith("aux") for key in state), "init_weights": False}
    with torch.random.fork_rng(devices=[]):  # random weights are the same each time for the same seed
        torch.manual_seed(seed)
        model = vision.models.get_model(name, weights=None, **options)
    if state:
        _fill(model, state, Path(weights))
    known = options["num_classes"] == len(categories)
    return LoadedModel(model.eval(), _preprocessing(choices.DEFAULT), categories if known else ())


def layer(model: nn.Module, name: str) -> nn.Module:
    """The module of this name; ValueError with the closest names if there is none."""
    modules: dict[str, nn.Module] = dict(model.named_modules())
    del modules[""]  # the model itself
    if found := modules.get(name):
        return found
    shallow = [key for key in modules if key.count(".") <= 1]
    close = difflib.get_close_matches(name, list(modules), n=5, cutoff=0.4) or shallow[-8:]
    raise ValueError(f"the model has no layer {name!r}: try {', '.join(close)}")


def class_index(classes: Sequence[str], chosen: str, count: int) -> int:
    """A class by its number or (part of) its name; ValueError with candidates if there is none or more than one."""
    if chosen.isdecimal():
        if int(chosen) < count:
            return int(chosen)
        raise ValueError(f"there is no class {chosen}: the model has {count} classes, 0 to {count - 1}")
    names = [name.lower() for name in classes]
    wanted = chosen.lower()
    if wanted in names:
        return names.index(wanted)
    containing = [i for i, name in enumerate(names) if wanted in name]
    if len(containing) == 1:
        return containing[0]
    if containing:
        raise ValueError(
            f"{chosen!r} fits several classes: choose one of {', '.join(classes[i] for i in containing[:8])}"
        )
    if not classes:
        raise ValueError(f"the names of the classes are not known: give a number from 0 to {count - 1}")
    raise ValueError(f"no class is called {chosen!r}{_suggest(wanted, classes)}")


def _suggest(word: str, choices: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(choices), n=3, cutoff=0.5)
    return f": did you mean {' or '.join(close)}?" if close else ""


def _preprocessing(weights: Any) -> Preprocessing:
    """From torchvision's own preset of these weights."""
    preset = weights.transforms()
    return Preprocessing(
        preset.resize_size[0], preset.crop_size[0], tuple(preset.mean), tuple(preset.std), preset.interpolation.value
    )


def _state(path: Path) -> dict[str, Tensor]:
    """The state dict in a file.  Only tensors are read: a file that would run code is refused."""
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    try:
        state: Any = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    except (SafetensorError, RuntimeError, OSError, EOFError, ValueError, UnpicklingError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ValueError(f"{path} cannot be read as weights ({reason[:160]}): save model.state_dict() alone") from error
    for wrapping in ("state_dict", "model"):
        if isinstance(state, dict) and isinstance(state.get(wrapping), dict):
            state = state[wrapping]
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ValueError(f"{path} holds no state dict: save model.state_dict() alone")
    return {key.removeprefix("module."): value for key, value in state.items()}


def _fill(model: nn.Module, state: dict[str, Tensor], path: Path) -> None:
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        first = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise ValueError(f"the weights in {path} do not fit the model: {first[:200]}") from error


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
        _DECLARED = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
        _DECLARED.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _DECLARED.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        import torchvision
    module: ModuleType = torchvision
    return module


_DECLARED: Any = None
