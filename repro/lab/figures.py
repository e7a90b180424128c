"""Pictures made to be shown: an overlay that leaves the image readable, a colour bar, panels with titles.

Signed maps use Moreland's diverging map (coolwarm, 2009): equal steps look equal, both ends are as dark, grey is zero.
Maps without a sign use inferno.  Both are readable without red or green.  A picture carries in its metadata how it was made.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from torch import Tensor

from repro.lab.metrics import upsample
from repro.lab.scenes import Floats

STRENGTH = 0.85  # of the colour where the map is strongest; the image always shows through


@dataclass(frozen=True)
class Panel:
    """One picture of a figure: an image ``(3, H, W)`` in [0, 1], a map laid over it or shown alone, and boxes."""

    title: str
    image: Tensor | None = None
    heatmap: Tensor | None = None  # (1, h, w)
    boxes: Sequence[tuple[NDArray[np.int64], str]] = ()  # box in image pixels, colour


def overlay(image: Tensor, heatmap: Tensor, limit: float | None = None) -> Floats:
    """The image in grey with the map's colours over it, ``(H, W, 3)``; zero is transparent, ``limit`` strongest."""
    values = upsample(heatmap[None].float(), tuple(image.shape[1:]))[0, 0].detach().cpu().numpy()  # type: ignore[arg-type]
    scale = limit or _limit(heatmap)
    strength = STRENGTH * np.clip(abs(values) / scale, 0, 1)[..., None] ** 0.7
    luma = np.array([0.299, 0.587, 0.114], np.float32)
    grey = np.einsum("chw,c->hw", image.cpu().numpy(), luma)[..., None]
    colours = _colours(values, scale, _signed(heatmap))
    mixed: Floats = (1 - strength) * (0.25 + 0.65 * grey) + strength * colours
    return mixed


def panels(rows: Sequence[Sequence[Panel]], title: str = "", unit: str = "") -> Figure:
    """A grid of panels; where there are maps, one colour bar with the unit says what the colours mean.

    Panels of one row share the scale of their maps.
    """
    columns = max(len(row) for row in rows)
    figure = Figure(figsize=(2.1 * columns + 0.9, 2.35 * len(rows) + (0.5 if title else 0.1)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(rows), columns, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for row, row_axes in zip(rows, axes, strict=True):
        maps = [panel.heatmap for panel in row if panel.heatmap is not None]
        limit = max((_limit(heatmap) for heatmap in maps), default=1.0)
        for panel, axis in zip(row, row_axes, strict=False):
            _draw(axis, panel, limit)
        if maps:
            signed = any(_signed(heatmap) for heatmap in maps)
            norm = matplotlib.colors.Normalize(-limit if signed else 0, limit)
            colours = matplotlib.cm.ScalarMappable(norm, _colour_map(signed))
            figure.colorbar(colours, ax=list(row_axes), shrink=0.85, aspect=18, pad=0.01, label=unit)
    if title:
        figure.suptitle(title, fontsize=11)
    return figure


def save(figure: Figure, path: Path | str, provenance: Mapping[str, str], dpi: int = 110) -> None:
    """Write a PNG whose metadata hold the provenance; the file appears whole or not at all.

    Raises ValueError if the folder does not exist or the name does not end in .png.
    """
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise ValueError(f"a picture is written as PNG: call it {path.with_suffix('.png').name}, not {path.name}")
    if not path.parent.is_dir():
        raise ValueError(f"there is no folder {path.parent} to write {path.name} into: make it first")
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".sightglass-") as folder:
        part = Path(folder) / path.name
        figure.savefig(part, dpi=dpi, metadata={"Software": "Sightglass", **provenance})
        os.replace(part, path)


def _draw(axis: matplotlib.axes.Axes, panel: Panel, limit: float) -> None:
    axis.set_title(panel.title, fontsize=9)
    if panel.image is not None and panel.heatmap is not None:
        axis.imshow(overlay(panel.image, panel.heatmap, limit))
    elif panel.image is not None:
        axis.imshow(panel.image.permute(1, 2, 0).cpu().numpy(), interpolation="nearest")
    elif panel.heatmap is not None:
        values = panel.heatmap[0].detach().float().cpu().numpy()
        signed = _signed(panel.heatmap)
        axis.imshow(values, cmap=_colour_map(signed), vmin=-limit if signed else 0, vmax=limit, interpolation="nearest")
    for box, colour in panel.boxes:
        left, top, right, bottom = (float(edge) for edge in box)
        place = (left - 0.5, top - 0.5)
        for width, line in ((3.2, "black"), (1.6, colour)):  # a dark rim keeps it visible on any image
            axis.add_patch(Rectangle(place, right - left, bottom - top, fill=False, lw=width, ec=line, clip_on=False))


def _signed(heatmap: Tensor) -> bool:
    return bool((heatmap < 0).any())


def _limit(heatmap: Tensor) -> float:
    return max(float(heatmap.detach().abs().max()), 1e-12)


def _colour_map(signed: bool) -> matplotlib.colors.Colormap:
    return matplotlib.colormaps["coolwarm" if signed else "inferno"]


def _colours(values: Floats, scale: float, signed: bool) -> Floats:
    share = 0.5 + 0.5 * values / scale if signed else values / scale
    colours: Floats = _colour_map(signed)(np.clip(share, 0, 1))[..., :3].astype(np.float32)
    return colours
