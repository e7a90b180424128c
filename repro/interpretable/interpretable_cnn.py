"""Interpretable CNN: a loss teaches each filter of a high layer to respond at one place, and to one class.

While the layer trains, each filter's maps are drawn towards templates: a peak where the filter responds most if the
image is of the filter's class, nothing anywhere if not.  What the next layer sees is masked by the peak's template.

Paper: ``zhang2018interpretable``; Eq. (1) is that of ``zhang2019interpretablecnns``, of which a page was read.  The
constants are those of reimplementations.  The heatmap ``(B, 1, n, n)`` is not negative: the masked maps of the filters
of a class, added up.

Differences from the paper:
1. ``filter_loss`` draws the share of a map at each place to the template of its peak, or to the negative one; the paper
   derives an approximate gradient of Eq. (1), ``mutual_information``, with that direction.
2. The layer stands on a trained network that stays as it is; BatchNorm keeps its filters from falling silent.
3. A template runs from 1 to -1; in Eq. (1) it is multiplied by tau.

Raises ImagesError, LogitsError, ClassesError, LayerError.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from repro.engine import checks, pooling
from repro.engine.errors import LayerError
from repro.engine.results import Heatmap

STEEPNESS = 4  # beta


class PartLayer(nn.Module):
    """Logits ``(B, K)`` from feature maps ``(B, C, h, h)`` by filters whose maps ``(B, filters, n, n)`` are masked."""

    def __init__(self, channels: int, filters: int, classes: int, *, pool: int = 1, masks: bool = True) -> None:
        super().__init__()
        convolution = nn.Conv2d(channels, filters, 3, padding=1)
        self.filters = nn.Sequential(nn.AvgPool2d(pool), convolution, nn.BatchNorm2d(filters), nn.ReLU())
        self.channels, self.masks, self.classifier = channels, masks, nn.Linear(filters, classes)
        self.owners: Tensor
        self.register_buffer("owners", torch.arange(filters) % classes)  # each filter's class

    def maps(self, feature_maps: Tensor) -> Tensor:
        """What the filters respond, without masks."""
        if feature_maps.shape[1] != self.channels:
            raise LayerError(f"the filters are for {self.channels} feature maps, not for {feature_maps.shape[1]}")
        maps: Tensor = self.filters(feature_maps)
        return maps

    def parts(self, maps: Tensor) -> Tensor:
        """The filters' maps, masked by the templates of their peaks."""
        return (maps * at_peaks(maps)).relu() if self.masks else maps  # Eq. (b)

    def read(self, maps: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.parts(maps).sum((2, 3)))
        return logits

    def forward(self, feature_maps: Tensor) -> Tensor:
        return self.read(self.maps(feature_maps))


def interpretable_cnn(
    model: nn.Module, images: Tensor, target_classes: Tensor, layer: PartLayer, target_layer: nn.Module | None = None
) -> Heatmap:
    """Where a layer on the model's feature maps finds parts of one class per image, ``(B, 1, n, n)``.

    ``target_layer`` returns the feature maps; by default they are the input of the last pooling.
    """
    with pooling.maps_and_logits(model, images, target_layer) as (feature_maps, logits):
        classes = checks.class_indices(target_classes, logits)
        parts = layer.parts(layer.maps(feature_maps)).detach()
    own = layer.owners.to(classes) == classes[:, None]
    return torch.where(own[:, :, None, None], parts, 0).sum(1, keepdim=True)


def templates(size: int) -> Tensor:
    """For each of n x n places one with its peak there, and a negative one, ``(n * n + 1, n, n)``."""
    places = torch.cartesian_prod(torch.arange(size), torch.arange(size))
    distances = (places[:, None] - places).abs().sum(2).view(-1, size, size).double()
    positive = (1 - STEEPNESS * distances / size).clamp_min(-1)  # Eq. (a)
    return torch.cat([positive, -torch.ones_like(positive[:1])])


def at_peaks(maps: Tensor) -> Tensor:
    """For each of the maps ``(B, C, n, n)`` the template of its largest value."""
    return templates(maps.shape[3]).to(maps)[maps.flatten(2).argmax(2)]


def mutual_information(maps: Tensor) -> Tensor:
    """Of each filter's maps ``(B, C, n, n)`` and the templates, ``(C,)``: the paper's loss is its negative."""
    places = maps.shape[3] ** 2
    traces = torch.einsum("bcyx,tyx->ctb", maps, templates(maps.shape[3]).to(maps)) * 0.5 / places
    given = traces.softmax(2)  # Eq. (c)
    whole = given.mean(1, keepdim=True)  # all templates are as probable, p(mu) = 1 / (n * n + 1)
    return (given * (given / whole).log()).sum(2).mean(1)  # Eq. (1)


def filter_loss(maps: Tensor, labels: Tensor, owners: Tensor) -> Tensor:
    """From -1, all at the peaks in images of the filters' classes ``owners (C,)``, to 1, nothing there."""
    wanted = torch.where((labels[:, None] == owners)[:, :, None, None], at_peaks(maps), -1)
    responses = maps.sum((0, 2, 3)).clamp_min(torch.finfo(maps.dtype).tiny)
    return -((wanted * maps).sum((0, 2, 3)) / responses).mean()  # Eq. (d)


def owners_of(maps: Tensor, labels: Tensor, classes: int) -> Tensor:
    """For each filter the class whose images activate it most, ``(C,)``."""
    members = functional.one_hot(labels, classes).T.to(maps)
    return (members @ maps.mean((2, 3)) / members.sum(1, keepdim=True).clamp_min(1)).argmax(0)  # Eq. (e)
