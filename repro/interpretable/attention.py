"""Attention: a layer passes on a weighted mean over positions, and its weights show where it looked.

Each position of the feature maps gets a score from what is found there; a softmax turns the scores into weights that
sum to one; the classes are read from the weighted mean of the features.

Paper: ``bahdanau2015neural``, Sec. 3.1 and A.1.2.  Whether the weights explain the output is disputed by
``jain2019attention`` and ``wiegreffe2019attention``: ``total_variation``, ``divergence`` and ``adversarial_weights``
are their tests.

The heatmap ``(B, 1, h, w)`` on the grid of the feature maps holds weights from 0 to 1 that sum to 1.  It belongs to no
class: each image has one.

Differences from the papers:
1. The score has no term for the state of a decoder, W_a s: a classifier has none.
2. Features are divided by ``scale``, such as their root mean square over the training images; else tanh saturates.
3. The search for adversarial weights gives one map for each image, not several that also differ from each other.

Raises ImagesError and LayerError for what does not fit.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from repro.engine import pooling
from repro.engine.errors import LayerError
from repro.engine.results import Heatmap


class Head(nn.Module):
    """Logits ``(B, K)`` from feature maps ``(B, C, h, w)``: what a network may have in place of global pooling."""

    def __init__(self, channels: int, classes: int, hidden: int = 32, scale: float = 1.0) -> None:
        super().__init__()
        self.inner, self.outer = nn.Conv2d(channels, hidden, 1), nn.Conv2d(hidden, 1, 1, bias=False)
        self.classifier, self.scale = nn.Linear(channels, classes), scale

    def weights(self, feature_maps: Tensor) -> Tensor:
        """Attention ``(B, 1, h, w)``."""
        if feature_maps.shape[1] != self.inner.in_channels:
            need = f"the head is for {self.inner.in_channels} feature maps"
            raise LayerError(f"{need}, and the layer returns {feature_maps.shape[1]}")
        scores = self.outer(torch.tanh(self.inner(feature_maps / self.scale)))  # Eq. (a)
        weights: Tensor = scores.flatten(1).softmax(1).view_as(scores)  # Eq. (6)
        return weights

    def read(self, feature_maps: Tensor, weights: Tensor) -> Tensor:
        """Logits with these weights ``(B, 1, h, w)``, the head's own or others."""
        context = (weights * feature_maps / self.scale).sum((2, 3))  # Eq. (5)
        logits: Tensor = self.classifier(context)
        return logits

    def forward(self, feature_maps: Tensor) -> Tensor:
        return self.read(feature_maps, self.weights(feature_maps))


def attention(model: nn.Module, images: Tensor, head: Head, target_layer: nn.Module | None = None) -> Heatmap:
    """Where a head on the model's feature maps looks in ``images (B, 3, H, W)``: its weights ``(B, 1, h, w)``.

    ``target_layer`` returns the feature maps; by default they are the input of the last pooling.
    """
    with pooling.maps_and_logits(model, images, target_layer) as (feature_maps, _):
        weights: Tensor = head.weights(feature_maps).detach()
    return weights


def total_variation(logits: Tensor, others: Tensor) -> Tensor:
    """How far two outputs are apart, ``(B,)``: 0 for equal probabilities, 1 for two certain and different classes."""
    return (logits.softmax(1) - others.softmax(1)).abs().sum(1) / 2  # Eq. (b)


def divergence(weights: Tensor, others: Tensor) -> Tensor:
    """Jensen-Shannon divergence of weights ``(B, 1, h, w)``, ``(B,)``: from 0 to log 2, about 0.69."""
    first, second = weights.flatten(1), others.flatten(1)
    middle = ((first + second) / 2).clamp_min(torch.finfo(first.dtype).tiny)
    own, other = (torch.special.xlogy(each, each / middle).sum(1) for each in (first, second))
    apart: Tensor = (own + other) / 2  # Eq. (c)
    return apart


def adversarial_weights(head: Head, feature_maps: Tensor, *, allowed: float = 0.01, steps: int = 200) -> Tensor:
    """Weights as far from the head's own as Adam finds with which its output moves by ``allowed`` at most.

    For each image those of the best step; the head's own weights where no step keeps to the bound.
    """
    maps = feature_maps.detach()
    own = best = head.weights(maps).detach()
    logits, positions = head.read(maps, own).detach(), maps.flatten(2).mT.flatten(0, 1)[..., None, None]
    # weights sum to one: the logits of a mean are the mean of the logits of each position, (B, P, K)
    each = head.read(positions, torch.ones_like(positions[:, :1])).detach().unflatten(0, (len(maps), -1))
    start = torch.randn(own.flatten(1).shape, generator=torch.Generator().manual_seed(0))
    scores = (3 * start).to(own).requires_grad_()
    optimiser = torch.optim.Adam([scores], lr=0.3)
    for _ in range(steps):
        weights = scores.softmax(1)
        apart = divergence(weights.view_as(own), own)
        moved = total_variation(torch.einsum("bp,bpk->bk", weights, each), logits)
        better = (moved <= allowed) & (apart > divergence(best, own))  # Eq. (d)
        best = torch.where(better[:, None, None, None], weights.detach().view_as(own), best)
        optimiser.zero_grad()
        (500 * (moved - allowed).clamp_min(0) - apart).sum().backward(inputs=[scores])
        optimiser.step()
    return best
