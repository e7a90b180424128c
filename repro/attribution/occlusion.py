"""Occlusion sensitivity: cover a place of the image and see how far the class falls.

A grey square slides over the image.  Where hiding the image costs the class most, there the network looks; nothing of
the network but its output is needed, and no gradient.

Paper: ``zeiler2014visualizing``, Sec. 4.2 and Fig. 7, which has no numbered equations.  With p_c the probability of the
class c and x_(u,v) the image x with the square at position (u, v):

    Fig. 7 (d)   p_c(x_(u,v))                                      ``occlusion``
    Fig. 7 (b)   sum_ij A^k_ij(x_(u,v)), the feature map k that is strongest in the whole image     ``map_occlusion``

The heatmap is ``(B, 1, h, w)`` on the grid of the square's positions: how far the probability falls, so that what
matters is high, as in other heatmaps, and the paper's map is p_c(x) less it.  It is signed: below zero the class gains
from what is hidden.  ``spread`` brings it onto the image's pixels.

Differences from the paper:
1. The fall is shown instead of what remains.
2. Positions, size and grey are arguments; the paper does not give them.  The last positions of a row or column may
   reach over the border, so that every pixel is covered by some square.
3. ``of="logit"`` asks for the logit, which a sure network moves where its probability stays at 1.
4. The strongest feature map is that with the largest sum, which is the quantity that is recorded.

Raises ValueError if classes, layer, patch or stride do not fit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn import functional

from repro.engine import checks, watching
from repro.lab import controls, figures, metrics, networks, scenes

Report = Callable[[float], None]


def occlusion(
    model: nn.Module,
    images: Tensor,
    target_classes: Tensor,
    *,
    patch: int = 16,
    stride: int = 8,
    fill: float | Tensor = 0.5,
    of: Literal["probability", "logit"] = "probability",
    batch: int = 64,
    report: Report = lambda share: None,
) -> Tensor:
    """Fall of the class's probability, or logit, at each position, ``(B, 1, h, w)``, for one class an image ``(B,)``.

    A square of ``patch`` pixels moves by ``stride``; ``fill`` is its grey in the units of ``images (B, C, H, W)``, a
    number or ``(C, 1, 1)`` (for images with mean and deviation taken off, 0).  ``batch`` covered images go through the
    network at a time; ``report`` hears the share that is done.
    """
    if of not in ("probability", "logit"):
        raise ValueError(f"the fall can be that of the 'probability' or the 'logit', not of {of!r}")
    checks.check_images(images)

    def chosen(logits: Tensor, classes: Tensor) -> Tensor:
        values = logits.softmax(1) if of == "probability" else logits
        return values.gather(1, classes[:, None])[:, 0]

    def score(covered: Tensor, rows: Tensor) -> Tensor:
        return chosen(model(covered), classes[rows])

    with torch.no_grad(), watching.evaluating(model):
        logits = _in_parts(lambda part: checks.check_logits(model(part)), images, batch)
        classes = checks.class_indices(target_classes, logits)
        return _falls(score, chosen(logits, classes), images, patch, stride, fill, batch, report)


def map_occlusion(
    model: nn.Module,
    images: Tensor,
    target_layer: nn.Module,
    *,
    patch: int = 16,
    stride: int = 8,
    fill: float | Tensor = 0.5,
    batch: int = 64,
    report: Report = lambda share: None,
) -> tuple[Tensor, Tensor]:
    """Fall of the summed activation of the layer's strongest feature map at each position, ``(B, 1, h, w)``, and which
    map that is in each image, ``(B,)``.  Arguments as in ``occlusion``.
    """
    checks.check_images(images)

    def totals(covered: Tensor) -> Tensor:
        with watching.activations(model, target_layer) as outputs:
            model(covered)
        if outputs[0].dim() != 4:
            raise ValueError(f"a layer with feature maps (B, C, h, w) is needed, not {tuple(outputs[0].shape)}")
        return outputs[0].sum((2, 3))

    with torch.no_grad(), watching.evaluating(model):
        whole, strongest = _in_parts(totals, images, batch).max(1)

        def score(covered: Tensor, rows: Tensor) -> Tensor:
            return totals(covered).gather(1, strongest[rows, None])[:, 0]

        return _falls(score, whole, images, patch, stride, fill, batch, report), strongest


def _in_parts(run: Callable[[Tensor], Tensor], images: Tensor, batch: int) -> Tensor:
    if batch < 1:
        raise ValueError(f"batch is how many covered images go through at a time: 1 or more, not {batch}")
    return torch.cat([run(part) for part in images.split(batch)])


def _falls(
    score: Callable[[Tensor, Tensor], Tensor],
    whole: Tensor,
    images: Tensor,
    patch: int,
    stride: int,
    fill: float | Tensor,
    batch: int,
    report: Report,
) -> Tensor:
    """Scores of the images, ``whole``, less those with the square at each position; ``score`` has the rows as well."""
    rows_of, columns_of = (_starts(size, patch, stride, images.device) for size in images.shape[2:])
    count, places = len(images), len(rows_of) * len(columns_of)
    at = torch.as_tensor(fill, device=images.device, dtype=images.dtype)
    down, across = (torch.arange(size, device=images.device) for size in images.shape[2:])
    scores = [whole[:0]]
    for start in range(0, count * places, batch):
        part = torch.arange(start, min(start + batch, count * places), device=images.device)
        rows, place = part // places, part % places
        top, left = rows_of[place // len(columns_of), None], columns_of[place % len(columns_of), None]
        lines, columns = (down >= top) & (down < top + patch), (across >= left) & (across < left + patch)
        square = (lines[:, :, None] & columns[:, None, :])[:, None]
        scores.append(score(torch.where(square, at, images[rows]), rows))
        report(min(1.0, (start + batch) / (count * places)))
    return whole[:, None, None, None] - torch.cat(scores).view(count, 1, len(rows_of), len(columns_of))


def _starts(size: int, patch: int, stride: int, device: torch.device) -> Tensor:
    """First pixel of each position along one side."""
    if not 0 < stride <= patch <= size:
        raise ValueError(f"stride, patch and image must not shrink: 0 < {stride} <= {patch} <= {size} does not hold")
    return torch.arange(-(-(size - patch) // stride) + 1, device=device) * stride


def spread(falls: Tensor, size: tuple[int, int], patch: int = 16, stride: int = 8) -> Tensor:
    """On the image's pixels, ``(B, 1, H, W)``: at each pixel the mean fall over all squares that cover it.

    To stretch the grid over the image would put each square's value beside its middle.
    """
    if falls.shape[2:] != tuple(len(_starts(side, patch, stride, falls.device)) for side in size):
        raise ValueError(f"falls {tuple(falls.shape)} are not those of squares of {patch} by {stride} pixels on {size}")
    ones = falls.new_ones(1, 1, patch, patch)
    total, covering = (
        functional.conv_transpose2d(each, ones, stride=stride) for each in (falls, torch.ones_like(falls[:1]))
    )
    return (total / covering)[:, :, : size[0], : size[1]]


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """The claims' numbers on zf-scenes and 100 held-out scenes with one object that it recognises.

    "auc" is the chance that a pixel of the object has a larger value than one beside it, 0.5 for a map that knows
    nothing; "touches" asks whether the square with the largest fall covers some of the object.
    """
    model = networks.load("zf-scenes", seed).to(device)
    one = scenes.one_object(150, seed)
    images, classes = networks.inputs(one.images, one.labels, device)
    with torch.no_grad():
        right = np.flatnonzero((model(images).argmax(1) == classes).cpu().numpy())[:100]
    one = one.take(right)
    images, classes = networks.inputs(one.images, one.labels, device)
    masks, size = one.class_masks(), (scenes.SIZE, scenes.SIZE)
    falls = occlusion(model, images, classes)
    maps = {
        "occlusion": spread(falls, size),
        "centre": controls.centre(images),
        "edges": controls.edges(images),
        "gradient": controls.saliency(model, images, classes),
        "other-scene": spread(falls.roll(1, 0), size),
    }
    quantities = {f"{name}-auc": float(metrics.pixel_auc(found, masks).mean()) for name, found in maps.items()}
    for control in ("centre", "edges", "gradient", "other-scene"):
        quantities[f"occlusion-minus-{control}-auc"] = quantities["occlusion-auc"] - quantities[f"{control}-auc"]

    shares = functional.avg_pool2d(torch.from_numpy(masks)[:, None].float(), 16, 8).flatten(1)  # of each square
    touching = (shares > 0).numpy()
    flat = falls.flatten(1).cpu().numpy()
    quantities["touches"] = float(touching[np.arange(len(flat)), flat.argmax(1)].mean())
    quantities["random-touches"] = float(touching.mean())
    quantities["touches-minus-random"] = quantities["touches"] - quantities["random-touches"]
    most = shares.argmax(1).numpy()  # the square that hides most of the object
    hiding = flat[np.arange(len(flat)), most]
    beside = np.where(touching, 0, flat).sum(1) / np.maximum((~touching).sum(1), 1)
    quantities |= {"fall-on-object": float(hiding.mean()), "fall-beside-object": float(beside.mean())}
    quantities["fall-on-minus-beside-object"] = float((hiding - beside).mean())
    return quantities


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """Three scenes of two classes: what the squares cost the one class, the other, and the strongest feature map."""
    model = networks.load("zf-scenes", seed).to(device)
    two = scenes.load(400, seed, two_classes=True).take(np.array([3, 5, 23]))
    images, first = networks.inputs(two.images, two.instance_classes[:, 0], device)
    second, size = torch.from_numpy(two.instance_classes[:, 1]).to(device), (scenes.SIZE, scenes.SIZE)
    of_map, strongest = map_occlusion(model, images, model.get_submodule("features.12"), stride=4)
    falls = [*(occlusion(model, images, classes, stride=4, of="logit") for classes in (first, second)), of_map]
    maps = [spread(each / each.abs().amax((1, 2, 3), keepdim=True), size, stride=4) for each in falls]
    names = [[scenes.CLASSES[c] for c in pair] for pair in two.instance_classes[:, :2]]
    rows = [
        [
            figures.Panel(" and ".join(names[i]), images[i]),
            figures.Panel(f"logit: {names[i][0]}", images[i], maps[0][i]),
            figures.Panel(f"logit: {names[i][1]}", images[i], maps[1][i]),
            figures.Panel(f"feature map {int(strongest[i])}", images[i], maps[2][i]),
        ]
        for i in range(3)
    ]
    return figures.panels(rows, "What falls where a grey square of 16 pixels hides the image", "share of largest fall")
