"""Optimised images: parameterisation, objective, penalties and step are separate arguments of one loop, as in Lucent.

    x  -- parameterisation -->  images  -- objective, + weight * penalty(x) -->  value  -- gradient, step -->  next x

Images are independent: each has its own value, whatever else is in the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor, nn

from repro.engine import watching

Parameterisation = Callable[[Tensor], Tensor]  # x to images (B, C, H, W)
Objective = Callable[[Tensor], Tensor]  # images to one value each, (B,)
Penalty = tuple[float, Callable[[Tensor], Tensor]]  # its weight, and a function of x with one value an image
Step = Callable[[Tensor, Tensor, Tensor], Tensor]  # x, the gradient there and the values (B,), to the next x
Report = Callable[[float], None]  # called with the finished share of the work, 0 to 1
Watcher = Callable[[Tensor], None]  # called with the images (B, C, H, W) after each step, values beyond [0, 1] included

_watcher: ContextVar[Watcher | None] = ContextVar("watcher", default=None)


def optimise(
    start: Tensor,
    objective: Objective,
    step: Step,
    steps: int,
    parameterisation: Parameterisation = lambda x: x,
    penalties: Sequence[Penalty] = (),
    report: Report = lambda done: None,
) -> tuple[Tensor, list[Tensor]]:
    """The images after so many steps, and the values ``(B,)`` before each of them.

    ``step`` decides whether the value falls or rises.  Call it inside ``gradients_to_images``.
    """
    x, history, watcher = start.detach().clone(), [], _watcher.get()  # a copy: it may come from inference mode
    for number in range(steps):
        x.requires_grad_()
        values = objective(parameterisation(x))
        for weight, penalty in penalties:
            values = values + weight * penalty(x)
        (gradient,) = torch.autograd.grad(values.sum(), x)
        history.append(values.detach())
        x = step(x.detach(), gradient, history[-1])
        if watcher:
            watcher(parameterisation(x).detach())
        report((number + 1) / steps)
    return parameterisation(x), history


@contextmanager
def watched(watcher: Watcher) -> Iterator[None]:
    """Inside this block, ``optimise`` calls ``watcher`` with its images after each step: for previews, for animations,
    and to keep the image so far of a run that is stopped.
    """
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)


@contextmanager
def gradients_to_images(model: nn.Module) -> Iterator[None]:
    """The model evaluated, its parameters fixed, gradients on even where the caller has switched them off."""
    with torch.inference_mode(False), torch.enable_grad(), watching.evaluating(model), watching.frozen(model):
        yield
