"""CNN explained by a decision tree: the reasons why a network takes images for a class, from coarse to fine.

Around an image the score of a class is nearly a weighted sum of what a layer's filters find.  Merging the most similar
weights again and again gives a tree, from single images to the class; an image's path tells which filters count.

Paper: ``zhang2019interpreting``, of which the start was read, and a reimplementation: equations bear letters of ours.

The result ``(B, C)`` is signed: the share of each filter, whose sizes sum to 1 for each image.

Differences from the paper:
1. The pair is merged that keeps most agreement; the paper maximises a likelihood of the scores.
2. A node keeps all filters; in the paper a lasso chooses some.
3. Filters have no names: the paper trains them to stand for object parts, which annotators name.

Raises ImagesError (half precision too), LogitsError, ClassesError, LayerError, GradientError and OptionsError.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from repro.engine import gradients
from repro.engine.errors import ImagesError, OptionsError
from repro.engine.results import Importance


class ModeTree(NamedTuple):
    """Nodes 0 to N - 1 are the examples; each later one is merged from two, and the last is the root."""

    weights: Tensor  # (2N - 1, C), of length 1
    children: Tensor  # (2N - 1, 2), -1 for an example

    def path(self, weights: Tensor, modes: int = 1) -> list[int]:
        """For an image with these weights ``(C,)`` from the root down to where the tree has ``modes`` nodes."""
        count = len(self.weights)
        if not 1 <= modes <= (count + 1) // 2:
            raise OptionsError(f"a tree of {(count + 1) // 2} examples has no {modes} modes")
        nodes = [count - 1]
        while nodes[-1] > count - modes:
            below = self.children[nodes[-1]]
            nodes.append(int(below[int((self.weights[below] @ weights).argmax())]))
        return nodes


def cnn_decision_tree(
    model: nn.Module,
    images: Tensor,
    target_classes: Tensor,
    examples: Tensor,
    *,
    modes: int = 4,
    target_layer: nn.Module | None = None,
) -> Importance:
    """Shares ``(B, C)`` of a layer's filters in the score of one class per image, by the image's node among ``modes``.

    The tree of a class is grown on ``examples (N, 3, H, W)``: give images of that class.  ``target_layer`` returns the
    feature maps; by default they are the input of the last pooling.
    """
    maps, gradient = gradients.layer_gradient(model, images, target_classes, target_layer)
    if maps.dtype in (torch.float16, torch.bfloat16):
        raise ImagesError("half precision is too coarse to tell similar weights apart: use float32")
    if not len(examples):
        raise OptionsError("a tree is grown on examples: give images of the class")
    classes, found = torch.as_tensor(target_classes), maps.new_zeros(maps.shape[:2])
    for one in classes.unique().tolist():
        seen = gradients.layer_gradient(model, examples.to(images), torch.full((len(examples),), one), target_layer)
        scale = mean_responses(seen[0])
        tree = decision_modes(rationales(*seen, scale)[1])
        for row in (classes == one).nonzero()[:, 0].tolist():
            features, weights = rationales(maps[row, None], gradient[row, None], scale)
            found[row] = shares(tree.weights[tree.path(weights[0], modes)[-1]], features[0])
    return found


def mean_responses(maps: Tensor) -> Tensor:
    """Of each filter over maps ``(N, C, h, w)``, ``(C,)``; 1 for a filter that never responds."""
    means = maps.mean((0, 2, 3))
    return torch.where(means > 0, means, 1)


def rationales(maps: Tensor, gradient: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    """Features, and weights of length 1, each ``(N, C)``, from maps, the score's gradient there and ``scale (C,)``."""
    features, weights = maps.sum((2, 3)) / scale, gradient.mean((2, 3)) * scale  # Eq. (a)
    return features, functional.normalize(weights, dim=1)  # Eq. (b)


def decision_modes(weights: Tensor) -> ModeTree:
    """The tree over examples with these weights ``(N, C)``, each of length 1."""
    sums, alive, nodes = weights.cpu().double(), list(range(len(weights))), list(weights.cpu().double())
    children = [(-1, -1)] * len(weights)
    while len(alive) > 1:
        lengths, products = sums.norm(dim=1), sums @ sums.T
        together = (2 * products + products.diagonal()[:, None] + products.diagonal()).clamp_min(0).sqrt()
        lost = (lengths[:, None] + lengths - together).fill_diagonal_(torch.inf)
        first, second = divmod(int(lost.argmin()), len(sums))  # Eq. (d)
        nodes.append(sums[first] + sums[second])  # Eq. (c)
        children.append((alive[first], alive[second]))
        rest = [row for row in range(len(sums)) if row not in (first, second)]
        sums, alive = torch.cat([sums[rest], nodes[-1][None]]), [*(alive[row] for row in rest), len(nodes) - 1]
    directions = functional.normalize(torch.stack(nodes), dim=1)
    return ModeTree(directions.to(weights), torch.tensor(children, device=weights.device))


def shares(weights: Tensor, features: Tensor) -> Tensor:
    """Of each filter in the weighted sum, ``(..., C)``: signed, their sizes sum to 1."""
    return functional.normalize(weights * features, p=1, dim=-1)  # Eq. (e)
