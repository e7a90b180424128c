"""timm's models, ``timm:NAME``, with timm's weights or one's own, each with its own preprocessing."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from repro.lab.errors import ModelError, WeightsError
from repro.lab.models import vision, weight_files
from repro.lab.models.choices import suggest
from repro.lab.models.preprocessing import LoadedModel, Preprocessing, in_unit_range

PREFIX = "timm:"


def load(name: str, weights: str | None, seed: int) -> LoadedModel:
    """timm's model ``name``, without the prefix; after a dot it may say which of timm's weights: resnet50.a1_in1k.

    Raises ModelError if there is no such model, WeightsError if its weights are not known, cannot be read or do not
    fit.
    """
    library = timm()
    if not library.is_model(name):
        names = [PREFIX + each for each in library.list_models()]
        raise ModelError(f"timm has no model {name!r}{suggest(PREFIX + name, names)}")
    if weights is None:
        raise ModelError(f"{PREFIX}{name} needs weights: DEFAULT (timm's, downloaded), a local file, or random")
    if weights not in ("DEFAULT", "random") and not Path(weights).suffix:
        tags = [f"{PREFIX}{each}" for each in library.list_pretrained(name.partition(".")[0] + ".*")]
        raise WeightsError(f"weights {weights!r} are neither DEFAULT, random nor a file: timm has {', '.join(tags)}")
    state = weight_files.state(Path(weights)) if weights not in ("DEFAULT", "random") else {}
    count = weight_files.class_count(state)
    options = {"num_classes": count} if count else {}
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = library.create_model(name, pretrained=weights == "DEFAULT", **options)
    except OSError as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise WeightsError(
            f"the weights of {PREFIX}{name} could not be downloaded ({reason}): give a local file"
        ) from error
    except RuntimeError as error:  # a tag that timm does not have, or weights that it does not hold
        raise WeightsError(f"{PREFIX}{name} with weights {weights}: {str(error).splitlines()[0]}") from error
    if state:
        weight_files.fill(model, state, Path(weights))
    usual = library.get_pretrained_cfg(name.partition(".")[0]).num_classes
    classes = _classes(library, model) if count in (None, usual) else ()
    return with_own_preprocessing(model, classes)


def with_own_preprocessing(model: nn.Module, classes: Sequence[str]) -> LoadedModel:
    """A model of timm's with the size, crop and normalisation that timm states for its weights."""
    config = timm().data.resolve_model_data_config(model)
    crop = config["input_size"][-1]
    see = Preprocessing(math.floor(crop / config["crop_pct"]), crop, config["input_size"][0], config["interpolation"])
    return LoadedModel(in_unit_range(model, config["mean"], config["std"]), see, classes)


def _classes(library: ModuleType, model: Any) -> Sequence[str]:
    """The names of timm's own classes; nothing if timm does not know them."""
    subset = library.data.infer_imagenet_subset(model)
    if subset == "imagenet-1k":
        return vision.imagenet_classes()
    info = library.data.ImageNetInfo(subset) if subset else None
    return [info.index_to_description(i) for i in range(model.num_classes)] if info else ()


def timm() -> ModuleType:
    """The library; its import needs torchvision's, which may have to be mended first."""
    vision.torchvision()
    try:
        import timm
    except ImportError as error:
        raise ModelError("timm is not installed: pip install timm, or make setup") from error
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # each of its ten attempts would write two lines
    module: ModuleType = timm
    return module
