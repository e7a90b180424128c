"""Linear combination of filters: a unit is drawn as the weighted sum of the pictures of the units below it.

A unit of the first layer is drawn as its weights.  Going up, each unit's picture is the sum of those below, weighted
with its connections.  Biases, nonlinearities and pooling between the layers are left out, and no data are needed.

Paper: ``erhan2009visualizing``, which compares it with its own methods.  The pictures are signed.

Differences from the paper, of which only title, abstract and introduction could be read:
1. The sum is computed from the top down: the weights that reach a layer are multiplied by that layer's weights.
2. Convolutions are included; the picture is as large as the unit's receptive field through these layers.

Raises LayerError for layers that do not follow on each other, UnitsError and OptionsError.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from repro.engine import units
from repro.engine.errors import LayerError, OptionsError
from repro.engine.results import Combination


@torch.no_grad()
def linear_combination(
    layers: Sequence[nn.Module], channels: Tensor | Sequence[int], *, strongest: int | None = None
) -> Combination:
    """Pictures of these units ``(B,)`` of the last of ``layers``, from the first to it, all Linear or all Conv2d.

    ``(B, inputs)`` for linear layers, ``(B, C, h, w)`` for convolutions.  ``strongest`` is how many units of each layer
    below are kept, by the size of the weight with which they reach the unit; None keeps all.
    """
    kind = nn.Linear if layers and isinstance(layers[0], nn.Linear) else nn.Conv2d
    if not layers or not all(isinstance(layer, kind) and getattr(layer, "groups", 1) == 1 for layer in layers):
        raise LayerError("give one or more layers, all Linear or all Conv2d, and without groups")
    if strongest is not None and strongest < 1:
        raise OptionsError(f"strongest must be 1 or more, or None for all; got {strongest}")
    weights: list[Tensor] = [torch.as_tensor(layer.weight) for layer in layers]
    outputs = len(weights[-1])
    chosen = units.indices(weights[-1].new_empty(len(channels), outputs), channels)
    reach = functional.one_hot(chosen, outputs).to(weights[-1])
    reach = reach if kind is nn.Linear else reach[:, :, None, None]
    for layer, weight in zip(reversed(layers), reversed(weights), strict=True):
        if reach.shape[1] != len(weight):
            raise LayerError(f"a layer has {reach.shape[1]} inputs, but the one below it {len(weight)} outputs")
        kept = _kept(reach, strongest) if strongest else reach  # of the last layer there is one unit
        reach = _downward(layer, weight, kept)  # Eq. (a)
    return reach


def _downward(layer: nn.Module, weight: Tensor, reach: Tensor) -> Tensor:
    """From the weights that reach a layer's outputs to those that reach its inputs."""
    if not isinstance(layer, nn.Conv2d):
        return reach @ weight
    return functional.conv_transpose2d(reach, weight, stride=layer.stride, dilation=layer.dilation)


def _kept(reach: Tensor, strongest: int) -> Tensor:
    """The weights of the strongest units of each row; zero for the others."""
    size = reach.flatten(2).norm(dim=2) if reach.dim() == 4 else reach.abs()
    best = size.topk(min(strongest, size.shape[1]), dim=1).indices
    mask = torch.zeros_like(size).scatter(1, best, 1.0)
    return reach * mask.view(mask.shape + (1,) * (reach.dim() - 2))
