"""Pictures drawn by compositional pattern producing networks (Stanley 2007), many networks at once.

A network is asked for each pixel on its own: its inputs are the pixel's place x and y, the distance d from the middle
and a one, its outputs that pixel's values.  Each node sums what reaches it and applies one of four functions, so that
a few nodes draw symmetry, repetition and gradients, at any size.

Networks grow as in the code of ``nguyen2015deep`` (Dnn, DnnFF and AfCppn in its ``sferes/modules/nn2``), but that
1. x and y go from -1 to 1, as d's do there; there they are counted in pixels, and a picture is bound to its size;
2. a network has at most ``HIDDEN`` hidden nodes, so that all networks together are two tensors.

Every node has a place: the inputs come first, then ``HIDDEN`` places for hidden nodes, then the outputs.  Connections
go from a lower place to a higher one, so that no circle can arise.  A weight of zero is no connection, and a hidden
node without connections is none.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

INPUTS, HIDDEN = 4, 12
LIMIT = 10.0  # of a weight's size
FUNCTIONS = ("sine", "sigmoid", "gaussian", "linear")
FLEXIBILITY = 15.0  # eta of the polynomial mutation: the higher, the smaller its steps
RATES = {"weight": 0.1, "function": 0.1, "connect": 0.5, "disconnect": 0.3, "grow": 0.5, "shrink": 0.2}


class Networks(NamedTuple):
    """P networks with N nodes' places each."""

    weights: Tensor  # (P, N, N): [p, i, j] from place j to place i; zero unless j < i
    functions: Tensor  # (P, N): indices of FUNCTIONS; without a meaning for inputs


def start(count: int, outputs: int, generator: torch.Generator, dtype: torch.dtype = torch.float32) -> Networks:
    """Networks without hidden nodes: every input connected with every output, weights and functions at random."""
    nodes, device = INPUTS + HIDDEN + outputs, generator.device
    weights = torch.zeros(count, nodes, nodes, dtype=dtype, device=device)
    drawn = torch.rand(count, outputs, INPUTS, dtype=dtype, device=device, generator=generator)
    weights[:, -outputs:, :INPUTS] = LIMIT * (2 * drawn - 1)
    functions = torch.randint(len(FUNCTIONS), (count, nodes), device=device, generator=generator)
    return Networks(weights, functions)


def draw(networks: Networks, height: int, width: int) -> Tensor:
    """The pictures ``(P, outputs, height, width)``: the outputs without their sign, in [0, 1]."""
    weights, functions = networks
    count, nodes = functions.shape
    outputs = nodes - INPUTS - HIDDEN
    y, x = (torch.linspace(-1, 1, size, dtype=weights.dtype, device=weights.device) for size in (height, width))
    y, x = torch.meshgrid(y, x, indexing="ij")
    values = weights.new_empty(count, nodes, height * width)
    values[:, :INPUTS] = torch.stack([x, y, (x.square() + y.square()).sqrt(), torch.ones_like(x)]).flatten(1)
    for place in range(INPUTS, nodes):
        total = torch.bmm(weights[:, None, place, :place], values[:, :place])[:, 0]
        values[:, place] = _apply(functions[:, place, None], total)
    return values[:, -outputs:].abs().view(count, outputs, height, width)


def _apply(functions: Tensor, total: Tensor) -> Tensor:
    power = torch.where(functions == 2, -total.square(), -total).exp()
    curved = torch.where(functions == 2, power, 2 / (1 + power) - 1)
    return torch.where(functions == 0, total.sin(), torch.where(functions == 3, total.clamp(-3, 3) / 3, curved))


def mutate(networks: Networks, generator: torch.Generator) -> Networks:
    """Children, one of each network: weights and functions changed, connections and nodes added and taken away."""
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


def polynomial_steps(like: Tensor, generator: torch.Generator) -> Tensor:
    """Steps in [-1, 1] of the polynomial mutation (Deb 2001, p. 124), as many as ``like`` has values.

    delta = (2 u)^(1 / (eta + 1)) - 1 for u < 1/2 and else 1 - (2 (1 - u))^(1 / (eta + 1)), u uniform in [0, 1).
    """
    uniform = torch.rand(like.shape, dtype=like.dtype, device=like.device, generator=generator)
    below = 2 * torch.minimum(uniform, 1 - uniform)
    size = 1 - below.pow(1 / (FLEXIBILITY + 1))
    return torch.where(uniform < 0.5, -size, size)


def _used(weights: Tensor) -> Tensor:
    """Which places have a connection, ``(P, N)``."""
    return (weights != 0).any(1) | (weights != 0).any(2)


def _any(candidates: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """One of each row's candidates ``(P, M)`` at random, and whether there was any."""
    drawn = torch.rand(candidates.shape, device=candidates.device, generator=generator) + 1
    return (drawn * candidates).argmax(1), candidates.any(1)


def _any_pair(candidates: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    index, found = _any(candidates.flatten(1), generator)
    return index // candidates.shape[2], index % candidates.shape[2], found


def _set(weights: Tensor, at: tuple[Tensor, ...], where: Tensor, value: Tensor | float) -> Tensor:
    """The weights with one of each network's, where so said, replaced by a value."""
    weights = weights.clone()
    weights[at] = torch.where(where, value, weights[at])
    return weights
