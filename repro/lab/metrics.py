"""How well a heatmap localises an object, and how the network's confidence depends on what the map shows.

Heatmaps are ``(B, 1, h, w)`` on any grid; masks ``(B, H, W)`` and boxes ``(B, 4)`` are in image pixels, x0 y0 x1 y1
with the ends exclusive.  Each function returns one number per image; ``protocols`` takes the means.  Confidences are
softmax probabilities.  The caller chooses what covers a pixel (``fill``, in the image's own values): the output of a
network that never saw black may be arbitrary on it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from skimage import filters, measure
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn
from torch.nn import functional

from repro.engine import watching
from repro.engine.errors import OptionsError
from repro.engine.heatmaps import upsample
from repro.lab.scenes import Floats


def pointing_hits(heatmaps: Tensor, masks: NDArray[np.bool_], tolerance: float = 0) -> NDArray[np.bool_]:
    """Whether the highest point lies on the object, or at most ``tolerance`` pixels from it: the pointing game (Zhang
    et al., Top-down neural attention by excitation backprop, ECCV 2016, Sec. 4.1), where the tolerance is 15 pixels. Of
    equal points the first counts.
    """
    height, width = masks.shape[1:]
    highest = upsample(heatmaps, (height, width)).flatten(1).argmax(1).cpu().numpy()
    rows, columns = (each[:, None, None] for each in np.divmod(highest, width))
    distances = np.hypot(np.arange(height)[None, :, None] - rows, np.arange(width)[None, None] - columns)
    hits: NDArray[np.bool_] = np.where(masks, distances, np.inf).min((1, 2)) <= tolerance
    return hits


def energy_in_mask(heatmaps: Tensor, masks: NDArray[np.bool_]) -> Floats:
    """Share of the positive values that lies on the object: the energy-based pointing game (Wang et al., Score-CAM,
    CVPR Workshops 2020, Sec. 4.3).  0 where no value is positive.
    """
    height, width = masks.shape[1:]
    positive = upsample(heatmaps, (height, width))[:, 0].detach().clamp_min(0).cpu().double().numpy()
    total = positive.sum((1, 2))
    share: Floats = ((positive * masks).sum((1, 2)) / np.where(total > 0, total, 1)).astype(np.float32)
    return share


def pixel_auc(heatmaps: Tensor, masks: NDArray[np.bool_]) -> Floats:
    """Chance that a pixel of the object has a larger value than one beside it: the area under the ROC curve, 0.5 for a
    map that knows nothing.  NaN where the object fills the image, or is not there.
    """
    values = upsample(heatmaps, (masks.shape[1], masks.shape[2])).flatten(1).detach().float().cpu().numpy()
    pairs = zip(masks.reshape(len(masks), -1), values, strict=True)
    return np.array([roc_auc_score(*pair) if 0 < pair[0].mean() < 1 else np.nan for pair in pairs], np.float32)


def boxes(heatmaps: Tensor, size: tuple[int, int], threshold: float = 0.2) -> NDArray[np.int64]:
    """The box around the largest connected part that is above a share of the map's maximum (Zhou et al. 2016, Sec. 3.2:
    20%).  Pixels that touch at a side are connected; of equal parts the first counts; a map without a positive value,
    or with NaN, has no box, and gets 0 0 0 0.
    """
    found = np.zeros((len(heatmaps), 4), np.int64)
    for i, heatmap in enumerate(upsample(heatmaps, size)[:, 0].detach().float().cpu().numpy()):
        if not heatmap.max() > 0:
            continue
        above = heatmap > threshold * heatmap.max()
        parts = measure.label(above, connectivity=1)
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
    """Spearman's, over the positions of two maps of one shape; equal values share a rank.  0 if a map is constant."""
    ranks = []
    for maps in (first, second):
        values = maps.detach().flatten(1).cpu().double()  # some devices have no float64
        ordered = values.sort(1).values
        below, not_above = (torch.searchsorted(ordered, values, right=right) for right in (False, True))
        ranks.append((below + not_above - values.shape[1]).double())  # how many are below less how many are above
    product = (ranks[0] * ranks[1]).sum(1)
    spread = (ranks[0].square().sum(1) * ranks[1].square().sum(1)).sqrt()
    correlation: Floats = (product / spread.clamp_min(1)).numpy().astype(np.float32)
    return correlation


@torch.no_grad()
def confidence(model: nn.Module, images: Tensor, target_classes: Tensor) -> Tensor:
    """Probability of each image's class, ``(B,)``."""
    with watching.evaluating(model):
        probabilities: Tensor = model(images).softmax(1)
    return probabilities.gather(1, target_classes[:, None])[:, 0]


def masked_by_heatmap(images: Tensor, heatmaps: Tensor, fill: float | Tensor) -> Tensor:
    """The image where the map, from 0 to 1, shows it, and ``fill`` elsewhere: L^c * I on black (Chattopadhay et al.
    2018, Eq. 25), if ``fill`` is 0 in images whose black is 0.
    """
    shown = upsample(heatmaps, (images.shape[2], images.shape[3]))
    return shown * images + (1 - shown) * fill


def confidence_drops(before: Tensor, after: Tensor) -> Floats:
    """The share of the confidence Y in the image that is lost when only the explanation is shown, with the confidence
    O: max(0, Y - O) / Y (Chattopadhay et al. 2018, Sec. 4.1 (i), whose mean is the average drop).  0 where Y is 0.
    """
    drops: Floats = ((before - after).clamp_min(0) / torch.where(before > 0, before, 1)).float().cpu().numpy()
    return drops


def confidence_rises(before: Tensor, after: Tensor) -> NDArray[np.bool_]:
    """Whether the explanation alone makes the network surer: Y < O (Chattopadhay et al. 2018, Sec. 4.1 (ii)).  With
    the confidence in another method's explanation as ``before`` it is whether this one wins (iii).
    """
    rises: NDArray[np.bool_] = (after > before).cpu().numpy()
    return rises


def deletion_curve(
    model: nn.Module,
    images: Tensor,
    target_classes: Tensor,
    heatmaps: Tensor,
    fill: float | Tensor,
    *,
    steps: int = 64,
    batch: int = 256,
    report: Callable[[float], None] = lambda share: None,
) -> Tensor:
    """Confidence as the pixels turn to ``fill``, highest in the map first, ``(B, steps + 1)``; its ``area`` is the
    deletion score, low for a good map (Petsiuk et al., RISE, BMVC 2018, evaluation metrics; the authors' code fills
    with 0 in normalised images, the mean colour).  Of equal positions the first counts.  ``batch`` images go through
    the network at a time.  OptionsError if there are more steps than pixels.
    """
    return _exchanged(model, images, torch.zeros_like(images) + fill, target_classes, heatmaps, steps, batch, report)


def insertion_curve(
    model: nn.Module,
    images: Tensor,
    target_classes: Tensor,
    heatmaps: Tensor,
    start: Tensor | None = None,
    *,
    steps: int = 64,
    batch: int = 256,
    report: Callable[[float], None] = lambda share: None,
) -> Tensor:
    """Confidence as the image's pixels appear on ``start``, highest in the map first, ``(B, steps + 1)``; its ``area``
    is the insertion score, high for a good map.  Unless given, ``start`` is the blurred image, as in the paper:
    pixels on a plain ground have sharp edges, which are evidence of their own.  All else is as in ``deletion_curve``.
    """
    start = blurred(images) if start is None else start
    return _exchanged(model, start, images, target_classes, heatmaps, steps, batch, report)


def area(curves: Tensor) -> Floats:
    """Under each curve ``(B, n)``, by trapezia, its length taken as 1."""
    areas: Floats = torch.trapezoid(curves, dx=1 / (curves.shape[1] - 1), dim=1).float().cpu().numpy()
    return areas


def blurred(images: Tensor, size: int = 11, deviation: float = 5.0) -> Tensor:
    """By the kernel of ``size`` by ``size`` pixels that the code of RISE's authors has for insertion: a Gaussian whose
    tails are folded back into the square, which leaves it nearly flat.  Beyond the edge the image is taken to go on as
    it ends, where they take it for 0.
    """
    point, half = np.zeros((size, size)), size // 2
    point[half, half] = 1
    kernel = torch.from_numpy(filters.gaussian(point, deviation, mode="reflect")).to(images)
    padded = functional.pad(images, (half, half, half, half), mode="replicate")
    return functional.conv2d(padded, kernel.expand(images.shape[1], 1, -1, -1), groups=images.shape[1])


@torch.no_grad()
def _exchanged(
    model: nn.Module,
    start: Tensor,
    end: Tensor,
    target_classes: Tensor,
    heatmaps: Tensor,
    steps: int,
    batch: int,
    report: Callable[[float], None],
) -> Tensor:
    """Confidence as pixels of ``start`` are exchanged for those of ``end``: each image with each count of pixels."""
    count, pixels = len(end), end.shape[2:].numel()
    if not 0 < steps <= pixels:
        raise OptionsError(f"an image of {pixels} pixels can be changed in 1 to {pixels} steps, not {steps}")
    values = upsample(heatmaps, (end.shape[2], end.shape[3])).flatten(1)
    order = values.argsort(dim=1, descending=True, stable=True)
    positions = torch.arange(pixels, device=end.device).expand_as(order)
    turn = torch.empty_like(order).scatter_(1, order, positions).view(count, 1, *end.shape[2:])
    counts = torch.arange(steps + 1, device=end.device) * pixels // steps
    found = []
    for first in range(0, count * (steps + 1), batch):
        index = torch.arange(first, min(first + batch, count * (steps + 1)), device=end.device)
        which, step = index // (steps + 1), index % (steps + 1)
        mixed = torch.where(turn[which] < counts[step][:, None, None, None], end[which], start[which])
        found.append(confidence(model, mixed, target_classes[which]))
        report(min(1.0, (first + batch) / (count * (steps + 1))))
    return torch.cat(found).view(count, steps + 1)


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
    ``(B, steps + 1)``: region perturbation (``samek2017evaluating``).

    A region is a square of ``region`` pixels, ranked by the sum of the map over it; what covers it comes from ``fill``,
    images or a function of the images.  In the paper a region has 9 by 9 pixels and is covered with uniform noise.
    ``curve[:, :1] - curve``, averaged over all ``steps + 1`` points, is the area over the curve (AOPC): the larger, the
    earlier the map finds what the class depends on.

    Raises OptionsError if the image is not a whole number of regions, or if there are fewer of them than steps.
    """
    height, width = images.shape[2:]
    if height % region or width % region or (height // region) * (width // region) < steps:
        raise OptionsError(f"{steps} regions of {region} pixels do not fit an image of {height} x {width} pixels")
    covers = fill if isinstance(fill, Tensor) else fill(images)
    sums = functional.avg_pool2d(upsample(heatmaps, (height, width)), region)
    ranks = sums.flatten(1).argsort(dim=1, descending=True, stable=True).argsort(dim=1).view_as(sums)
    ranks = ranks.repeat_interleave(region, 2).repeat_interleave(region, 3)
    curve = []
    with watching.evaluating(model):
        for step in range(steps + 1):
            logits = model(torch.where(ranks < step, covers, images))
            curve.append(logits.softmax(1).gather(1, classes[:, None])[:, 0])
            report((step + 1) / (steps + 1))
    return torch.stack(curve, 1)


# Pre-images and other images that are made


@torch.no_grad()
def relative_error(represent: Callable[[Tensor], Tensor], found: Tensor, images: Tensor, every: Tensor) -> float:
    """Mean of ||Phi(x*) - Phi_0||^2 over the mean of ||Phi(x_i) - Phi(x_j)||^2 for all pairs of ``every``, as in the
    code of Mahendran and Vedaldi 2015: two different images have 1.
    """
    everything = represent(every).double()
    between = torch.cdist(everything, everything).square().mean()
    return float((represent(found).double() - represent(images)).square().sum(1).mean() / between)


def unusual_colour_auc(images: Tensor, masks: NDArray[np.bool_]) -> float:
    """Area under the ROC curve of how far a place's colour is from the image's median, for where the object is."""
    usual = images.flatten(2).median(2).values[..., None, None]
    unusual = functional.avg_pool2d((images - usual).square().sum(1, keepdim=True), 5, 1, 2)
    return float(pixel_auc(unusual, masks).mean())


def laplacian_spikes(images: Tensor) -> float:
    """The share of the Laplacian's energy in its largest hundredth of all values: spikes have much."""
    centre = images[:, :, 1:-1, 1:-1]
    around = images[:, :, 2:, 1:-1] + images[:, :, :-2, 1:-1] + images[:, :, 1:-1, 2:] + images[:, :, 1:-1, :-2]
    sizes = (centre - around / 4).square().flatten(1).sort(1, descending=True).values
    return float((sizes[:, : sizes.shape[1] // 100].sum(1) / sizes.sum(1)).mean())
