"""Occlusion sensitivity: does the network locate the object?  Controls: the centre, edges, the gradient."""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.figure import Figure
from torch.nn import functional

from repro.attribution.occlusion import map_occlusion, occlusion, on_pixels
from repro.engine.heatmaps import max_normalise
from repro.lab import controls, figures, metrics, networks, photo_panels, protocols, scenes

SIZE = (scenes.SIZE, scenes.SIZE)


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """The claims' quantities on zf-scenes and 100 held-out scenes with one object that it recognises.

    "auc" is the chance that a pixel of the object has a larger value than one beside it, 0.5 for a map that knows
    nothing; "other-scene" is another scene's map.  "touches" is how often the square with the largest fall covers some
    of the object, "random-touches" how often any square does.
    """
    model = networks.load("zf-scenes", seed).to(device)
    one = scenes.one_object(150, seed)
    images, classes = networks.inputs(one.images, one.labels, device)
    with torch.no_grad():
        right = np.flatnonzero((model(images).argmax(1) == classes).cpu().numpy())[:100]
    one = one.take(right)
    images, classes = networks.inputs(one.images, one.labels, device)
    masks, falls = one.class_masks(), occlusion(model, images, classes)
    maps = {
        "occlusion": on_pixels(falls, SIZE),
        "centre": controls.centre(images),
        "edges": controls.edges(images),
        "gradient": controls.saliency(model, images, classes),
        "other-scene": on_pixels(falls.roll(1, 0), SIZE),
    }
    covered = functional.avg_pool2d(torch.from_numpy(masks)[:, None].float(), 16, 8).flatten(1)  # of each square
    touching, flat, every = (covered > 0).numpy(), falls.flatten(1).cpu().numpy(), np.arange(len(falls))
    beside = np.where(touching, 0, flat).sum(1) / np.maximum((~touching).sum(1), 1)
    return {f"{name}-auc": float(metrics.pixel_auc(each, masks).mean()) for name, each in maps.items()} | {
        "touches": float(touching[every, flat.argmax(1)].mean()),
        "random-touches": float(touching.mean()),
        "fall-on-object": float(flat[every, covered.argmax(1).numpy()].mean()),  # the square that hides most of it
        "fall-beside-object": float(beside.mean()),
    }


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """Three scenes of two classes: what the squares cost the one class, the other, and the strongest feature map."""
    model = networks.load("zf-scenes", seed).to(device)
    two = scenes.load(400, seed, two_classes=True).take(np.array([3, 5, 23]))
    images, _ = networks.inputs(two.images, two.instance_classes[:, 0], device)
    of_map, strongest = map_occlusion(model, images, model.get_submodule("features.12"), stride=4)
    of_classes = protocols.for_both_classes(lambda *given: occlusion(*given, stride=4, of="logit"), model, two)
    maps = [on_pixels(max_normalise(each), SIZE, stride=4) for each in (*of_classes, of_map)]
    rows = []
    for i, pair in enumerate(two.instance_classes[:, :2]):
        names = [scenes.CLASSES[c] for c in pair]
        titles = [*(f"logit: {name}" for name in names), f"feature map {int(strongest[i])}"]
        shown = [figures.Panel(title, images[i], each[i]) for title, each in zip(titles, maps, strict=True)]
        rows.append([figures.Panel(" and ".join(names), images[i]), *shown])
    return figures.panels(
        rows, "What falls where a grey square of 16 pixels hides the image", "relative to largest fall"
    )


def photograph() -> photo_panels.Panels:
    """A cup of coffee, and how far the logit falls where a grey square covers it."""
    images, label = photo_panels.view("coffee"), torch.tensor([photo_panels.ESPRESSO])
    falls = occlusion(photo_panels.network(), images, label, patch=56, stride=14)
    return [images[0], photo_panels.over(images[0], on_pixels(falls, (224, 224), patch=56, stride=14)[0])]
