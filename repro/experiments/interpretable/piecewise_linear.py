"""OpenBox on digits of 8 by 8 pixels: is it exact and consistent, and do constraints on the weights make it readable?

Controls: a linear model fitted to noisy copies of the image, as LIME does; the classifier of the nearest image; any two
images of a class; how much of the image is ink; each constraint alone.
"""

from __future__ import annotations

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn import functional

from repro.engine.heatmaps import max_normalise
from repro.engine.linear_pieces import held
from repro.engine.surrogates import weighted_ridge
from repro.interpretable.piecewise_linear import local_linear, piecewise_linear, polytope
from repro.lab import figures, perturbations, photo_panels, small_digits

NOISE, SAMPLES, INK = 0.2, 1000, 0.3
CONSTRAINTS = {"plain": (False, 0.0), "sparse": (False, 1e-3), "positive": (True, 0.0), "both": (True, 1e-3)}


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """The claims' quantities on scikit-learn's held-out digits, for networks with 32 and 16 hidden units.

    "on-ink": the share of an image's positive decision features that lies on its ink; "ink" is that of ink itself.
    "polytopes": in how many the images lie.  The rest is of 60 images and the network without constraints.
    "error": how far a linear classifier is from the logit of the image's class: "openbox" nine tenths of the way to the
    nearest wall; "neighbour" with the classifier of the nearest image of the class; "lime" with one fitted to noisy
    copies.  "consistency": cosine of the features of an image and that neighbour; "class", of any two of a class.
    """
    digits = small_digits.load(seed)
    images, labels = digits.held_out.to(device), digits.held_out_labels.to(device)
    networks = {name: small_digits.network(digits, seed, *how).to(device) for name, how in CONSTRAINTS.items()}
    found = {"ink-on-ink": float((images > INK).double().mean())}
    for name, model in networks.items():
        near = local_linear(model, images)
        features = _of_class(near.weights, labels).clamp_min(0)
        on = (features * (images > INK)).sum((1, 2, 3)) / features.sum((1, 2, 3))
        right = model(images).argmax(1) == labels
        found |= {f"{name}-on-ink": float(on.mean()), f"{name}-accuracy": float(right.double().mean())}
        found[f"{name}-polytopes"] = float(len(near.configuration.unique(dim=0)))
    return found | _compared(networks["plain"].double(), images[:60].double(), labels[:60])


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """Three digits with their decision features in four networks; polytopes on the plane through the three."""
    digits = small_digits.load(seed)
    images, labels = digits.held_out[:3].to(device), digits.held_out_labels[:3].to(device)
    columns, last = [], [figures.Panel("the plane through the digits:")]
    for name, how in CONSTRAINTS.items():
        model = small_digits.network(digits, seed, *how).to(device)
        columns.append((name, max_normalise(_of_class(local_linear(model, images).weights, labels))))
        last.append(figures.Panel(f"polytopes, {name}", _plane(model, images)))
    rows = [
        [figures.Panel(str(int(label)), images[i]), *(figures.Panel(name, heatmap=each[i]) for name, each in columns)]
        for i, label in enumerate(labels)
    ]
    return figures.panels([*rows, last], "OpenBox: decision features of the digit's class", "relative to the largest")


def photograph() -> photo_panels.Panels:
    return photo_panels.pixels(piecewise_linear, signed=True)


def _compared(model: nn.Module, images: Tensor, labels: Tensor) -> dict[str, float]:
    near = local_linear(model, images)
    features, bias = _of_class(near.weights, labels), _of_class(near.bias, labels)
    away = functional.normalize(perturbations.gaussian(images).flatten(1)).view_as(images)
    inside = images + 0.9 * polytope(model, images).distances(images).amin(1)[:, None, None, None] * away
    noise, every = NOISE * perturbations.gaussian(images.new_empty(SAMPLES, 1, 8, 8)), images.new_ones(SAMPLES)
    fits = []
    for image, label in zip(images, labels, strict=True):
        logits = _of_class(model(image + noise), label.expand(SAMPLES))
        fits.append(weighted_ridge((image + noise).flatten(1), logits, every))
    fitted = torch.stack([each.coefficients for each in fits]).view_as(images)
    alike = (labels[:, None] == labels) & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    neighbours = torch.cdist(images.flatten(1), images.flatten(1)).where(alike, torch.inf).argmin(1)

    def error(weights: Tensor, constants: Tensor, at: Tensor) -> float:
        linear = (weights * at).sum((1, 2, 3)) + constants
        return float((linear - _of_class(model(at), labels)).abs().mean())

    cosines = functional.cosine_similarity
    return {
        "openbox-error": error(features, bias, inside),
        "neighbour-error": error(features[neighbours], bias[neighbours], images),
        "lime-error": error(fitted, torch.stack([each.intercept for each in fits]), images),
        "openbox-consistency": float(cosines(features.flatten(1), features[neighbours].flatten(1)).mean()),
        "lime-consistency": float(cosines(fitted.flatten(1), fitted[neighbours].flatten(1)).mean()),
        "class-consistency": float(cosines(features.flatten(1)[:, None], features.flatten(1), dim=2)[alike].mean()),
    }


def _of_class(values: Tensor, labels: Tensor) -> Tensor:
    """Of logits, or of what they are made of, ``(B, K, ...)``: that of the class, less the mean of all classes."""
    return values[torch.arange(len(labels)), labels] - values.mean(1)


def _plane(model: nn.Module, images: Tensor, side: int = 150) -> Tensor:
    """The plane through three images ``(3, 1, 8, 8)``, each point in the colour of its polytope."""
    steps = torch.linspace(-0.5, 1.5, side, device=images.device)[:, None, None, None]
    down, across = (images[i] - images[0] for i in (1, 2))
    points = (images[0] + (steps * down)[:, None] + steps * across).flatten(0, 1)
    with held(model, points) as near:
        sides = torch.cat([each.side.flatten(1) for each in near.pieces], 1)
    numbers = sides.unique(dim=0, return_inverse=True)[1].cpu()
    colours = torch.rand(int(numbers.max()) + 1, 3, generator=torch.Generator().manual_seed(0))
    return colours[numbers].T.reshape(3, side, side)
