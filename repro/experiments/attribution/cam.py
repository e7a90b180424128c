"""CAM on scenes whose objects are known: localisation, average against maximum pooling, the decomposition itself."""

from __future__ import annotations

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from repro.attribution.cam import cam, class_activation_map
from repro.engine import watching
from repro.engine.heatmaps import max_normalise
from repro.lab import controls, figures, metrics, networks, photo_panels, protocols, scenes

THRESHOLD = 0.2  # of the map's maximum, above which the paper draws a box (Sec. 3.2)


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """The claims' quantities on 400 held-out scenes with one object and 400 with objects of two classes.

    "gmp" is the same formula on a network that pools with the maximum; "gap-" and "gmp-accuracy" are those of the two
    networks on 2000 scenes.  "sum-error" is the largest difference between the map's mean and the logit, relative to
    the largest logit.
    """
    gap, gmp = (networks.load(name, seed).to(device) for name in ("gap-scenes", "gmp-scenes"))
    one = scenes.one_object(400, seed)
    images, classes = networks.inputs(one.images, one.labels, device)
    maps = {"cam": cam(gap, images, classes), "gmp": _after_maximum_pooling(gmp, images, classes)}
    controlled = protocols.control_maps(gap, images, classes)
    two = scenes.load(400, seed, two_classes=True)
    with torch.no_grad():
        logits = gap(images).gather(1, classes[:, None])[:, 0]
    return {
        **protocols.boxes(maps, one, THRESHOLD),
        **protocols.tuned_boxes(controlled | {"gmp": maps["gmp"]}, one),
        **protocols.pointing(maps | controlled, one),
        **protocols.right_of_two({"cam": protocols.for_both_classes(cam, gap, two)}, two),
        "sum-error": float((maps["cam"].mean((1, 2, 3)) - logits).abs().max() / logits.abs().max()),
        "gap-accuracy": networks.accuracy(gap, scenes.load(2000, seed)),
        "gmp-accuracy": networks.accuracy(gmp, scenes.load(2000, seed)),
    }


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """Three scenes: CAM with the paper's box, the same formula after maximum pooling, the gradient."""
    gap, gmp = (networks.load(name, seed).to(device) for name in ("gap-scenes", "gmp-scenes"))
    one = scenes.one_object(3, seed)
    images, classes = networks.inputs(one.images, one.labels, device)
    maps = cam(gap, images, classes), _after_maximum_pooling(gmp, images, classes)
    boxes = [metrics.boxes(heatmaps, (scenes.SIZE, scenes.SIZE), THRESHOLD) for heatmaps in maps]
    cams, gmps, gradients = map(max_normalise, (*maps, controls.saliency(gap, images, classes)))
    rows = [
        [
            figures.Panel(f"{scenes.CLASSES[one.labels[i]]}, true box", images[i], boxes=[(one.boxes[i, 0], "white")]),
            figures.Panel("CAM and its box", images[i], cams[i], boxes=[(boxes[0][i], "gold")]),
            figures.Panel("maximum pooling instead", images[i], gmps[i], boxes=[(boxes[1][i], "gold")]),
            figures.Panel("gradient", images[i], gradients[i]),
        ]
        for i in range(3)
    ]
    return figures.panels(rows, "Class activation mapping", "relative to the map's maximum")


def photograph() -> photo_panels.Panels:
    """A flower in the middle, and CAM for it."""
    return photo_panels.regions(cam, "flower", (photo_panels.DAISY,))


@torch.no_grad()
def _after_maximum_pooling(model: nn.Module, images: Tensor, classes: Tensor) -> Tensor:
    """CAM's formula on a network that pools with the maximum, where it is no decomposition of the score."""
    with watching.activations(model, model.get_submodule("features")) as outputs:
        model(images)
    return class_activation_map(outputs[0], model.get_parameter("classifier.weight")[classes])
