"""MAP-Elites (Mouret and Clune 2015) as ``nguyen2015deep`` uses it: one evolution that serves all classes of a network.

For each class the archive keeps the genome whose image has the highest probability of that class so far, its champion.
A child comes from a champion of any class and may become the champion of any, or of several.  A whole generation is
mutated, drawn, judged and sorted in at once, on the model's device, without a look at a single child.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from repro.engine import watching
from repro.engine.errors import OptionsError

Genomes = tuple[Tensor, ...]  # each tensor with one row a genome
Report = Callable[[float], None]  # called with the finished share of the work, 0 to 1


class Encoding(NamedTuple):
    """What evolution has to know of a kind of genome."""

    start: Callable[[int], Genomes]  # that many at random
    mutate: Callable[[Genomes, int], Genomes]  # parents and the generation, to a child of each
    images: Callable[[Genomes], Tensor]


def map_elites(
    model: nn.Module,
    encoding: Encoding,
    generations: int,
    children: int,
    generator: torch.Generator,
    report: Report = lambda share: None,
) -> tuple[Tensor, Tensor]:
    """The champions' images ``(K, C, H, W)`` and their probabilities after each generation, ``(generations + 1, K)``.

    The first are of ``children`` genomes at random.  Raises OptionsError for less than no generations or one child.
    """
    if generations < 0 or children < 1:
        raise OptionsError(f"need children >= 1 and generations >= 0; got {children} and {generations}")
    with torch.no_grad(), watching.evaluating(model):
        genomes = encoding.start(children)
        best, which = model(encoding.images(genomes)).softmax(1).max(0)
        champions, history = _chosen(genomes, which), [best]
        for generation in range(generations):
            parents = torch.randint(len(best), (children,), device=best.device, generator=generator)  # selection
            genomes = encoding.mutate(_chosen(champions, parents), generation)
            found, which = model(encoding.images(genomes)).softmax(1).max(0)
            champions = _better(found > best, _chosen(genomes, which), champions)  # Eq. (d), the archive
            best = torch.maximum(found, best)
            history.append(best)
            report((generation + 1) / generations)
        return encoding.images(champions), torch.stack(history)


def _chosen(genomes: Genomes, which: Tensor) -> Genomes:
    return tuple(part[which] for part in genomes)


def _better(rises: Tensor, new: Genomes, old: Genomes) -> Genomes:
    """The new champion of the classes whose probability rises, the old one of the others."""
    pairs = zip(new, old, strict=True)
    return tuple(torch.where(rises.view(-1, *[1] * (a.dim() - 1)), a, b) for a, b in pairs)
