"""Weights from a person's own file: only tensors are read, and they must fit the model."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from repro.lab import files
from repro.lab.errors import WeightsError


def state(path: Path) -> dict[str, Tensor]:
    """The state dict in a .safetensors, .pth or .pt file.  A file that would run code is refused.

    Raises WeightsError if there is no such file, or if it holds something else.
    """
    if not path.is_file():
        raise WeightsError(f"there is no file {path}")
    files.note(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of a strange pickle, which is then refused below
            found: Any = (
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
        if isinstance(found, dict) and isinstance(found.get(wrapping), dict):
            found = found[wrapping]
    if not isinstance(found, dict) or not all(isinstance(value, Tensor) for value in found.values()):
        raise WeightsError(f"{path} holds no state dict: save model.state_dict() alone")
    return {key.removeprefix("module."): value for key, value in found.items()}


def class_count(weights: Mapping[str, Tensor]) -> int | None:
    """How many classes these weights tell apart: rows of the last matrix, or of SqueezeNet's last convolution."""
    if (convolution := weights.get("classifier.1.weight")) is not None and convolution.dim() == 4:
        return len(convolution)
    matrices = [value for key, value in weights.items() if value.dim() == 2 and not key.lower().startswith("aux")]
    return len(matrices[-1]) if matrices else None


def fill(model: nn.Module, weights: Mapping[str, Tensor], path: Path) -> None:
    """Give the model these weights; ValueError with the first that does not fit."""
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        first = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise WeightsError(f"the weights in {path} do not fit the model: {first[:200]}") from error
