"""The vanilla gradient: does it lie on the object, and is it enough to cut the object out?"""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from repro.attribution.guided_backprop import deconvnet_rule
from repro.attribution.vanilla_gradient import saliency, vanilla_gradient
from repro.engine.gradients import pixel_gradient
from repro.engine.heatmaps import max_normalise
from repro.lab import controls, figures, graph_cut, metrics, networks, photo_panels, protocols, scenes

CUT = 30  # scenes whose objects are cut out


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """The claims' quantities on zf-scenes and 100 held-out scenes with one object.

    "cut-boxes": localisation accuracy of boxes around what GraphCut makes of a map, on 30 of the scenes;
    "tuned-boxes": of boxes around what is above the threshold, and with the smoothing, that suit the map best there.
    "like-deconvnet": rank correlation of the gradient with that by the deconvnet's rule for ReLUs; "like-edges": with
    the image's edges.
    """
    model, one = networks.load("zf-scenes", seed).to(device), scenes.one_object(100, seed)
    images, classes = networks.inputs(one.images, one.labels, device)
    gradient = vanilla_gradient(model, images, classes)
    edges = controls.edges(images)
    maps = {"gradient": saliency(gradient), "edges": edges, "blurred-edges": metrics.blurred(edges)}
    masks = one.class_masks()
    found = {f"{name}-auc": float(metrics.pixel_auc(each, masks).mean()) for name, each in maps.items()}
    few = one.take(np.arange(CUT))
    for name in ("gradient", "edges"):
        cut = graph_cut.foregrounds(images[:CUT], maps[name][:CUT])
        whole = torch.from_numpy(cut[:, None].astype(np.float32))
        found[f"{name}-cut-boxes"] = protocols.boxes({name: whole}, few, 0.5)[f"{name}-boxes"]
    deconvnet = pixel_gradient(model, images, classes, deconvnet_rule)
    return found | {
        **protocols.tuned_boxes({"gradient": maps["gradient"][:CUT]}, few),
        "like-deconvnet": protocols.similarity(gradient, deconvnet),
        "like-edges": protocols.similarity(gradient, edges),
    }


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """Three scenes: the gradient, its saliency, that of the edges, and what GraphCut makes of the two."""
    model, one = networks.load("zf-scenes", seed).to(device), scenes.one_object(40, seed).take(np.array([1, 4, 9]))
    images, classes = networks.inputs(one.images, one.labels, device)
    gradient = vanilla_gradient(model, images, classes)
    maps = {"saliency": saliency(gradient), "edges": controls.edges(images)}
    columns: dict[str, Tensor] = {"gradient": gradient.sum(1, keepdim=True)}
    for name, each in maps.items():
        cut = graph_cut.foregrounds(images, each)
        columns |= {name: each, f"cut out by {name}": torch.from_numpy(cut[:, None]).float()}
    columns = {name: max_normalise(each) for name, each in columns.items()}
    rows = [
        [figures.Panel(scenes.CLASSES[one.labels[i]], images[i])]
        + [figures.Panel(name, heatmap=each[i]) for name, each in columns.items()]
        for i in range(3)
    ]
    return figures.panels(rows, "Vanilla gradient", "relative to the map's maximum")


def photograph() -> photo_panels.Panels:
    return photo_panels.pixels(lambda *given: saliency(vanilla_gradient(*given)))
