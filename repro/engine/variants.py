"""Many versions of each image through a model, in batches of bounded size."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from repro.engine.errors import OptionsError

Report = Callable[[float], None]  # hears the share that is done, up to 1


def silent(share: float) -> None:
    """The report of those who need none."""


def parts(count: int, batch: int, report: Report = silent) -> Iterator[slice]:
    """``count`` things in parts of at most ``batch``; of nothing there is one empty part, which shows the shapes.

    The report is called after each part.  Raises OptionsError unless a batch is 1 or more.
    """
    if batch < 1:
        raise OptionsError(f"batch is how many images go through the model at a time: 1 or more, not {batch}")
    for start in range(0, max(count, 1), batch):
        yield slice(start, min(start + batch, count))
        report(min(1.0, (start + batch) / max(count, 1)))


def scores(
    images: Tensor,
    count: int,
    version: Callable[[Tensor, Tensor], Tensor],
    score: Callable[[Tensor, Tensor], Tensor],
    *,
    batch: int = 64,
    report: Report = silent,
) -> Tensor:
    """Of ``count`` versions of each image what ``score`` returns, ``(B, count, ...)``.

    ``version(images (N, C, H, W), numbers (N,))`` makes the versions with these numbers, 0 to ``count - 1``;
    ``score(versions, rows (N,))`` returns ``(N, ...)``, and ``rows`` tells of which images they are versions.  The
    result does not depend on ``batch``, and nothing waits for the device.
    """
    found = []
    for part in parts(len(images) * count, batch, report):
        which = torch.arange(part.start, part.stop, device=images.device)
        rows, numbers = which // count, which % count
        found.append(score(version(images[rows], numbers), rows))
    together = torch.cat(found)
    return together.view(len(images), count, *together.shape[1:])
