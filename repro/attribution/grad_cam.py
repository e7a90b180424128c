"""Grad-CAM: where in the image the evidence for one class lies, for any network and any of its layers.

How much a feature map matters to a class is the mean gradient of the class's logit over that map; the maps, summed with
these weights, say where.  No network has to be changed or trained again.

Paper: ``selvaraju2017gradcam`` (sections, equations and tables as in its journal version, IJCV 2020, arXiv v4).  In its
symbols, y^c is the score of class c before the softmax, A^k feature map k with Z places, alpha_k^c its weight:

    alpha_k^c = 1/Z sum_ij d y^c / d A_ij^k                                                       (1)
    L^c = ReLU(sum_k alpha_k^c A^k)                                                               (2)

``counterfactual=True`` negates the gradient (Sec. 3.3): what, if it were removed, would make the class more likely.

The heatmap is ``(B, 1, h, w)`` on the grid of the feature maps, in logits, and never negative. Where nothing speaks
for the class it is zero everywhere, and left so: a map that is stretched to [0, 1] would show noise.
``grad_cam_boxes`` draws the paper's boxes (Sec. 4.1).

Differences from the paper:
1. It names the last convolution. Here, unless a layer is given, the maps are those that the last pooling over places
   is given: the last convolution's after its ReLU, which is what the paper's own figures show. The gradient is that
   of all that happens from this pooling on; where a network also uses these maps before it (a second head, say), give
   the layer, and all uses count.

Right at a convolution or BatchNorm whose in-place ReLU follows, where pytorch-grad-cam 1.5.7 is not: it keeps the
tensor that the ReLU then overwrites, and weighs the maps after the ReLU with gradients from before it.

The heatmap has the model's type; in half precision it is about 0.1% off, in bfloat16 1%. A compiled model runs as it
was written; a scripted one can't be watched.

Raises ValueError if images, classes or layer do not fit, if the logits do not depend on the layer, and for scripted
models.
"""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor, nn

from repro.attribution.cam import cam
from repro.attribution.guided_backprop import guided_backprop
from repro.attribution.occlusion import occlusion
from repro.engine import checks, gradients, pooling
from repro.lab import controls, figures, metrics, networks, scenes


def grad_cam(
    model: nn.Module,
    images: Tensor,
    target_classes: Tensor,
    target_layer: nn.Module | None = None,
    *,
    counterfactual: bool = False,
) -> Tensor:
    """Maps L^c ``(B, 1, h, w)`` of ``images (B, 3, H, W)`` for one class an image, ``(B,)``: one backward pass for all.

    ``target_layer`` returns the feature maps A^k; unless it is given they are what the last pooling is given.
    """
    checks.check_images(images)
    with pooling.maps_and_logits(model, images, target_layer) as (feature_maps, logits):
        gradient = gradients.gradient(logits, checks.class_indices(target_classes, logits), feature_maps)
    return heatmap(feature_maps.detach(), -gradient if counterfactual else gradient)


def heatmap(feature_maps: Tensor, gradient: Tensor) -> Tensor:
    """L^c ``(B, 1, h, w)`` of feature maps and the logit's gradient with respect to them, each ``(B, C, h, w)``."""
    channel_weights = gradient.mean((2, 3))  # Eq. (1)
    return torch.einsum("bkij,bk->bij", feature_maps, channel_weights)[:, None].relu()  # Eq. (2)


def grad_cam_boxes(heatmaps: Tensor, size: tuple[int, int]) -> NDArray[np.int64]:
    """Boxes ``(B, 4)`` in the image's pixels: around the largest connected part above 15% of the maximum (Sec. 4.1)."""
    return metrics.boxes(heatmaps, size, threshold=0.15)


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """The claims' numbers on 250 held-out scenes with one object and 300 with two of different classes.

    All but the comparison with CAM are on fc-scenes, whose fully connected head CAM cannot read.  A box is right if its
    IoU with the object's is at least a half; "tuned" maps get the threshold and the smoothing that serve them best on
    these very images.  Pixel maps are their size summed over the colours.
    """
    gap, model = (networks.load(name, seed).to(device) for name in ("gap-scenes", "fc-scenes"))
    one, size = scenes.one_object(250, seed), (scenes.SIZE, scenes.SIZE)
    images, classes = networks.inputs(one.images, one.labels, device)
    masks, truth = one.class_masks(), one.boxes[:, 0]
    maps = grad_cam(model, images, classes)
    cams = cam(gap, images, classes).relu()
    control_maps = {"gradient": controls.saliency(model, images, classes), "edges": controls.edges(images)}

    boxes = {"grad-cam": grad_cam_boxes(maps, size), "centre": controls.centred_boxes(truth, size)}
    right = {name: metrics.box_iou(found, truth) >= 0.5 for name, found in boxes.items()}
    right["gradient"] = metrics.box_iou(grad_cam_boxes(control_maps["gradient"], size), truth) >= 0.5
    right |= {f"tuned-{name}": controls.best_boxes(found, truth, size) for name, found in control_maps.items()}
    hits = {name: metrics.pointing_hits(found, masks) for name, found in (control_maps | {"grad-cam": maps}).items()}
    hits |= {"centre": masks[:, scenes.SIZE // 2, scenes.SIZE // 2], "random": masks.mean((1, 2))}
    early = grad_cam(model, images, classes, model.get_submodule("features.3"))  # the second of five convolutions
    hits["early-layer"] = metrics.pointing_hits(early, masks)

    quantities = {"cam-difference": float((grad_cam(gap, images, classes) * 256 - cams).abs().max() / cams.max())}
    for what, found in (("boxes", right), ("pointing", hits)):
        shares = {name: float(each.mean()) for name, each in found.items()}
        quantities |= {f"{name}-{what}": share for name, share in shares.items()}
        quantities |= {
            f"grad-cam-minus-{name}-{what}": shares["grad-cam"] - shares[name] for name in shares if name != "grad-cam"
        }
    return (
        quantities
        | _two_objects(model, seed, device)
        | _randomised(model, images, classes)
        | _occluded(model, seed, device)
    )


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """Three scenes of two classes: Grad-CAM for each, what speaks against the first, guided backpropagation."""
    model = networks.load("fc-scenes", seed).to(device)
    two = scenes.load(400, seed, two_classes=True).take(np.array([3, 5, 23]))
    images, first = networks.inputs(two.images, two.instance_classes[:, 0], device)
    second = torch.from_numpy(two.instance_classes[:, 1]).to(device)
    maps = [
        *(grad_cam(model, images, classes) for classes in (first, second)),
        grad_cam(model, images, first, counterfactual=True),
        *(metrics.channel_size(guided_backprop(model, images, classes)) for classes in (first, second)),
    ]
    maps = [heatmaps / heatmaps.amax((1, 2, 3), keepdim=True).clamp_min(1e-12) for heatmaps in maps]
    names = [[scenes.CLASSES[c] for c in pair] for pair in two.instance_classes[:, :2]]
    rows = [
        [
            figures.Panel(" and ".join(names[i]), images[i]),
            figures.Panel(f"Grad-CAM: {names[i][0]}", images[i], maps[0][i]),
            figures.Panel(f"Grad-CAM: {names[i][1]}", images[i], maps[1][i]),
            figures.Panel(f"against: {names[i][0]}", images[i], maps[2][i]),
            figures.Panel(f"guided: {names[i][0]}", images[i], maps[3][i]),
            figures.Panel(f"guided: {names[i][1]}", images[i], maps[4][i]),
        ]
        for i in range(3)
    ]
    return figures.panels(
        rows, "Grad-CAM and guided backpropagation, for the one class and for the other", "share of the map's maximum"
    )


def _two_objects(model: nn.Module, seed: int, device: str) -> dict[str, float]:
    """On scenes of two classes: does a map hold more on its class's object, and what do the ReLU and the sign do?"""
    two = scenes.load(400, seed, two_classes=True).take(np.arange(300))
    images = torch.from_numpy(two.images).to(device) / 255
    right: dict[str, list[NDArray[np.bool_]]] = {name: [] for name in ("grad-cam", "guided", "gradient")}
    kept, rises, random_rises = [], [], []
    for own, other in ((0, 1), (1, 0)):
        classes = torch.from_numpy(two.instance_classes[:, own]).to(device)
        for_class, against = (grad_cam(model, images, classes, counterfactual=sign) for sign in (False, True))
        found = {"grad-cam": for_class, "guided": metrics.channel_size(guided_backprop(model, images, classes))}
        found["gradient"] = controls.saliency(model, images, classes)
        for name, heatmaps in found.items():
            on_own, on_other = (metrics.mass_in_mask(heatmaps, two.instance_masks[:, which]) for which in (own, other))
            right[name].append(on_own > on_other)
        masks = two.instance_masks[:, own]
        kept.append(metrics.mass_in_mask(for_class, masks) - metrics.mass_in_mask(for_class + against, masks))
        rises.append(_rise_without(model, images, classes, against))
        random_rises.append(_rise_without(model, images, classes, against.roll(1, 0)))  # another scene's
    shares = {name: float(np.mean(each)) for name, each in right.items()}
    return {
        **{f"{name}-right-of-two": share for name, share in shares.items()},
        "grad-cam-minus-guided-right-of-two": shares["grad-cam"] - shares["guided"],
        "relu-gain-mass": float(np.mean(kept)),
        "counterfactual-rises": float(np.mean(rises)),
        "counterfactual-minus-random-rises": float(np.mean(rises) - np.mean(random_rises)),
    }


@torch.no_grad()
def _rise_without(model: nn.Module, images: Tensor, classes: Tensor, against: Tensor) -> NDArray[np.bool_]:
    """Whether the class's logit rises when what is above half of the map's maximum turns grey."""
    heatmaps = metrics.upsample(against, (scenes.SIZE, scenes.SIZE))
    covered = heatmaps > heatmaps.amax((1, 2, 3), keepdim=True) / 2
    before, after = (
        model(each).gather(1, classes[:, None])[:, 0] for each in (images, torch.where(covered, 0.5, images))
    )
    risen: NDArray[np.bool_] = (after > before).cpu().numpy()
    return risen


def _randomised(model: nn.Module, images: Tensor, classes: Tensor) -> dict[str, float]:
    """Rank correlation of a map with the map after the two upper layers have forgotten what they learned."""
    forgetful = controls.randomised(model, "classifier.0", "classifier.2")
    similar = {
        "grad-cam": [grad_cam(each, images, classes) for each in (model, forgetful)],
        "guided": [_pooled(guided_backprop(each, images, classes)) for each in (model, forgetful)],
    }
    found = {f"{name}-randomised": float(metrics.rank_correlation(*pair).mean()) for name, pair in similar.items()}
    return found | {"guided-minus-grad-cam-randomised": found["guided-randomised"] - found["grad-cam-randomised"]}


def _occluded(model: nn.Module, seed: int, device: str) -> dict[str, float]:
    """Rank correlation with how far the logit falls when a grey square covers a place, on 200 scenes of all kinds."""
    held_out = scenes.load(2000, seed)
    images, classes = networks.inputs(held_out.images[:200], held_out.labels[:200], device)
    drops = occlusion(model, images, classes, of="logit")
    found = {}
    for name, heatmaps in (
        ("grad-cam", metrics.upsample(grad_cam(model, images, classes), (scenes.SIZE, scenes.SIZE))),
        ("guided", metrics.channel_size(guided_backprop(model, images, classes))),
        ("gradient", controls.saliency(model, images, classes)),
    ):
        covered = nn.functional.avg_pool2d(heatmaps, 16, 8)  # what each square covers of the map
        found[f"{name}-occlusion"] = float(metrics.rank_correlation(covered, drops).mean())
    return found | {"grad-cam-minus-guided-occlusion": found["grad-cam-occlusion"] - found["guided-occlusion"]}


def _pooled(attribution: Tensor) -> Tensor:
    """On the grid of fc-scenes's maps, 16 by 16."""
    return nn.functional.avg_pool2d(metrics.channel_size(attribution), 4)
