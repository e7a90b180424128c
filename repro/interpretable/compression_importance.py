"""Compression-based importance: a filter matters as much as the accuracy that is lost without it (CAR).

The filter whose removal costs the least accuracy is pruned, the importance of the others is computed again, and so on,
one layer at a time.  What is left when accuracy begins to fall is what the network needs of this layer.

Papers: ``abbasiasl2017structural``, ``abbasiasl2017interpreting``.  Only their abstracts could be read: the equations
bear letters of ours.

Filters are channels of ``target_layer``, whose maps are ``(B, C, h, w)`` or ``(B, C)``.

Differences from the paper:
1. A filter is switched off, not cut out: its channel is zero.  Behind a ReLU the network that is left is the same; so
   give the module that rectifies, and one that runs once in a pass.
2. Importance is given for each image: 1 if it is right with the filter only, -1 if it is right without it only, else 0.
   The mean over all images is the CAR, the mean over a class's images the variant for this class.
3. Many filters cost nothing: of these the one without which the classes keep the highest mean probability goes first.
4. The network is not tuned after pruning.

Raises ImagesError, LogitsError, ClassesError; LayerError for a layer without channels; UnitsError for filters that do
not exist; OptionsError (of, count, batch).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from repro.engine import checks, units, variants
from repro.engine.errors import OptionsError
from repro.engine.results import Importance


def compression_importance(
    model: nn.Module,
    images: Tensor,
    true_classes: Tensor | Sequence[int],
    target_layer: nn.Module,
    *,
    pruned: Sequence[int] = (),
    of: Literal["accuracy", "probability"] = "accuracy",
    batch: int = 64,
    report: variants.Report = variants.silent,
) -> Importance:
    """What each filter adds to the accuracy on ``images (B, 3, H, W)``: ``(B, C)``, of 1, 0 and -1.

    ``of="probability"`` is how far the class's probability falls, which tells more of a single image.  The filters
    ``pruned`` are off in any case.  Each image passes C + 1 times, ``batch`` of them at a time.
    """
    if of not in ("accuracy", "probability"):
        raise OptionsError(f"of must be 'accuracy' or 'probability', not {of!r}")
    off = [pruned, *([*pruned, one] for one in range(units.channel_count(model, images, target_layer)))]
    logits = units.switched_off(model, images, target_layer, off, batch=batch, report=report)
    right, sure = _judged(logits, true_classes)
    found = right if of == "accuracy" else sure
    return (found[:, :1] - found[:, 1:]).to(images.dtype)  # Eq. (a)


def class_importance(importance: Tensor, true_classes: Tensor, classes: int) -> Tensor:
    """The accuracy that each class loses without each filter, ``(K, C)``; NaN for a class without images."""
    members = functional.one_hot(true_classes, classes).T.to(importance)
    return members @ importance / members.sum(1, keepdim=True)  # Eq. (c)


def pruning_order(
    model: nn.Module,
    images: Tensor,
    true_classes: Tensor | Sequence[int],
    target_layer: nn.Module,
    count: int,
    *,
    batch: int = 64,
    report: variants.Report = variants.silent,
) -> list[int]:
    """The ``count`` filters of the layer that are pruned first, in this order."""
    order, left = list[int](), list(range(units.channel_count(model, images, target_layer)))
    if not 0 <= count <= len(left):
        raise OptionsError(f"of {len(left)} filters {count} cannot be pruned")
    for done in range(count):
        off = [[*order, one] for one in left]
        right, sure = _judged(units.switched_off(model, images, target_layer, off, batch=batch), true_classes)
        worth = list(zip(right.sum(0).tolist(), sure.double().mean(0).tolist(), strict=True))  # without each filter
        order.append(left.pop(worth.index(max(worth))))  # Eq. (b)
        report((done + 1) / count)
    return order


def accuracies(
    model: nn.Module, images: Tensor, true_classes: Tensor, target_layer: nn.Module, order: Sequence[int]
) -> Tensor:
    """The accuracy with none, one, two, ... of the filters pruned in this order, ``(len(order) + 1,)``."""
    off = [order[:done] for done in range(len(order) + 1)]
    return _judged(units.switched_off(model, images, target_layer, off), true_classes)[0].double().mean(0)


def _judged(logits: Tensor, true_classes: Tensor | Sequence[int]) -> tuple[Tensor, Tensor]:
    """Of ``logits (B, M, K)`` whether they are right, 1 or 0, and the true class's probability, each ``(B, M)``."""
    classes = checks.class_indices(true_classes, logits.flatten(1)[:, : logits.shape[2]])
    # half precision is too coarse for what is compared: differences of probabilities
    sure = logits.softmax(2, dtype=torch.promote_types(logits.dtype, torch.float32))
    return (logits.argmax(2) == classes[:, None]).to(sure), sure.gather(
        2, classes[:, None, None].expand(-1, logits.shape[1], 1)
    )[..., 0]
