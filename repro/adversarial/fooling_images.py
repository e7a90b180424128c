"""Fooling images: pictures that nobody recognises, and that a network takes for one of its classes with near certainty.

Paper: ``nguyen2015deep`` (CVPR 2015); what its text leaves open follows its code, github.com/Evolving-AI-Lab/fooling.
Three encodings of a picture are searched:

- ``gradient``: the pixels X themselves, along the gradient of the class's probability p, from the mean image M plus a
  little noise (Fig. 13; ``caffe/ascent/find_fooling_image.py``).  With the L2 decay theta, a step is

      X <- M + (1 - theta) (X + r g - M),   g = dp/dX,   r = min(0.03, 0.1 (1 - p)) / |g|^2

  then cut to [0, 1]: to first order p rises by 0.03, and by a tenth of what is missing when it is nearly there.
- ``direct``: the pixels, evolved (Fig. 4).  Each begins uniform in [0, 1]; in a child each changes with probability
  0.1, halved every 1000 generations, by the polynomial mutation with eta = 15 (``cppn.polynomial_steps``).
- ``cppn``: a compositional pattern producing network that draws the picture (Fig. 5), evolved: see ``repro.lab.cppn``.

Evolution is MAP-Elites, one run for all classes: for each class the archive keeps the picture with the highest
probability so far, its champion.  A generation's children come from champions of any class, and each may become the
champion of any, or of several.  A whole generation is drawn, mutated and judged at once, without a look at a single child.

Images are in [0, 1], ``(B, C, H, W)``, with C = 1 or 3; with three channels what evolves are hue, saturation and value.
Confidences are probabilities after the softmax.

Differences from the paper:
1. In a gradient step p at most doubles.  These networks give some classes 1e-9 to begin with, where a step of 0.03
   would leave the region in which the gradient says anything.
2. Children are not crossed.  The paper's code crosses pixels (SBX, half of the pairs), its text only mutates.
3. A generation's best child is compared with the champion, not each in turn: the same archive, in one operation.
4. CPPNs have at most a dozen hidden nodes, and coordinates from -1 to 1 (``repro.lab.cppn``).

Raises ValueError for an unknown encoding, a shape that is not (1 or 3, H, W), negative counts, and classes that do not fit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from repro.lab import capture, cppn

ENCODINGS = ("gradient", "direct", "cppn")
Shape = tuple[int, int, int]
Genomes = tuple[Tensor, ...]
Report = Callable[[float], None]


class Found(NamedTuple):
    """Pictures and how sure of them the network was on the way."""

    images: Tensor  # (B, C, H, W)
    confidences: Tensor  # (generations + 1, B): of the picture's class; the first row is the start


def fooling_images(
    model: nn.Module,
    target_classes: Tensor,
    *,
    shape: Shape,
    encoding: str = "gradient",
    generations: int = 200,
    seed: int = 0,
    report: Report = lambda share: None,
) -> Tensor:
    """Pictures ``(B, *shape)`` that the model takes for the classes ``(B,)``; steps, for the gradient, are generations.

    ``ascend`` and ``evolve`` do the work, know further options, and say how the confidences rose.
    """
    if encoding not in ENCODINGS:
        raise ValueError(f"encoding must be one of {', '.join(ENCODINGS)}, not {encoding!r}")
    classes = _classes(model, target_classes, shape)
    if encoding == "gradient":
        return ascend(model, classes, shape=shape, steps=generations, seed=seed, report=report).images
    found = evolve(model, shape=shape, encoding=encoding, generations=generations, seed=seed, report=report)
    return found.images[classes]


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
    classes = _classes(model, target_classes, shape)
    like, generator = _place(model, seed)
    centre = torch.as_tensor(mean, dtype=like.dtype, device=like.device).expand(shape)
    noise = torch.randn(shape, dtype=like.dtype, device=like.device, generator=generator)
    images = (centre + noise / 255).expand(len(classes), *shape)
    confidences = []
    with torch.inference_mode(False), torch.enable_grad(), capture.evaluating(model), capture.frozen(model):
        for step in range(_count(steps) + 1):
            images = images.clamp(0, 1).requires_grad_()
            log_p = model(images).log_softmax(1).gather(1, classes[:, None])[:, 0]
            confidences.append(log_p.detach().exp())
            if step < steps:
                (slope,) = torch.autograd.grad(log_p.sum(), images)
                images = centre + (1 - decay) * (images.detach() + _stride(log_p.detach(), slope) - centre)
                report((step + 1) / steps)
    return Found(images.detach(), torch.stack(confidences))


def _stride(log_p: Tensor, slope: Tensor) -> Tensor:
    """r g, written with the slope of log p, which is g / p, for p itself may be too small for a float."""
    p = log_p.exp()
    rise = torch.minimum((0.1 * (1 - p)).clamp(max=0.03) / p, torch.ones_like(p))  # of p, in units of p
    square = slope.square().sum((1, 2, 3)).clamp_min(torch.finfo(slope.dtype).tiny)
    return (rise / square).view(-1, 1, 1, 1) * slope


class Encoding(NamedTuple):
    """What evolution has to know of a kind of genome."""

    start: Callable[[int], Genomes]  # that many at random
    mutate: Callable[[Genomes, int], Genomes]  # parents and the generation, to a child of each
    images: Callable[[Genomes], Tensor]


def evolve(
    model: nn.Module,
    *,
    shape: Shape,
    encoding: str = "direct",
    generations: int = 200,
    children: int = 200,
    seed: int = 0,
    report: Report = lambda share: None,
) -> Found:
    """MAP-Elites: a champion for each of the model's K classes, ``(K, *shape)``; ``children`` in each generation."""
    if encoding not in ENCODINGS[1:]:
        raise ValueError(f"what evolves is {' or '.join(ENCODINGS[1:])}, not {encoding!r}")
    like, generator = _place(model, seed)
    code = (_direct if encoding == "direct" else _cppn)(_checked(shape), generator, like.dtype)
    with torch.no_grad(), capture.evaluating(model):
        genomes = code.start(_count(children))
        best, which = model(code.images(genomes)).softmax(1).max(0)
        champions, confidences = _chosen(genomes, which), [best]
        for generation in range(_count(generations)):
            parents = torch.randint(len(best), (children,), device=like.device, generator=generator)
            genomes = code.mutate(_chosen(champions, parents), generation)
            found, which = model(code.images(genomes)).softmax(1).max(0)
            champions = _better(found > best, _chosen(genomes, which), champions)
            best = torch.maximum(found, best)
            confidences.append(best)
            report((generation + 1) / generations)
        return Found(code.images(champions), torch.stack(confidences))


def _chosen(genomes: Genomes, which: Tensor) -> Genomes:
    return tuple(part[which] for part in genomes)


def _better(rises: Tensor, new: Genomes, old: Genomes) -> Genomes:
    """The new champion of the classes whose confidence rises, the old one of the others."""
    pairs = zip(new, old, strict=True)
    return tuple(torch.where(rises.view(-1, *[1] * (a.dim() - 1)), a, b) for a, b in pairs)


def _direct(shape: Shape, generator: torch.Generator, dtype: torch.dtype) -> Encoding:
    def uniform(*size: int) -> Tensor:
        return torch.rand(size, dtype=dtype, device=generator.device, generator=generator)

    def mutate(parents: Genomes, generation: int) -> Genomes:
        (values,) = parents
        moved = (values + cppn.polynomial_steps(values, generator)).clamp(0, 1)
        return (torch.where(uniform(*values.shape) < 0.1 / 2 ** (generation // 1000), moved, values),)

    return Encoding(lambda count: (uniform(count, *shape),), mutate, lambda genomes: _coloured(genomes[0]))


def _cppn(shape: Shape, generator: torch.Generator, dtype: torch.dtype) -> Encoding:
    return Encoding(
        lambda count: cppn.start(count, shape[0], generator, dtype),
        lambda parents, _: cppn.mutate(cppn.Networks(*parents), shape[0], generator),
        lambda genomes: _coloured(cppn.draw(cppn.Networks(*genomes), *shape)),
    )


def _coloured(values: Tensor) -> Tensor:
    """One channel is grey; three are hue, saturation and value, each in [0, 1], and become red, green and blue."""
    if values.shape[1] == 1:
        return values
    hue, saturation, value = values.split(1, 1)
    turn = (6 * hue + hue.new_tensor([5, 3, 1]).view(1, 3, 1, 1)) % 6
    return value * (1 - saturation * torch.minimum(turn, 4 - turn).clamp(0, 1))


def _place(model: nn.Module, seed: int) -> tuple[Tensor, torch.Generator]:
    """A parameter of the model, for its type and device, and a generator there."""
    like = next((p for p in model.parameters() if p.is_floating_point()), torch.empty(0))
    return like, torch.Generator(like.device).manual_seed(seed)


def _classes(model: nn.Module, target_classes: Tensor, shape: Shape) -> Tensor:
    like, _ = _place(model, 0)
    with torch.no_grad(), capture.evaluating(model):
        logits = model(torch.full((len(target_classes), *_checked(shape)), 0.5, dtype=like.dtype, device=like.device))
    return capture.class_indices(target_classes, logits)


def _checked(shape: Shape) -> Shape:
    if len(shape) != 3 or shape[0] not in (1, 3) or min(shape) < 1:
        raise ValueError(f"shape must be (1 or 3, height, width), as the model takes it, not {tuple(shape)}")
    return shape


def _count(number: int) -> int:
    if number < 0:
        raise ValueError(f"generations, steps and children are counts: {number} is none")
    return number
