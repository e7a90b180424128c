"""Neural style on scenes: do content and texture come apart, for a network that took no part in making the image too?

Controls: the mean of the two images; the scene in the style's colours; another scene.
"""

from __future__ import annotations

from functools import partial

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn import functional

from repro.lab import figures, made_images, networks, photo_panels, photographs, scenes
from repro.visualisation.neural_style import content_loss, gram, maps, neural_style, style_loss

LAYERS = ("features.1", "features.6", "features.11", "features.16")  # of vgg-scenes, the first ReLU of each pair
SEEN_BY = ("features.1", "features.3", "features.6")  # of fc-scenes, behind ReLUs
BLOCKS = ("bn1", "blocks.0", "blocks.1", "blocks.2", "blocks.3")  # of EfficientNet-Lite0
STYLES = ("flower", "retina", "coins", "galaxies")
SIDE = 208
RATIOS = {"little": 0.01, "made": 0.1, "much": 1.0}


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """The claims' quantities, for four scenes of vgg-scenes in the styles of four photographs.

    "style" and "content" are relative distances from the style image and from the scene, in the maps of fc-scenes;
    "own" in those of vgg-scenes.  "made" has the usual ratio, "little" and "much" a tenth of it and ten times it.
    "one-frequency" and "all-frequency" are those of textures made from noise by the first layer, and by all four.
    """
    model, judge = (networks.load(name, seed).to(device) for name in ("vgg-scenes", "fc-scenes"))
    images, styles = pair(seed, device)
    layers, seen_by = layers_of(model, LAYERS), layers_of(judge, SEEN_BY)
    made = {name: neural_style(model, images, styles, layers, ratio=each) for name, each in RATIOS.items()}
    found: dict[str, float] = {}
    average = (images + styles) / 2
    for name, each in (made | {"average": average}).items():
        found[f"{name}-own-content"], found[f"{name}-own-style"] = distances(model, layers, each, images, styles)
    controls = {"average": average, "recoloured": recoloured(images, styles), "other": images.roll(1, 0)}
    for name, each in ({"made": made["made"]} | controls).items():
        found[f"{name}-content"], found[f"{name}-style"] = distances(judge, seen_by, each, images, styles)
    texture = partial(neural_style, model, images, styles, ratio=0.0, start="noise", seed=seed)
    for name, chosen in {"one": layers[:1], "all": layers}.items():
        found[f"{name}-frequency"] = made_images.mean_frequency(texture(chosen))
    return found


def pair(seed: int, device: str) -> tuple[Tensor, Tensor]:
    """Four scenes and four photographs, ``(4, 3, 64, 64)`` each."""
    some = scenes.one_object(len(STYLES), seed)
    styles = torch.stack([photograph_of(name, scenes.SIZE)[0] for name in STYLES])
    return networks.inputs(some.images, some.labels, device)[0], styles.to(device)


def photograph_of(name: str, side: int) -> Tensor:
    whole = photographs.load(name)[None]
    return functional.interpolate(whole, (side, side), mode="bilinear", antialias=True).clamp(0, 1)


def layers_of(model: nn.Module, names: tuple[str, ...]) -> list[nn.Module]:
    return [model.get_submodule(name) for name in names]


@torch.no_grad()
def distances(
    model: nn.Module, layers: list[nn.Module], made: Tensor, images: Tensor, styles: Tensor
) -> tuple[float, float]:
    """Relative distances from the images' content at the last layer, and from the styles' textures at all of them."""
    found, own, textures = (maps(model, each, layers) for each in (made, images, styles))
    style = [style_loss(a, gram(b), relative=True) for a, b in zip(found, textures, strict=True)]
    return float(content_loss(found[-1], own[-1], relative=True).mean()), float(torch.stack(style).mean())


def recoloured(images: Tensor, styles: Tensor) -> Tensor:
    """Each colour of the images with the mean and the spread that it has in the styles."""
    (mean, spread), (wanted, wide) = (
        (each.mean((2, 3), keepdim=True), each.std((2, 3), keepdim=True)) for each in (images, styles)
    )
    return (wanted + wide * (images - mean) / spread.clamp_min(1e-6)).clamp(0, 1)


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """Four scenes, four photographs, and each scene in the style of its photograph with three ratios."""
    model = networks.load("vgg-scenes", seed).to(device)
    images, styles = pair(seed, device)
    rows = [[figures.Panel("scene", each) for each in images], [figures.Panel("style", each) for each in styles]]
    for ratio in RATIOS.values():
        found = neural_style(model, images, styles, layers_of(model, LAYERS), ratio=ratio)
        rows.append([figures.Panel(f"ratio {ratio:g}", each) for each in found])
    return figures.panels(rows, "Scenes in the style of photographs, with three ratios of content to style")


def photograph() -> photo_panels.Panels:
    """A temple, and the same in the style of a flower and of a retina."""
    return [photograph_of("temple", SIDE)[0], drawn("flower"), drawn("retina")]


def animation() -> photo_panels.Panels:
    """How the first of them comes about."""
    return [photograph_of("temple", SIDE)[0], *photo_panels.frames(lambda: drawn("flower"))]


def drawn(style: str) -> Tensor:
    network, (temple, other) = photo_panels.network(), (photograph_of(name, SIDE) for name in ("temple", style))
    return neural_style(network, temple, other, layers_of(network, BLOCKS), ratio=0.02, steps=72, rate=0.03)[0]
