"""Guided Grad-CAM: the fine edges of guided backpropagation, kept where Grad-CAM sees evidence for the class.

Grad-CAM knows where, but only coarsely; guided backpropagation is sharp, but hardly depends on the class. Their
product is sharp and follows the class.

Paper: ``selvaraju2017gradcam``, Sec. 3.2 and Fig. 2 (sections as in its journal version, IJCV 2020, arXiv v4). With
L^c the map of Grad-CAM (Eq. 2), enlarged to the image's size by bilinear interpolation, and R^0 guided
backpropagation:

    Guided Grad-CAM = upsample(L^c) * R^0, pixel by pixel

The attribution is ``(B, 3, H, W)``, signed as guided backpropagation is; its size has no unit that means anything.  All
that keeps guided backpropagation from explaining the network (see there) holds for the edges shown here as well: only
where they are shown comes from the class.

Raises ValueError if images, classes or layer do not fit.
"""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor, nn

from repro.attribution.grad_cam import grad_cam, heatmap
from repro.attribution.guided_backprop import backprop_rule, guided_backprop, guided_rule
from repro.engine import checks, gradients, pooling, relu_rules
from repro.lab import figures, metrics, networks, scenes


def guided_grad_cam(
    model: nn.Module, images: Tensor, target_classes: Tensor, target_layer: nn.Module | None = None
) -> Tensor:
    """Attribution ``(B, 3, H, W)`` of ``images (B, 3, H, W)`` for one class an image, ``(B,)``.

    ``target_layer`` is Grad-CAM's; unless it is given its maps are what the last pooling is given.  One forward
    pass, and two back.
    """
    checks.check_images(images)
    with torch.inference_mode(False):
        pixels = images.detach().clone().requires_grad_()
    relus = relu_rules.ReluRule(backprop_rule)
    with relus, pooling.maps_and_logits(model, pixels, target_layer, joined=True) as (feature_maps, logits):
        classes = checks.class_indices(target_classes, logits)
        relu_rules.check_ruled(logits)
        coarse = heatmap(feature_maps.detach(), gradients.gradient(logits, classes, feature_maps, again=True))
        relus.rule = guided_rule
        fine = gradients.gradient(logits, classes, pixels)
    return metrics.upsample(coarse, (images.shape[2], images.shape[3])) * fine  # Sec. 3.2


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """The claims' numbers on fc-scenes and 300 held-out scenes with objects of two classes.

    "right of two" is the share of maps that hold more on their class's object than on the other one; by chance a half.
    "fineness" is the share of a map's energy in waves shorter than the grid of Grad-CAM's maps can carry.
    """
    model = networks.load("fc-scenes", seed).to(device)
    two = scenes.load(400, seed, two_classes=True).take(np.arange(300))
    images = torch.from_numpy(two.images).to(device) / 255
    right: dict[str, list[NDArray[np.bool_]]] = {
        name: [] for name in ("guided-grad-cam", "guided", "grad-cam", "squared")
    }
    fine: dict[str, list[float]] = {name: [] for name in right}
    for own, other in ((0, 1), (1, 0)):
        classes = torch.from_numpy(two.instance_classes[:, own]).to(device)
        coarse, guided = grad_cam(model, images, classes), guided_backprop(model, images, classes)
        coarse = metrics.upsample(coarse, (scenes.SIZE, scenes.SIZE))
        maps = {"guided-grad-cam": coarse * guided, "guided": guided, "grad-cam": coarse, "squared": coarse**2}
        for name, attribution in maps.items():
            size = metrics.channel_size(attribution)
            fine[name].append(_fineness(attribution))
            on_own, on_other = (metrics.mass_in_mask(size, two.instance_masks[:, which]) for which in (own, other))
            right[name].append(on_own > on_other)
    quantities = {f"{name}-right-of-two": float(np.mean(found)) for name, found in right.items()}
    quantities |= {f"{name}-fineness": float(np.mean(found)) for name, found in fine.items()}
    gain = quantities["guided-grad-cam-right-of-two"] - quantities["guided-right-of-two"]
    sharper = quantities["guided-grad-cam-fineness"] - quantities["squared-fineness"]
    return quantities | {"guided-grad-cam-minus-guided-right-of-two": gain, "finer-than-grad-cam-squared": sharper}


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """Three scenes of two classes: guided backpropagation and Guided Grad-CAM for the one class and the other."""
    model = networks.load("fc-scenes", seed).to(device)
    two = scenes.load(400, seed, two_classes=True).take(np.array([3, 5, 23]))
    images = torch.from_numpy(two.images).to(device) / 255
    columns = []
    for which in (0, 1):
        classes = torch.from_numpy(two.instance_classes[:, which]).to(device)
        columns += [guided_backprop(model, images, classes), guided_grad_cam(model, images, classes)]
    maps = [metrics.channel_size(each) for each in columns]
    maps = [each / each.amax((1, 2, 3), keepdim=True).clamp_min(1e-12) for each in maps]
    names = [[scenes.CLASSES[c] for c in pair] for pair in two.instance_classes[:, :2]]
    rows = [
        [figures.Panel(" and ".join(names[i]), images[i])]
        + [
            figures.Panel(
                f"{('guided', 'Guided Grad-CAM')[column % 2]}: {names[i][column // 2]}", heatmap=maps[column][i]
            )
            for column in range(4)
        ]
        for i in range(3)
    ]
    return figures.panels(rows, "Guided Grad-CAM", "share of the map's maximum, size summed over colours")


def _fineness(attributions: Tensor, grid: int = 16) -> float:
    """Share of the energy of the colours' sum, its mean left out, in waves of which more than half a grid's cells fit
    along a side: above the Nyquist frequency of a map on that grid.
    """
    size = attributions.shape[2]
    energy = torch.fft.fft2(attributions.sum(1)).abs().square()
    energy[:, 0, 0] = 0
    waves = (torch.fft.fftfreq(size, device=energy.device) * size).abs()
    short = torch.maximum(waves[:, None], waves) > grid / 2
    return float(((energy * short).sum((1, 2)) / energy.sum((1, 2)).clamp_min(1e-30)).mean())
