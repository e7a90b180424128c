"""Fooling images: people recognise nothing in them, but a network assigns them to a class almost with certainty.

Paper: ``nguyen2015deep``; equations (a) to (f) as in the method's YAML.  What the text leaves open follows the
authors' code, github.com/Evolving-AI-Lab/fooling.  There are three encodings of an image X in [0, 1]:

- ``gradient``: pixels that follow the gradient g of the class's probability p, from the mean image M plus a little
  noise (Fig. 13; ``caffe/ascent/find_fooling_image.py``), with the L2 decay theta;
- ``direct``: pixels that evolve (Fig. 4); mutation is in ``engine.evolution.pixels``;
- ``cppn``: a small network that draws the image, and evolves (Fig. 5); mutation is in ``engine.cppn.mutate``.

MAP-Elites evolves grey, or hue, saturation and value: archive and selection are in ``engine.evolution.map_elites``.

Differences from the paper:
1. A gradient step doubles p at most: from 1e-9, a step of 0.03 would be too long for a linear approximation.
2. Children have one parent.  The authors' code also crosses half of the pairs of pixel genomes (SBX).
3. The champion is compared with a generation's best child, not with each in turn: the archive is the same.
4. CPPNs have at most twelve hidden nodes, and coordinates from -1 to 1 (``engine.cppn``).

Raises OptionsError, ClassesError and LogitsError.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from repro.engine import checks, cppn, evolution, watching
from repro.engine.errors import OptionsError
from repro.engine.evolution import Found, Shape, checked_shape
from repro.engine.optimise import Report, gradients_to_images, optimise, random_like
from repro.engine.results import Images

ENCODINGS = {"direct": evolution.pixels, "cppn": cppn.encoding}  # those that evolve


def fooling_images(
    model: nn.Module,
    target_classes: Tensor,
    *,
    shape: Shape,
    encoding: str = "gradient",
    generations: int = 200,
    seed: int = 0,
    report: Report = lambda done: None,
) -> Images:
    """Images ``(B, *shape)`` for the classes ``(B,)``; with ``gradient`` a generation is a step."""
    if encoding == "gradient":
        return ascend(model, target_classes, shape=shape, steps=generations, seed=seed, report=report).images
    classes = _classes(model, target_classes, shape)
    return evolve(model, shape=shape, encoding=encoding, generations=generations, seed=seed, report=report)[0][classes]


def ascend(
    model: nn.Module,
    target_classes: Tensor,
    *,
    shape: Shape,
    steps: int = 200,
    decay: float = 0.0,
    mean: Tensor | float = 0.5,
    seed: int = 0,
    report: Report = lambda done: None,
) -> Found:
    """Gradient ascent from the mean ``(C, H, W)`` plus noise; the higher ``decay`` is, the nearer to the mean."""
    if steps < 0 or not 0 <= decay < 1:
        raise OptionsError(f"need steps >= 0 and 0 <= decay < 1; got {steps} and {decay}")
    with gradients_to_images(model):
        classes, (generator, like) = _classes(model, target_classes, shape).clone(), random_like(model, seed)
        centre, noise = torch.as_tensor(mean, **like).expand(shape), torch.randn(shape, generator=generator, **like)

        def log_p(images: Tensor) -> Tensor:
            return torch.log_softmax(model(images), 1).gather(1, classes[:, None])[:, 0]

        def step(x: Tensor, slope: Tensor, values: Tensor) -> Tensor:
            return (centre + (1 - decay) * (x + stride(values, slope) - centre)).clamp(0, 1)  # Eq. (a)

        start = (centre + noise / 255).expand(len(classes), *shape).clamp(0, 1)
        images, history = optimise(start, log_p, step, steps, report=report)
        return Found(images, torch.stack([*history, log_p(images).detach()]).exp())


def stride(log_p: Tensor, slope: Tensor) -> Tensor:
    """r g, computed from the slope of log p, which is g / p: p itself may be too small for a float."""
    p, square = log_p.exp(), slope.square().sum((1, 2, 3)).clamp_min(torch.finfo(slope.dtype).tiny)
    rise = torch.minimum((0.1 * (1 - p)).clamp(max=0.03) / p, torch.ones_like(p))  # in units of p; difference 1
    return (rise / square).view(-1, 1, 1, 1) * slope  # Eq. (b)


def evolve(
    model: nn.Module,
    *,
    shape: Shape,
    encoding: str = "direct",
    generations: int = 200,
    children: int = 200,
    seed: int = 0,
    report: Report = lambda done: None,
) -> Found:
    """A champion for each of the model's K classes, ``(K, *shape)``."""
    if encoding not in ENCODINGS:
        raise OptionsError(f"encoding must be gradient (not for evolve), direct or cppn; got {encoding!r}")
    generator, like = random_like(model, seed)
    genomes = ENCODINGS[encoding](checked_shape(shape), generator, like["dtype"])
    return evolution.map_elites(model, genomes, generations, children, generator, report)


def _classes(model: nn.Module, target_classes: Tensor, shape: Shape) -> Tensor:
    grey = torch.full((len(target_classes), *checked_shape(shape)), 0.5, **random_like(model)[1])
    with torch.no_grad(), watching.evaluating(model):
        return checks.class_indices(target_classes, model(grey))
