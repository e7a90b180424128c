"""Filter visualisation: one picture for each channel of a layer, made to raise the channel's mean activation.

From faint noise on grey, each step follows the gradient, scaled to a set size in each picture.  Side by side the
pictures show what a layer's filters respond to.

We know of no paper that introduces it.  It is activation maximisation (``erhan2009visualizing``) of a channel's mean;
start and step are those of the Keras blog (``keras-blog-convnet-filters``).  Pictures are ``(B, C, H, W)`` in [0, 1].

Differences from the blog:
1. Every channel starts from the same noise; its picture then depends on the channel alone.
2. Values are cut to [0, 1] at every step, where the network's images lie; the blog rescales the picture at the end.
3. 40 steps of 5 of 255 grey levels; the blog takes 20, and its text leaves their length open.

A channel behind a ReLU that the start does not excite has no gradient: its picture stays noise, and ``Filters.dead``
names it.

Raises OptionsError, LayerError, UnitsError, and GradientError for a layer that no gradient leads back from.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from repro.engine.encodings import Shape, checked, place
from repro.engine.errors import OptionsError
from repro.engine.objectives import channel_mean
from repro.engine.optimise import Report, gradients_to_images, optimise
from repro.engine.results import Images
from repro.engine.steps import unit_mean_square

NOISE = 20 / 255  # the range of the start above grey


class Filters(NamedTuple):
    """One picture a channel, and the channel's mean activation: before each step, and at the end."""

    images: Tensor  # (B, C, H, W)
    activations: Tensor  # (steps + 1, B)

    @property
    def dead(self) -> Tensor:
        """``(B,)``: whether the picture is only the start, because the channel never responded."""
        return (self.activations == self.activations[:1]).all(0)


def filter_visualisation(
    model: nn.Module,
    target_layer: nn.Module,
    channels: Tensor | Sequence[int],
    *,
    shape: Shape,
    steps: int = 40,
    rate: float = 0.02,
    seed: int = 0,
    report: Report = lambda done: None,
) -> Images:
    """Pictures ``(B, *shape)`` of these channels ``(B,)`` of a layer; ``filters`` also says how strongly they respond.

    ``rate`` is a step's root mean square.
    """
    return filters(model, target_layer, channels, shape=shape, steps=steps, rate=rate, seed=seed, report=report).images


def filters(
    model: nn.Module,
    target_layer: nn.Module,
    channels: Tensor | Sequence[int],
    *,
    shape: Shape,
    steps: int = 40,
    rate: float = 0.02,
    seed: int = 0,
    report: Report = lambda done: None,
) -> Filters:
    """As ``filter_visualisation``, with the activations on the way."""
    if steps < 0 or rate <= 0:
        raise OptionsError(f"need steps of 0 or more and a positive rate; got {steps} and {rate}")
    like, _ = place(model, seed)
    noise = torch.rand(checked(shape), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)

    def step(x: Tensor, gradient: Tensor, _: Tensor) -> Tensor:
        return (x + rate * unit_mean_square(gradient)).clamp(0, 1)  # Eq. (b)

    with gradients_to_images(model):
        start = (0.5 + NOISE * noise).to(like).repeat(len(channels), 1, 1, 1)
        mean = channel_mean(model, target_layer, channels, start)  # Eq. (a)
        images, history = optimise(start, mean, step, steps, report=report)
        return Filters(images.detach(), torch.stack([*history, mean(images).detach()]))
