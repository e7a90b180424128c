"""Surrogate models: do they follow the network, or only the data?  And does it matter which inputs they are given?

Controls: a tree of the same size grown on the true labels, which never saw the network, and the commonest answer.
"""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn.functional import one_hot

from repro.engine import trees
from repro.interpretable.decision_tree_vis import decision_tree_vis
from repro.lab import networks, scenes, tables, tree_figures
from repro.surrogate.surrogate_model import fidelity, linear_surrogate, surrogate_model

LEAVES = 16
# Hidden units and steps: three units are too few for ten digits, and that network errs on half of them.
NETWORKS = {"erring": ((3,), 300), "accurate": ((32,), 600)}
SHAPES = ("disk", "square", "triangle", "star", "cross", "ring")
SCENES, FITTED = 600, 400


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """Fidelity on what was held out, in shares of rows.

    For two networks of digits of 8 by 8 pixels: that of their surrogate tree, of a tree grown on the true labels
    ("truth"), of a linear surrogate, of the commonest answer, and the network's own accuracy.  For zf-scenes: that of a
    tree on what is known of a scene ("facts"), on 8 by 8 mean colours, and of the commonest answer.
    """
    table, found = tables.load("digits", seed), dict[str, float]()
    truth = trees.cart(table.inputs, table.labels, leaves=LEAVES)
    for name, (hidden, steps) in NETWORKS.items():
        model = tables.network(table, seed, hidden, steps)
        logits, held_out = model(table.inputs), model(table.held_out)
        surrogate = surrogate_model(table.inputs, logits, leaves=LEAVES)
        found |= {
            f"{name}-surrogate": fidelity(surrogate, table.held_out, held_out),
            f"{name}-truth": fidelity(truth, table.held_out, held_out),
            f"{name}-linear": fidelity(linear_surrogate(table.inputs, logits), table.held_out, held_out),
            f"{name}-commonest": fidelity(surrogate_model(table.inputs, logits, leaves=1), table.held_out, held_out),
            f"{name}-accuracy": float((held_out.argmax(1) == table.held_out_labels).double().mean()),
        }
    some = scenes.load(SCENES, seed)
    answers = _answers(networks.load("zf-scenes", seed).to(device), some)
    for name, inputs in (("facts", facts(some)), ("colours", _colours(some))):
        surrogate = surrogate_model(inputs[:FITTED], answers[:FITTED], leaves=LEAVES)
        found[f"scenes-{name}"] = fidelity(surrogate, inputs[FITTED:], answers[FITTED:])
    commonest = answers[:FITTED].bincount().argmax()
    found["scenes-commonest"] = float((answers[FITTED:] == commonest).double().mean())
    return found


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """The surrogate of zf-scenes on what is known of a scene, drawn with the scenes that it was not fitted to."""
    some = scenes.load(SCENES, seed)
    inputs, answers = facts(some), _answers(networks.load("zf-scenes", seed).to(device), some)
    tree = surrogate_model(inputs[:FITTED], answers[:FITTED], leaves=10)
    drawing = decision_tree_vis(tree, inputs[FITTED:], answers[FITTED:], bins=8)
    return tree_figures.figure(drawing, NAMES, scenes.CLASSES, "A surrogate of zf-scenes: what it asks of a scene")


NAMES = (*(f"is a {shape}" for shape in SHAPES), *scenes.TEXTURES, "objects", "object's area", "has a distractor")


def facts(some: scenes.Scenes) -> Tensor:
    """What is known of each scene, ``(N, 12)``, as ``NAMES`` lists it: 1 for yes and 0 for no, a count, a share."""
    words = [scenes.CLASSES[label].split()[-1] for label in some.labels]
    shapes = one_hot(torch.tensor([SHAPES.index(word) for word in words]), len(SHAPES))
    masks = some.instance_masks[:, 0]
    wears = [np.bincount(each[mask], minlength=4)[1:].argmax() for each, mask in zip(some.texture, masks, strict=True)]
    textures = one_hot(torch.tensor(np.array(wears)), len(scenes.TEXTURES))
    others = [
        (some.instance_classes >= 0).sum(1),
        masks.mean((1, 2)),
        some.distractor_mask.any((1, 2)),
    ]
    return torch.cat([shapes, textures, *(torch.tensor(each)[:, None] for each in others)], 1).float()


def _colours(some: scenes.Scenes) -> Tensor:
    """The mean colours of 8 by 8 squares, ``(N, 192)``."""
    images = torch.from_numpy(some.images).float() / 255
    return nn.functional.avg_pool2d(images, 8).flatten(1)


@torch.no_grad()
def _answers(model: nn.Module, some: scenes.Scenes) -> Tensor:
    place = next(model.parameters()).device
    parts = (torch.from_numpy(some.images) / 255).split(100)
    return torch.cat([model(part.to(place)).argmax(1).cpu() for part in parts])
