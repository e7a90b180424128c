"""Decision modes of fc-scenes: are there several for a class, and does the tree tell them better than other groups?

Controls: random groups of the examples; k-means on their weights; the tree of another class.
"""

from __future__ import annotations

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn import functional

from repro.engine import gradients, units
from repro.engine.heatmaps import max_normalise
from repro.interpretable.cnn_decision_tree import decision_modes, mean_responses, rationales, shares
from repro.lab import figures, networks, scenes
from repro.lab.scenes import Scenes

CLASSES = (0, 2, 4, 6, 8)


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """The claims' quantities on fc-scenes, five classes: about 50 training scenes of each grow its tree, about 30
    held-out scenes of each are looked up in it.

    "cosine" compares a held-out scene's weights with those of its node among 1, 4 or 16; "other-cosine" with the root
    of another class.  "left" is the mean of 1 - cosine among 4 groups, relative to one node for the class: the tree's,
    k-means', random ones.  "filters" is the overlap of the five filters with the largest contributions, by the node and
    by the scene's own weights.  "collapsed": correlation of the sums over filters with those over positions as well.
    """
    model = networks.load("fc-scenes", seed).to(device)
    rows, collapsed = dict[str, list[Tensor]](), list[Tensor]()
    held, roots = dict[int, Tensor](), dict[int, Tensor]()
    for label in CLASSES:
        maps, gradient = of_class(model, scenes.load(500, seed, held_out=False), label)
        others, slopes = of_class(model, scenes.load(300, seed), label)
        scale = mean_responses(maps)
        (_, known), (features, own) = rationales(maps, gradient, scale), rationales(others, slopes, scale)
        for name, weights in looked_up(known, own, seed).items():
            cosines = (weights * own).sum(1)
            rows.setdefault(name, []).append(torch.stack([cosines, _overlap(weights * features, own * features)]))
        held[label], roots[label] = own, functional.normalize(known.sum(0), dim=0)
        sums = (others * slopes).sum((1, 2, 3)), (others.sum((2, 3)) * slopes.mean((2, 3))).sum(1)
        collapsed.append(torch.corrcoef(torch.stack(sums))[0, 1])
    means = {name: torch.cat(each, 1).double().mean(1).tolist() for name, each in rows.items()}
    foreign = torch.cat([held[a] @ roots[b] for a in CLASSES for b in CLASSES if a != b])
    found = {"other-cosine": float(foreign.mean()), "collapsed": float(torch.stack(collapsed).mean())}
    for name, (cosine, overlap) in means.items():
        found |= {f"{name}-cosine": cosine, f"{name}-filters": overlap}
        found[f"{name}-left"] = (1 - cosine) / (1 - means["tree-1"][0])
    return found


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """Four modes of one class: a scene, where the mode's filters respond, patches of its three largest filters."""
    model, some = networks.load("fc-scenes", seed).to(device), scenes.load(500, seed, held_out=False)
    images, _ = networks.inputs(some.images, some.labels, device)
    own, (maps, gradient) = images[torch.from_numpy(some.labels == 2).to(device)], of_class(model, some, 2)
    features, weights = rationales(maps, gradient, mean_responses(maps))
    tree = decision_modes(weights)
    nodes = torch.tensor([tree.path(each, 4)[-1] for each in weights])
    rows = []
    for node in nodes.unique().tolist():
        members = (nodes == node).nonzero()[:, 0]
        mean = shares(tree.weights[node], features[members]).mean(0)
        largest = mean.topk(3).indices.tolist()
        typical = members[(weights[members] @ tree.weights[node]).argmax()]
        heatmap = (tree.weights[node] / mean_responses(maps) * maps[typical].permute(1, 2, 0)).sum(2)
        row = [figures.Panel(f"scenes in this mode: {len(members)}", own[typical])]
        row.append(figures.Panel("weighted sum of the maps", own[typical], max_normalise(heatmap[None, None])[0]))
        seen = units.strongest(model, images, model.get_submodule("features"), largest, 1)
        for filter_, image, box in zip(largest, seen.rows[:, 0].tolist(), seen.boxes[:, 0].tolist(), strict=True):
            left, top, right, bottom = (min(max(edge, 0), scenes.SIZE) for edge in box)
            patch = images[image, :, top:bottom, left:right]
            row.append(figures.Panel(f"filter {filter_}: {float(mean[filter_]):.2f}", patch))
        rows.append(row)
    title = "Four decision modes of “checked disk”, and the filters with the largest shares"
    return figures.panels(rows, title, "relative to the map's maximum")


def of_class(model: nn.Module, some: Scenes, label: int) -> tuple[Tensor, Tensor]:
    """Feature maps of the scenes of a class, and the gradient of its logit there."""
    one = some.take((some.labels == label).nonzero()[0])
    images, classes = networks.inputs(one.images, one.labels, str(next(model.parameters()).device))
    return gradients.layer_gradient(model, images, classes)


def looked_up(known: Tensor, weights: Tensor, seed: int) -> dict[str, Tensor]:
    """For each row of ``weights (B, C)`` those of its node or group of ``known (N, C)``, by how these are made."""
    tree, order = decision_modes(known), torch.randperm(len(known), generator=torch.Generator().manual_seed(seed))
    found = {
        f"tree-{modes}": torch.stack([tree.weights[tree.path(each, modes)[-1]] for each in weights])
        for modes in (1, 4, 16)
    }
    centres = known[order[:4]]
    for _ in range(20):
        centres = _centres(known, (known @ centres.T).argmax(1))
    for name, each in {"kmeans-4": centres, "random-4": _centres(known, order.to(known.device) % 4)}.items():
        found[name] = each[(weights @ each.T).argmax(1)]
    return found


def _centres(weights: Tensor, groups: Tensor) -> Tensor:
    return functional.normalize(functional.one_hot(groups, 4).to(weights).T @ weights, dim=1)


def _overlap(first: Tensor, second: Tensor) -> Tensor:
    """The Jaccard index of the five largest values of each row."""
    both = [functional.one_hot(each.topk(5, 1).indices, each.shape[1]).sum(1) for each in (first, second)]
    return (both[0] * both[1]).sum(1) / (both[0] + both[1]).clamp_max(1).sum(1)
