"""Trivial controls: maps and boxes that know nothing of the network, or only its gradient; shuffled networks."""

from __future__ import annotations

import copy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from repro.engine import gradients
from repro.lab import metrics


def saliency(model: nn.Module, images: Tensor, target_classes: Tensor) -> Tensor:
    """Absolute gradient of the logit, maximum over the channels, ``(B, 1, H, W)`` (Simonyan et al. 2014, Sec. 3.1)."""
    return gradients.pixel_gradient(model, images, target_classes).abs().amax(1, keepdim=True)


def edges(images: Tensor) -> Tensor:
    """Gradient magnitude of the brightness by Sobel's filter, ``(B, 1, H, W)``: finds whatever has an outline."""
    sobel = torch.tensor([[1.0, 0, -1], [2, 0, -2], [1, 0, -1]], device=images.device, dtype=images.dtype)
    kernels = torch.stack([sobel, sobel.T])[:, None]
    grey = functional.pad(images.mean(1, keepdim=True), (1, 1, 1, 1), mode="replicate")
    return functional.conv2d(grey, kernels).square().sum(1, keepdim=True).sqrt()


def centre(images: Tensor) -> Tensor:
    """1 in the middle of the image, falling with the distance to 0 in the corners, ``(B, 1, H, W)``."""
    height, width = images.shape[2:]
    down, across = (
        torch.arange(size, device=images.device, dtype=images.dtype) - (size - 1) / 2 for size in (height, width)
    )
    distance = torch.hypot(*torch.meshgrid(down, across, indexing="ij"))
    return (1 - distance / distance.max().clamp_min(1)).expand(len(images), 1, height, width)


def noise(images: Tensor, seed: int = 0) -> Tensor:
    """A random map, uniform on [0, 1) and without any structure, ``(B, 1, H, W)``; the same on every device."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(len(images), 1, *images.shape[2:], generator=generator).to(images)


def randomised(model: nn.Module, *layers: str, seed: int = 0) -> nn.Module:
    """A copy of the model in which the weights of these layers are shuffled: the same values in a random order."""
    changed = copy.deepcopy(model)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for layer in layers:
            for parameter in changed.get_submodule(layer).parameters():
                order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
                parameter.copy_(parameter.flatten()[order].view_as(parameter))
    return changed


def best_boxes(heatmaps: Tensor, truth: NDArray[np.int64], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Which images get a correct box (IoU of at least a half), with the smoothing and the threshold that suit this map
    best on these very images: a control with an advantage over the method it is compared with.
    """
    found = [
        metrics.box_iou(metrics.boxes(maps, size, threshold), truth) >= 0.5
        for maps in (heatmaps, _blur(_blur(heatmaps)))
        for threshold in (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5)
    ]
    return max(found, key=np.count_nonzero)


def centred_boxes(truth: NDArray[np.int64], size: tuple[int, int]) -> NDArray[np.int64]:
    """One box of the average width and height, in the middle of every image."""
    height, width = size
    half = (truth[:, 2:] - truth[:, :2]).mean(0) / 2
    box = np.rint([width / 2 - half[0], height / 2 - half[1], width / 2 + half[0], height / 2 + half[1]])
    return np.tile(box.astype(np.int64), (len(truth), 1))


def _blur(heatmaps: Tensor) -> Tensor:
    """A 5x5 mean: twice, about a Gaussian of two pixels."""
    return functional.avg_pool2d(heatmaps, 5, stride=1, padding=2, count_include_pad=False)


def shuffled(weights: Tensor, generator: torch.Generator) -> Tensor:
    """Each filter with its numbers in a random order."""
    order = torch.rand(weights.flatten(1).shape, generator=generator).argsort(1).to(weights.device)
    return weights.flatten(1).gather(1, order).view_as(weights)


def as_smooth(weights: Tensor, generator: torch.Generator, copies: int = 8) -> Tensor:
    """Noise whose spectrum is the filters' mean one, the same in all directions, cut to their size."""
    side = 64
    power = torch.fft.fft2(weights.cpu().double(), (side, side)).abs().square().mean((0, 1))
    frequency = torch.fft.fftfreq(side, dtype=torch.float64)
    ring = (frequency[:, None].hypot(frequency) * side).round().long()
    mean = ring.flatten().bincount(power.flatten()) / ring.flatten().bincount()
    noise = torch.randn(copies * len(weights), weights.shape[1], side, side, generator=generator).double()
    drawn: Tensor = torch.fft.ifft2(torch.fft.fft2(noise) * mean[ring].sqrt()).real
    return drawn[..., : weights.shape[2], : weights.shape[3]].to(weights)
