"""The deconvnet: which pattern in this image excited this unit?

One activation is kept and sent back to the pixels, through each layer in reverse: what pooling dropped comes back to
where its maximum was, only what is positive is passed on, and filters are transposed.

Paper: ``zeiler2014visualizing`` (sections, figures and tables as on arXiv).  It has no numbered equations for the
deconvnet; in the order of Sec. 2.1 they are here (a) one activation alone, (b) unpooling, (c) rectification and
(d) filtering.

(b) and (d) are what the gradient does, too, at max pooling and at convolutions.  Only (c) differs: the gradient passes
where the ReLU was on, the deconvnet what is positive (Simonyan et al. 2014, Sec. 4).

The reconstruction is ``(B, C, H, W)``, signed (the last filtering is not rectified), in the unit's activation times
weights per unit of the pixels: only its pattern means something.  It is zero outside the unit's receptive field.

Differences from the paper:
1. If pooling regions overlap and share a maximum, their values are added there, so that unpooling is the exact
   transpose of pooling.  The paper does not say; ``functional.max_unpool2d`` keeps only one of them.
2. No contrast normalisation on the way, which the paper's network has and its deconvnet does not undo.
3. ``strongest`` counts a unit's strongest place in an image only, so that nine patches are nine images.

Raises ImagesError, UnitsError (channels or positions), LayerError (no units there), OptionsError (count), and
NoRuleError if what leads from the pixels to the layer is not one chain of convolutions, ReLUs, max poolings and linear
layers.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from repro.engine import chain, checks, units, variants
from repro.engine.results import Reconstruction


def deconvnet(
    model: nn.Module,
    images: Tensor,
    target_layer: nn.Module,
    channels: Tensor | Sequence[int],
    positions: Tensor | None = None,
) -> Reconstruction:
    """Reconstruction ``(B, C, H, W)`` of ``images (B, C, H, W)`` from one unit of a layer for each image.

    ``channels (B,)`` names the units; ``positions (B, 2)`` their row and column in the layer's maps, and unless it is
    given each channel's strongest place is taken.  A layer after flattening, ``(B, K)``, has no positions.
    """
    checks.check_images(images)
    steps, maps = chain.record(model, images, target_layer)
    with torch.inference_mode(False), torch.no_grad():
        signal = units.alone(maps, channels, positions)  # Eq. (a)
        for step in reversed(steps):
            match step:
                case chain.Pooling():
                    signal = unpooled(signal, step.switches, step.below)  # Eq. (b)
                case chain.Rectification():
                    signal = signal.relu()  # Eq. (c)
                case chain.Convolution() | chain.Linear():
                    signal = filtered(signal, step)  # Eq. (d)
                case chain.Scaling():  # the images' normalisation; its constant may have brought channels in
                    signal = (signal * step.factor).sum_to_size(step.below)
                case _:
                    signal = signal.reshape(step.below)
        return signal.to(images.dtype)


def unpooled(signal: Tensor, switches: Tensor, below: torch.Size) -> Tensor:
    """Each value at the place of its region's maximum, zero elsewhere: the exact transpose of max pooling."""
    flat = signal.new_zeros(below).flatten(2)
    return flat.scatter_add_(2, switches.flatten(2), signal.flatten(2)).view(below)


def filtered(signal: Tensor, layer: chain.Convolution | chain.Linear) -> Tensor:
    """Through the transposed filters: each value paints its filter into the layer below."""
    weight = layer.weight.to(signal.dtype)
    if isinstance(layer, chain.Linear):
        return signal @ weight
    window = zip(
        layer.below[2:], signal.shape[2:], layer.kernel, layer.stride, layer.padding, layer.dilation, strict=True
    )
    left_over = [
        size - (n - 1) * stride + 2 * pad - dilation * (k - 1) - 1 for size, n, k, stride, pad, dilation in window
    ]
    return functional.conv_transpose2d(
        signal, weight, None, layer.stride, layer.padding, left_over, layer.groups, layer.dilation
    )


def strongest(
    model: nn.Module,
    images: Tensor,
    target_layer: nn.Module,
    channels: Sequence[int],
    count: int = 9,
    *,
    batch: int = 64,
    report: variants.Report = variants.silent,
) -> tuple[units.Strongest, Tensor]:
    """Fig. 2: the images that excite each of these units most, and their reconstructions ``(K, count, C, H, W)``."""
    top = units.strongest(model, images, target_layer, channels, count, batch=batch, report=lambda n: report(n / 2))
    rows, of_units = top.rows.flatten(), top.channels.flatten()
    at = None if top.positions is None else top.positions.flatten(0, 1)
    found = [
        deconvnet(model, images[rows[part]], target_layer, of_units[part], None if at is None else at[part])
        for part in variants.parts(len(rows), batch, lambda n: report(0.5 + n / 2))
    ]
    return top, torch.cat(found).unflatten(0, top.rows.shape)
