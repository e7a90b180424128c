"""Pictures of channels of six convolutions: do they excite their channel, and does their scale come from learning?"""

from __future__ import annotations

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from repro.engine.objectives import maps
from repro.lab import figures, made_images, networks, photo_panels, scenes
from repro.visualisation.filter_visualisation import filter_visualisation, filters

NETWORK, CHANNELS, STEPS = "gap-scenes", 12, 20
SCENE = (3, scenes.SIZE, scenes.SIZE)


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """The claims' quantities on gap-scenes, twelve channels of each of its six convolutions, and 200 scenes.

    "beyond": the share of channels whose mean activation is higher in their picture than in any scene; "noise-beyond"
    is that of the best of 200 images of noise.  "own": the share of pictures that excite their channel more than the
    eleven others of the layer do.  "alike": correlation, over pairs of channels of a layer, of how alike their pictures
    are and how alike they respond to scenes; "alike-shuffled" has the pairs mixed up.  "frequency": mean frequency of a
    picture's power, of the last convolution's; "untrained" is of the same network before training.
    """
    model = networks.load(NETWORK, seed).to(device)
    some = scenes.load(200, seed)
    images, _ = networks.inputs(some.images, some.labels, device)
    generator = torch.Generator().manual_seed(seed)
    noise = torch.rand(images.shape, generator=generator).to(device)
    rows = []
    for layer in convolutions(model):
        found = filters(model, layer, range(CHANNELS), shape=SCENE, steps=STEPS, seed=seed)
        real, random, made = (_means(model, each, layer) for each in (images, noise, found.images))
        alike = [_pairs(torch.corrcoef(each)) for each in (made, real.T)]
        mixed = alike[1][torch.randperm(len(alike[1]), generator=generator)]
        rows.append(
            {
                "beyond": _share(made.diagonal() > real.amax(0)),
                "noise-beyond": _share(random.amax(0) > real.amax(0)),
                "own": _share(made.argmax(0) == torch.arange(CHANNELS, device=device)),
                "alike": float(torch.corrcoef(torch.stack(alike))[0, 1]),
                "alike-shuffled": float(torch.corrcoef(torch.stack([alike[0], mixed]))[0, 1]),
            }
        )
    untrained = networks.untrained(NETWORK, seed).to(device)
    last = filter_visualisation(untrained, convolutions(untrained)[-1], range(CHANNELS), shape=SCENE, steps=STEPS)
    return {key: sum(row[key] for row in rows) / len(rows) for key in rows[0]} | {
        "frequency": made_images.mean_frequency(found.images),
        "untrained-frequency": made_images.mean_frequency(last),
    }


def convolutions(model: nn.Module) -> list[nn.Module]:
    """The layers whose channels are drawn, from the first to the last."""
    return [module for module in model.modules() if isinstance(module, nn.Conv2d)]


@torch.no_grad()
def _means(model: nn.Module, images: Tensor, layer: nn.Module) -> Tensor:
    """Mean activations ``(N, CHANNELS)`` of a layer's first channels."""
    return maps(model, images, layer)[:, :CHANNELS].mean((2, 3))


def _pairs(matrix: Tensor) -> Tensor:
    row, column = torch.triu_indices(CHANNELS, CHANNELS, 1)
    return matrix[row, column].cpu()


def _share(hits: Tensor) -> float:
    return float(hits.double().mean())


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """Six channels of the first, the third and the last convolution of gap-scenes."""
    model, row = networks.load(NETWORK, seed).to(device), []
    for number in (1, 3, 6):
        layer = convolutions(model)[number - 1]
        found = filter_visualisation(model, layer, range(6), shape=SCENE, seed=seed)
        row.append(figures.Panel(f"convolution {number}", figures.tiles(found, 3)))
    return figures.panels([row], "Filter visualisation: each picture raises the mean activation of one channel")


def photograph() -> photo_panels.Panels:
    """Four channels of an early, a middle and a deep block, in one panel a block."""
    model, drawn = photo_panels.network(), []
    for block in ("blocks.1", "blocks.2", "blocks.4"):
        found = filter_visualisation(model, model.get_submodule(block), [0, 1, 2, 3], shape=(3, 96, 96), steps=20)
        drawn.append(torch.cat([torch.cat(list(pair), 2) for pair in found.split(2)], 1))
    return drawn
