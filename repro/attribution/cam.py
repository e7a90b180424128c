"""Class activation mapping: where in the image the evidence for one class lies.

A network that ends in global average pooling and one linear layer scores a class as a weighted mean over *places*.  So
the score can be taken apart again, place by place, with nothing but the weights that are there already.

Paper: ``zhou2016learning``.  In its symbols, f_k(x, y) is feature map k of the last convolution, F_k its sum over all
places, w_k^c the weight of class c for k, S_c the input of the softmax, and M_c the class activation map:

    F_k = sum_xy f_k(x, y)                                                                        (Sec. 2)
    S_c = sum_k w_k^c F_k = sum_xy sum_k w_k^c f_k(x, y)                                          (1)
    M_c(x, y) = sum_k w_k^c f_k(x, y)          hence  S_c = sum_xy M_c(x, y)                      (2)

The heatmap is ``(B, 1, h, w)`` on the grid of the feature maps, in logits, with its sign: what is negative speaks
against the class.  ``cam_boxes`` draws the paper's boxes (Sec. 3.2).

Differences from the paper:
1. Networks pool with the mean where the paper writes a sum: here the *mean* of M_c over all places is the logit.
2. A bias of the linear layer is left out of the map, as in the paper, which sets it to zero; the mean is then the logit
   without the bias.
3. The paper replaces the top of AlexNet, VGG and GoogLeNet and trains it; here a network has to end that way already,
   and this is checked by its numbers: weights times pooled maps, plus bias, must be the logits.

Raises ValueError if the network does not end that way, and if images, classes or layer do not fit.
"""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor, nn

from repro.engine import checks, pooling, watching
from repro.lab import controls, figures, metrics, networks, scenes


@torch.no_grad()
def cam(model: nn.Module, images: Tensor, target_classes: Tensor, target_layer: nn.Module | None = None) -> Tensor:
    """Class activation maps M_c ``(B, 1, h, w)`` of ``images (B, 3, H, W)`` for one class an image, ``(B,)``.

    ``target_layer`` returns the feature maps f_k; unless it is given they are what the last pooling is given.
    """
    checks.check_images(images)
    caught = watching.activations(model, *([target_layer] if target_layer else []))
    with watching.evaluating(model), pooling.Head() as head, caught as outputs:
        logits = model(images)
    classes = checks.class_indices(target_classes, logits)
    feature_maps = outputs[0] if target_layer else head.feature_maps
    if head.linear is None or feature_maps is None or feature_maps.dim() != 4:
        raise ValueError(
            "CAM needs a network that ends in global average pooling and a linear layer: this one has none"
        )
    weight, bias = head.linear
    _check_head(feature_maps, weight, bias, logits)
    return _class_activation_map(feature_maps, weight[classes])


def _class_activation_map(feature_maps: Tensor, class_weights: Tensor) -> Tensor:
    return torch.einsum("bkyx,bk->byx", feature_maps, class_weights)[:, None]  # Eq. (2)


def _check_head(feature_maps: Tensor, weight: Tensor, bias: Tensor | None, logits: Tensor) -> None:
    """Eq. (1) on the network's own numbers: whatever happens between maps and logits, it must be this."""
    if feature_maps.shape[1] == weight.shape[1] and logits.shape[1:] == weight.shape[:1]:
        if not len(logits):
            return  # without numbers nothing speaks against it
        scores = logits if bias is None else logits - bias
        rounding = 16 * torch.finfo(logits.dtype).eps
        allowed = max(1e-3, rounding) * scores.abs().max() + rounding * logits.abs().max()
        if (feature_maps.mean((2, 3)) @ weight.T - scores).abs().max() <= allowed:
            return
    raise ValueError("CAM does not apply: the logits are not a linear layer of the means of these feature maps")


def cam_boxes(heatmaps: Tensor, size: tuple[int, int]) -> NDArray[np.int64]:
    """Boxes ``(B, 4)`` in the image's pixels: around the largest connected part above 20% of the maximum (Sec. 3.2)."""
    return metrics.boxes(heatmaps, size, threshold=0.2)


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """The claims' numbers on 400 held-out scenes with one object and 400 with two of different classes.

    A box is right if its IoU with the object's is at least a half.  Maps are of the true class.  CAM has the paper's
    20%; gradient, edges and "gmp-tuned" get the threshold and the smoothing that serve them best on these very images.
    """
    gap, gmp = (networks.load(name, seed).to(device) for name in ("gap-scenes", "gmp-scenes"))
    one, size = scenes.one_object(400, seed), (scenes.SIZE, scenes.SIZE)
    images, classes = networks.inputs(one.images, one.labels, device)
    masks, truth = one.class_masks(), one.boxes[:, 0]
    maps = {"cam": cam(gap, images, classes), "gmp": _gmp_map(gmp, images, classes)}
    control_maps = {"gradient": controls.saliency(gap, images, classes), "edges": controls.edges(images)}

    boxes = {name: cam_boxes(heatmaps, size) for name, heatmaps in maps.items()}
    boxes |= {"centre": controls.centred_boxes(truth, size), "random": np.roll(truth, 1, axis=0)}  # of another scene
    right = {name: metrics.box_iou(found, truth) >= 0.5 for name, found in boxes.items()}
    for name, heatmaps in (control_maps | {"gmp-tuned": maps["gmp"]}).items():
        right[name] = controls.best_boxes(heatmaps, truth, size)
    hits = {name: metrics.pointing_hits(heatmaps, masks) for name, heatmaps in (maps | control_maps).items()}
    hits |= {"centre": masks[:, scenes.SIZE // 2, scenes.SIZE // 2], "random": masks.mean((1, 2))}

    quantities = {"right-of-two-objects": _right_of_two(gap, seed, device)}
    for what, found in (("boxes", right), ("pointing", hits)):
        shares = {name: float(each.mean()) for name, each in found.items()}
        quantities |= {f"{name}-{what}": share for name, share in shares.items()}
        quantities |= {f"cam-minus-{name}-{what}": shares["cam"] - shares[name] for name in shares if name != "cam"}
    with torch.no_grad():
        logits = gap(images).gather(1, classes[:, None])[:, 0]
    quantities["sum-error"] = float((maps["cam"].mean((1, 2, 3)) - logits).abs().max() / logits.abs().max())
    for name, model in (("gap", gap), ("gmp", gmp)):
        quantities[f"{name}-accuracy"] = networks.accuracy(model, scenes.load(2000, seed))
    return quantities | {"gap-minus-gmp-accuracy": quantities["gap-accuracy"] - quantities["gmp-accuracy"]}


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """Three scenes: CAM with the paper's box, the same formula after max pooling, the gradient; each on own scale."""
    gap, gmp = (networks.load(name, seed).to(device) for name in ("gap-scenes", "gmp-scenes"))
    one = scenes.one_object(3, seed)
    images, classes = networks.inputs(one.images, one.labels, device)
    maps = cam(gap, images, classes), _gmp_map(gmp, images, classes), controls.saliency(gap, images, classes)
    boxes = [cam_boxes(heatmaps, (scenes.SIZE, scenes.SIZE)) for heatmaps in maps[:2]]
    cams, gmps, gradients = (heatmaps / heatmaps.abs().amax((1, 2, 3), keepdim=True) for heatmaps in maps)
    rows = [
        [
            figures.Panel(f"{scenes.CLASSES[one.labels[i]]}, true box", images[i], boxes=[(one.boxes[i, 0], "white")]),
            figures.Panel("CAM and its box", images[i], cams[i], boxes=[(boxes[0][i], "gold")]),
            figures.Panel("max pooling instead", images[i], gmps[i], boxes=[(boxes[1][i], "gold")]),
            figures.Panel("gradient", images[i], gradients[i]),
        ]
        for i in range(3)
    ]
    return figures.panels(rows, "Class activation mapping", "share of the map's maximum")


def _right_of_two(model: nn.Module, seed: int, device: str) -> float:
    """Share of the maps that hold more on the object of their class than on the other one; by chance a half."""
    two, right = scenes.load(400, seed, two_classes=True), []
    for own, other in ((0, 1), (1, 0)):
        heatmaps = cam(model, *networks.inputs(two.images, two.instance_classes[:, own], device))
        on_own, on_other = (metrics.mass_in_mask(heatmaps, two.instance_masks[:, which]) for which in (own, other))
        right.append(on_own > on_other)
    return float(np.mean(right))


@torch.no_grad()
def _gmp_map(model: nn.Module, images: Tensor, classes: Tensor) -> Tensor:
    """Eq. (2) on a network that pools with the maximum, where it is no longer a decomposition of the score."""
    with watching.activations(model, model.get_submodule("features")) as outputs:
        model(images)
    return _class_activation_map(outputs[0], model.get_parameter("classifier.weight")[classes])
