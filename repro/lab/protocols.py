"""Evaluation protocols: an experiment says which one it runs, this module says how.

Maps come by name, each for all images: heatmaps ``(B, 1, h, w)``, or attributions ``(B, C, H, W)``, of which the
absolute values are summed over the channels.  A protocol returns one number for each map and each of its trivial
controls, ``<name>-<quantity>``: plain means over the images, never differences.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from repro.engine.heatmaps import channel_absolute_sum
from repro.lab import controls, metrics, scenes
from repro.lab.scenes import Floats, Scenes

Maps = Mapping[str, Tensor]
Method = Callable[[nn.Module, Tensor, Tensor], Tensor]  # of model, images and one class per image
Fill = Tensor | Callable[[Tensor], Tensor]
_SIZE = (scenes.SIZE, scenes.SIZE)


# Localisation


def control_maps(model: nn.Module, images: Tensor, classes: Tensor) -> dict[str, Tensor]:
    """What a localisation has to beat: the network's gradient, and edges, which know no network."""
    return {"gradient": controls.saliency(model, images, classes), "edges": controls.edges(images)}


def boxes(maps: Maps, objects: Scenes, threshold: float) -> dict[str, float]:
    """``<name>-boxes``: localisation accuracy, the share of boxes with an IoU of at least a half with the object's.

    A box is drawn around the largest connected part above ``threshold`` of the map's maximum.  Controls: "centre", one
    box of the objects' mean size in the middle of every image; "random", the box of another scene's object.
    """
    truth = objects.boxes[:, 0]
    found = {name: metrics.boxes(_single(each), _SIZE, threshold) for name, each in maps.items()}
    found |= {"centre": controls.centred_boxes(truth, _SIZE), "random": np.roll(truth, 1, axis=0)}
    return _means("boxes", {name: metrics.box_iou(each, truth) >= 0.5 for name, each in found.items()})


def tuned_boxes(maps: Maps, objects: Scenes) -> dict[str, float]:
    """``<name>-tuned-boxes``: the same with the threshold and smoothing that suit each map best on these images."""
    truth = objects.boxes[:, 0]
    found = {name: controls.best_boxes(_single(each), truth, _SIZE) for name, each in maps.items()}
    return _means("tuned-boxes", found)


def pointing(maps: Maps, objects: Scenes) -> dict[str, float]:
    """``<name>-pointing``: the share of maps whose maximum lies on an object of the label's class (the pointing game).

    Controls: "centre", the middle of the image; "random", any pixel.
    """
    masks = objects.class_masks()
    hits = {name: metrics.pointing_hits(_single(each), masks) for name, each in maps.items()}
    middle = masks[:, scenes.SIZE // 2, scenes.SIZE // 2]
    return _means("pointing", hits | {"centre": middle, "random": masks.mean((1, 2))})


def energy(maps: Maps, masks: NDArray[np.bool_]) -> dict[str, float]:
    """``<name>-energy``: the mean share of a map that lies on the object.  Control: "chance", the object's area."""
    shares = {name: metrics.energy_in_mask(_single(each), masks) for name, each in maps.items()}
    return _means("energy", shares | {"chance": masks.mean((1, 2))})


# Two objects


def for_both_classes(method: Method, model: nn.Module, two: Scenes) -> tuple[Tensor, Tensor]:
    """Maps of scenes with objects of two classes: for the class of the first object, and of the second."""
    device = next(model.parameters()).device
    images = torch.from_numpy(two.images).to(device) / 255
    classes = torch.from_numpy(two.instance_classes[:, :2]).to(device)
    return method(model, images, classes[:, 0]), method(model, images, classes[:, 1])


def right_of_two(maps: Mapping[str, Sequence[Tensor]], two: Scenes) -> dict[str, float]:
    """``<name>-right-of-two``: the share of maps, of both classes, with more on the object of their class than on the
    other object.  Chance is a half.
    """
    right: dict[str, list[NDArray[np.bool_]]] = {name: [] for name in maps}
    for name, pair in maps.items():
        for own, other in ((0, 1), (1, 0)):
            on = [metrics.energy_in_mask(_single(pair[own]), two.instance_masks[:, i]) for i in (own, other)]
            right[name].append(on[0] > on[1])
    return _means("right-of-two", right)


# Faithfulness


def masked_confidence(
    model: nn.Module, images: Tensor, classes: Tensor, maps: Maps, fills: Mapping[str, float]
) -> dict[str, float]:
    """The confidence if only what a map, from 0 to 1, shows is kept, on each fill (Chattopadhay et al. 2018, Sec. 4.1).

    ``<name>-drop-<fill>``: average drop; ``<name>-increase-<fill>``: share of images whose confidence rises;
    ``<first>-win-over-<name>-<fill>``: share in which the first map keeps more confidence than another.
    """
    before, found = metrics.confidence(model, images, classes), dict[str, float]()
    for fill, value in fills.items():
        after = {
            name: metrics.confidence(model, metrics.masked_by_heatmap(images, each, value), classes)
            for name, each in maps.items()
        }
        found |= _means(f"drop-{fill}", {name: metrics.confidence_drops(before, each) for name, each in after.items()})
        rises = {name: metrics.confidence_rises(before, each) for name, each in after.items()}
        found |= _means(f"increase-{fill}", rises)
        first, *others = after
        wins = {f"{first}-win-over-{name}": metrics.confidence_rises(after[name], after[first]) for name in others}
        found |= _means(fill, wins)
    return found


def deletion_insertion(
    model: nn.Module, images: Tensor, classes: Tensor, maps: Maps, fill: float, steps: int = 64
) -> dict[str, float]:
    """``<name>-deletion`` and ``<name>-insertion``: areas under the curves of RISE; low and high for a good map."""
    found: dict[str, float] = {}
    for name, each in maps.items():
        deleted = metrics.deletion_curve(model, images, classes, _single(each), fill, steps=steps)
        inserted = metrics.insertion_curve(model, images, classes, _single(each), steps=steps)
        found |= {f"{name}-deletion": _mean(metrics.area(deleted)), f"{name}-insertion": _mean(metrics.area(inserted))}
    return found


def pixel_flipping(
    model: nn.Module, images: Tensor, classes: Tensor, maps: Maps, fills: Mapping[str, Fill]
) -> dict[str, float]:
    """``<name>-<fill>-aopc``: mean fall of the class's probability while regions are covered, highest in the map first.

    32 regions of 4 by 4 pixels, as in ``metrics.pixel_flipping``.
    """
    found = {}
    for name, each in maps.items():
        for what, fill in fills.items():
            curve = metrics.pixel_flipping(model, images, classes, each, fill)
            found[f"{name}-{what}-aopc"] = float((curve[:, :1] - curve).mean())
    return found


def agreement_with_occlusion(maps: Maps, falls: Tensor, patch: int = 16, stride: int = 8) -> dict[str, float]:
    """``<name>-occlusion``: mean rank correlation of what each patch covers of the map with what covering it costs."""
    covered = {name: functional.avg_pool2d(_single(each), patch, stride) for name, each in maps.items()}
    return _means("occlusion", {name: metrics.rank_correlation(each, falls) for name, each in covered.items()})


# Randomisation


def similarity(first: Tensor, second: Tensor, grid: int = 16) -> float:
    """Mean rank correlation of maps of the same images, averaged to ``grid`` by ``grid`` positions."""
    pooled = [functional.avg_pool2d(_single(each), each.shape[2] // grid) for each in (first, second)]
    return _mean(metrics.rank_correlation(*pooled))


def randomisation(
    methods: Mapping[str, Method], model: nn.Module, images: Tensor, classes: Tensor, layers: Sequence[str]
) -> dict[str, float]:
    """``<name>-randomised``: how similar maps stay if these layers' weights are shuffled (Adebayo et al. 2018).

    A map that explains what the network has learned must change.
    """
    randomised = controls.randomised(model, *layers)
    return {
        f"{name}-randomised": similarity(method(model, images, classes), method(randomised, images, classes))
        for name, method in methods.items()
    }


def cascading_randomisation(
    method: Callable[[nn.Module], Tensor], model: nn.Module, layers: Sequence[str] | None = None
) -> dict[str, Floats]:
    """Rank correlation per image of the maps ``method(model)`` with those after shuffling the weights of each layer and
    all layers above it: the model parameter randomisation test (Adebayo et al. 2018, Sec. 3.1).

    ``layers`` are names, the top one first; by default all with parameters of their own, in reverse order of
    definition.  Unlike in the paper, a layer keeps its values in a random order, so that activations keep their scale.
    """
    if layers is None:
        layers = [name for name, module in model.named_modules() if any(True for _ in module.parameters(False))][::-1]
    before = method(model)
    return {
        layer: metrics.rank_correlation(before, method(controls.randomised(model, *layers[: i + 1])))
        for i, layer in enumerate(layers)
    }


def _single(maps: Tensor) -> Tensor:
    return maps if maps.shape[1] == 1 else channel_absolute_sum(maps)


def _mean(values: object) -> float:
    return float(np.mean(np.asarray(values)))


def _means(quantity: str, values: Mapping[str, object]) -> dict[str, float]:
    return {f"{name}-{quantity}": _mean(each) for name, each in values.items()}
