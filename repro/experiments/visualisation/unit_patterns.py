"""What units respond to (Zeiler and Fergus 2014, Sec. 4 and Fig. 2): their nine strongest images, reconstructed."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from repro.engine import units, watching
from repro.engine.heatmaps import channel_absolute_sum
from repro.experiments.visualisation.layers import LAYERS
from repro.experiments.visualisation.likeness import mean_likeness
from repro.lab import metrics, networks, scenes
from repro.visualisation.deconvnet import strongest


def measured(seed: int, device: str) -> dict[str, float]:
    """On 400 scenes with one object: the first 12 units of a layer that respond to nine images or more, in zf-scenes,
    and in "untrained", the same network as it is built.
    """
    model = networks.load("zf-scenes", seed).to(device)
    one = scenes.one_object(400, seed)
    images, _ = networks.inputs(one.images, one.labels, device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        untrained = networks.build("zf-scenes").to(device).eval()
    random_nine = np.random.default_rng(seed).integers(len(one), size=(500, 9))
    found = {"purity-of-random-nine": purity(one.labels[random_nine])}
    for number in ("2", "5"):
        trained, control = (
            of_layer(network, images, one, network.get_submodule(LAYERS[number])) for network in (model, untrained)
        )
        found |= {f"{what}-layer-{number}": value for what, value in trained.items()}
        found |= {f"untrained-{what}-layer-{number}": control[what] for what in ("energy-excess", "likeness-excess")}
    return found


def of_layer(model: nn.Module, images: Tensor, one: scenes.Scenes, layer: nn.Module) -> dict[str, float]:
    """Means over a layer's units, each with its nine strongest images.

    "energy" is the share of a picture's absolute values that lies on objects, "energy-excess" by how much the
    reconstruction's exceeds the objects' share of the receptive field; "likeness" is the largest correlation of two
    pictures over all shifts, "likeness-excess" by how much reconstructions are more alike than patches.
    """
    top, reconstructions = strongest(model, images, layer, responding(model, images, layer)[:12])
    rows, boxes = top.rows.flatten(), top.boxes.flatten(0, 1)
    masks = one.class_masks()[rows.cpu().numpy()]
    patches = seen(images[rows], boxes)
    inside = (patches.abs().amax(1, keepdim=True) > 0).to(patches)
    gradient = _gradient(model, images[rows], layer, top.channels.flatten())
    maps = {
        "deconvnet": channel_absolute_sum(reconstructions.flatten(0, 1)),
        "gradient": channel_absolute_sum(gradient),
        "receptive-field": inside,
    }
    found = {f"{name}-energy": float(metrics.energy_in_mask(each, masks).mean()) for name, each in maps.items()}
    found |= {
        "reconstruction-likeness": mean_likeness(reconstructions),
        "patch-likeness": mean_likeness(patches.view_as(reconstructions)),
        "purity": purity(one.labels[top.rows.cpu().numpy()]),
    }
    found["energy-excess"] = found["deconvnet-energy"] - found["receptive-field-energy"]
    found["likeness-excess"] = found["reconstruction-likeness"] - found["patch-likeness"]
    return found


def responding(model: nn.Module, images: Tensor, layer: nn.Module) -> list[int]:
    """Units that respond to nine images or more."""
    with watching.observing(model, layer, gradients=False) as outputs:
        model(images)
    values = outputs[0].flatten(2).amax(2) if outputs[0].dim() == 4 else outputs[0]
    return [int(unit) for unit in torch.nonzero((values > 0).sum(0) >= 9)[:, 0]]


def _gradient(model: nn.Module, images: Tensor, layer: nn.Module, channels: Tensor) -> Tensor:
    """The control: the plain gradient of the same activations."""
    pixels = watching.pixels(images)
    with watching.observing(model, layer) as outputs:
        model(pixels)
        (gradient,) = torch.autograd.grad(outputs[0], pixels, units.alone(outputs[0].detach(), channels))
    return gradient


def seen(images: Tensor, boxes: Tensor) -> Tensor:
    """What a unit sees of each image, less its mean colour; zero elsewhere."""
    across, down = (torch.arange(size, device=images.device) for size in (images.shape[3], images.shape[2]))
    columns = (across >= boxes[:, :1]) & (across < boxes[:, 2:3])
    lines = (down >= boxes[:, 1:2]) & (down < boxes[:, 3:])
    inside = (lines[:, None, :, None] & columns[:, None, None, :]).to(images)
    mean = (images * inside).sum((2, 3), keepdim=True) / inside.sum((2, 3), keepdim=True)
    return (images - mean) * inside


def purity(labels: NDArray[np.int64]) -> float:
    """Share of the most frequent class among each unit's nine ``(K, 9)``, mean over the units."""
    return float(np.mean([np.bincount(nine).max() / len(nine) for nine in labels]))
