"""Grad-CAM on a network that CAM cannot read: localisation, two classes, occlusion, randomised weights."""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from repro.attribution.cam import cam
from repro.attribution.grad_cam import grad_cam
from repro.attribution.guided_backprop import guided_backprop
from repro.attribution.occlusion import occlusion
from repro.engine.heatmaps import channel_absolute_sum, max_normalise, upsample
from repro.lab import controls, figures, networks, photo_panels, protocols, scenes

THRESHOLD = 0.15  # of the map's maximum, above which the paper draws a box (Sec. 4.1)
METHODS: dict[str, protocols.Method] = {"grad-cam": grad_cam, "guided": guided_backprop, "gradient": controls.saliency}


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """The claims' quantities on held-out scenes: 250 with one object, 300 with objects of two classes, 200 of all.

    All but the comparison with CAM are on fc-scenes, whose fully connected head CAM cannot read.  "early-layer" is the
    second of five convolutions.
    """
    gap, model = (networks.load(name, seed).to(device) for name in ("gap-scenes", "fc-scenes"))
    one, held_out = scenes.one_object(250, seed), scenes.load(2000, seed)
    images, classes = networks.inputs(one.images, one.labels, device)
    maps = {"grad-cam": grad_cam(model, images, classes)}
    controlled = protocols.control_maps(model, images, classes)
    early = {"early-layer": grad_cam(model, images, classes, model.get_submodule("features.3"))}
    cams = cam(gap, images, classes).relu()
    difference = grad_cam(gap, images, classes) * cams[0].numel() - cams
    learned: dict[str, protocols.Method] = {"grad-cam": grad_cam, "guided": guided_backprop}
    return {
        "cam-difference": float(difference.abs().max() / cams.max()),
        **protocols.boxes(maps | {"gradient": controlled["gradient"]}, one, THRESHOLD),
        **protocols.tuned_boxes(controlled, one),
        **protocols.pointing(controlled | maps | early, one),
        **protocols.randomisation(learned, model, images, classes, ("classifier.0", "classifier.2")),
        **_two_objects(model, scenes.load(400, seed, two_classes=True).take(np.arange(300))),
        **_occluded(model, *networks.inputs(held_out.images[:200], held_out.labels[:200], device)),
    }


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """Three scenes of two classes: Grad-CAM for each, what is against the first, guided backpropagation for each."""
    model = networks.load("fc-scenes", seed).to(device)
    two = scenes.load(400, seed, two_classes=True).take(np.array([3, 5, 23]))
    images, first = networks.inputs(two.images, two.instance_classes[:, 0], device)
    guided = protocols.for_both_classes(guided_backprop, model, two)
    maps = [
        *protocols.for_both_classes(grad_cam, model, two),
        grad_cam(model, images, first, counterfactual=True),
        *map(channel_absolute_sum, guided),
    ]
    maps = [max_normalise(heatmaps) for heatmaps in maps]
    rows = []
    for i, pair in enumerate(two.instance_classes[:, :2]):
        one, other = (scenes.CLASSES[c] for c in pair)
        titles = [f"Grad-CAM: {one}", f"Grad-CAM: {other}", f"against: {one}", f"guided: {one}", f"guided: {other}"]
        shown = [figures.Panel(title, images[i], each[i]) for title, each in zip(titles, maps, strict=True)]
        rows.append([figures.Panel(f"{one} and {other}", images[i]), *shown])
    title = "Grad-CAM and guided backpropagation, for one class and for the other"
    return figures.panels(rows, title, "relative to the map's maximum")


def photograph() -> photo_panels.Panels:
    """A cat beside a cup of coffee, and the heatmap of each."""
    return photo_panels.regions(grad_cam)


def _two_objects(model: nn.Module, two: scenes.Scenes) -> dict[str, float]:
    """Also the energy on the object, with the paper's ReLU and without, and how often the logit rises if the regions
    against the class turn grey: the scene's own ("counterfactual"), or another scene's ("random").
    """
    maps = {name: protocols.for_both_classes(method, model, two) for name, method in METHODS.items()}
    against = protocols.for_both_classes(lambda *given: grad_cam(*given, counterfactual=True), model, two)
    device = against[0].device
    found = []
    for i in (0, 1):
        images, classes = networks.inputs(two.images, two.instance_classes[:, i], str(device))
        both = {"grad-cam": maps["grad-cam"][i], "no-relu": maps["grad-cam"][i] + against[i]}
        found.append(
            protocols.energy(both, two.instance_masks[:, i])
            | {"counterfactual-rises": _rises_without(model, images, classes, against[i])}
            | {"random-rises": _rises_without(model, images, classes, against[i].roll(1, 0))}
        )
    return protocols.right_of_two(maps, two) | {key: float(np.mean([each[key] for each in found])) for key in found[0]}


@torch.no_grad()
def _rises_without(model: nn.Module, images: Tensor, classes: Tensor, against: Tensor) -> float:
    """How often the class's logit rises if what is above half of the map's maximum turns grey."""
    heatmaps = upsample(against, images.shape[2:])
    covered = torch.where(heatmaps > heatmaps.amax((1, 2, 3), keepdim=True) / 2, 0.5, images)
    before, after = (model(each).gather(1, classes[:, None])[:, 0] for each in (images, covered))
    return float((after > before).double().mean())


def _occluded(model: nn.Module, images: Tensor, classes: Tensor) -> dict[str, float]:
    """Agreement with how far the logit falls if a grey patch covers a position."""
    maps = {name: method(model, images, classes) for name, method in METHODS.items()}
    maps["grad-cam"] = upsample(maps["grad-cam"], images.shape[2:])
    return protocols.agreement_with_occlusion(maps, occlusion(model, images, classes, of="logit"))
