"""A cat, and what five methods see in it: the picture at the head of the README."""

from __future__ import annotations

import torch

from repro.attribution.grad_cam import grad_cam
from repro.attribution.guided_backprop import guided_backprop
from repro.attribution.guided_grad_cam import guided_grad_cam
from repro.attribution.lrp import lrp
from repro.attribution.occlusion import occlusion, on_pixels
from repro.engine.heatmaps import channel_absolute_sum
from repro.lab import photo_panels


def photograph() -> photo_panels.Panels:
    images, label, model = photo_panels.view("cat"), torch.tensor([photo_panels.CAT]), photo_panels.network()
    falls = occlusion(model, images, label, patch=56, stride=14)
    maps = [
        grad_cam(model, images, label),
        on_pixels(falls, (224, 224), patch=56, stride=14),
        channel_absolute_sum(guided_backprop(model, images, label)),
        channel_absolute_sum(guided_grad_cam(model, images, label)),
        lrp(model, images, label).sum(1, keepdim=True),
    ]
    return [images[0], *(photo_panels.over(images[0], each[0]) for each in maps)]
