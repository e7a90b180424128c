"""CNN fixations: the points of an image that led to a label, found by going back through one forward pass.

From the unit of a class downwards, each chosen unit is exchanged for those below that contributed most to it, where a
contribution is activation times weight.  What arrives at the image is a set of points, the fixations.

Paper: ``mopuri2019cnn``.  Its steps bear letters here.

The heatmap is ``(B, 1, H, W)``, from 0 to 1: a Gaussian around each fixation.

Differences from the paper:
1. In a convolution's window the place of the largest contribution is next.  The authors' code goes to (S i, S j) for a
   stride S: the middle of the window if half of it is padded, but its corner if nothing is.
2. One view of the image, where the authors join the points of five; the blur is relative to the image's size.
3. BatchNorm is folded into the convolution before it.  Inception's concatenations are left out.

Raises ImagesError, LogitsError, ClassesError for inputs that do not fit; NoRuleError for operations without a step.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from repro.engine import chain, checks, watching
from repro.engine.errors import NoRuleError
from repro.engine.heatmaps import max_normalise
from repro.engine.results import Heatmap

NEAR, FEW = 0.1, 0.05  # of the diagonal, and of the fixations: what makes a fixation an outlier


def cnn_fixations(model: nn.Module, images: Tensor, target_classes: Tensor, *, sigma: float = 0.05) -> Heatmap:
    """Heatmaps ``(B, 1, H, W)`` of ``images (B, C, H, W)``, for one class per image, ``(B,)``.

    ``sigma``, the Gaussian's, is relative to the image's shorter side.
    """
    points, maps = fixations(model, images, target_classes), torch.zeros_like(images[:, :1])
    size = images.shape[2:]
    for i, heatmap in enumerate(maps[:, 0]):
        own = without_outliers(points[points[:, 0] == i, 1:].float(), math.hypot(*size))
        away = (torch.arange(side, device=own.device) - own[:, k, None] for k, side in enumerate(size))
        near = ((-(each / (sigma * min(size))).square() / 2).exp() for each in away)
        heatmap += torch.einsum("ny,nx->yx", *near)  # Eq. (g)
    return max_normalise(maps)


def without_outliers(points: Tensor, diagonal: float) -> Tensor:
    """Those of one image's points ``(n, 2)`` that have more than a few of them near."""
    near = (torch.cdist(points, points) < NEAR * diagonal).sum(1)
    return points[near > FEW * len(points)]  # Eq. (f)


def fixations(model: nn.Module, images: Tensor, target_classes: Tensor) -> Tensor:
    """Rows of image, row and column, ``(n, 3)``; a place counts once for each channel of the image that is reached."""
    with watching.observing(model), chain.Graph(watching.pixels(images)) as graph:
        logits = model(graph.images)
        classes = checks.class_indices(target_classes, logits)
    waiting = {graph.node(logits): torch.stack([torch.arange(len(classes)).to(classes), classes], 1)}
    while True:
        node = max(waiting, key=lambda each: each.number)  # nothing above it is left
        points: Tensor = waiting.pop(node).unique(dim=0)
        if not node.given:
            return points[:, [0, 2, 3]]
        for below, found in _below(node, points):
            waiting[below] = torch.cat([waiting[below], found]) if below in waiting else found


def _below(node: chain.Node, points: Tensor) -> list[tuple[chain.Node, Tensor]]:
    """The units that contributed most to these units of a node's result ``(n, dimensions)``, by what it was given."""
    step, (given, *others), values = node.step, node.given, node.values
    match step:
        case chain.Linear():
            contributions = values[0][points[:, 0]] * step.weight[points[:, 1]]
            if _is_flattened(given):
                return [(given, torch.stack([points[:, 0], contributions.argmax(1)], 1))]  # Eq. (b)
            row, unit = (contributions > 0).nonzero(as_tuple=True)  # Eq. (a)
            return [(given, torch.stack([points[row, 0], unit], 1))]
        case chain.Convolution(weight=weight):
            first = points[:, 1] // (len(weight) // step.groups) * weight.shape[1]
            channels = first[:, None] + torch.arange(weight.shape[1]).to(first)
            return [(given, _largest(values[0], points, channels, step, weight[points[:, 1]].flatten(2)))]
        case chain.Window():  # a pooling, or padding
            points = functional.pad(points, (0, 4 - points.shape[1]))
            return [(given, _largest(values[0], points, points[:, 1:2], step))]  # Eq. (d)
        case chain.Reshaping():
            return [(given, chain.reshaped(points, node.shape, given.shape))]
        case chain.Rectification() | chain.Scaling():
            return [(given, points)]
        case "add" if len(others) == 1 and given.shape == others[0].shape:
            first = values[0][tuple(points.T)] >= values[1][tuple(points.T)]  # Eq. (e)
            return [(given, points[first]), (others[0], points[~first])]
    raise NoRuleError(f"fixations cannot go back through {step}")


def _largest(maps: Tensor, points: Tensor, channels: Tensor, window: chain.Window, weight: Tensor | int = 1) -> Tensor:
    """Where the channel with the largest sum of contributions has its largest one, ``(n, 4)``."""
    values, inside, places = chain.look(maps, points, channels, window)
    contributions, each = values * weight, torch.arange(len(points)).to(points)
    channel = contributions.sum(2).argmax(1)  # Eq. (c)
    place = torch.where(inside, contributions, -torch.inf)[each, channel].argmax(1)
    return torch.stack([points[:, 0], channels[each, channel], *places[each, place].T], 1)


def _is_flattened(node: chain.Node) -> bool:  # from maps with several positions
    while isinstance(node.step, chain.Reshaping):
        node = node.given[0]
    return node.shape[2:].numel() > 1
