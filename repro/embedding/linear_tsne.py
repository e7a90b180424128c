"""Linear-complexity t-SNE: points repel each other through a field that is drawn on a grid, not pair by pair.

In t-SNE a few neighbours attract each other, and all pairs repel each other.  Here all points are drawn onto a grid,
their repulsion is computed as a field on this grid, and each point reads the field where it lies.  The time of a step
is proportional to the number of points.

Paper: ``pezzotti2018linear``; its abstract, introduction and code (tfjs-tsne) were read.  Equations have letters.

    (a)  S(p) = sum_i (1 + |y_i - p|^2)^-1            how dense the points are about p
    (b)  V(p) = sum_i (1 + |y_i - p|^2)^-2 (y_i - p)  where they are from p
    (c)  Z = sum_l (S(y_l) - 1)                       t-SNE's normalisation of q
    (d)  dC/dy_i = 4 (sum_j p_ij q_ij Z (y_i - y_j) + V(y_i) / Z)     over the neighbours j of i; p and q as in t-SNE

Differences from the paper:
1. The points are spread over the four cells about them (bilinear), and the grid is convolved with the kernels of (a)
   and (b) by Fourier transforms.  The paper draws each point's kernel into a texture, cut off beyond a distance.
2. For the same reason the 1 of (c), the point itself, is what bilinear weights make of it on the grid.
3. Neighbours are exact, three times as many as the perplexity; the paper's are approximate.
4. The optimisation is that of ``t_sne``.
5. Cells grow with the picture: there are at most ``GRID`` a side.

``divergence`` is that of the probabilities of neighbours, with Z from the grid.

Raises TableError (inputs), OptionsError (perplexity, steps, cell, rate, dimensions).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from repro.engine import neighbours, variants
from repro.engine.errors import OptionsError
from repro.engine.results import Embedding, Positions

GRID, ROUND = 256, 16  # cells a side at most; sides are multiples of this, which transforms are quick at


def linear_tsne(
    inputs: Tensor,
    *,
    perplexity: float = 30.0,
    steps: int = 1000,
    cell: float = 0.25,
    rate: float | None = None,
    dimensions: int = 30,
    seed: int = 0,
    report: variants.Report = variants.silent,
) -> Positions:
    """Positions ``(N, 2)`` of ``inputs (N, F)``; ``cell`` is the side of a cell, in the unit of the positions."""
    neighbours.check(inputs)
    if steps < 1 or dimensions < 1 or not cell > 0:
        raise OptionsError(f"need a step, a dimension and a cell above 0: got {steps}, {dimensions}, {cell}")
    pairs, joint = sparse_probabilities(neighbours.principal(inputs, dimensions), perplexity)

    def slope(positions: Tensor, exaggeration: float) -> Tensor:
        return gradient(pairs, exaggeration * joint, positions, cell)[0]

    positions = neighbours.descend(slope, inputs, steps, rate, seed, report)
    return Embedding(positions, gradient(pairs, joint, positions, cell)[1])


def sparse_probabilities(rows: Tensor, perplexity: float) -> tuple[Tensor, Tensor]:
    """The pairs ``(2, M)`` of rows that are neighbours, one of the other, and t-SNE's p_ij of each ``(M,)``; sum 1."""
    near, squared = neighbours.nearest(rows, min(len(rows) - 1, math.ceil(3 * perplexity)))
    one_way = neighbours.conditional(squared, perplexity)
    first = torch.arange(len(rows), device=rows.device)[:, None].expand_as(near).flatten()
    both = torch.stack([torch.cat([first, near.flatten()]), torch.cat([near.flatten(), first])])
    values = torch.cat([one_way.flatten()] * 2) / (2 * len(rows))
    found = torch.sparse_coo_tensor(both, values, (len(rows), len(rows)), check_invariants=False).coalesce()
    return found.indices(), found.values()


def gradient(pairs: Tensor, joint: Tensor, positions: Tensor, cell: float) -> tuple[Tensor, Tensor]:
    """dC/dy ``(N, 2)``, and the divergence, a number, of pairs ``(2, M)`` with p ``(M,)`` and positions ``(N, 2)``."""
    density, push, own = fields(positions, cell)
    whole = (density - own).sum()  # Eq. (c)
    apart = positions[pairs[0]] - positions[pairs[1]]
    kernel = 1 / (1 + apart.square().sum(1))
    pull = torch.zeros_like(positions).index_add_(0, pairs[0], (joint * kernel)[:, None] * apart)
    divergence = (joint * (joint * whole / kernel).clamp_min(torch.finfo(joint.dtype).tiny).log()).sum()
    return 4 * (pull + push / whole), divergence  # Eq. (d)


def fields(positions: Tensor, cell: float) -> tuple[Tensor, Tensor, Tensor]:
    """S ``(N,)`` and V ``(N, 2)`` where the points are, and the part of S that is the point itself ``(N,)``."""
    low = positions.amin(0)
    cell = max(cell, float((positions.amax(0) - low).amax()) / (GRID - 2))
    places = (positions - low) / cell
    corner, side = places.floor().long(), -(-(int(places.amax()) + 2) // ROUND) * ROUND
    beyond = places - corner
    weights = torch.stack([1 - beyond, beyond], 1)  # (N, 2 for near and far, 2 for x and y)
    weight = (weights[:, :, None, 0] * weights[:, None, :, 1]).flatten(1)  # (N, 4)
    steps = torch.arange(2, device=positions.device)
    cells = ((corner[:, 0, None] + steps)[:, :, None] * side + (corner[:, 1, None] + steps)[:, None, :]).flatten(1)
    board = positions.new_zeros(side * side).index_add_(0, cells.flatten(), weight.flatten()).view(side, side)
    offset = cell * torch.fft.ifftshift(torch.arange(-side, side, device=positions.device)).to(positions)
    x, y = offset[:, None], offset[None]  # from where a point is to where it acts
    kernel = 1 / (1 + x.square() + y.square())
    kernels = torch.stack([kernel, -x * kernel.square(), -y * kernel.square()])  # Eq. (a), Eq. (b)
    spectrum = torch.fft.rfft2(board, (2 * side, 2 * side)) * torch.fft.rfft2(kernels)
    drawn = torch.fft.irfft2(spectrum, (2 * side, 2 * side))[:, :side, :side].flatten(1)
    read = (drawn[:, cells] * weight).sum(2)
    between = kernel[:2, :2].flatten()[torch.tensor([[0, 1, 2, 3], [1, 0, 3, 2], [2, 3, 0, 1], [3, 2, 1, 0]])]
    return read[0], read[1:].T, (weight @ between * weight).sum(1)  # of the four cells of a point on each other
