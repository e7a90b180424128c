"""torchvision's models, with torchvision's weights or one's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from repro.lab.errors import ModelError, WeightsError
from repro.lab.models import weight_files
from repro.lab.models.preprocessing import LoadedModel, Preprocessing, in_unit_range


def names() -> list[str]:
    """All names that ``load`` knows."""
    vision = torchvision()
    found: list[str] = vision.models.list_models(vision.models)
    return found


def load(name: str, weights: str | None, seed: int) -> LoadedModel:
    """A model of ``names()``.

    Raises ModelError or WeightsError if the weights are not known, cannot be read or downloaded, or do not fit.
    """
    vision = torchvision()
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
        return LoadedModel(normalised(model, chosen), preprocessing(chosen), chosen.meta["categories"])
    state = {} if weights == "random" else weight_files.state(Path(weights))
    categories = choices.DEFAULT.meta["categories"]
    options: dict[str, Any] = {"num_classes": weight_files.class_count(state) or len(categories)}
    if name in ("googlenet", "inception_v3"):  # their auxiliary heads are not always saved; their own start is slow
        options |= {"aux_logits": any(key.lower().startswith("aux") for key in state), "init_weights": False}
    with torch.random.fork_rng(devices=[]):  # random weights are the same each time for the same seed
        torch.manual_seed(seed)
        model = vision.models.get_model(name, weights=None, **options)
    if weights != "random":
        weight_files.fill(model, state, Path(weights))
    known = options["num_classes"] == len(categories)
    model = normalised(model, choices.DEFAULT)
    return LoadedModel(model, preprocessing(choices.DEFAULT), categories if known else ())


def preprocessing(weights: Any) -> Preprocessing:
    """From torchvision's own preset of these weights."""
    preset = weights.transforms()
    return Preprocessing(preset.resize_size[0], preset.crop_size[0], interpolation=preset.interpolation.value)


def normalised(model: Any, weights: Any) -> Any:
    """The model, which takes images in [0, 1] and normalises them as these weights ask for."""
    preset = weights.transforms()
    return in_unit_range(model, preset.mean, preset.std)


def imagenet_classes() -> Sequence[str]:
    """The thousand classes of ImageNet in the usual order."""
    categories: Sequence[str] = torchvision().models.get_model_weights("resnet50").DEFAULT.meta["categories"]
    return categories


def torchvision() -> ModuleType:
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
