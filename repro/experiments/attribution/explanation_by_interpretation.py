"""Explanation by interpretation: do a few units suffice, does the network need them, and is the grid gone?"""

from __future__ import annotations

from contextlib import ExitStack

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn import functional

from repro.attribution.explanation_by_interpretation import relevant_units, unit_maps, unit_responses
from repro.engine.surrogates import lasso
from repro.experiments.attribution.stride_grids import PENALTY, grids
from repro.lab import figures, networks, photo_panels, scenes

EXAMPLES, HELD_OUT = 500, 300


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """The claims' quantities: on vgg-scenes, whose eight convolutions have 240 units, and on gap-scenes for the grid.

    The lasso is fitted to 500 training scenes, accuracies are those on 300 held-out scenes.  "lasso-accuracy" is the
    linear model's, "drawn-accuracy" that of one which may use as many units, drawn at random; "units" is how many a
    class has.  "own-off": the network's accuracy on the scenes of a class with the units that raise its score off;
    "random-off": with as many other units of the same layers off; "other-off": with those of the next class off.
    """
    model = networks.load("vgg-scenes", seed).to(device)
    (images, labels), (others, truth) = (
        networks.inputs(each.images, each.labels, device)
        for each in (scenes.load(EXAMPLES, seed, held_out=False), scenes.load(HELD_OUT, seed))
    )
    (told, _), (seen, _) = unit_responses(model, images), unit_responses(model, others)
    weights, targets = relevant_units(told, labels, 10, penalty=PENALTY), functional.one_hot(labels, 10).double()
    generator, drawn = torch.Generator().manual_seed(seed), torch.zeros_like(weights)
    for k, few in enumerate(weights):
        chosen = torch.randperm(len(few), generator=generator)[: int((few != 0).sum())]
        drawn[k, chosen] = lasso(told[:, chosen], targets[:, k : k + 1], 0.0, steps=300)[:, 0]
    found = {
        f"{name}-accuracy": float(
            (((seen - told.mean(0)) @ each.T + targets.mean(0)).argmax(1) == truth).double().mean()
        )
        for name, each in (("lasso", weights), ("drawn", drawn))
    }
    found["units"] = float((weights != 0).double().sum(1).mean())
    return found | _ablated(model, others, truth, weights, generator) | grids(seed, device)


def _ablated(
    model: nn.Module, images: Tensor, truth: Tensor, weights: Tensor, generator: torch.Generator
) -> dict[str, float]:
    channels = [each.out_channels for each in _convolutions(model)]
    layer_of = torch.repeat_interleave(torch.arange(len(channels)), torch.tensor(channels))
    own = [each.clamp_min(0).topk(10).indices[each.clamp_min(0).topk(10).values > 0] for each in weights]
    right: dict[str, list[Tensor]] = {"own": [], "random": [], "other": []}
    for k in range(10):
        of_class, labels = images[truth == k], truth[truth == k]
        drawn: list[int] = []
        order = torch.randperm(len(layer_of), generator=generator).tolist()
        for layer in layer_of[own[k]].tolist():
            drawn += [u for u in order if layer_of[u] == layer and u not in {*drawn, *own[k].tolist()}][:1]
        for name, off in (("own", own[k]), ("random", torch.tensor(drawn)), ("other", own[(k + 1) % 10])):
            right[name].append(_without(model, of_class, off, channels).argmax(1) == labels)
    return {f"{name}-off": float(torch.cat(each).double().mean()) for name, each in right.items()}


def _without(model: nn.Module, images: Tensor, off: Tensor, channels: list[int]) -> Tensor:
    """Logits with these units switched off, in whatever layers they are."""
    keep = torch.ones(sum(channels), device=images.device)
    keep[off] = 0
    with ExitStack() as stack, torch.no_grad():
        for layer, kept in zip(_convolutions(model), keep.split(channels), strict=True):
            hook = layer.register_forward_hook(lambda _, __, maps, kept=kept: maps * kept[:, None, None])
            stack.callback(hook.remove)
        return model(images)  # type: ignore[no-any-return]  # it is a tensor


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """Three scenes: the maps of the three most relevant units of their class, and all of them together."""
    model = networks.load("vgg-scenes", seed).to(device)
    some, one = scenes.load(EXAMPLES, seed, held_out=False), scenes.one_object(60, seed).take(np.array([1, 4, 9]))
    examples, labels = networks.inputs(some.images, some.labels, device)
    images, classes = networks.inputs(one.images, one.labels, device)
    weights = relevant_units(unit_responses(model, examples)[0], labels, 10, penalty=PENALTY)
    rows = []
    for image, label, maps in zip(images, one.labels, unit_maps(model, images, classes, weights), strict=True):
        shown = {"first unit": maps[:1], "second unit": maps[1:2], "third unit": maps[2:], "all": maps.amax(0, True)}
        cells = [figures.Panel(name, image, each) for name, each in shown.items()]
        rows.append([figures.Panel(scenes.CLASSES[label], image), *cells])
    return figures.panels(
        rows, "What the units see that are relevant for the class", "relative to the unit's largest value"
    )


def photograph() -> photo_panels.Panels:
    """The unit that responds most, sent back with the grid that the strides leave, and resampled."""
    images, network = photo_panels.view("cat"), photo_panels.network()
    strongest = torch.ones(1000, 1).double().expand(-1, unit_responses(network, images)[0].shape[1])
    label = torch.tensor([photo_panels.CAT])
    both = [unit_maps(network, images, label, strongest, units=1, resample=each)[0] for each in (False, True)]
    return [images[0], *(photo_panels.over(images[0], each) for each in both)]


def _convolutions(model: nn.Module) -> list[nn.Conv2d]:
    return [module for module in model.modules() if isinstance(module, nn.Conv2d)]
