"""Explanation by interpretation: a class is explained by the few units that a lasso finds relevant for it.

Over labelled examples a sparse linear model predicts the class from how strongly every unit of every convolution
responds.  In an image, the units of the class with the largest weight times response are sent back to the pixels.

Paper: ``oramas2019visual``.  Only its abstract and the authors' code for one image could be read: the equations bear
letters of ours.  The heatmap ``(B, 1, H, W)`` runs from 0 to 1.

Differences from the paper:
1. The lasso has a penalty and an intercept, where the code bounds the sum of the sizes of a class's weights.
2. Units are the channels of the convolutions, behind a ReLU; the code takes those of all layers.
3. A strided convolution sends the signal back enlarged by nearest neighbour, through its filters with stride 1; max
   pooling keeps its way back, which is the code's default too.

Raises ImagesError (half precision too), LogitsError, ClassesError, OptionsError (units), NoRuleError, GradientError.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

import torch
from torch import Tensor, nn
from torch.nn import functional

from repro.attribution.guided_backprop import guided_rule
from repro.engine import checks, gradients, relu_rules, strides, surrogates, variants, watching
from repro.engine.errors import GradientError, ImagesError, LayerError, OptionsError
from repro.engine.heatmaps import channel_absolute_sum, min_max_normalise
from repro.engine.results import Heatmap


def explanation_by_interpretation(
    model: nn.Module,
    images: Tensor,
    target_classes: Tensor | Sequence[int],
    examples: Tensor,
    labels: Tensor | Sequence[int],
    *,
    penalty: float = 1e-3,
    units: int = 3,
) -> Heatmap:
    """Heatmap ``(B, 1, H, W)`` for one class per image; the lasso is fitted to ``examples (N, C, h, w)`` and labels."""
    checks.check_images(images)
    told, logits = unit_responses(model, examples.to(images))
    weights = relevant_units(told, checks.class_indices(labels, logits), logits.shape[1], penalty=penalty)
    return unit_maps(model, images, target_classes, weights, units=units).amax(1, keepdim=True)  # Eq. (d)


def unit_responses(model: nn.Module, images: Tensor, *, batch: int = 64) -> tuple[Tensor, Tensor]:
    """How strongly each unit responds to each of ``images (N, C, H, W)``, ``(N, U)``; and the logits ``(N, K)``."""
    found = []
    with watching.observing(model, *_convolutions(model, images), gradients=False) as maps:
        for part in variants.parts(len(images), batch):
            logits = checks.check_logits(model(images[part]))
            found.append((responses(maps), logits))
    return torch.cat([told for told, _ in found]), torch.cat([logits for _, logits in found])


def responses(maps: Sequence[Tensor]) -> Tensor:
    """Each unit's share of the energy of its layer's maps ``(B, C, h, w)``, in rows of length 1, ``(B, U)``."""
    energies = [each.relu().double().square().flatten(2).sum(2) for each in maps]
    shares = [each / each.sum(1, keepdim=True).clamp_min(1e-300) for each in energies]
    return functional.normalize(torch.cat(shares, 1), dim=1)  # Eq. (a)


def relevant_units(told: Tensor, labels: Tensor, classes: int, *, penalty: float = 1e-3) -> Tensor:
    """The weight of every unit for every class, ``(K, U)``, mostly 0, from ``told (N, U)`` and ``labels (N,)``."""
    return surrogates.lasso(told, functional.one_hot(labels, classes).double(), penalty).T  # Eq. (b)


def unit_maps(
    model: nn.Module,
    images: Tensor,
    target_classes: Tensor | Sequence[int],
    weights: Tensor,
    *,
    units: int = 3,
    resample: bool = True,
) -> Tensor:
    """The maps of the image's most relevant units, ``(B, units, H, W)``, each from 0 to 1; 0 if there are too few."""
    resampled = strides.Resampled() if resample else nullcontext()
    with watching.observing(model, *_convolutions(model, images)) as maps, relu_rules.ReluRule(guided_rule), resampled:
        pixels = watching.pixels(images)
        logits = checks.check_logits(model(pixels))
        relu_rules.check_ruled(logits)
        if not all(each.grad_fn for each in maps):
            raise GradientError("a convolution does not depend on the image, or not by operations with a gradient")
        relevance = responses(maps) * weights[checks.class_indices(target_classes, logits)].to(logits.device)  # Eq. (c)
        if not 1 <= units <= relevance.shape[1]:
            raise OptionsError(f"units must lie in 1..{relevance.shape[1]}, not {units}")
        found = list[Tensor]()
        for strength, chosen in zip(*(each.T for each in relevance.topk(units, 1)), strict=True):
            one = functional.one_hot(chosen, relevance.shape[1]) * (strength > 0)[:, None]
            parts = one.split([each.shape[1] for each in maps], 1)
            starts = [part[:, :, None, None] * each.detach().relu() for part, each in zip(parts, maps, strict=True)]
            with gradients.following():
                (back,) = torch.autograd.grad(list(maps), pixels, starts, retain_graph=True)
            found.append(min_max_normalise(channel_absolute_sum(back)))
    return torch.cat(found, 1)


def _convolutions(model: nn.Module, images: Tensor) -> list[nn.Conv2d]:
    checks.check_images(images)
    if images.dtype in (torch.float16, torch.bfloat16):
        raise ImagesError("half precision is too coarse to rank units: give the images and the model in float32")
    if not (found := [module for module in model.modules() if isinstance(module, nn.Conv2d)]):
        raise LayerError("the model has no convolution whose units could be relevant")
    return found
