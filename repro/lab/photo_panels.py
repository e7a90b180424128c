"""A photograph and what a method sees in it, as panels side by side: the picture at the head of a method's page.

An experiment's ``photograph()`` returns the panels: the image first, then one or two with what the method finds,
without words, so that they serve both languages.  The network is ``photo:efficientnet-lite0``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from io import BytesIO
from typing import TypeAlias

import torch
from PIL import ExifTags, Image
from torch import Tensor, nn
from torch.nn import functional

from repro.engine.heatmaps import channel_absolute_sum
from repro.engine.optimise import watched
from repro.engine.representations import representation
from repro.lab import figures, models, photographs

SIDE, GAP = 300, 6  # of a panel and between two, in pixels
BYTES = 60_000  # of a picture
FRAMES, LASTS, MOVING_BYTES = 30, 120, 300_000  # of an animation: how many, for how many milliseconds each, how large
BRIGHTEST = 0.995  # a few pixels would outshine the rest
CAT, ESPRESSO, DAISY = 285, 967, 985  # Egyptian cat, espresso, daisy
Panels: TypeAlias = list[Tensor]  # each (3, H, W) in [0, 1]
OfClass: TypeAlias = Callable[[nn.Module, Tensor, Tensor], Tensor]  # model, images, target classes


@cache
def _loaded() -> models.LoadedModel:
    return models.load(models.PHOTO)


def network() -> nn.Module:
    """``photo:efficientnet-lite0``, loaded once."""
    return _loaded().model


def view(name: str) -> Tensor:
    """A photograph as the network sees it, ``(1, 3, 224, 224)`` in [0, 1]."""
    return _loaded().preprocessing.view(photographs.load(name))[None]


def over(image: Tensor, heatmap: Tensor) -> Tensor:
    """A map ``(1, h, w)`` over the image ``(3, H, W)``, its largest values cut off."""
    limit = heatmap.abs().flatten().quantile(BRIGHTEST)
    return torch.from_numpy(figures.overlay(image, heatmap.clamp(-limit, limit))).permute(2, 0, 1)


def regions(method: OfClass, name: str = "cat-and-coffee", labels: tuple[int, ...] = (CAT, ESPRESSO)) -> Panels:
    """The image, and over it the method's map ``(1, 1, h, w)`` of each class."""
    images = view(name)
    return [images[0], *(over(images[0], method(network(), images, torch.tensor([label]))[0]) for label in labels)]


def pixels(method: OfClass, name: str = "cat", label: int = CAT, *, signed: bool = False) -> Panels:
    """The image, and over it the method's attribution ``(1, 3, H, W)``: the sum of the colours, or of their sizes."""
    images = view(name)
    attribution = method(network(), images, torch.tensor([label]))
    total = attribution.sum(1, keepdim=True) if signed else channel_absolute_sum(attribution)
    return [images[0], over(images[0], total[0])]


def crops(each: int = 12) -> tuple[Tensor, Tensor]:
    """Random squares of each photograph, half as wide, ``(N, 3, 224, 224)``, and of which each is, ``(N,)``."""
    generator, found = torch.Generator().manual_seed(0), []
    for name in photographs.PHOTOGRAPHS:
        whole = photographs.load(name)
        side = whole.shape[1] // 2
        for top, left in torch.randint(whole.shape[1] - side, (each, 2), generator=generator).tolist():
            part = whole[None, :, top : top + side, left : left + side]
            found.append(functional.interpolate(part, (224, 224), mode="bilinear", antialias=True)[0])
    return torch.stack(found), torch.arange(len(photographs.PHOTOGRAPHS)).repeat_interleave(each)


def codes(images: Tensor) -> Tensor:
    """What the network's last layer sees of each image, ``(N, 1280)``."""
    pooled = next(layer for name, layer in network().named_modules() if name.endswith("global_pool"))
    with torch.no_grad():
        return torch.cat([representation(network(), part, pooled) for part in images.split(16)])


def pinned(positions: Tensor, images: Tensor, size: int = 64, side: int = 3 * SIDE) -> Tensor:
    """Images ``(N, 3, H, W)`` as small squares at their positions ``(N, 2)`` on white, ``(3, side, side)``."""
    low, high = positions.amin(0), positions.amax(0)
    scale = (side - size) / (high - low).amax()
    places = ((positions - (low + high) / 2) * scale + (side - size) / 2).round().long().clamp(0, side - size)
    board = torch.ones(3, side, side)
    for (across, down), small in zip(
        places.tolist(), functional.interpolate(images, (size, size), mode="bilinear", antialias=True), strict=True
    ):
        board[:, down : down + size, across : across + size] = small
    return board


def picture(panels: Panels, side: int = SIDE, gap: int = GAP) -> Image.Image:
    """Panels side by side on white, each as large as the others."""
    whole = Image.new("RGB", (len(panels) * (side + gap) - gap, side), "white")
    for number, panel in enumerate(panels):
        sized = functional.interpolate(panel[None].float(), (side, side), mode="bicubic", antialias=True)[0]
        values = (255 * sized.detach().clamp(0, 1)).round().byte().permute(1, 2, 0).numpy()
        whole.paste(Image.fromarray(values), (number * (side + gap), 0))
    return whole


def frames(make: Callable[[], object]) -> list[Tensor]:
    """States of the first image ``(3, H, W)`` while ``make`` runs, evenly spaced, at most FRAMES, the last included."""
    seen: list[Tensor] = []
    with watched(lambda images: seen.append(images[0].clamp(0, 1))):
        make()
    every = -(-len(seen) // FRAMES)
    return seen[::-1][::every][::-1]


def moving(shown: Sequence[Tensor], made_by: str, limit: int = MOVING_BYTES) -> bytes:
    """Frames as an animated WebP that runs once, in the best quality with which it is light enough."""
    first, *others = [picture([frame]) for frame in shown]
    notes = Image.Exif()
    notes[ExifTags.Base.ImageDescription] = made_by
    for quality in (80, 60, 40, 25, 10):
        written = BytesIO()
        options = {"save_all": True, "append_images": others, "duration": LASTS, "loop": 1}
        first.save(written, "WEBP", quality=quality, method=4, exif=notes.tobytes(), **options)
        if written.tell() <= limit:
            break
    return written.getvalue()


def light(whole: Image.Image, made_by: str, limit: int = BYTES) -> bytes:
    """The picture as WebP, in the best quality with which it is light enough for a page, and how it was made."""
    notes = Image.Exif()
    notes[ExifTags.Base.ImageDescription] = made_by
    for quality in (85, 70, 55, 40, 25):
        written = BytesIO()
        whole.save(written, "WEBP", quality=quality, method=6, exif=notes.tobytes())
        if written.tell() <= limit:
            break
    return written.getvalue()
