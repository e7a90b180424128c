"""First-layer filters: the weights that meet the pixels, drawn as small pictures.

A filter of the first convolution has one channel for each colour of the image, so it can be drawn as a picture: the
pattern that its unit responds to most.  Its spectrum shows which direction and frequency it detects.

No paper proposes this; ``krizhevsky2012imagenet`` (Sec. 6.1, Fig. 3) made it common.  It has no equations, so here they
have letters of ours.

    (a)  w_k(c, u) = d a_k(u_0) / d x_c(u_0 + u)      of the first convolution, its BatchNorm after it
    (b)  P_k(f) = sum_c |F w_kc(f)|^2                 at frequencies 0 < |f| <= 1/2, in cycles a pixel
    (c)  s_k e^(2 i theta_k) = sum_f P_k(f) e^(2 i arg f) / sum_f P_k(f)
    (d)  1 - C |mean_c w_kc|^2 / |w_k|^2              for C colours

Of (c) ``selectivity`` s is 1 for a grating and 0 if no direction is preferred (one minus the circular variance of
physiology), and ``orientation`` theta that of the grating's stripes, in degrees anticlockwise from the horizontal.
``frequency`` is where P is largest, ``smoothness`` the share of P below a quarter of a cycle.  (d) is ``colour``: 0 for
a grey filter, 1 if the colours cancel.

Weights are the gradient (a), in the unit's response per unit of the image's values: a normalisation inside the model is
undone, and BatchNorm is folded in.

Raises LayerError if no convolution runs or what comes before it mixes pixels, ImagesError if the shape is none.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from repro.engine import checks, representations, watching
from repro.engine.errors import LayerError
from repro.engine.results import Filters, FirstFilters

GRID, LOW = 64, 0.25  # frequencies a side at which spectra are taken; cycles a pixel


def first_layer_filters(model: nn.Module, *, shape: tuple[int, ...]) -> FirstFilters:
    """Filters ``(K, C, k, k)`` of the convolution that images of ``shape (C, H, W)`` meet first; what each prefers."""
    images = next(model.parameters(), torch.empty(0)).new_full((1, *shape), 0.5)
    checks.check_images(images)
    convolution, last, maps = _first(model, images)
    centre = [size // 2 for size in maps.shape[2:]]
    with watching.observing(model):
        pixels = watching.pixels(images)
        units = representations.representation(model, pixels, last).view(maps.shape)[0, :, centre[0], centre[1]]
        weights = [torch.autograd.grad(unit, pixels, retain_graph=True)[0] for unit in units]  # Eq. (a)
    return described(_cut(torch.cat(weights), convolution, centre))


def described(weights: Tensor) -> Filters:
    """What each of the filters ``(K, C, h, w)`` prefers."""
    wide = weights.to(torch.promote_types(weights.dtype, torch.float32))
    frequency = torch.fft.fftfreq(GRID, device=weights.device, dtype=wide.dtype)
    down, across = torch.meshgrid(frequency, frequency, indexing="ij")
    radius = down.hypot(across)
    power = torch.fft.fft2(wide, (GRID, GRID)).abs().square().sum(1) * ((radius > 0) & (radius <= 0.5))  # Eq. (b)
    whole = power.sum((1, 2)).clamp_min(torch.finfo(wide.dtype).tiny)
    angle = 2 * torch.atan2(-down, across)  # rows count downwards
    doubled = torch.complex((power * angle.cos()).sum((1, 2)), (power * angle.sin()).sum((1, 2))) / whole  # Eq. (c)
    square, grey = wide.square().sum((1, 2, 3)), wide.mean(1).square().sum((1, 2)) * wide.shape[1]
    colour = (square - grey) / square.clamp_min(torch.finfo(wide.dtype).tiny)  # Eq. (d)
    return Filters(
        weights,
        orientation=(doubled.angle().rad2deg() / 2 + 90) % 180,  # stripes lie across their frequency
        selectivity=doubled.abs(),
        frequency=radius.flatten()[power.flatten(1).argmax(1)],
        smoothness=(power * (radius < LOW)).sum((1, 2)) / whole,
        colour=colour.clamp(0, 1),
    )


def by_orientation(filters: Filters) -> Tensor:
    """The filters in an order for the eye ``(K,)``: by direction in steps of 30 degrees, then from coarse to fine."""
    steps = ((filters.orientation + 15) % 180 / 30).floor()
    return (steps + filters.frequency).argsort()


def _first(model: nn.Module, images: Tensor) -> tuple[nn.Conv2d, nn.Module, Tensor]:
    """The convolution that runs first, the BatchNorm that takes its output or else itself, and what that returns."""
    ran: list[tuple[nn.Module, Tensor, Tensor]] = []
    layers = [each for each in model.modules() if isinstance(each, nn.Conv2d | nn.BatchNorm2d)]
    hooks = [each.register_forward_hook(lambda a, given, out: ran.append((a, given[0], out))) for each in layers]
    try:
        with watching.observing(model, gradients=False):
            model(images)
    finally:
        for hook in hooks:
            hook.remove()
    for number, (layer, _, maps) in enumerate(ran):
        if isinstance(layer, nn.Conv2d):
            after = ran[number + 1] if number + 1 < len(ran) else None
            if after and isinstance(after[0], nn.BatchNorm2d) and after[1] is maps:
                return layer, after[0], after[2]
            return layer, layer, maps
    raise LayerError("no convolution (Conv2d) ran: first-layer filters are those of a convolutional network")


def _cut(gradients: Tensor, layer: nn.Conv2d, centre: list[int]) -> Tensor:
    """The window that the units see, out of gradients ``(K, C, H, W)``; LayerError if there is something outside it."""
    same = [spread * (k - 1) // 2 for spread, k in zip(layer.dilation, layer.kernel_size, strict=True)]
    padding = {"same": same, "valid": [0, 0]}[layer.padding] if isinstance(layer.padding, str) else layer.padding
    window = zip(centre, layer.kernel_size, layer.stride, padding, layer.dilation, strict=True)
    spans = [(at * stride - pad, at * stride - pad + spread * (k - 1) + 1) for at, k, stride, pad, spread in window]
    (top, bottom), (left, right) = spans
    filters = gradients[:, :, max(top, 0) : bottom, max(left, 0) : right]
    if filters.count_nonzero() != gradients.count_nonzero():
        raise LayerError("what comes before the first convolution mixes pixels: its filters are not the network's")
    return filters
