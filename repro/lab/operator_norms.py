"""How much each layer of a network can enlarge a change of its input (Szegedy et al. 2014, Sec. 4.3)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def operator_norms(model: nn.Module, image: Tensor) -> list[float]:
    """Largest singular value of each convolution and linear layer, for an image ``(1, C, H, W)``.

    By power iteration on the layer itself; the paper takes convolutions to the Fourier domain, which assumes that they
    wrap around at the border.
    """
    layers = [module for module in model.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    inputs: list[Tensor] = []
    handles = [layer.register_forward_hook(lambda _, given, __: inputs.append(given[0])) for layer in layers]
    try:
        with torch.no_grad():
            model(image)
    finally:
        for handle in handles:
            handle.remove()
    norms, generator = [], torch.Generator().manual_seed(0)
    for layer, given in zip(layers, inputs, strict=True):
        v = torch.rand(given.shape, generator=generator).to(given)
        for _ in range(100):
            with torch.enable_grad():
                change = layer(v.requires_grad_()) - layer(torch.zeros_like(v))  # W v, without the bias
                (v,) = torch.autograd.grad(change.square().sum() / 2, v)  # W^T W v
            growth = v.norm()
            v = v / growth
        norms.append(float(growth.sqrt()))
    return norms
