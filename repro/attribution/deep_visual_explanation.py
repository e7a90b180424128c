"""Deep visual explanation (DVE): where the feature maps of a late layer respond at coarse and at fine scales at once.

In the Fourier domain a Gaussian keeps the low frequencies of each feature map, and one minus another Gaussian keeps
the high ones.  Both are transformed back and multiplied; the heatmap is the sum of these products over all maps.

Paper: ``babiker2017introduction``, known from a reader's notes (Subhaditya Mukherjee's knowledge base), which give the
transform and these two equations without numbers:

    (a)  S  = sum_i F^-1(F(x_i) G_1) . F^-1(F(x_i) (1 - G_2))    over the feature maps x_i
    (b)  S' = F^-1(F(S) G_1) . F^-1(F(S) (1 - G_2))              "targeted"

The heatmap is ``(B, 1, h, w)`` on the grid of the layer, signed, in squared activations; it is for no class.

What could not be read, and is ours:
1. The widths of G_1 and G_2, here standard deviations in cycles a cell: 0.5 is the finest a grid can hold.
2. Maps are padded by reflection, or what leaves the grid on one side comes in on the other.
3. What the paper does with S afterwards.  That the maps stand for a class is its assumption; no class enters (a).

Raises ImagesError, LogitsError, LayerError for inputs that do not fit, OptionsError (low, high).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from repro.engine import checks, pooling
from repro.engine.errors import OptionsError
from repro.engine.results import Heatmap


def deep_visual_explanation(
    model: nn.Module,
    images: Tensor,
    target_layer: nn.Module | None = None,
    *,
    low: float = 0.15,
    high: float = 0.15,
    targeted: bool = False,
) -> Heatmap:
    """S, or with ``targeted`` S', ``(B, 1, h, w)`` of ``images (B, C, H, W)``.

    ``target_layer`` returns the feature maps x_i; by default they are the input of the last pooling.  ``low`` and
    ``high`` are the widths of the Gaussians G_1 and G_2.
    """
    if low <= 0 or high <= 0:
        raise OptionsError(f"low and high are widths of Gaussians, more than 0, not {low} and {high}")
    with pooling.maps_and_logits(model, images, target_layer) as (maps, logits):
        checks.check_logits(logits)
    shown = both_scales(maps.detach().to(torch.promote_types(maps.dtype, torch.float32)), low, high)
    shown = shown.sum(1, keepdim=True)  # Eq. (a)
    if targeted:
        shown = both_scales(shown, low, high)  # Eq. (b)
    return shown.to(maps.dtype)


def both_scales(maps: Tensor, low: float, high: float) -> Tensor:
    """The low frequencies of each map ``(B, C, h, w)`` times its high ones, elementwise."""
    return filtered(maps, low) * (maps - filtered(maps, high))


def filtered(maps: Tensor, width: float) -> Tensor:
    """The maps ``(B, C, h, w)`` after a Gaussian low pass of this width, in cycles a cell."""
    if not len(maps):
        return maps  # of nothing there is no transform
    height, across = maps.shape[2:]
    left, top = across - 1, height - 1  # as far as a reflection goes
    whole = functional.pad(maps, (left, left, top, top), "reflect")
    down = torch.fft.fftfreq(whole.shape[2], dtype=maps.dtype, device=maps.device)
    right = torch.fft.rfftfreq(whole.shape[3], dtype=maps.dtype, device=maps.device)
    gaussian = torch.exp(-(down[:, None] ** 2 + right**2) / (2 * width**2))
    kept: Tensor = torch.fft.irfft2(torch.fft.rfft2(whole) * gaussian, s=whole.shape[2:])
    return kept[:, :, top : top + height, left : left + across]
