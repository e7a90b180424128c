"""What each method sees in a photograph: the picture at the head of its page.

``python -m repro.experiments.photographs`` draws them all into results/photographs/, in five minutes; slugs
after it draw those alone.  Every picture is image first, then one or two panels with what the method finds, without
words, so that it serves both languages; the method's YAML says what is seen (``photograph_says``).

The network is ``photo:efficientnet-lite0``.  Two methods are not here: the deconvnet needs max poolings, which this
network lacks, and fooling images are made from no photograph.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache, partial
from io import BytesIO
from pathlib import Path

import torch
from PIL import ExifTags, Image
from torch import Tensor, nn
from torch.nn import functional

from repro.adversarial.adversarial_examples import fgsm
from repro.attribution import cam, grad_cam, grad_cam_pp, guided_backprop, guided_grad_cam, lrp, occlusion
from repro.engine.heatmaps import channel_absolute_sum
from repro.inversion import network_inversion
from repro.lab import figures, files, models, photographs

OUT = Path("results/photographs")
SIDE, GAP = 300, 6  # of a panel and between two, in pixels
BYTES = 60_000  # of a picture
BRIGHTEST = 0.995  # a few pixels would outshine the rest
CAT, ESPRESSO, DAISY = 285, 967, 985  # Egyptian cat, espresso, daisy
OfClass = Callable[[nn.Module, Tensor, Tensor], Tensor]  # model, images, target classes
PIXEL_MAPS: dict[str, OfClass] = {
    "guided-backprop": guided_backprop.guided_backprop,
    "guided-grad-cam": guided_grad_cam.guided_grad_cam,
}
REGION_MAPS: dict[str, OfClass] = {"grad-cam": grad_cam.grad_cam, "grad-cam-pp": grad_cam_pp.grad_cam_pp}
Panels = list[Tensor]  # each (3, H, W) in [0, 1]


@cache
def _network() -> models.LoadedModel:
    return models.load(models.PHOTO)


def _seen(name: str) -> Tensor:
    """A photograph as the network sees it, ``(1, 3, 224, 224)``."""
    return _network().preprocessing.view(photographs.load(name))[None]


def _over(image: Tensor, heatmap: Tensor) -> Tensor:
    """A map ``(1, h, w)`` over the image, its largest values cut off."""
    limit = heatmap.abs().flatten().quantile(BRIGHTEST)
    return torch.from_numpy(figures.overlay(image, heatmap.clamp(-limit, limit))).permute(2, 0, 1)


def _regions(method: OfClass) -> Panels:
    """The maps of both things in one picture: a cat and a cup of coffee."""
    images = _seen("cat-and-coffee")
    maps = [method(_network().model, images, torch.tensor([label]))[0] for label in (CAT, ESPRESSO)]
    return [images[0], *(_over(images[0], heatmap) for heatmap in maps)]


def _pixels(method: OfClass) -> Panels:
    images = _seen("cat")
    attribution = method(_network().model, images, torch.tensor([CAT]))
    return [images[0], _over(images[0], channel_absolute_sum(attribution)[0])]


def _cam() -> Panels:
    images = _seen("flower")
    return [images[0], _over(images[0], cam.cam(_network().model, images, torch.tensor([DAISY]))[0])]


def _lrp() -> Panels:
    images = _seen("cat")
    return [images[0], _over(images[0], lrp.lrp(_network().model, images, torch.tensor([CAT]))[0].sum(0, keepdim=True))]


def _occlusion() -> Panels:
    images = _seen("coffee")
    falls = occlusion.occlusion(_network().model, images, torch.tensor([ESPRESSO]), patch=56, stride=14)
    return [images[0], _over(images[0], occlusion.on_pixels(falls, (224, 224), patch=56, stride=14)[0])]


def _adversarial() -> Panels:
    """The image, forty times the change, and the image that the network puts in another class."""
    images = _seen("coffee")
    changed = fgsm(_network().model, images, torch.tensor([ESPRESSO]), budget=2 / 255)
    return [images[0], (0.5 + 40 * (changed - images)[0]).clamp(0, 1), changed[0]]


def _inversion() -> Panels:
    """The image, and what is left of it in an early and in a deep layer."""
    images, model = _seen("cat"), _network().model
    layers = [model.get_submodule(name) for name in ("blocks.1", "blocks.4")]
    rates = network_inversion.RATES[::3]  # a third of the steps will do for a picture
    return [images[0], *(network_inversion.network_inversion(model, images, each, rates=rates)[0] for each in layers)]


def _five() -> Panels:
    """For the README: the image, and what five methods see in it."""
    images, label, model = _seen("cat"), torch.tensor([CAT]), _network().model
    falls = occlusion.occlusion(model, images, label, patch=56, stride=14)
    maps = [
        grad_cam.grad_cam(model, images, label),
        occlusion.on_pixels(falls, (224, 224), patch=56, stride=14),
        channel_absolute_sum(guided_backprop.guided_backprop(model, images, label)),
        channel_absolute_sum(guided_grad_cam.guided_grad_cam(model, images, label)),
        lrp.lrp(model, images, label).sum(1, keepdim=True),
    ]
    return [images[0], *(_over(images[0], each[0]) for each in maps)]


DRAWN: dict[str, Callable[[], Panels]] = {
    "cam": _cam,
    **{slug: partial(_regions, method) for slug, method in REGION_MAPS.items()},
    **{slug: partial(_pixels, method) for slug, method in PIXEL_MAPS.items()},
    "lrp": _lrp,
    "occlusion": _occlusion,
    "adversarial-examples": _adversarial,
    "network-inversion": _inversion,
    "five-methods": _five,
}


def picture(panels: Panels) -> Image.Image:
    """Panels of one size side by side on white."""
    whole = Image.new("RGB", (len(panels) * (SIDE + GAP) - GAP, SIDE), "white")
    for number, panel in enumerate(panels):
        sized = functional.interpolate(panel[None].float(), (SIDE, SIDE), mode="bicubic", antialias=True)[0]
        pixels = (255 * sized.detach().clamp(0, 1)).round().byte().permute(1, 2, 0).numpy()
        whole.paste(Image.fromarray(pixels), (number * (SIDE + GAP), 0))
    return whole


def light(whole: Image.Image, made_by: str) -> bytes:
    """The picture as WebP, in the best quality with which it is light enough for a page, and how it was made."""
    notes = Image.Exif()
    notes[ExifTags.Base.ImageDescription] = made_by
    for quality in (85, 70, 55, 40, 25):
        written = BytesIO()
        whole.save(written, "WEBP", quality=quality, method=6, exif=notes.tobytes())
        if written.tell() <= BYTES:
            break
    return written.getvalue()


def main(slugs: list[str]) -> None:
    """Draw the pictures of these methods, or of all."""
    OUT.mkdir(exist_ok=True)
    for slug in slugs or DRAWN:
        written = light(picture(DRAWN[slug]()), f"python -m repro.experiments.photographs {slug}; {models.PHOTO}")
        with files.whole(OUT / f"{slug}.webp") as file:
            file.write(written)
        print(f"{slug}: {len(written) / 1000:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
