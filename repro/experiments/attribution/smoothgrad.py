"""SmoothGrad beside the gradient and beside a plain blur: with how much noise it shows the object better, and why."""

from __future__ import annotations

from functools import partial

from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn import functional

from repro.attribution.smoothgrad import smoothgrad
from repro.engine.gradients import pixel_gradient
from repro.engine.heatmaps import channel_absolute_sum, max_normalise
from repro.lab import figures, metrics, networks, perturbations, photo_panels, protocols, scenes

LITTLE, PAPERS = 0.01, 0.15  # of the image's range


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """The claims' quantities on vgg-scenes and 40 held-out scenes with one object, with 16 samples.

    "energy" is the share of a map on the object, "auc" the chance that a pixel of the object has a larger value than
    one beside it.  "recognised" is how often the network still names the object in a noisy copy; "agreement" the rank
    correlation of two runs with other noise, of the paper's size.  "blurred" is the gradient's size under a 5x5 mean.
    """
    model = networks.load("vgg-scenes", seed).to(device)
    one = scenes.one_object(40, seed)
    images, classes = networks.inputs(one.images, one.labels, device)
    run = partial(smoothgrad, model, samples=16, batch=40)
    maps = {
        "gradient": channel_absolute_sum(pixel_gradient(model, images, classes)),
        "little-noise": channel_absolute_sum(run(images, classes, noise=LITTLE)),
        "papers-noise": channel_absolute_sum(run(images, classes, noise=PAPERS)),
    }
    maps["blurred"] = functional.avg_pool2d(maps["gradient"], 5, 1, 2)
    masks, few = one.class_masks(), slice(12)
    agreement = {}
    for samples in (1, 16):
        pair = [run(images[few], classes[few], noise=PAPERS, samples=samples, seed=draw) for draw in (1, 2)]
        agreement[f"agreement-{samples}"] = protocols.similarity(*pair, grid=scenes.SIZE)  # type: ignore[misc, arg-type]  # two maps
    return {
        **protocols.energy(maps, masks),
        **{f"{name}-auc": float(metrics.pixel_auc(each, masks).mean()) for name, each in maps.items()},
        "papers-noise-recognised": _recognised(model, images, classes, PAPERS),
        "recognised": 1 - networks.error_rate(model, images, classes),
        **agreement,
    }


def _recognised(model: nn.Module, images: Tensor, classes: Tensor, noise: float) -> float:
    spread = images.amax((1, 2, 3), keepdim=True) - images.amin((1, 2, 3), keepdim=True)
    return 1 - networks.error_rate(model, images + noise * spread * perturbations.gaussian(images), classes)


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """Three scenes: the gradient, and SmoothGrad with three sizes of noise."""
    model = networks.load("vgg-scenes", seed).to(device)
    one = scenes.one_object(3, seed)
    images, classes = networks.inputs(one.images, one.labels, device)
    columns = {"gradient": pixel_gradient(model, images, classes)}
    for noise in (LITTLE, 0.05, PAPERS):
        columns[f"noise of {noise:.0%}"] = smoothgrad(model, images, classes, noise=noise)
    shown = {title: max_normalise(channel_absolute_sum(maps)) for title, maps in columns.items()}
    rows = [
        [figures.Panel(scenes.CLASSES[one.labels[i]], images[i])]
        + [figures.Panel(title, heatmap=maps[i]) for title, maps in shown.items()]
        for i in range(3)
    ]
    return figures.panels(rows, "SmoothGrad, 50 samples", "relative to the map's maximum, absolute values")


def photograph() -> photo_panels.Panels:
    """A cat: the gradient, and its mean over 25 noisy copies."""
    gradient = photo_panels.pixels(pixel_gradient)
    return [*gradient, photo_panels.pixels(partial(smoothgrad, samples=25))[1]]
