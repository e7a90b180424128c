"""The deconvnet: what units respond to, and the paper's other experiments on layers."""

from __future__ import annotations

import torch
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn import functional

from repro.attribution.occlusion import map_occlusion
from repro.engine.heatmaps import channel_absolute_sum
from repro.experiments.visualisation import correspondence, feature_evolution, invariance, unit_patterns
from repro.experiments.visualisation.layers import LAYERS
from repro.lab import figures, metrics, networks, scenes
from repro.visualisation.deconvnet import deconvnet, strongest


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """The claims' quantities; layers are the paper's, 1 to 7, in zf-scenes."""
    return (
        unit_patterns.measured(seed, device)
        | occluded_maps(seed, device)
        | feature_evolution.measured(seed, device)
        | invariance.measured(seed, device)
        | correspondence.measured(seed, device)
    )


def occluded_maps(seed: int, device: str) -> dict[str, float]:
    """Sec. 4.2: does the strongest map of the top convolution fall if a square covers its reconstruction?

    Rank correlations over the squares, with the reconstruction of the same map in the next image as a control.
    """
    model = networks.load("zf-scenes", seed).to(device)
    one = scenes.one_object(60, seed)
    images, _ = networks.inputs(one.images, one.labels, device)
    layer = model.get_submodule(LAYERS["5"])
    falls, channels = map_occlusion(model, images, layer)
    found = {}
    for name, given in (("own", images), ("other", images.roll(1, 0))):
        reconstruction = channel_absolute_sum(deconvnet(model, given, layer, channels))
        covered = functional.avg_pool2d(reconstruction, 16, 8)
        found[f"occluded-map-{name}-reconstruction"] = float(metrics.rank_correlation(covered, falls).mean())
    return found


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """As the paper's Fig. 2 and Fig. 5: for three units of four layers the nine strongest patches and their
    reconstructions; below, how far features move with the image.
    """
    model = networks.load("zf-scenes", seed).to(device)
    one = scenes.one_object(400, seed)
    images, _ = networks.inputs(one.images, one.labels, device)
    rows: list[list[figures.Panel | figures.Chart]] = []
    for number in ("1", "2", "3", "5"):
        layer = model.get_submodule(LAYERS[number])
        channels = unit_patterns.responding(model, images, layer)[:3]
        top, reconstructions = strongest(model, images, layer, channels)
        rows.append([])
        for unit, which, boxes, found in zip(channels, top.rows, top.boxes, reconstructions, strict=True):
            limit = found.abs().flatten(1).quantile(0.998, dim=1)[:, None, None, None].clamp_min(1e-12)
            shown = 0.5 + 0.5 * (found / limit).clamp(-1, 1)
            rows[-1].append(figures.Panel(f"layer {number}, unit {unit}", mosaic(shown, boxes)))
            rows[-1].append(figures.Panel("its nine patches", mosaic(images[which], boxes)))
    rows.append(list(invariance.charts(seed, device)))
    return figures.panels(rows, "What excites a unit most, projected back to the pixels, and the patches that it sees")


def mosaic(pictures: Tensor, boxes: Tensor) -> Tensor:
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
