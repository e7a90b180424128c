"""Deep dreams of gap-scenes: do they hold more of what the network sees, and what do octaves, shift and depth change?

Controls: what the dream adds, with its phases scrambled, and another image's; dreams of the network before training.
"""

from __future__ import annotations

from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn import functional

from repro.lab import figures, made_images, networks, photo_panels, photographs, scenes
from repro.visualisation.deep_dream import deep_dream

LAYERS = {"first": "features.0", "middle": "features.6", "last": "features.10"}  # convolutions, before their ReLU
COUNT = 24
SMALL: dict[str, Any] = {"octaves": 2, "rate": 3 / 255, "shift": 8}  # for images of 64 pixels


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """The claims' quantities, for 24 scenes and three layers of gap-scenes.

    "seen" is how much the logit of the class that the network saw before rises over the others' mean, in standard
    deviations of the logits; "others" is the same for networks of four other kinds.  "scrambled" and "swapped" add
    another detail to the image than the dream does; "untrained" is a dream of the network before training.
    "frequency" is that of the detail, in cycles a pixel.
    """
    model, others = networks.load("gap-scenes", seed).to(device), made_images.judges("gap-scenes", seed, device)
    before = networks.untrained("gap-scenes", seed).to(device).eval()
    some = scenes.one_object(COUNT, seed)
    images, _ = networks.inputs(some.images, some.labels, device)
    found: dict[str, float] = {}
    for name, layer in LAYERS.items():
        dream = deep_dream(model, images, model.get_submodule(layer), seed=seed, **SMALL)
        detail = dream - images
        made = {
            name: dream,
            f"{name}-scrambled": (images + scrambled(detail, seed)).clamp(0, 1),
            f"{name}-swapped": (images + detail.roll(1, 0)).clamp(0, 1),
            f"{name}-untrained": deep_dream(before, images, before.get_submodule(layer), seed=seed, **SMALL),
        }
        found |= {f"{key}-seen": gain([model], images, each, model) for key, each in made.items()}
        found |= {f"{name}-others": gain(others, images, dream, model)}
        found |= {f"{name}-frequency": made_images.mean_frequency(detail)}
    middle = model.get_submodule(LAYERS["middle"])
    for name, options in {"one-octave": {"octaves": 1, "steps": 20}, "still": {"shift": 0}}.items():
        dream = deep_dream(model, images, middle, seed=seed, **(SMALL | options))
        found[f"{name}-frequency"] = made_images.mean_frequency(dream - images)
    return found


def scrambled(detail: Tensor, seed: int) -> Tensor:
    """With the same spectrum and random phases."""
    noise = torch.randn(detail.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    phases = torch.fft.fft2(noise.to(detail))
    made: Tensor = torch.fft.ifft2(torch.fft.fft2(detail).abs() * phases / phases.abs()).real
    return made


@torch.no_grad()
def gain(models: list[nn.Module], images: Tensor, made: Tensor, model: nn.Module) -> float:
    """How much the class that ``model`` sees in the images rises above the other classes, averaged over networks."""
    own = functional.one_hot(model(images).argmax(1), 10).bool()
    found = []
    for judge in models:
        rise = judge(made) - judge(images)
        others = rise.masked_fill(own, 0).sum(1) / 9
        found.append(((rise * own).sum(1) - others).mean() / judge(images).std())
    return float(torch.stack(found).mean())


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """Four scenes, and their dreams of three layers of residual-scenes."""
    model, some = networks.load("residual-scenes", seed).to(device), scenes.one_object(4, seed)
    images, _ = networks.inputs(some.images, some.labels, device)
    rows = [[figures.Panel("scene", image) for image in images]]
    for name in ("blocks.0", "blocks.1", "blocks.2"):
        dreams = deep_dream(model, images, model.get_submodule(name), seed=seed, **SMALL)
        rows.append([figures.Panel(f"dream of {name}", image) for image in dreams])
    return figures.panels(rows, "Deep dreams of three layers")


def photograph() -> photo_panels.Panels:
    """A temple, and dreams of a middle and of a later block."""
    return [temple()[0], dream_of("blocks.3"), dream_of("blocks.4")]


def animation() -> photo_panels.Panels:
    """How the second dream comes about, from the photograph on and from small to large."""
    return [temple()[0], *photo_panels.frames(lambda: dream_of("blocks.4"))]


def temple() -> Tensor:
    whole = photographs.load("temple")[None]
    return functional.interpolate(whole, (320, 320), mode="bilinear", antialias=True).clamp(0, 1)


def dream_of(block: str) -> Tensor:
    network = photo_panels.network()
    return deep_dream(network, temple(), network.get_submodule(block), steps=16, rate=3 / 255)[0]
