"""Pictures that evolve: by their pixels (direct), or as a network that draws them (indirect, a CPPN).

A picture has one channel, grey, or three, which evolve as hue, saturation and value.  Values lie in [0, 1].
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from repro.engine import cppn
from repro.engine.errors import OptionsError
from repro.engine.evolution import Encoding, Genomes, Report, map_elites

Shape = tuple[int, int, int]  # (1 or 3, height, width)


class Found(NamedTuple):
    """Pictures, and how sure of them the network was on the way."""

    images: Tensor  # (B, C, H, W)
    confidences: Tensor  # (generations + 1, B): of the picture's class; the first row is the start


def direct(shape: Shape, generator: torch.Generator, dtype: torch.dtype) -> Encoding:
    """Every pixel begins uniform in [0, 1], and is mutated with probability 0.1, halved every 1000 generations."""

    def uniform(*size: int) -> Tensor:
        return torch.rand(size, dtype=dtype, device=generator.device, generator=generator)

    def mutate(parents: Genomes, generation: int) -> Genomes:
        (values,) = parents
        moved = (values + cppn.polynomial_steps(values, generator)).clamp(0, 1)  # Eq. (c)
        return (torch.where(uniform(*values.shape) < 0.1 / 2 ** (generation // 1000), moved, values),)

    return Encoding(lambda count: (uniform(count, *shape),), mutate, lambda genomes: coloured(genomes[0]))


def indirect(shape: Shape, generator: torch.Generator, dtype: torch.dtype) -> Encoding:
    """A compositional pattern producing network, whose weights, functions, connections and nodes are mutated."""
    return Encoding(
        lambda count: cppn.start(count, shape[0], generator, dtype),
        lambda parents, _: cppn.mutate(cppn.Networks(*parents), generator),
        lambda genomes: coloured(cppn.draw(cppn.Networks(*genomes), *shape[1:])),
    )


def coloured(values: Tensor) -> Tensor:
    """Hue, saturation and value, each in [0, 1], as red, green and blue; one channel is left as it is."""
    if values.shape[1] == 1:
        return values
    hue, saturation, value = torch.split(values, 1, 1)
    shift = 5 - 2 * torch.arange(3, dtype=hue.dtype, device=hue.device)  # 5, 3, 1 for red, green, blue
    turn = (6 * hue + shift.view(1, 3, 1, 1)) % 6
    rgb: Tensor = value * (1 - saturation * torch.minimum(turn, 4 - turn).clamp(0, 1))
    return rgb


EVOLVED = {"direct": direct, "cppn": indirect}
CHILDREN = 200  # in each generation


def evolve(
    model: nn.Module,
    *,
    shape: Shape,
    encoding: str = "direct",
    generations: int = 200,
    children: int = CHILDREN,
    seed: int = 0,
    report: Report = lambda share: None,
) -> Found:
    """MAP-Elites: a champion for each of the model's K classes, ``(K, *shape)``; ``children`` in each generation.

    Raises OptionsError for an unknown encoding, shape or count.
    """
    if encoding not in EVOLVED:
        raise OptionsError(f"what evolves is {' or '.join(EVOLVED)}, not {encoding!r}")
    like, generator = place(model, seed)
    code = EVOLVED[encoding](checked(shape), generator, like.dtype)
    return Found(*map_elites(model, code, generations, children, generator, report))


def place(model: nn.Module, seed: int) -> tuple[Tensor, torch.Generator]:
    """A parameter of the model, for its type and device, and a generator there."""
    like = next((p for p in model.parameters() if p.is_floating_point()), torch.empty(0))
    return like, torch.Generator(like.device).manual_seed(seed)


def checked(shape: Shape) -> Shape:
    """The shape of a picture; OptionsError if it can't be one."""
    if len(shape) != 3 or shape[0] not in (1, 3) or min(shape) < 1:
        raise OptionsError(f"shape must be (1 or 3, height, width), as the model takes it, not {tuple(shape)}")
    return shape
