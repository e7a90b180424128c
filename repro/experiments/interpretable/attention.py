"""Attention on scenes: does it find the object, and what do the tests of whether it explains an output say here?

Controls: the size of the features, which knows no head; a head from another start; uniform weights.
"""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from repro.engine import gradients
from repro.engine.heatmaps import max_normalise, upsample
from repro.experiments.interpretable.heads import feature_maps, trained, training_maps
from repro.interpretable.attention import Head, adversarial_weights, attention, divergence, total_variation
from repro.lab import controls, figures, metrics, networks, scenes
from repro.lab.scenes import Scenes


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """The claims' quantities: heads on the 64 maps of gap-scenes, 16 by 16 positions, trained on 500 scenes.

    "accuracy" is measured on 200 held-out scenes, the rest on 60 with one object.  "auc" compares maps with the
    object; "over-distractors" is the share of scenes with distractors in which a map is highest on the object.  "norm"
    is the squared length of the features.  "product" and "gradient" are rank correlations of attention with the size of
    gradient times features and of the gradient alone, for the predicted class.  "moved" is the median total variation
    of the output if the weights are permuted.  "apart" is how far other weights are from the head's own, in the median:
    "adversarial" ones, those of a head from another start ("second"), "permuted" ones.
    """
    model = networks.load("gap-scenes", seed).to(device)
    maps, answers = training_maps(model, seed)
    head, second = (trained(maps, answers, start) for start in (seed, seed + 100))
    uniform = trained(maps.mean((2, 3), keepdim=True), answers, seed, epochs=20)  # one position has the weight 1
    held_out, one = scenes.load(200, seed), scenes.one_object(60, seed)
    (images, labels), (objects, _) = (networks.inputs(each.images, each.labels, device) for each in (held_out, one))
    maps, found = feature_maps(model, images), dict[str, float]()
    for name, logits in {"attention": head(maps), "uniform": uniform(maps.mean((2, 3), keepdim=True))}.items():
        found[f"{name}-accuracy"] = float((logits.argmax(1) == labels).double().mean())

    maps, weights = feature_maps(model, objects), attention(model, objects, head)
    shown = {"attention": weights, "norm": maps.square().sum(1, keepdim=True), "edges": controls.edges(objects)}
    for name, heatmaps in shown.items():
        found[f"{name}-auc"] = float(metrics.pixel_auc(heatmaps, one.class_masks()).mean())
        found[f"{name}-over-distractors"] = over_distractors(heatmaps, one)
    for name, importance in gradient_importance(head, maps).items():
        found[name] = float(metrics.rank_correlation(weights, importance).mean())

    generator, logits = torch.Generator().manual_seed(seed), head(maps)
    orders = [torch.randperm(weights[0].numel(), generator=generator) for _ in range(10)]
    permuted = [weights.flatten(2)[..., order].view_as(weights) for order in orders]
    moved = torch.stack([total_variation(head.read(maps, each), logits) for each in permuted])
    found["permuted-moved"] = float(moved.median(0).values.median())
    others = {"adversarial": adversarial_weights(head, maps), "second": second.weights(maps), "permuted": permuted[0]}
    return found | {f"{name}-apart": float(divergence(each, weights).median()) for name, each in others.items()}


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """Three scenes: attention, that of another start, weights that were found to give the same output, two controls."""
    model, one = networks.load("gap-scenes", seed).to(device), scenes.one_object(40, seed).take(np.array([1, 4, 9]))
    images, _ = networks.inputs(one.images, one.labels, device)
    head, second = (trained(*training_maps(model, seed), start) for start in (seed, seed + 100))
    maps = feature_maps(model, images)
    columns = {
        "attention": attention(model, images, head),
        "another start": second.weights(maps),
        "same output, other weights": adversarial_weights(head, maps),
        "length of the features": maps.square().sum(1, keepdim=True),
        "gradient times features": gradient_importance(head, maps)["product"],
    }
    rows = []
    for i, label in enumerate(one.labels):
        row = [figures.Panel(scenes.CLASSES[label], images[i])]
        rows.append(row + [figures.Panel(name, images[i], max_normalise(each)[i]) for name, each in columns.items()])
    return figures.panels(rows, "Attention of a head on gap-scenes", "relative to the map's maximum")


def gradient_importance(head: Head, maps: Tensor) -> dict[str, Tensor]:
    """Sizes of gradient times features, and of the gradient, summed over the maps: ``(B, 1, h, w)``."""
    leaf = maps.clone().requires_grad_()
    logits = head(leaf)
    gradient = gradients.gradient(logits, logits.argmax(1), leaf)
    return {"product": (gradient * maps).sum(1, keepdim=True).abs(), "gradient": gradient.abs().sum(1, keepdim=True)}


def over_distractors(heatmaps: Tensor, one: Scenes) -> float:
    masks = (torch.from_numpy(each).to(heatmaps.device) for each in (one.class_masks(), one.distractor_mask))
    highest = [(upsample(heatmaps, each.shape[1:])[:, 0] * each).amax((1, 2)) for each in masks]
    return float((highest[0] > highest[1])[highest[1] > 0].double().mean())
