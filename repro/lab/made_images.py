"""How images that a method made compare with natural ones: nobody can gate on "recognisable", but on these numbers.

Images are ``(B, C, H, W)`` in [0, 1].  A low share of high frequencies alone is cheap (a blurred grey has it), so ask
for it together with transfer; and see what controls get: a real image with its phases scrambled, a class's mean image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from repro.lab import networks, scenes

JUDGES = ("gap-scenes", "fc-scenes", "zf-scenes", "vgg-scenes", "residual-scenes")


def judges(besides: str, seed: int, device: str = "cpu") -> list[nn.Module]:
    """Networks of scenes that took no part in making an image: all kinds but one."""
    return [networks.load(name, seed).to(device) for name in JUDGES if name != besides]


@torch.no_grad()
def transfer(models: Iterable[nn.Module], images: Tensor, classes: Tensor) -> float:
    """The share of images to which other networks give the class, averaged over the networks."""
    return float(torch.stack([(model(images).argmax(1) == classes).double().mean() for model in models]).mean())


def high_frequency_share(images: Tensor) -> float:
    """The share of an image's power above a quarter of a cycle a pixel, averaged; without the mean colour.

    White noise has 0.80.
    """
    return _mean_over_power(images, lambda frequencies: frequencies > 0.25)


def mean_frequency(images: Tensor) -> float:
    """Of an image's power, in cycles a pixel, averaged; without the mean colour."""
    return _mean_over_power(images, lambda frequencies: frequencies)


def _mean_over_power(images: Tensor, of: Callable[[Tensor], Tensor]) -> float:
    """Of a function of the frequency in cycles a pixel, weighted with each image's power, averaged over the images."""
    power = torch.fft.fft2(images.double()).abs().square().sum(1)
    power[:, 0, 0] = 0
    down, across = (torch.fft.fftfreq(size, device=images.device) for size in images.shape[2:])
    weighted = power * of(torch.hypot(down[:, None], across))
    return float((weighted.sum((1, 2)) / power.sum((1, 2)).clamp_min(1e-300)).mean())


def mean_images(seed: int, count: int = 2000, device: str = "cpu") -> tuple[Tensor, Tensor]:
    """Of scenes to train on, the mean ``(3, H, W)``, and that of each class ``(10, 3, H, W)``."""
    some = scenes.load(count, seed, held_out=False)
    images, labels = networks.inputs(some.images, some.labels, device)
    return images.mean(0), torch.stack([images[labels == label].mean(0) for label in range(len(scenes.CLASSES))])


def with_contrast_of(images: Tensor, others: Tensor, mean: Tensor) -> Tensor:
    """The images, brought as far from the mean image as the others are, by one factor each."""
    away, wanted = ((each - mean).flatten(1).norm(dim=1) for each in (images, others))
    brought: Tensor = mean + (wanted / away)[:, None, None, None] * (images - mean)
    return brought.clamp(0, 1)
