"""Pictures made to be shown: an overlay that leaves the image readable, a colour bar, panels with titles.

Signed maps use Moreland's diverging map (coolwarm, 2009): equal steps look equal, both ends are as dark, grey is zero.
Maps without a sign use inferno.  Both are readable without telling red from green.  A picture says in its metadata how
it was made.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from repro.engine.heatmaps import upsample
from repro.lab import files
from repro.lab.scenes import Floats

STRENGTH = 0.85  # of the colour where the map is strongest; the image always shows through


@dataclass(frozen=True)
class Scale:
    """From values to colours: 0 to ``limit``, or -limit to limit if any value is negative."""

    limit: float
    colours: ScalarMappable

    @classmethod
    def of(cls, heatmaps: Sequence[Tensor]) -> Scale:
        limit = max([float(heatmap.detach().abs().max()) for heatmap in heatmaps], default=1.0) or 1.0
        signed = any(bool((heatmap < 0).any()) for heatmap in heatmaps)
        norm = Normalize(-limit if signed else 0, limit)
        return cls(limit, ScalarMappable(norm, "coolwarm" if signed else "inferno"))


@dataclass(frozen=True)
class Panel:
    """One picture of a figure: an image ``(1 or 3, H, W)`` in [0, 1], a map laid over it or shown alone, and boxes."""

    title: str
    image: Tensor | None = None
    heatmap: Tensor | None = None  # (1, h, w)
    boxes: Sequence[tuple[NDArray[np.int64], str]] = ()  # box in image pixels, colour


def overlay(image: Tensor, heatmap: Tensor, scale: Scale | None = None) -> Floats:
    """The image in grey with the map's colours over it, ``(H, W, 3)`` in [0, 1]; where the map is zero, image only."""
    scale = scale or Scale.of([heatmap])
    height, width = image.shape[1:]
    values = upsample(heatmap[None].detach().float(), (height, width))[0, 0].cpu().numpy()
    strength = STRENGTH * np.clip(np.abs(values) / scale.limit, 0, 1)[..., None] ** 0.7
    weights = image.new_tensor([0.299, 0.587, 0.114] if len(image) == 3 else [1.0])
    grey = torch.einsum("chw,c->hw", image, weights)[..., None].cpu().numpy()
    mixed: Floats = (1 - strength) * (0.25 + 0.65 * grey) + strength * scale.colours.to_rgba(values)[..., :3]
    return mixed


def panels(rows: Sequence[Sequence[Panel]], title: str = "", unit: str = "") -> Figure:
    """A grid of panels.  All maps share one scale, and one colour bar says with its unit what the colours mean."""
    columns = max(len(row) for row in rows)
    figure = Figure(figsize=(2.0 * columns + 1.0, 2.2 * len(rows) + 0.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(rows), columns, squeeze=False)
    maps = [panel.heatmap for row in rows for panel in row if panel.heatmap is not None]
    scale = Scale.of(maps)
    for row, row_axes in zip(rows, axes, strict=True):
        for axis in row_axes:
            axis.set_axis_off()
        for panel, axis in zip(row, row_axes, strict=False):
            _draw(axis, panel, scale)
    if maps:
        figure.colorbar(scale.colours, ax=axes, shrink=min(1.0, 1.6 / len(rows)), aspect=18, pad=0.015, label=unit)
    if title:
        figure.suptitle(textwrap.fill(title, int(11 * figure.get_figwidth())), fontsize=11)
        figure.draw_without_rendering()  # a title of two lines is laid out right only the second time
    return figure


def save(figure: Figure, path: Path | str, provenance: Mapping[str, str], dpi: int = 100) -> None:
    """Write a PNG whose metadata hold the provenance; the file appears whole or not at all.

    Raises ValueError if the folder does not exist or the name does not end in .png.
    """
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise ValueError(f"a picture is written as PNG: call it {path.with_suffix('.png').name}, not {path.name}")
    if not path.parent.is_dir():
        raise ValueError(f"there is no folder {path.parent} to write {path.name} into: make it first")
    drawn = BytesIO()
    figure.savefig(drawn, format="png", dpi=dpi)
    notes = PngInfo()
    for key, value in {"Software": "Sightglass", **provenance}.items():
        notes.add_itxt(key, value)
    picture = Image.open(drawn).convert("RGB")
    with files.whole(path) as file:
        picture.save(file, "PNG", pnginfo=notes, optimize=True)


def _draw(axis: Axes, panel: Panel, scale: Scale) -> None:
    axis.set_title(textwrap.fill(panel.title, 28), fontsize=9)
    if panel.image is not None and panel.heatmap is not None:
        axis.imshow(overlay(panel.image, panel.heatmap, scale), interpolation="nearest")
    elif panel.image is not None:
        pixels = panel.image.detach().expand(3, -1, -1).permute(1, 2, 0)
        axis.imshow(pixels.float().clamp(0, 1).cpu().numpy(), interpolation="nearest")
    elif panel.heatmap is not None:
        values = panel.heatmap[0].detach().float().cpu().numpy()
        axis.imshow(scale.colours.to_rgba(values), interpolation="nearest")
    for box, colour in panel.boxes:
        left, top, right, bottom = (float(edge) for edge in box)
        for width, line in ((3.2, "black"), (1.6, colour)):  # a dark rim keeps it visible on any image
            corner = (left - 0.5, top - 0.5)
            axis.add_patch(Rectangle(corner, right - left, bottom - top, fill=False, lw=width, ec=line, clip_on=False))
