"""LIME: does it find the object of each class, and what a known rule uses?  Is it faithful, and the same each time?

Controls: each superpixel hidden once, a model that knows only how many superpixels are seen, the image's centre, edges.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from repro.engine.heatmaps import max_normalise
from repro.engine.superpixels import Superpixels, answers, grid
from repro.engine.surrogates import LinearModel, r_squared, weighted_ridge
from repro.lab import controls, figures, metrics, networks, photo_panels, protocols, rules, scenes, superpixels
from repro.surrogate.lime import fit, lime, proximity, switches

WIDTH, PARTS = 0.3536, 40
Samples = list[tuple[Tensor, Tensor, Tensor]]  # of each image: on/off vectors, what the network says, weights


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """The claims' quantities on zf-scenes: 10 scenes with one object, 12 with objects of two classes, about 28
    superpixels each; and on 20 rules of which it is known what they use.

    "once" is how far the probability falls with each superpixel hidden alone.  "fidelity" is R squared on samples that
    the linear model was not fitted to, "count" that of a model which knows only how many superpixels are seen.
    "stability" is the rank correlation of the weights from two draws of samples, in "unweighted" without the kernel.
    """
    model = networks.load("zf-scenes", seed).to(device)
    one, two = scenes.one_object(10, seed), scenes.load(12, seed, two_classes=True)
    images, classes = networks.inputs(one.images, one.labels, device)
    whole = Superpixels.of(images, superpixels.slic(images, PARTS))
    draws = [_asked(model, whole, classes, switches(whole.counts, 150, draw)) for draw in (0, 1)]
    fits, unweighted = ([[fit(z, f, width, 1.0) for z, f, _ in draw] for draw in draws] for width in (WIDTH, 1e6))
    counts = [[(z.sum(1, keepdim=True), f, w) for z, f, w in draw] for draw in draws]
    found = {
        "lime-fidelity": _fidelity(fits[0], draws[1]),
        "count-fidelity": _fidelity([weighted_ridge(*each, 0.0) for each in counts[0]], counts[1]),
        "lime-stability": _stability(whole, *fits),
        "unweighted-stability": _stability(whole, *unweighted),
    }
    values = {"lime": [each.coefficients for each in fits[0]], "once": _once(model, whole, classes)}
    maps = {name: whole.on_pixels(each) for name, each in values.items()} | {"centre": controls.centre(images)}
    found |= {f"{name}-auc": float(metrics.pixel_auc(each, one.class_masks()).mean()) for name, each in maps.items()}
    both = {
        "lime": protocols.for_both_classes(_lime, model, two),
        "edges": protocols.for_both_classes(lambda net, pixels, _: controls.edges(pixels), model, two),
    }
    recalls = np.mean([_recalls(20 * seed + number) for number in range(20)], 0).tolist()
    return found | protocols.right_of_two(both, two) | dict(zip(("lime-recall", "once-recall"), recalls, strict=True))


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """Three scenes of two classes: superpixels in their mean colours, their weights for the one class and the other."""
    model = networks.load("zf-scenes", seed).to(device)
    two = scenes.load(400, seed, two_classes=True).take(np.array([3, 5, 23]))
    images = torch.from_numpy(two.images) / 255
    parts = Superpixels.of(images, superpixels.slic(images, PARTS), "mean").filled
    of_both = [max_normalise(each) for each in protocols.for_both_classes(partial(_lime, samples=300), model, two)]
    rows = []
    for i, pair in enumerate(two.instance_classes[:, :2]):
        weights = [figures.Panel(scenes.CLASSES[c], images[i], each[i]) for c, each in zip(pair, of_both, strict=True)]
        rows.append([figures.Panel("image", images[i]), figures.Panel("superpixels", parts[i]), *weights])
    return figures.panels(rows, "LIME: what a superpixel adds to the probability", "relative to the largest weight")


def photograph() -> photo_panels.Panels:
    return photo_panels.regions(partial(_lime, parts=30, samples=110))


def _asked(model: nn.Module, whole: Superpixels, classes: Tensor, on: Tensor) -> Samples:
    told = answers(model, whole, classes, on).double().cpu()
    cut = [z[:, :count] for z, count in zip(on, whole.counts, strict=True)]
    return [(z, f, proximity(z, WIDTH)) for z, f in zip(cut, told, strict=True)]


def _once(model: nn.Module, whole: Superpixels, classes: Tensor) -> list[Tensor]:
    """How far the probability falls with each superpixel hidden alone."""
    most = max(whole.counts)
    on = torch.cat([torch.ones(1, most, dtype=torch.bool), ~torch.eye(most, dtype=torch.bool)])
    told = _asked(model, whole, classes, on.expand(len(classes), -1, -1))
    return [f[0] - f[1 : z.shape[1] + 1] for z, f, _ in told]


def _fidelity(fits: list[LinearModel], samples: Samples) -> float:
    pairs = zip(fits, samples, strict=True)
    left = [(f, f - g.intercept - z.to(f) @ g.coefficients, w) for g, (z, f, w) in pairs]
    return float(np.mean([r_squared(*each) for each in left]))


def _stability(whole: Superpixels, *draws: list[LinearModel]) -> float:
    maps = [whole.on_pixels([each.coefficients for each in fits]) for fits in draws]
    return float(metrics.rank_correlation(*maps).mean())


def _recalls(seed: int) -> tuple[float, ...]:
    """The share of a rule's pixels among as many that are named: by K-Lasso, and by hiding each once."""
    rule, image, label = rules.EitherOfPairs(seed), torch.ones(1, 1, rules.SIDE, rules.SIDE), torch.tensor([1])
    named = lime(rule, image, label, parts=36, samples=200, keep=rules.USED, penalty=0.0, fill=0.0, seed=seed)
    once = _once(rule, Superpixels.of(image, grid(image, 36), 0.0), label)[0]
    largest = [each.topk(rules.USED).indices for each in (named.flatten(), once)]
    return tuple(float(torch.isin(each, rule.used).double().mean()) for each in largest)


def _lime(model: nn.Module, images: Tensor, classes: Tensor, parts: int = PARTS, samples: int = 100) -> Tensor:
    return lime(model, images, classes, superpixels.slic(images, parts), samples=samples)
