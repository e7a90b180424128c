"""Similarity-network visualisation: which parts of two images make a network find them similar.

A network embeds an image by pooling its last feature maps; two images are as similar as the cosine of their embeddings.
Average pooling is a sum over positions, and so is the cosine: each position has its own contribution to it.

Paper: ``stylianou2019visualizing``.  Its equations bear letters here.

The heatmap is ``(B, 1, h, w)`` on the grid of the first image's feature maps, signed; its sum is the cosine.  The other
map of a pair is that of the images in the other order, and has the same sum.

Differences from the paper:
1. The embedding is the pooled feature maps of any layer, also of a network that was trained to classify.
2. Maps need not be square: the authors' code takes the square root of the number of positions for both sides.
3. ``centre``, a mean embedding, is subtracted at each position if it is given.  Feature maps after a ReLU are never
   negative, so that all images are similar; what is left tells pairs apart.
4. If an embedding is zero, so is the map; the cosine is not defined there.

Raises ImagesError for images that do not fit, or are not as many as the others, or for half precision with max pooling,
where rounding makes more values equal to the maximum; LayerError if there are no feature
maps; OptionsError for a pooling that is neither.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn

from repro.engine import pooling as last_maps
from repro.engine.errors import ImagesError, OptionsError
from repro.engine.results import Heatmap

Pooling: TypeAlias = Literal["average", "max"]


@torch.no_grad()
def similarity_decomposition(
    model: nn.Module,
    images: Tensor,
    others: Tensor | None = None,
    target_layer: nn.Module | None = None,
    *,
    pooling: Pooling = "average",
    centre: Tensor | None = None,
) -> Heatmap:
    """Contributions ``(B, 1, h, w)`` of each image's positions to its similarity with the other image.

    ``others (B, C, H', W')`` are compared with ``images (B, C, H, W)`` one by one; without them each image is compared
    with its mirror image.  ``target_layer`` returns the feature maps, by default the input of the last pooling;
    ``pooling`` is how the network pools them; ``centre`` is ``(K,)``, a value a feature map.
    """
    maps = feature_maps(model, images, target_layer)
    other_maps = feature_maps(model, images.flip(3) if others is None else others, target_layer)
    if len(maps) != len(other_maps):
        raise ImagesError(f"each image needs one other: {len(maps)} images, {len(other_maps)} others")
    return decomposed(parts(maps, pooling, centre), parts(other_maps, pooling, centre))


def feature_maps(model: nn.Module, images: Tensor, target_layer: nn.Module | None = None) -> Tensor:
    """A ``(B, K, h, w)``: what the layer returns, or what the last pooling is given."""
    with last_maps.maps_and_logits(model, images, target_layer) as (maps, _):
        return maps.detach()


def parts(maps: Tensor, pooling: Pooling = "average", centre: Tensor | None = None) -> Tensor:
    """What each position adds to the embedding, scaled so that their sum has length 1: ``(B, K, h, w)``."""
    if centre is not None:
        maps = maps - centre[:, None, None]
    if pooling == "average":
        added = maps / maps.shape[2:].numel()  # Eq. (a)
    elif pooling == "max":
        if maps.dtype in (torch.float16, torch.bfloat16):
            raise ImagesError("half precision makes other values equal to the maximum: give images in single precision")
        largest = maps == maps.amax((2, 3), keepdim=True)
        added = maps * largest / largest.sum((2, 3), keepdim=True)  # Eq. (e)
    else:
        raise OptionsError(f"pooling must be 'average' or 'max', not {pooling!r}")
    length = added.sum((2, 3), keepdim=True).norm(dim=1, keepdim=True)
    return added / torch.where(length > 0, length, 1)


def pairs(first: Tensor, second: Tensor) -> Tensor:
    """The contribution of each position of the first image with each of the second, ``(B, h, w, h', w')``.

    For a position or region: which positions of the second image are like it.
    """
    return torch.einsum("bkyx,bkvu->byxvu", first, second)  # Eq. (c)


def decomposed(first: Tensor, second: Tensor) -> Heatmap:
    """``pairs`` summed over the positions of the second image, without computing each: ``(B, 1, h, w)``."""
    return torch.einsum("bkyx,bk->byx", first, second.sum((2, 3)))[:, None]  # Eq. (d), summing to Eq. (b)
