"""How well a heatmap says where something is.

Heatmaps are ``(B, 1, h, w)`` on any grid; masks ``(B, H, W)`` and boxes ``(B, 4)`` are in image pixels, x0 y0 x1 y1
with the ends exclusive.  Each function returns one number an image: means, and differences of pairs, are the caller's.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from skimage import measure
from torch import Tensor, nn
from torch.nn import functional

from repro.lab.scenes import Floats


def upsample(heatmaps: Tensor, size: tuple[int, int]) -> Tensor:
    """Heatmaps on the image's grid, ``(B, 1, H, W)``: bilinear, pixel areas aligned (not corners)."""
    return functional.interpolate(heatmaps, size=size, mode="bilinear", align_corners=False)


def pointing_hits(heatmaps: Tensor, masks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether the highest point lies on the object: the pointing game (Zhang et al., Top-down neural attention by
    excitation backprop, ECCV 2016, Sec. 4.1), without their tolerance of 15 pixels.  Of equal points the first counts.
    """
    height, width = masks.shape[1:]
    highest = upsample(heatmaps, (height, width)).flatten(1).argmax(1).cpu().numpy()
    hits: NDArray[np.bool_] = masks.reshape(len(masks), -1)[np.arange(len(masks)), highest]
    return hits


def mass_in_mask(heatmaps: Tensor, masks: NDArray[np.bool_]) -> Floats:
    """Share of the positive values that lies on the object: the energy-based pointing game (Wang et al., Score-CAM,
    CVPR Workshops 2020, Sec. 4.3).  0 where no value is positive.
    """
    height, width = masks.shape[1:]
    positive = upsample(heatmaps, (height, width))[:, 0].detach().clamp_min(0).cpu().double().numpy()
    total = positive.sum((1, 2))
    share: Floats = ((positive * masks).sum((1, 2)) / np.where(total > 0, total, 1)).astype(np.float32)
    return share


def boxes(heatmaps: Tensor, size: tuple[int, int], threshold: float = 0.2) -> NDArray[np.int64]:
    """The box around the largest connected part that is above a share of the map's maximum (Zhou et al. 2016, Sec. 3.2:
    20%).  Pixels that touch at a side are connected; of equal parts the first counts; a map without a positive value
    has no box, and gets 0 0 0 0.
    """
    found = np.zeros((len(heatmaps), 4), np.int64)
    for i, heatmap in enumerate(upsample(heatmaps, size)[:, 0].detach().cpu().numpy()):
        if heatmap.max() <= 0:
            continue
        above = heatmap > threshold * heatmap.max()
        parts = measure.label(above, connectivity=1)  # type: ignore[no-untyped-call]
        largest = np.bincount(parts.ravel())[1:].argmax() + 1
        rows, columns = np.nonzero(parts == largest)
        found[i] = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    return found


def box_iou(first: NDArray[np.int64], second: NDArray[np.int64]) -> Floats:
    """Area of the intersection over that of the union; 0 if both are empty."""
    sides = np.minimum(first[:, 2:], second[:, 2:]) - np.maximum(first[:, :2], second[:, :2])
    shared = np.clip(sides, 0, None).prod(1)
    union = (first[:, 2:] - first[:, :2]).prod(1) + (second[:, 2:] - second[:, :2]).prod(1) - shared
    iou: Floats = (shared / np.maximum(union, 1)).astype(np.float32)
    return iou


def rank_correlation(first: Tensor, second: Tensor) -> Floats:
    """Spearman's, over the places of two maps of one shape; equal values share a rank.  0 if a map is constant.

    Every place is compared with every other: pool large maps before.
    """
    ranks = []
    for maps in (first, second):
        values = maps.detach().flatten(1).double()
        differences = values[:, :, None] - values[:, None, :]
        ranks.append(differences.sign().sum(2))  # how many are below less how many are above
    product = (ranks[0] * ranks[1]).sum(1)
    spread = (ranks[0].square().sum(1) * ranks[1].square().sum(1)).sqrt()
    correlation: Floats = (product / spread.clamp_min(1)).cpu().numpy().astype(np.float32)
    return correlation


@torch.no_grad()
def pixel_flipping(
    model: nn.Module,
    images: Tensor,
    classes: Tensor,
    heatmaps: Tensor,
    fill: Tensor | Callable[[Tensor], Tensor],
    *,
    region: int = 4,
    steps: int = 32,
    report: Callable[[float], None] = lambda share: None,
) -> Tensor:
    """The class's probability as the image is covered, region by region, where the map is highest first,
    ``(B, steps + 1)``: region perturbation (Samek et al., Evaluating the visualization of what a deep neural network
    has learned, IEEE TNNLS 2017).

    A region is a square of ``region`` pixels, ranked by the sum of the map over it; what covers it comes from ``fill``,
    images or a function of the images.  ``curve[:, :1] - curve``, averaged, is the area over the curve (AOPC): the
    larger, the earlier the map finds what the class depends on.

    Raises ValueError if the image is not a whole number of regions, or if there are fewer of them than steps.
    """
    height, width = images.shape[2:]
    if height % region or width % region or (height // region) * (width // region) < steps:
        raise ValueError(f"{steps} regions of {region} pixels do not fit an image of {height} x {width} pixels")
    covers = fill if isinstance(fill, Tensor) else fill(images)
    sums = functional.avg_pool2d(upsample(heatmaps, (height, width)), region)
    ranks = sums.flatten(1).argsort(dim=1, descending=True, stable=True).argsort(dim=1).view_as(sums)
    ranks = ranks.repeat_interleave(region, 2).repeat_interleave(region, 3)
    curve = []
    for step in range(steps + 1):
        logits = model(torch.where(ranks < step, covers, images))
        curve.append(logits.softmax(1).gather(1, classes[:, None])[:, 0])
        report((step + 1) / (steps + 1))
    return torch.stack(curve, 1)
