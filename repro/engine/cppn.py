"""Images drawn by compositional pattern producing networks (Stanley 2007), many networks at once.

A network computes each pixel on its own: its inputs are the pixel's coordinates x and y, the distance d from the centre
and a constant one; its outputs are that pixel's values.  Each node applies one of four functions to the weighted sum of
its inputs: a few nodes draw symmetry, repetition and gradients, at any size.

Networks grow as in the code of ``nguyen2015deep`` (Dnn, DnnFF and AfCppn in its ``sferes/modules/nn2``), except that
1. x and y go from -1 to 1, as those of d do there; that code counts them in pixels, which ties an image to its size;
2. a network has at most ``HIDDEN`` hidden nodes, so that all networks together are two tensors.

Nodes are numbered: inputs first, then ``HIDDEN`` numbers for hidden nodes, then the outputs.  Connections go from lower
to higher numbers, so there are no cycles.  A weight of zero means no connection; a hidden node without connections does
not count as one.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from repro.engine.evolution import Encoding, Shape, coloured, polynomial_steps

INPUTS, HIDDEN = 4, 12
LIMIT = 10.0  # of a weight's size
FUNCTIONS = ("sine", "sigmoid", "gaussian", "linear")
RATES = {"weight": 0.1, "function": 0.1, "connect": 0.5, "disconnect": 0.3, "grow": 0.5, "shrink": 0.2}


class Networks(NamedTuple):
    """P networks of up to N nodes each."""

    weights: Tensor  # (P, N, N): [p, i, j] from node j to node i; zero unless j < i
    functions: Tensor  # (P, N): indices of FUNCTIONS; unused for inputs


def encoding(shape: Shape, generator: torch.Generator, dtype: torch.dtype) -> Encoding:
    """The indirect encoding: a genome is a network."""
    return Encoding(
        lambda count: start(count, shape[0], generator, dtype),
        lambda parents, _: mutate(Networks(*parents), generator),
        lambda genomes: coloured(draw(Networks(*genomes), *shape[1:])),
    )


def start(count: int, outputs: int, generator: torch.Generator, dtype: torch.dtype = torch.float32) -> Networks:
    """Networks without hidden nodes: every input connected to every output, with random weights and functions."""
    nodes, device = INPUTS + HIDDEN + outputs, generator.device
    weights = torch.zeros(count, nodes, nodes, dtype=dtype, device=device)
    drawn = torch.rand(count, outputs, INPUTS, dtype=dtype, device=device, generator=generator)
    weights[:, -outputs:, :INPUTS] = LIMIT * (2 * drawn - 1)
    functions = torch.randint(len(FUNCTIONS), (count, nodes), device=device, generator=generator)
    return Networks(weights, functions)


def draw(networks: Networks, height: int, width: int) -> Tensor:
    """The images ``(P, outputs, height, width)``: absolute values of the outputs, in [0, 1]."""
    weights, functions = networks
    count, nodes = functions.shape
    outputs = nodes - INPUTS - HIDDEN
    y, x = (torch.linspace(-1, 1, size, dtype=weights.dtype, device=weights.device) for size in (height, width))
    y, x = torch.meshgrid(y, x, indexing="ij")
    values = weights.new_empty(count, nodes, height * width)
    values[:, :INPUTS] = torch.stack([x, y, (x.square() + y.square()).sqrt(), torch.ones_like(x)]).flatten(1)
    for node in range(INPUTS, nodes):
        total = torch.bmm(weights[:, None, node, :node], values[:, :node])[:, 0]
        values[:, node] = _apply(functions[:, node, None], total)  # Eq. (f)
    return values[:, -outputs:].abs().view(count, outputs, height, width)


def _apply(functions: Tensor, total: Tensor) -> Tensor:
    power = torch.where(functions == 2, -total.square(), -total).exp()
    curved = torch.where(functions == 2, power, 2 / (1 + power) - 1)
    return torch.where(functions == 0, total.sin(), torch.where(functions == 3, total.clamp(-3, 3) / 3, curved))


def mutate(networks: Networks, generator: torch.Generator) -> Networks:
    """One child of each network: weights and functions changed, connections and nodes added and removed."""
    weights, functions = networks
    device, (count, nodes) = weights.device, functions.shape

    def happens(rate: str, *shape: int) -> Tensor:
        return torch.rand(shape, device=device, generator=generator) < RATES[rate]

    moved = (weights + 2 * LIMIT * polynomial_steps(weights, generator)).clamp(-LIMIT, LIMIT)
    weights = torch.where((weights != 0) & happens("weight", count, nodes, nodes), moved, weights)
    others = torch.randint(len(FUNCTIONS), functions.shape, device=device, generator=generator)
    functions = torch.where(happens("function", count, nodes), others, functions)

    each, place = torch.arange(count, device=device), torch.arange(nodes, device=device)
    hidden, output = (place >= INPUTS) & (place < INPUTS + HIDDEN), place >= INPUTS + HIDDEN
    drawn = LIMIT * (2 * torch.rand(count, dtype=weights.dtype, device=device, generator=generator) - 1)
    ahead = (place[:, None] > place) & ~(output[:, None] & output) & (place[:, None] >= INPUTS)

    used = _used(weights) | ~hidden
    target, source, found = _any_pair(ahead & used[:, :, None] & used[:, None, :] & (weights == 0), generator)
    weights = _set(weights, (each, target, source), found & happens("connect", count), drawn)

    target, source, found = _any_pair(weights != 0, generator)
    weights = _set(weights, (each, target, source), found & happens("disconnect", count), 0.0)

    target, source, found = _any_pair(weights != 0, generator)
    free = hidden & ~_used(weights) & (place > source[:, None]) & (place < target[:, None])
    node, room = _any(free, generator)
    grows, weight = found & room & happens("grow", count), weights[each, target, source]
    for at, value in (((node, source), weight), ((target, node), weight), ((target, source), 0.0)):
        weights = _set(weights, (each, *at), grows, value)

    node, found = _any(hidden & _used(weights), generator)
    gone = (place == node[:, None]) & (found & happens("shrink", count))[:, None]
    return Networks(weights.masked_fill(gone[:, :, None] | gone[:, None, :], 0), functions)


def _used(weights: Tensor) -> Tensor:
    """Which nodes have a connection, ``(P, N)``."""
    return (weights != 0).any(1) | (weights != 0).any(2)


def _any(candidates: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """A random one of each row's candidates ``(P, M)``, and whether there is any."""
    drawn = torch.rand(candidates.shape, device=candidates.device, generator=generator) + 1
    return (drawn * candidates).argmax(1), candidates.any(1)


def _any_pair(candidates: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    index, found = _any(candidates.flatten(1), generator)
    return index // candidates.shape[2], index % candidates.shape[2], found


def _set(weights: Tensor, at: tuple[Tensor, ...], where: Tensor, value: Tensor | float) -> Tensor:
    """The weights, with one weight replaced in each of the networks chosen by ``where``."""
    weights = weights.clone()
    weights[at] = torch.where(where, value, weights[at])
    return weights
