"""Sobolev gradients on scenes: class models at several strengths, and pre-images next to those by total variation."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn import functional

from repro.engine import steps as stepping
from repro.engine.optimise import Step, gradients_to_images, optimise
from repro.engine.representations import representation
from repro.inversion.network_inversion import total_variation
from repro.lab import figures, made_images, metrics, networks, photo_panels, scenes
from repro.visualisation.sobolev_regularisation import along, sobolev_regularisation

SCENE = (3, scenes.SIZE, scenes.SIZE)
STRENGTHS, STEPS = (0.0, 1.0, 16.0), 24
VARIATION = (1.0, 10.0, 100.0)  # weights of the penalty, of which the best for each seed is taken
Filter = Callable[[Step], Step]
FINE = partial(metrics.blurred, size=11, deviation=1.0)


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """The claims' quantities for all ten classes of gap-scenes, and for pool2 of zf-scenes on four scenes.

    Class models at strengths 0, 1 and 16: "frequency" is the mean one, in cycles a pixel; "transfer" the share that
    networks of four other kinds put into the class; "blurred" is the picture of strength 0, blurred when finished.
    Pre-images: "error" is that of the pixels, 1 for another scene; "detail" the cosine of what a small blur takes away
    with that of the image, 0 for none.  "variation" is the best of three weights, "gaussian" a gradient after a
    Gaussian filter, and "blurred-plain" the pre-image of the plain gradient, blurred when finished.
    """
    classes = torch.arange(10, device=device)
    model, others = networks.load("gap-scenes", seed).to(device), made_images.judges("gap-scenes", seed, device)
    made = {
        f"{strength:g}": sobolev_regularisation(model, classes, shape=SCENE, strength=strength, steps=STEPS, seed=seed)
        for strength in STRENGTHS
    }
    made["blurred"] = FINE(made["0"])
    quantities = {f"{key}-transfer": made_images.transfer(others, each, classes) for key, each in made.items()}
    quantities |= {f"{key}-frequency": made_images.mean_frequency(each) for key, each in made.items()}
    return quantities | inversions("zf-scenes", "features.5", seed, device)


def inversions(name: str, layer: str, seed: int, device: str = "cpu") -> dict[str, float]:
    """Of the pre-images of a layer by three regularisers and none, after the same steps from the same faint noise."""
    model, one = networks.load(name, seed).to(device), scenes.one_object(100, seed)
    every, _ = networks.inputs(one.images, one.labels, device)
    images = every[:4]
    invert = partial(pre_images, model, model.get_submodule(layer), images, seed)
    found = {"plain": invert(), "sobolev": invert(partial(along, strength=16.0)), "gaussian": invert(_gaussian)}
    found["blurred-plain"] = FINE(found["plain"])
    found |= {f"variation-{weight:g}": invert(variation=weight) for weight in VARIATION}
    row = {f"{key}-error": metrics.relative_error(nn.Flatten(), each, images, every) for key, each in found.items()}
    details = {key: (each - FINE(each)).flatten(1) for key, each in (found | {"image": images}).items()}
    for key in found:
        row[f"{key}-detail"] = float(functional.cosine_similarity(details[key], details["image"]).mean())
    row["variation-error"] = min(row.pop(f"variation-{weight:g}-error") for weight in VARIATION)
    row["variation-detail"] = max(row.pop(f"variation-{weight:g}-detail") for weight in VARIATION)
    return row


def pre_images(
    model: nn.Module,
    layer: nn.Module,
    images: Tensor,
    seed: int,
    filtered: Filter | None = None,
    variation: float = 0.0,
) -> Tensor:
    """Images ``(B, C, H, W)`` for which the layer returns what it does for these, after 40 steps from noise."""
    noise = 0.01 * torch.randn(images.shape[1:], generator=torch.Generator().manual_seed(seed))
    step = stepping.normalised(stepping.falling(0.03, 40))
    with gradients_to_images(model):
        target = representation(model, images, layer).detach()

        def likeness(x: Tensor) -> Tensor:
            return -(representation(model, x, layer) - target).square().sum(1) / target.square().sum(1)

        penalty = [(-variation / images[0].numel(), total_variation)] if variation else []
        start = noise.to(images).repeat(len(images), 1, 1, 1)
        chosen = filtered(step) if filtered else step
        return optimise(start, likeness, chosen, 40, lambda x: 0.5 + x, penalty)[0].detach()


def _gaussian(step: Step) -> Step:
    return lambda x, gradient, values: step(x, metrics.blurred(gradient, 11, 1.5), values)


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """Four classes of gap-scenes at four strengths."""
    model, classes = networks.load("gap-scenes", seed).to(device), torch.arange(4, device=device)
    rows = []
    for strength in (0.0, 1.0, 4.0, 16.0):
        found = sobolev_regularisation(model, classes, shape=SCENE, strength=strength, seed=seed)
        rows.append([figures.Panel(f"{scenes.CLASSES[i]}, λ = {strength:g}", image) for i, image in enumerate(found)])
    return figures.panels(rows, "Class models along Sobolev gradients of four strengths")


def photograph() -> photo_panels.Panels:
    """A daisy, along the plain gradient and along a Sobolev gradient."""
    make = partial(sobolev_regularisation, photo_panels.network(), [photo_panels.DAISY], shape=(3, 144, 144), steps=48)
    return [make(strength=strength)[0] for strength in (0.0, 16.0)]
