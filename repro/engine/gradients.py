"""Gradients of one logit for each image."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn import functional


@contextmanager
def following() -> Iterator[None]:
    """ValueError, in place of torch's error, for a way back through checkpoints that can't be followed."""
    try:
        yield
    except RuntimeError as error:
        if "checkpoint" not in str(error):
            raise
        raise ValueError(
            "the model runs parts of itself again on the way back, unwatched: switch its checkpointing off"
        ) from error


def gradient(logits: Tensor, classes: Tensor, inputs: Tensor, *, again: bool = False) -> Tensor:
    """Of each image's logit of its class with respect to its maps or pixels.

    With ``again`` the graph is kept, so that more can be asked of it.  Raises ValueError if the logit does not depend
    on them, or by checkpoints that can't be followed.
    """
    chosen = functional.one_hot(classes, logits.shape[1]).to(logits)
    found = None
    with following():
        if logits.requires_grad and inputs.requires_grad:
            (found,) = torch.autograd.grad(logits, inputs, chosen, allow_unused=True, retain_graph=again)
    if found is None:
        raise ValueError("the logits do not depend on the layer or the image, or not by operations with a gradient")
    return found
