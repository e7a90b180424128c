"""Prediction difference analysis: how the prediction changes if a window of the image is not known.

A window is filled several times with what could stand there, given the pixels around it.  The mean of the predictions
is that for an unknown window; what it falls short of the prediction for the image is the window's evidence.

Paper: ``zintgraf2017visualizing``, Sec. 3 and Algorithm 1, equations numbered as there.

The heatmap is ``(B, 1, H, W)``, signed: at each pixel the mean evidence of all windows that hold it, above zero for the
class and below against it, in bits (log2 of the odds), or in units of the logit.

Differences from the paper:
1. Windows move by ``stride``; in the paper by 1, which on 224 pixels takes 462,250 passes.  The last ones end at the
   border, and near it the outer patch is moved inwards, as in the authors' code.
2. A Gaussian for each colour, samples cut to the range of the pixels seen, N = 100,000: from the authors' code.
3. The Gaussian is fitted to ``others``, images of the same kind; without them to the patches of the image itself.  To
   its variances a ten-thousandth is added, since patches of flat images have none.
4. Of hidden units (Sec. 3.3) the logits alone: ``of="logit"`` gives their activation difference.
5. The authors' code counts a window twice, stores half precision, and fills all colours by the matrix of the first.

Raises ImagesError, LogitsError, ClassesError, OptionsError (window, rim, stride, samples, sampling, of, others, batch).
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from repro.engine import checks, patches, variants, watching
from repro.engine.errors import ImagesError, OptionsError
from repro.engine.patches import Windows
from repro.engine.results import Heatmap


def prediction_difference(
    model: nn.Module,
    images: Tensor,
    target_classes: Tensor,
    others: Tensor | None = None,
    *,
    window: int = 10,
    rim: int = 2,
    stride: int = 5,
    samples: int = 10,
    sampling: Literal["conditional", "marginal"] = "conditional",
    of: Literal["probability", "logit"] = "probability",
    trained_on: int = 100_000,
    seed: int = 0,
    batch: int = 64,
    report: variants.Report = variants.silent,
) -> Heatmap:
    """Evidence for one class an image ``(B,)``, on the pixels of ``images (B, C, H, W)``: ``(B, 1, H, W)``.

    ``window`` (k) is replaced ``samples`` times, given a ``rim`` of (l - k) / 2 pixels around it; "marginal" takes what
    stands at the same place in ``others (S, C, H, W)``, in turn.  ``trained_on`` is N, which bounds the evidence of a
    network that is sure.  ``batch`` images go through the network at a time.
    """
    windows = Windows.on(images, window, rim, stride)
    _check(images, others, samples, sampling, of)
    if sampling == "marginal" and others is not None:
        fill = patches.marginal(windows, images, others, samples)  # Eq. (2)
    else:
        fill = patches.conditional(windows, images, others, samples, seed)  # Eq. (4)

    def version(rows: Tensor, numbers: Tensor) -> Tensor:
        return windows.put(images[rows], numbers // samples, fill(rows, numbers))

    with torch.no_grad(), watching.evaluating(model):
        logits = torch.cat([checks.check_logits(model(images[part])) for part in variants.parts(len(images), batch)])
        classes, every = checks.class_indices(target_classes, logits), torch.arange(len(images), device=images.device)

        def score(seen: Tensor, rows: Tensor) -> Tensor:
            return _read(checks.check_logits(model(seen)), classes[rows], of)

        found = variants.scores(every, windows.count * samples, version, score, batch=batch, report=report)
    known = _read(logits, classes, of)[:, None]
    unknown = found.unflatten(1, (windows.count, samples)).mean(2)  # Eq. (1), of logits Eq. (5)
    if of == "probability":
        known, unknown = (log_odds(each, trained_on, logits.shape[1]) for each in (known, unknown))
    return windows.mean((known - unknown)[..., 0])  # Eq. (3)


def log_odds(chances: Tensor, trained_on: int, classes: int) -> Tensor:
    """log2(p / (1 - p)) of p and 1 - p ``(..., 2)`` after the Laplace correction p <- (p N + 1) / (N + K)."""
    return torch.log2((chances[..., :1] * trained_on + 1) / (chances[..., 1:] * trained_on + classes - 1))


def _read(logits: Tensor, classes: Tensor, of: str) -> Tensor:
    """The class's logit ``(N, 1)``, or p and 1 - p ``(N, 2)``: where p is nearly 1, 1 - p would be its rounding."""
    if of == "logit":
        return logits.gather(1, classes[:, None])
    p = logits.softmax(1)
    return torch.cat([p.gather(1, classes[:, None]), p.scatter(1, classes[:, None], 0).sum(1, keepdim=True)], 1)


def _check(images: Tensor, others: Tensor | None, samples: int, sampling: str, of: str) -> None:
    if images.dtype in (torch.float16, torch.bfloat16):
        raise ImagesError("evidence is a small difference, which half precision rounds away: give images in single")
    if of not in ("probability", "logit"):
        raise OptionsError(f"of must be 'probability' or 'logit', not {of!r}")
    if sampling not in ("conditional", "marginal"):
        raise OptionsError(f"sampling must be 'conditional' or 'marginal', not {sampling!r}")
    if samples < 1:
        raise OptionsError(f"samples is how often a window is replaced: 1 or more, not {samples}")
    if others is None and sampling == "marginal":
        raise OptionsError("marginal sampling takes the pixels of other images: give some as others")
    if others is not None and (not len(others) or others.shape[1:] != images.shape[1:]):
        raise OptionsError(f"others must be images {tuple(images.shape[1:])}, not {tuple(others.shape)}")
