"""Fooling images: pictures in which nobody recognises anything, and a network sees a class with near certainty.

Paper: ``nguyen2015deep``; what its text leaves open follows the authors' code, github.com/Evolving-AI-Lab/fooling.
Three encodings of a picture are searched:

- ``gradient``: the pixels, along the gradient of the class's probability p, from the mean image M plus a little noise
  (``caffe/ascent/find_fooling_image.py``).  To first order a step raises p by 0.03, near 1 by a tenth of the rest.
- ``direct``: the pixels, evolved (Fig. 4): ``engine.encodings.direct``.
- ``cppn``: a compositional pattern producing network that draws the picture, evolved (Fig. 5): ``engine.cppn``.

Evolution is MAP-Elites, one run for all classes: ``engine.evolution``.  Images are in [0, 1], ``(B, C, H, W)``, with
C = 1 or 3.  Confidences are probabilities after the softmax.

Differences from the paper:
1. In a gradient step p at most doubles: where a class begins at 1e-9, the gradient says nothing of a rise by 0.03.
2. Children are not crossed.  The authors' code crosses half of the pairs of pixel genomes (SBX); the text only mutates.
3. A generation's best child is compared with the champion, not each in turn: the same archive, in one operation.
4. CPPNs have at most a dozen hidden nodes, and coordinates from -1 to 1.

Raises OptionsError for an unknown encoding, shape, count or decay, and ClassesError for classes that do not fit.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from repro.engine import checks, watching
from repro.engine.encodings import CHILDREN, EVOLVED, Found, Shape, checked, place
from repro.engine.errors import OptionsError
from repro.engine.evolution import map_elites
from repro.engine.optimise import Report, gradients_to_images, optimise
from repro.engine.results import Images


def fooling_images(
    model: nn.Module,
    target_classes: Tensor,
    *,
    shape: Shape,
    encoding: str = "gradient",
    generations: int = 200,
    seed: int = 0,
    report: Report = lambda share: None,
) -> Images:
    """Pictures ``(B, *shape)`` that the model takes for the classes ``(B,)``; for the gradient, generations are steps.

    ``ascend`` and ``encodings.evolve`` know further options, and say how the confidences rose.
    """
    if encoding == "gradient":
        return ascend(model, target_classes, shape=shape, steps=generations, seed=seed, report=report).images
    if encoding not in EVOLVED:
        raise OptionsError(f"encoding must be one of gradient, {', '.join(EVOLVED)}, not {encoding!r}")
    classes = _classes(model, target_classes, shape)
    like, generator = place(model, seed)
    code = EVOLVED[encoding](shape, generator, like.dtype)
    return map_elites(model, code, generations, CHILDREN, generator, report)[0][classes]


def ascend(
    model: nn.Module,
    target_classes: Tensor,
    *,
    shape: Shape,
    steps: int = 200,
    decay: float = 0.0,
    mean: Tensor | float = 0.5,
    seed: int = 0,
    report: Report = lambda share: None,
) -> Found:
    """Gradient ascent from the mean image ``(C, H, W)`` plus noise, which is the same for every image of the batch.

    ``decay`` is theta: with it the picture keeps near the mean, and the confidence lower.
    """
    if steps < 0 or not 0 <= decay < 1:
        raise OptionsError(f"need steps >= 0 and 0 <= decay < 1; got {steps} and {decay}")
    like, generator = place(model, seed)
    noise = torch.randn(checked(shape), dtype=like.dtype, device=like.device, generator=generator)
    classes = _classes(model, target_classes, shape)
    centre = torch.as_tensor(mean, dtype=like.dtype, device=like.device).expand(shape)

    def log_p(images: Tensor) -> Tensor:
        logits: Tensor = model(images)
        return logits.log_softmax(1).gather(1, classes[:, None])[:, 0]

    def step(images: Tensor, slope: Tensor, values: Tensor) -> Tensor:
        return (centre + (1 - decay) * (images + stride(values, slope) - centre)).clamp(0, 1)  # Eq. (a)

    with gradients_to_images(model):
        classes = classes.clone()  # a copy: it may come from inference mode
        start = (centre + noise / 255).clamp(0, 1).repeat(len(classes), 1, 1, 1)
        images, history = optimise(start, log_p, step, steps, report=report)
        confidences = torch.stack([*history, log_p(images).detach()]).exp()
    return Found(images.detach(), confidences)


def stride(log_p: Tensor, slope: Tensor) -> Tensor:
    """r g ``(B, C, H, W)``, written with the slope of log p, which is g / p: p itself may be too small for a float."""
    p = log_p.exp()
    rise = torch.minimum((0.1 * (1 - p)).clamp(max=0.03) / p, torch.ones_like(p))  # Eq. (b), of p, in units of p
    square = slope.square().sum((1, 2, 3)).clamp_min(torch.finfo(slope.dtype).tiny)
    return (rise / square).view(-1, 1, 1, 1) * slope


def _classes(model: nn.Module, target_classes: Tensor, shape: Shape) -> Tensor:
    like, _ = place(model, 0)
    with torch.no_grad(), watching.evaluating(model):
        logits = model(torch.full((len(target_classes), *checked(shape)), 0.5, dtype=like.dtype, device=like.device))
    return checks.class_indices(target_classes, logits)
