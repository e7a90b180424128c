"""The deconvnet: which pattern in this image made this unit answer?

One activation is kept and sent back to the pixels, through each layer in reverse: what pooling dropped comes back to
where its maximum was, filters are transposed, and between layers only what is positive is passed on.

Paper: ``zeiler2014visualizing`` (sections, figures and tables as on arXiv), which has no numbered equations for it
but three operations (Sec. 2.1, Fig. 1):

    unpooling       each value goes to the place of its region's maximum, which the forward pass recorded: the switches
    rectification   relu(signal), because the feature maps that it stands for are never negative
    filtering       the transposed filters: each one flipped vertically and horizontally

All other activations of the layer are zero at the start.  Each operation is one that a backward pass has already: the
gradient of max pooling *is* unpooling by switches, the gradient of a convolution *is* the transposed convolution.  So
the whole deconvnet is a backward pass that starts with the activation's own value and has ``relu`` of the signal at
every ReLU, where the gradient has a mask of the forward pass (Simonyan et al. 2014, Sec. 4).

The reconstruction is ``(B, C, H, W)``, signed (the last filtering is not rectified), in the unit's activation times
weights per unit of the pixels: only its pattern means something.  It is zero outside the unit's receptive field.

Differences from the paper:
1. Where pooling regions overlap and share a maximum, their values are added there, so that unpooling is the exact
   transpose of pooling.  The paper does not say; ``functional.max_unpool2d`` keeps only one of them.
2. No contrast normalisation on the way, which the paper's network has and its deconvnet does not undo.
3. Of one image ``strongest`` counts a unit's strongest place only, so that nine patches are nine images.

``receptive_fields`` and ``strongest`` are for the paper's Fig. 2: the nine images that excite a unit most, the patches
that it sees of them and their reconstructions.

Raises ValueError if images, layer, channels or positions do not fit, and if what leads from the pixels to the layer is
not one chain of convolutions, ReLUs, max poolings and linear layers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from repro.attribution.occlusion import map_occlusion
from repro.engine import checks, relu_rules, training, watching
from repro.engine.heatmaps import channel_absolute_sum
from repro.lab import digits, figures, layer_properties, metrics, networks, scenes

_BATCH = 64
_EPOCHS = (0, 1, 2, 4, 8, 16, 24)
# Names of autograd's nodes: which operations led to a tensor, however they were written
_WINDOWS = ("ConvolutionBackward0", "MaxPool2DWithIndicesBackward0")
_WHOLE = ("AddmmBackward0", "MmBackward0", "LinearBackward0")  # linear layers see all that is below
_SHAPES = ("ViewBackward0", "UnsafeViewBackward0", "ReshapeAliasBackward0", "CloneBackward0", "CopyBackwards")
_CONSTANTS = ("AddBackward0", "SubBackward0", "RsubBackward1", "MulBackward0", "DivBackward0")  # a normalisation
_PLAIN = (*_WINDOWS, *_WHOLE, *_SHAPES, *_CONSTANTS, "_RuledReluBackward")


def deconvnet(
    model: nn.Module,
    images: Tensor,
    target_layer: nn.Module,
    channels: Tensor | Sequence[int],
    positions: Tensor | None = None,
) -> Tensor:
    """Reconstruction ``(B, C, H, W)`` of ``images (B, C, H, W)`` from one unit of a layer for each image.

    ``channels (B,)`` names the units; ``positions (B, 2)`` their row and column in the layer's maps, and unless it is
    given each channel's strongest place is taken.  A layer after flattening, ``(B, K)``, has no positions.
    """
    checks.check_images(images)
    with torch.inference_mode(False), torch.enable_grad():
        pixels, maps = _forward(model, images, target_layer)
        _chain(maps)
        start = _only(maps.detach(), channels, positions)
        (reconstruction,) = torch.autograd.grad(maps, pixels, start)
    return reconstruction


def _rectified(signal: Tensor, passed: Tensor) -> Tensor:
    return signal.relu()  # Sec. 2.1, rectification: of the signal; where the ReLU was on (``passed``) plays no part


def _only(maps: Tensor, channels: Tensor | Sequence[int], positions: Tensor | None) -> Tensor:
    """One activation of each image, all others zero (Sec. 2.1)."""
    units = _units(maps, channels)
    if len(units) != len(maps):
        raise ValueError(f"channels must be {len(maps)} whole numbers, one an image, not {len(units)}")
    rows, flat = torch.arange(len(maps), device=maps.device), maps.flatten(2) if maps.dim() > 2 else maps[..., None]
    values = flat[rows, units]
    places = values.argmax(1) if positions is None else _places(maps, positions)
    if len(places) != len(maps):
        raise ValueError(f"positions must be {len(maps)} pairs, one an image, not {len(places)}")
    start = torch.zeros_like(flat)
    start[rows, units, places] = values[rows, places]
    return start.view_as(maps)


def _units(maps: Tensor, channels: Tensor | Sequence[int]) -> Tensor:
    """Channels as indices ``(N,)`` of maps ``(B, C, ...)``."""
    units = torch.as_tensor(channels, device=maps.device)
    if units.dim() != 1 or (len(units) and not _whole(units)):
        raise ValueError(f"channels must be whole numbers, one after the other, not {units.tolist()}")
    if ((units < 0) | (units >= maps.shape[1])).any():
        raise ValueError(f"channels must lie in 0..{maps.shape[1] - 1}, not {units.tolist()}")
    return units.long()


def _places(maps: Tensor, positions: Tensor) -> Tensor:
    """Positions ``(N, 2)`` as indices ``(N,)`` of flattened maps."""
    if maps.dim() != 4 or positions.dim() != 2 or positions.shape[1] != 2 or not _whole(positions):
        known = "rows and columns of maps (B, C, h, w), whole numbers (N, 2)"
        raise ValueError(f"positions must be {known}, not {positions.tolist()}")
    sizes = torch.tensor(maps.shape[2:], device=maps.device)
    positions = positions.to(sizes)
    if ((positions < 0) | (positions >= sizes)).any():
        raise ValueError(f"positions must lie within {tuple(maps.shape[2:])}, not {positions.tolist()}")
    return positions[:, 0] * sizes[1] + positions[:, 1]


def _whole(numbers: Tensor) -> bool:
    return not (numbers.is_floating_point() or numbers.is_complex() or numbers.dtype == torch.bool)


def _forward(model: nn.Module, images: Tensor, target_layer: nn.Module) -> tuple[Tensor, Tensor]:
    """Pixels, and what the layer makes of them, with a graph between them that has the deconvnet's rectification."""
    pixels = images.detach().clone().requires_grad_()
    caught = watching.activations(model, target_layer)
    with watching.evaluating(model), watching.frozen(model), relu_rules.ReluRule(_rectified), caught as outputs:
        model(pixels)
    maps = outputs[0]
    if maps.dim() not in (2, 4):
        raise ValueError(f"a layer of units returns (B, C, h, w) or (B, K), and this one {tuple(maps.shape)}")
    return pixels, maps


def _chain(maps: Tensor) -> list[Any]:
    """The operations that led from the pixels to the maps, the last one first; ValueError if they are not one chain."""
    steps: list[Any] = []
    node: Any = maps.grad_fn
    while node is not None and type(node).__name__ != "AccumulateGrad":
        below = [other for other, _ in node.next_functions if other is not None]
        name = type(node).__name__
        if name == "CopyBackwards":  # an in-place ReLU: what was there before is overwritten
            below = below[-1:]
        if len(below) != 1:
            raise ValueError(f"a deconvnet reverses one chain of layers, and here paths meet ({_spoken(name)})")
        transposed = getattr(node, "_saved_transposed", False)
        if (name not in _PLAIN and not _changes_nothing(node)) or transposed:
            known = "convolutions, ReLUs, max poolings and linear layers"
            other = "a transposed convolution" if transposed else _spoken(name)
            raise ValueError(f"a deconvnet reverses {known}, and on the way to this layer there is {other}")
        steps.append(node)
        node = below[0]
    if node is None:
        raise ValueError("the target layer does not depend on the image, or not by operations with a gradient")
    return steps


def _changes_nothing(node: Any) -> bool:
    """Whether it is a pooling from 6x6 to 6x6, as AlexNet and VGG have it before their linear layers."""
    if type(node).__name__ != "AdaptiveAvgPool2DBackward0":
        return False
    return tuple(node._saved_self.shape) == tuple(node._input_metadata[0].shape)


def _spoken(name: str) -> str:
    return name.rstrip("0123456789").removesuffix("Backward").removesuffix("Backwards")


def receptive_fields(model: nn.Module, images: Tensor, target_layer: nn.Module, positions: Tensor) -> Tensor:
    """Boxes ``(N, 4)`` x0 y0 x1 y1 in pixels, ends exclusive, of all that units at ``positions (N, 2)`` can see.

    Computed from the kernels, strides, paddings and dilations of the layers below; cut at the border of each layer's
    input, for what lies beyond is padding.  ``images`` are one or more images of the size meant.  After flattening a
    unit has no position and sees everything.
    """
    checks.check_images(images)
    height, width = images.shape[2:]
    with torch.inference_mode(False), torch.enable_grad():
        _, maps = _forward(model, images[:1], target_layer)
        steps = _chain(maps)
    if maps.dim() == 4:
        _places(maps, positions)
    positions = positions.long()
    first, last = positions, positions  # rows and columns at the ends, both inclusive
    for node in steps:
        if type(node).__name__ in _WHOLE:
            return torch.tensor([0, 0, width, height], device=positions.device).repeat(len(positions), 1)
        if type(node).__name__ in _WINDOWS:
            kernel, stride, padding, dilation, below = (positions.new_tensor(each) for each in _window(node))
            first, last = first * stride - padding, last * stride - padding + dilation * (kernel - 1)
            first = first + _taps(-first, dilation)
            last = last - _taps(last - (below - 1), dilation)
    return torch.cat([first.flip(1), last.flip(1) + 1], 1)


def _taps(beyond: Tensor, dilation: Tensor) -> Tensor:
    """The way to a kernel's first tap within the border, from one so far beyond it: there is padding."""
    return (beyond.clamp_min(0) + dilation - 1) // dilation * dilation


def _window(node: Any) -> tuple[Sequence[int], ...]:
    """Kernel, stride, padding, dilation, and the size of what the window moves over."""
    convolves = hasattr(node, "_saved_weight")
    kernel = node._saved_weight.shape[2:] if convolves else node._saved_kernel_size
    below = node._saved_input if convolves else node._saved_self
    stride = node._saved_stride or kernel  # a pooling's stride is its kernel unless given
    return tuple(kernel), tuple(stride), tuple(node._saved_padding), tuple(node._saved_dilation), tuple(below.shape[2:])


@dataclass(frozen=True)
class Strongest:
    """For K units the N images that excite each most, the strongest first."""

    rows: Tensor  # (K, N), which of the images
    activations: Tensor  # (K, N)
    boxes: Tensor  # (K, N, 4), what the unit sees of the image: x0 y0 x1 y1 in pixels, ends exclusive
    reconstructions: Tensor  # (K, N, C, H, W)


def strongest(
    model: nn.Module,
    images: Tensor,
    target_layer: nn.Module,
    channels: Sequence[int],
    count: int = 9,
    *,
    report: Callable[[float], None] = lambda share: None,
) -> Strongest:
    """The ``count`` images on which each of these units answers most, with patches and reconstructions (Fig. 2).

    ``report`` hears the share that is done, 0 to 1.  Raises ValueError if there are fewer images, or no channels.
    """
    checks.check_images(images)
    if not 1 <= count <= len(images):
        raise ValueError(f"the {count} strongest of {len(images)} images: give more images, or another count")
    if not len(channels):
        raise ValueError("channels must name a unit or more, and there are none")
    width = 1
    values: list[Tensor] = []
    places: list[Tensor] = []
    for start in range(0, len(images), _BATCH):
        with torch.no_grad(), watching.evaluating(model), watching.activations(model, target_layer) as outputs:
            model(images[start : start + _BATCH])
        units = _units(outputs[0], channels)
        of_units = outputs[0][:, units]
        width = of_units.shape[3] if of_units.dim() == 4 else 1
        value, place = of_units.flatten(2).max(2) if of_units.dim() == 4 else (of_units, torch.zeros_like(units))
        values.append(value)
        places.append(place.expand_as(value))
        report(0.5 * (start + _BATCH) / (len(images) + _BATCH))
    activations, rows = torch.cat(values).topk(count, 0)  # (N, K)
    at = torch.cat(places).gather(0, rows).T.flatten()
    positions, flat = torch.stack([at // width, at % width], 1), rows.T.flatten()
    which = units.repeat_interleave(count)
    maps = outputs[0].dim() == 4
    found = []
    for start in range(0, len(flat), _BATCH):
        part = slice(start, start + _BATCH)
        found.append(deconvnet(model, images[flat[part]], target_layer, which[part], positions[part] if maps else None))
        report(0.5 + 0.5 * min(1, (start + _BATCH) / len(flat)))
    boxes = receptive_fields(model, images, target_layer, positions)
    return Strongest(
        rows.T, activations.T, boxes.view(-1, count, 4), torch.cat(found).view(-1, count, *images.shape[1:])
    )


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """The claims' numbers: of units and their strongest nine on 400 scenes with one object, and of layers.

    Layers are the paper's, 1 to 7, in zf-scenes; each is seen through its first 12 units that answer to nine images
    and more.  "mass" is the share of a reconstruction's size, summed over the colours, that lies on objects.
    "likeness" is the largest correlation of two pictures over all shifts.  "untrained" is zf-scenes as it is built.
    """
    model = networks.load("zf-scenes", seed).to(device)
    one = scenes.one_object(400, seed)
    images, _ = networks.inputs(one.images, one.labels, device)
    layers = {
        number: _layer(model, images, one, model.get_submodule(name))
        for number, name in layer_properties.LAYERS.items()
    }
    quantities = {f"{what}-layer-{number}": value for number, found in layers.items() for what, value in found.items()}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        untrained = networks.build("zf-scenes").to(device).eval()
    rng = np.random.default_rng(seed)
    quantities["purity-of-random-nine"] = _purity(one.labels[rng.integers(len(one), size=(500, 9))])
    for number in ("2", "5"):
        layer = untrained.get_submodule(layer_properties.LAYERS[number])
        of_trained, of_untrained = layers[number], _layer(untrained, images, one, layer)
        for what, one_thing, another in (
            ("mass-minus-area", "deconvnet-mass", "area"),
            ("likeness-minus-patches", "reconstruction-likeness", "patch-likeness"),
        ):
            differences = [each[one_thing] - each[another] for each in (of_trained, of_untrained)]
            quantities[f"{what}-layer-{number}"] = differences[0]
            quantities[f"{what}-minus-untrained-layer-{number}"] = differences[0] - differences[1]
        over_gradient = of_trained["deconvnet-mass"] - of_trained["gradient-mass"]
        quantities[f"mass-minus-gradient-layer-{number}"] = over_gradient
    purities = [quantities[f"purity-layer-{number}"] for number in ("2", "3", "4", "5")]
    quantities["purity-layer-5-minus-2"] = purities[-1] - purities[0]
    quantities["purity-layer-2-minus-random"] = purities[0] - quantities["purity-of-random-nine"]
    quantities["smallest-rise-of-purity"] = float(np.diff(purities).min())
    return (
        quantities
        | _validated(model, images[:60])
        | _evolution(seed, device)
        | layer_properties.invariance(seed, device)
        | layer_properties.correspondence(seed, device)
    )


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """As the paper's Fig. 2: for three units of four layers the nine strongest patches, and their reconstructions."""
    model = networks.load("zf-scenes", seed).to(device)
    one = scenes.one_object(400, seed)
    images, _ = networks.inputs(one.images, one.labels, device)
    rows = []
    for number in ("1", "2", "3", "5"):
        layer = model.get_submodule(layer_properties.LAYERS[number])
        units = _alive(model, images, layer)[:3]
        top = strongest(model, images, layer, units)
        panels = []
        for unit, which, boxes, found in zip(units, top.rows, top.boxes, top.reconstructions, strict=True):
            limit = found.abs().flatten(1).quantile(0.998, dim=1)[:, None, None, None].clamp_min(1e-12)
            shown = 0.5 + 0.5 * (found / limit).clamp(-1, 1)
            panels.append(figures.Panel(f"layer {number}, unit {unit}", _mosaic(shown, boxes)))
            panels.append(figures.Panel("its nine patches", _mosaic(images[which], boxes)))
        rows.append(panels)
    return figures.panels(rows, "What excites a unit most, projected back to the pixels, and the patches that it sees")


def _mosaic(pictures: Tensor, boxes: Tensor) -> Tensor:
    """Nine patches in three rows, each in the middle of a white square as large as the largest."""
    sides = boxes[:, 2:] - boxes[:, :2]
    size = int(sides.max()) + 2
    tiles = []
    for picture, (left, top, right, bottom) in zip(pictures, boxes.tolist(), strict=True):
        tile = pictures.new_ones(pictures.shape[1], size, size)
        x, y = (size - right + left) // 2, (size - bottom + top) // 2
        tile[:, y : y + bottom - top, x : x + right - left] = picture[:, top:bottom, left:right]
        tiles.append(tile)
    return torch.cat([torch.cat(tiles[i : i + 3], 2) for i in (0, 3, 6)], 1)


def _alive(model: nn.Module, images: Tensor, layer: nn.Module) -> list[int]:
    """Units that answer to nine images or more."""
    with torch.no_grad(), watching.activations(model, layer) as outputs:
        model(images)
    answers = outputs[0].flatten(2).amax(2) if outputs[0].dim() == 4 else outputs[0]
    return [int(unit) for unit in torch.nonzero((answers > 0).sum(0) >= 9)[:, 0]]


def _layer(model: nn.Module, images: Tensor, one: scenes.Scenes, layer: nn.Module) -> dict[str, float]:
    """Means over a layer's first 12 units that are alive, each with its nine strongest images."""
    units = _alive(model, images, layer)[:12]
    top = strongest(model, images, layer, units)
    rows, of_units = top.rows.flatten(), torch.tensor(units, device=images.device).repeat_interleave(9)
    masks = one.class_masks()[rows.cpu().numpy()]
    boxes = top.boxes.flatten(0, 1)
    reconstructions, seen = top.reconstructions.flatten(0, 1), _seen(images[rows], boxes)
    gradients = _gradient(model, images[rows], layer, of_units)
    inside = seen.abs().amax(1, keepdim=True) > 0
    return {
        "deconvnet-mass": float(metrics.energy_in_mask(channel_absolute_sum(reconstructions), masks).mean()),
        "gradient-mass": float(metrics.energy_in_mask(channel_absolute_sum(gradients), masks).mean()),
        "area": float(metrics.energy_in_mask(inside.to(seen), masks).mean()),
        "purity": _purity(one.labels[top.rows.cpu().numpy()]),
        "reconstruction-likeness": _likeness_among(top.reconstructions),
        "patch-likeness": _likeness_among(seen.view_as(top.reconstructions)),
        "receptive-field": float((boxes[:, 2] - boxes[:, 0]).max()),
    }


def _gradient(model: nn.Module, images: Tensor, layer: nn.Module, channels: Tensor) -> Tensor:
    """The control: of the same activations, the gradient as it is."""
    pixels = images.clone().requires_grad_()
    with watching.evaluating(model), watching.frozen(model), watching.activations(model, layer) as outputs:
        model(pixels)
    (gradient,) = torch.autograd.grad(outputs[0], pixels, _only(outputs[0].detach(), channels, None))
    return gradient


def _seen(images: Tensor, boxes: Tensor) -> Tensor:
    """What a unit sees of each image, less its mean colour; zero elsewhere."""
    across, down = (torch.arange(size, device=images.device) for size in (images.shape[3], images.shape[2]))
    columns = (across >= boxes[:, :1]) & (across < boxes[:, 2:3])
    lines = (down >= boxes[:, 1:2]) & (down < boxes[:, 3:])
    inside = (lines[:, None, :, None] & columns[:, None, None, :]).to(images)
    mean = (images * inside).sum((2, 3), keepdim=True) / inside.sum((2, 3), keepdim=True)
    return (images - mean) * inside


def _purity(labels: NDArray[np.int64]) -> float:
    """Share of the most frequent class among each unit's nine ``(K, 9)``, mean over the units."""
    return float(np.mean([np.bincount(nine).max() / len(nine) for nine in labels]))


def _likeness_among(pictures: Tensor) -> float:
    """Mean likeness of each two of the nine pictures of a unit, ``(K, 9, C, H, W)``."""
    count = pictures.shape[1]
    pairs = torch.triu_indices(count, count, 1, device=pictures.device)
    return float(torch.stack([_likeness(nine[pairs[0]], nine[pairs[1]]).mean() for nine in pictures]).mean())


def _likeness(first: Tensor, second: Tensor) -> Tensor:
    """Largest correlation over all shifts of pictures ``(B, C, H, W)``, ``(B,)``: the same pattern elsewhere is 1."""
    size = [2 * side for side in first.shape[2:]]  # room, so that nothing comes round
    spectra = [torch.fft.rfft2(each, size) for each in (first, second)]
    products = torch.fft.irfft2((spectra[0] * spectra[1].conj()).sum(1), size)
    norms = first.flatten(1).norm(dim=1) * second.flatten(1).norm(dim=1)
    likeness: Tensor = products.amax((1, 2)) / norms.clamp_min(1e-12)
    return likeness


def _validated(model: nn.Module, images: Tensor) -> dict[str, float]:
    """Sec. 4.2: does the strongest map of the top convolution fall where a square covers its reconstruction?  Rank
    correlations over the squares, with the reconstruction of the same map in the next image as a control.
    """
    layer = model.get_submodule("features.12")
    falls, channels = map_occlusion(model, images, layer)
    found = {}
    for name, given in (("own", images), ("other", images.roll(1, 0))):
        covered = functional.avg_pool2d(channel_absolute_sum(deconvnet(model, given, layer, channels)), 16, 8)
        found[f"occluded-map-{name}-reconstruction"] = float(metrics.rank_correlation(covered, falls).mean())
    difference = found["occluded-map-own-reconstruction"] - found["occluded-map-other-reconstruction"]
    return found | {"occluded-map-own-minus-other": difference}


def _evolution(seed: int, device: str) -> dict[str, float]:
    """Fig. 4: lenet-digits trained anew for 24 epochs, and how like the last one each unit's strongest pattern is.

    The strongest of 600 training digits is asked for in each of the epochs, so that a change of the digit counts.
    """
    some = digits.load(600, seed, held_out=False)
    images, classes = networks.inputs(some.images, some.labels, device)
    seen: dict[str, list[Tensor]] = {number: [] for number in layer_properties.DIGITS}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = networks.build("lenet-digits").to(device)
        optimiser = torch.optim.AdamW(model.parameters(), lr=2e-3)
        per_epoch = -(-len(images) // 32)

        def look(step: int) -> None:
            if step % per_epoch == 0 and step // per_epoch in _EPOCHS:
                for number, name in layer_properties.DIGITS.items():
                    top = strongest(model, images, model.get_submodule(name), range(10), 1)
                    seen[number].append(top.reconstructions[:, 0])

        look(0)
        orders = (torch.randperm(len(images)).to(device) for _ in range(_EPOCHS[-1]))
        batches = (rows for order in orders for rows in order.split(32))
        training.fit(
            model,
            batches,
            lambda rows: functional.cross_entropy(model(images[rows]), classes[rows]),
            optimiser,
            probe=look,
        )
    found = {}
    for number, patterns in seen.items():
        alive = patterns[-1].flatten(1).norm(dim=1) > 0
        for epoch, pattern in zip(_EPOCHS, patterns, strict=True):
            likeness = float(_likeness(pattern[alive], patterns[-1][alive]).mean())
            found[f"evolution-layer-{number}-epoch-{epoch}"] = likeness
    for epoch in _EPOCHS[:4]:
        lower, upper = (found[f"evolution-layer-{number}-epoch-{epoch}"] for number in ("1", "3"))
        found[f"evolution-layer-1-minus-3-epoch-{epoch}"] = lower - upper
    for number in ("1", "3"):  # of the way from where it began
        before, early = (1 - found[f"evolution-layer-{number}-epoch-{epoch}"] for epoch in (0, 2))
        found[f"evolution-way-left-layer-{number}"] = early / before
    left = found["evolution-way-left-layer-3"] - found["evolution-way-left-layer-1"]
    return found | {"evolution-way-left-layer-3-minus-1": left}
