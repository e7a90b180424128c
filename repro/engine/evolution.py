"""MAP-Elites (Mouret and Clune 2015) as ``nguyen2015deep`` uses it: one evolution for all classes of a network.

For each class the archive keeps a champion: the genome whose image has had the highest probability of that class so
far.  A child's parent is the champion of any class; the child may replace the champion of any class, or of several.
A whole generation is mutated, drawn and judged as one batch, on the model's device.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from repro.engine import watching
from repro.engine.errors import OptionsError
from repro.engine.optimise import Report

Genomes = tuple[Tensor, ...]  # each tensor with one row for each genome
Shape = tuple[int, int, int]  # of an image: (C, H, W) with C = 1 or 3
STRENGTH = 15.0  # eta of the polynomial mutation: the higher, the smaller the steps


class Encoding(NamedTuple):
    """What evolution has to know about a kind of genome."""

    start: Callable[[int], Genomes]  # so many random genomes
    mutate: Callable[[Genomes, int], Genomes]  # one child of each parent, given the generation's number
    images: Callable[[Genomes], Tensor]


class Found(NamedTuple):
    """Images, and how sure of their classes the network was at first and after each step or generation."""

    images: Tensor  # (B, C, H, W)
    confidences: Tensor  # (steps + 1, B)


def map_elites(
    model: nn.Module,
    encoding: Encoding,
    generations: int,
    children: int,
    generator: torch.Generator,
    report: Report = lambda done: None,
) -> Found:
    """The champions of the K classes and their probabilities.

    It begins with ``children`` random genomes.  Raises OptionsError for negative generations and for no children.
    """
    if generations < 0 or children < 1:
        raise OptionsError(f"need generations >= 0 and children >= 1; got {generations} and {children}")
    with torch.no_grad(), watching.evaluating(model):
        genomes = encoding.start(children)
        best, which = model(encoding.images(genomes)).softmax(1).max(0)
        archive, history = _rows(genomes, which), [best]  # for each class a champion, and its probability
        for generation in range(generations):
            parents = torch.randint(len(best), (children,), device=best.device, generator=generator)
            genomes = encoding.mutate(_rows(archive, parents), generation)
            found, which = model(encoding.images(genomes)).softmax(1).max(0)
            archive = _replaced(archive, _rows(genomes, which), found > best)  # Eq. (e)
            best = torch.maximum(found, best)
            history.append(best)
            report((generation + 1) / generations)
        return Found(encoding.images(archive), torch.stack(history))


def pixels(shape: Shape, generator: torch.Generator, dtype: torch.dtype) -> Encoding:
    """The direct encoding: a genome is the image's values, uniform in [0, 1] at first, each mutated on its own."""

    def uniform(*size: int) -> Tensor:
        return torch.rand(size, dtype=dtype, device=generator.device, generator=generator)

    def mutate(parents: Genomes, generation: int) -> Genomes:
        (values,) = parents
        moved = (values + polynomial_steps(values, generator)).clamp(0, 1)
        rate = 0.1 / 2 ** (generation // 1000)  # Eq. (d)
        return (torch.where(uniform(*values.shape) < rate, moved, values),)

    return Encoding(lambda count: (uniform(count, *shape),), mutate, lambda genomes: coloured(genomes[0]))


def polynomial_steps(like: Tensor, generator: torch.Generator) -> Tensor:
    """Steps in [-1, 1] of the polynomial mutation (Deb 2001, p. 124), one for each value of ``like``."""
    u = torch.rand(like.shape, dtype=like.dtype, device=like.device, generator=generator)
    size = 1 - (2 * torch.minimum(u, 1 - u)).pow(1 / (STRENGTH + 1))
    return torch.where(u < 0.5, -size, size)  # Eq. (c)


def checked_shape(shape: Shape) -> Shape:
    """The same shape; OptionsError unless an image can have it."""
    if len(shape) != 3 or shape[0] not in (1, 3) or min(shape) < 1:
        raise OptionsError(f"shape must be (1 or 3, height, width), as the model takes it; got {tuple(shape)}")
    return shape


def coloured(values: Tensor) -> Tensor:
    """Images of encoded values in [0, 1]: one channel is grey; three are hue, saturation and value, made RGB."""
    if values.shape[1] == 1:
        return values
    hue, saturation, value = torch.split(values, 1, 1)
    shift = 5 - 2 * torch.arange(3, dtype=hue.dtype, device=hue.device)  # 5, 3, 1 for red, green, blue
    turn = (6 * hue + shift.view(1, 3, 1, 1)) % 6
    images: Tensor = value * (1 - saturation * torch.minimum(turn, 4 - turn).clamp(0, 1))
    return images


def _rows(genomes: Genomes, which: Tensor) -> Genomes:
    return tuple(part[which] for part in genomes)


def _replaced(old: Genomes, new: Genomes, where: Tensor) -> Genomes:
    """The new genomes in some of the rows, the old ones in the others."""
    pairs = zip(new, old, strict=True)
    return tuple(torch.where(where.view(-1, *[1] * (a.dim() - 1)), a, b) for a, b in pairs)
