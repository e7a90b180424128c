"""What an optimised image is optimised for: functions of images ``(B, C, H, W)`` with one value each, ``(B,)``."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from repro.engine import checks
from repro.engine.optimise import Objective


def class_score(model: nn.Module, target_classes: Tensor | Sequence[int], like: Tensor, of: str = "logit") -> Objective:
    """The logit (or the log-probability) of a class for each image; ``like`` are images of the size and number meant.

    Raises LogitsError, and ClassesError for classes that the model does not have.
    """
    with torch.no_grad():
        classes = checks.class_indices(target_classes, model(like)).clone()[:, None]

    def score(images: Tensor) -> Tensor:
        logits: Tensor = model(images)
        return (logits if of == "logit" else logits.log_softmax(1)).gather(1, classes)[:, 0]

    return score
