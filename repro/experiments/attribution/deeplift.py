"""DeepLIFT: do contributions sum, and do they name the pixels that make a digit or an object what it is?

"error" is the largest gap between the sum of a map and the difference of the logits, in millionths of the mean
difference, on scenes of four networks in double precision.  "log-odds" is what an eight loses against another digit if
up to 157 of its pixels, a fifth, are erased: those that count most for the eight rather than for the other, as in the
paper.  "energy" is the share of a map on the object of vgg-scenes; "difference" is the image less its blurred copy,
which knows no network.
"""

from __future__ import annotations

from functools import partial

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from repro.attribution.deeplift import deeplift
from repro.attribution.guided_backprop import guided_backprop
from repro.engine import gradients
from repro.lab import digits, figures, metrics, networks, photo_panels, protocols, scenes


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    model, (eights, eight), found = networks.load("lenet-mnist", seed).to(device), _eights(seed, device), {}
    for name, method in METHODS.items():
        of_eight = method(model, eights, eight)
        for other in (3, 6):
            erased = _erased(eights, of_eight - method(model, eights, torch.full_like(eight, other)))
            with torch.no_grad():
                fell = model(eights) - model(erased)
            found[f"{name}-8-to-{other}-log-odds"] = float((fell[:, 8] - fell[:, other]).mean())
    return found | _errors(seed, device) | _energies(seed, device)


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """Two scenes with three references; two eights, what makes them no 3, and what is left without it."""
    model, one = networks.load("vgg-scenes", seed).to(device), scenes.one_object(10, seed)
    images, classes = networks.inputs(one.images[[1, 4]], one.labels[[1, 4]], device)
    references: dict[str, float | Tensor] = {"grey": 0.5, "black": 0.0, "blurred": metrics.blurred(images)}
    maps = {name: _shown(deeplift(model, images, classes, each)) for name, each in references.items()}
    rows = [
        [figures.Panel(scenes.CLASSES[classes[i]], images[i])]
        + [figures.Panel(f"reference: {name}", heatmap=each[i]) for name, each in maps.items()]
        for i in range(2)
    ]
    model, (eights, eight) = networks.load("lenet-mnist", seed).to(device), _eights(seed, device)
    change = METHODS["reveal-cancel"](model, eights, eight) - METHODS["reveal-cancel"](model, eights, eight - 5)
    erased = _erased(eights, change)
    for i in range(2):
        without = figures.Panel(f"without it: {int(model(erased)[i].argmax())}", erased[i])
        rows.append([figures.Panel("8", eights[i]), figures.Panel("8, not 3", heatmap=_shown(change)[i]), without])
    return figures.panels(rows, "DeepLIFT", "share of the map's largest magnitude, colours summed")


def photograph() -> photo_panels.Panels:
    return photo_panels.pixels(deeplift, signed=True)


def _shown(maps: Tensor) -> Tensor:
    total = maps.sum(1, keepdim=True)
    return total / total.abs().amax((1, 2, 3), keepdim=True)


def _eights(seed: int, device: str) -> tuple[Tensor, Tensor]:
    held_out = digits.load(digits.HELD_OUT, seed)
    images, classes = networks.inputs(held_out.images, held_out.labels, device)
    return images[classes == 8], classes[classes == 8]


def _integrated(model: nn.Module, images: Tensor, classes: Tensor) -> Tensor:
    """Integrated gradients from black with 10 intervals, as in the paper."""
    parts = [gradients.pixel_gradient(model, images * (i + 0.5) / 10, classes) for i in range(10)]
    return images * torch.stack(parts).mean(0)


METHODS: dict[str, protocols.Method] = {
    "reveal-cancel": partial(deeplift, reference=0.0, rule="reveal-cancel"),
    "rescale": partial(deeplift, reference=0.0),
    "integrated": _integrated,
    "guided": lambda model, images, classes: guided_backprop(model, images, classes) * images,
}


def _erased(images: Tensor, scores: Tensor, count: int = 157) -> Tensor:
    """Without the ``count`` pixels with the highest scores, as far as these are positive."""
    highest, places = scores.flatten(1).topk(count, dim=1)
    return images * torch.ones_like(images).flatten(1).scatter(1, places, (highest <= 0).to(images)).view_as(images)


def _errors(seed: int, device: str) -> dict[str, float]:
    one, gaps = scenes.one_object(8, seed), dict[str, list[float]](deeplift=[], gradient=[])
    images, classes = networks.inputs(one.images, one.labels, device)
    images = images.double()
    for name in ("gap-scenes", "zf-scenes", "vgg-scenes", "residual-scenes"):
        model = networks.load(name, seed).to(images)
        with torch.no_grad():
            change = (model(images) - model(torch.full_like(images, 0.5))).gather(1, classes[:, None])[:, 0]
        gradient = gradients.pixel_gradient(model, images, classes) * (images - 0.5)
        for key, each in (("deeplift", deeplift(model, images, classes)), ("gradient", gradient)):
            gaps[key].append(float((each.sum((1, 2, 3)) - change).abs().max() / change.abs().mean()))
    return {f"{key}-error": 1e6 * max(each) for key, each in gaps.items()}


def _energies(seed: int, device: str) -> dict[str, float]:
    one = scenes.one_object(40, seed)
    images, classes = networks.inputs(one.images, one.labels, device)
    model, blurred = networks.load("vgg-scenes", seed).to(device), metrics.blurred(images)
    maps = {"blurred": deeplift(model, images, classes, blurred), "black": deeplift(model, images, classes, 0.0)}
    return protocols.energy(maps | {"difference": images - blurred}, one.class_masks())
