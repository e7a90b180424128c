"""One training loop, with probes: for the laboratory's networks and for what methods train themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn


def fit(
    model: nn.Module,
    batches: Iterable[Tensor],
    loss: Callable[[Tensor], Tensor],
    optimiser: torch.optim.Optimizer,
    *,
    longest: float | None = None,
    schedule: Callable[[int], None] = lambda step: None,
    probe: Callable[[int], None] = lambda step: None,
) -> None:
    """A step of the optimiser for each batch, ``loss(batch)`` its loss; the gradient cut to the length ``longest``.

    ``schedule`` is called before each step and may set its rate; ``probe`` is called after it with how many are done.
    """
    for step, batch in enumerate(batches):
        schedule(step)
        optimiser.zero_grad()
        loss(batch).backward()
        if longest is not None:
            nn.utils.clip_grad_norm_(model.parameters(), longest)
        optimiser.step()
        probe(step + 1)


def one_cycle(model: nn.Module, batches: Sequence[Tensor], loss: Callable[[Tensor], Tensor]) -> nn.Module:
    """The same model after a step for each batch: AdamW in one cycle of the learning rate, which ends at zero."""
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=len(batches))
    fit(model, batches, loss, optimiser, probe=lambda _: cycle.step())
    return model.eval()
