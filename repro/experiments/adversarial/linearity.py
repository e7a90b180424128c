"""How straight the logits are along the fast gradient sign method's step (Goodfellow et al. 2015, Sec. 8, Fig. 4)."""

from __future__ import annotations

import torch
from torch import Tensor

from repro.adversarial.adversarial_examples import gradient_sign
from repro.lab import networks, perturbations


def measure(seed: int, device: str) -> dict[str, float]:
    """How straight the logits are up to 8/255, and how many images stay misclassified up to 64/255."""
    model = networks.load("fc-scenes", seed).to(device)
    images, classes = networks.correctly_classified("fc-scenes", 50, seed, device)
    sign, sizes = gradient_sign(model, images, classes), torch.linspace(0, 8 / 255, 9, device=device)
    with torch.no_grad():
        near, random, far = (
            torch.stack([model(images + size * direction) for size in each])
            for each, direction in ((sizes, sign), (sizes, perturbations.random_signs(images)), (8 * sizes, sign))
        )
    wrong = (far.argmax(2) != classes).int()
    stays = (wrong.cummax(0).values == wrong).all(0)[wrong.any(0)]
    return {
        "straightness": straightness(sizes, near),
        "random-straightness": straightness(sizes, random),
        "stays-wrong": float(stays.float().mean()),
    }


def straightness(sizes: Tensor, logits: Tensor) -> float:
    """How much of the variance of the logits ``(S, B, K)`` straight lines in the size explain, mean over the images."""
    x, y = sizes - sizes.mean(), logits - logits.mean(0)
    slopes = torch.einsum("s,sbk->bk", x, y) / x.square().sum()
    unexplained = (y - x[:, None, None] * slopes).square().sum((0, 2))
    return float((1 - unexplained / y.square().sum((0, 2))).mean())
