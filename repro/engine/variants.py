"""Many versions of each image through a model, in batches of bounded size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from repro.engine import checks, watching
from repro.engine.errors import OptionsError
from repro.engine.gradients import gradient

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


def class_scores(
    model: nn.Module,
    images: Tensor,
    target_classes: Tensor,
    count: int,
    version: Callable[[Tensor, Tensor], Tensor],
    *,
    of: str = "probability",
    batch: int = 64,
    report: Report = silent,
) -> tuple[Tensor, Tensor]:
    """Probabilities (or logits) of the images for all classes, ``(B, K)``, and of ``count`` versions of each for its
    own class, ``(B, count)``.

    ``version(rows (N,), numbers (N,))`` makes versions of the images in these rows.  The model is left as it was found.
    Raises ImagesError, LogitsError, ClassesError, OptionsError (of, batch).
    """
    checks.check_images(images)
    if of not in ("probability", "logit"):
        raise OptionsError(f"of must be 'probability' or 'logit', not {of!r}")

    def told(seen: Tensor) -> Tensor:
        logits = checks.check_logits(model(seen))
        if of == "logit":
            return logits
        # half precision is too coarse for what is compared: differences of probabilities
        return logits.softmax(1, dtype=torch.promote_types(logits.dtype, torch.float32))

    with torch.no_grad(), watching.evaluating(model):
        whole = torch.cat([told(images[part]) for part in parts(len(images), batch)])
        chosen = checks.class_indices(target_classes, whole)[:, None]
        every = torch.arange(len(images), device=images.device)
        return whole, scores(
            every,
            count,
            version,
            lambda seen, rows: told(seen).gather(1, chosen[rows])[:, 0],
            batch=batch,
            report=report,
        )


def mean_gradient(
    model: nn.Module,
    images: Tensor,
    target_classes: Tensor,
    count: int,
    version: Callable[[Tensor, Tensor], Tensor],
    *,
    weights: Tensor | None = None,
    each: Callable[[Tensor], Tensor] | None = None,
    batch: int = 8,
    report: Report = silent,
) -> Tensor:
    """Mean over ``count`` versions of each image of the gradient of its class's logit, ``(B, C, H, W)``.

    ``version(rows (N,), numbers (N,))`` makes of these images the versions with these numbers, 0 to ``count - 1``; the
    numbers lie on the CPU, so that to read them waits for nothing.  ``weights (count,)``, whose sum is 1, are those of
    the versions; ``each``, such as ``torch.square``, is applied to every gradient before the mean.

    At most ``batch`` versions go through the network at a time and only their sum is kept: memory does not grow with
    ``count``, and the result does not depend on ``batch``.  Half precision is summed in single precision.
    """
    checks.check_images(images)
    shares = torch.ones(count, dtype=torch.float64) / count if weights is None else weights
    classes: Tensor | None = None
    with watching.observing(model):
        total = torch.zeros_like(images, dtype=torch.promote_types(images.dtype, torch.float32))
        shares = shares.to(total)
        for part in parts(len(images) * count, batch, report):
            which = torch.arange(part.start, part.stop)
            numbers, rows = which // len(images), (which % len(images)).to(images.device)
            pixels = watching.pixels(version(rows, numbers))
            logits = checks.check_logits(model(pixels))
            if classes is None:  # once: to look at values waits for the device
                classes = checks.class_indices(target_classes, logits[:1].expand(len(images), -1))
            found = gradient(logits, classes[rows], pixels).to(total.dtype)
            found = each(found) if each else found
            total.index_add_(0, rows, found * shares[numbers, None, None, None])
    return total.to(images.dtype)


@dataclass(frozen=True)
class Squares:
    """Squares of ``patch`` pixels that move by ``stride`` over images of ``size``, numbered row by row.

    ``fill`` is their value, a number or ``(C, 1, 1)``.  The last squares of a row or column may reach over the border,
    so that some square covers every pixel.
    """

    size: tuple[int, int]
    patch: int
    stride: int
    fill: float | Tensor = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.stride <= self.patch <= min(self.size):
            given = f"{self.stride}, {self.patch}, {min(self.size)}"
            raise OptionsError(f"need 0 < stride <= patch <= image size; got {given}")

    @classmethod
    def on(cls, images: Tensor, patch: int, stride: int, fill: float | Tensor) -> Squares:
        checks.check_images(images)
        grey = torch.as_tensor(fill, device=images.device, dtype=images.dtype)
        return cls((images.shape[2], images.shape[3]), patch, stride, grey)

    @property
    def grid(self) -> tuple[int, int]:
        """How many positions there are down and across."""
        height, width = (-(-(side - self.patch) // self.stride) + 1 for side in self.size)
        return height, width

    @property
    def count(self) -> int:
        return self.grid[0] * self.grid[1]

    def cover(self, images: Tensor, numbers: Tensor) -> Tensor:
        """Images ``(N, C, H, W)``, each with the square of its number over it."""
        top, left = (self.stride * each[:, None] for each in (numbers // self.grid[1], numbers % self.grid[1]))
        down, across = (torch.arange(side, device=images.device) for side in self.size)
        rows, columns = (down >= top) & (down < top + self.patch), (across >= left) & (across < left + self.patch)
        return torch.where((rows[:, :, None] & columns[:, None, :])[:, None], self.fill, images)

    def mean(self, values: Tensor) -> Tensor:
        """On the pixels, ``(B, 1, H, W)``: at each the mean value of all squares that cover it.

        To resize the grid to the image would put each square's value beside its middle.
        """
        if tuple(values.shape[2:]) != self.grid:
            raise OptionsError(f"a map {tuple(values.shape)} is not on the grid {self.grid}")
        ones = values.new_ones(1, 1, self.patch, self.patch)
        total, covering = (
            functional.conv_transpose2d(each, ones, stride=self.stride)
            for each in (values, torch.ones_like(values[:1]))
        )
        return (total / covering)[:, :, : self.size[0], : self.size[1]]
