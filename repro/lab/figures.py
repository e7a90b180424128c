"""Figures: panels with an image and a map over it, and charts, in a grid with titles and a colour bar.

Signed maps use Moreland's diverging map (coolwarm, 2009): equal steps look equal, both ends are as dark, grey is zero.
Maps without a sign use inferno.  Charts use the palette of Okabe and Ito (2008), and a marker for each line.  All are
readable without telling red from green.  A picture's metadata say how it was made.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
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
from torch.nn import functional

from repro.engine.heatmaps import upsample
from repro.lab import files
from repro.lab.errors import PictureError
from repro.lab.scenes import Floats

STRENGTH = 0.85  # of the colour where the map is strongest; the image always shows through
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000")
MARKERS = "osD^vXP"


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


@dataclass(frozen=True)
class Chart:
    """One chart of a figure, as ``lines``, ``bars``, ``matrix`` and ``strips`` make it."""

    title: str
    draw: Callable[[Axes], None]


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


def panels(rows: Sequence[Sequence[Panel | Chart]], title: str = "", unit: str = "") -> Figure:
    """A grid of panels and charts.  All maps share one scale, and one colour bar says with its unit what colours mean.

    The charts of a row that has no panels share its whole width.
    """
    cells = [cell for row in rows for cell in row]
    columns, width = max(len(row) for row in rows), 2.0 if any(isinstance(cell, Panel) for cell in cells) else 3.4
    figure = Figure(figsize=(width * columns + 1.0, 2.2 * len(rows) + 0.4), layout="constrained")
    FigureCanvasAgg(figure)
    grid, axes = figure.add_gridspec(len(rows), columns), []
    maps = [cell.heatmap for cell in cells if isinstance(cell, Panel) and cell.heatmap is not None]
    scale = Scale.of(maps)
    for i, row in enumerate(rows):
        span = 1 if any(isinstance(cell, Panel) for cell in row) else columns // len(row)
        for j in range(columns // span):
            axis = figure.add_subplot(grid[i, j * span : (j + 1) * span])
            axes.append(axis)
            if j < len(row):
                _draw(axis, row[j], scale)
            else:
                axis.set_axis_off()
    if maps:
        figure.colorbar(scale.colours, ax=axes, shrink=min(1.0, 1.6 / len(rows)), aspect=18, pad=0.015, label=unit)
    if title:
        figure.suptitle(textwrap.fill(title, int(11 * figure.get_figwidth())), fontsize=11)
        figure.draw_without_rendering()  # a title of two lines is laid out right only the second time
    return figure


def filters(weights: Tensor, columns: int) -> Tensor:
    """Filters ``(C, 3, k, k)`` as tiles: grey where a weight is 0, each in its full strength."""
    return tiles(0.5 + 0.5 * weights / weights.abs().amax((1, 2, 3), keepdim=True).clamp_min(1e-12), columns)


def tiles(pictures: Tensor, columns: int) -> Tensor:
    """Pictures ``(N, C, h, w)`` in [0, 1] row by row as one image, a white line between them, enlarged if small."""
    rows = -(-len(pictures) // columns)
    framed = functional.pad(pictures, (0, 1, 0, 1), value=1.0)
    cells = framed.new_ones(rows * columns, *framed.shape[1:])
    cells[: len(framed)] = framed
    whole: Tensor = cells.unflatten(0, (rows, columns)).permute(2, 0, 3, 1, 4).flatten(3).flatten(1, 2)
    larger = max(1, 300 // whole.shape[2])  # or a screen would blur them
    return whole.repeat_interleave(larger, 1).repeat_interleave(larger, 2)


def lines(title: str, across: Sequence[float], series: Mapping[str, Sequence[float]], label: str, unit: str) -> Chart:
    """A line for each series of values over ``across``, whose label is ``label``.

    Raises ValueError for more lines than can be told apart.
    """
    if len(series) > len(PALETTE):
        raise ValueError(f"{len(series)} lines in one chart: at most {len(PALETTE)} can be told apart")

    def draw(axis: Axes) -> None:
        for (name, values), colour, marker in zip(series.items(), PALETTE, MARKERS, strict=False):
            axis.plot(across, values, color=colour, marker=marker, markersize=3, linewidth=1.2, label=name)
        axis.set(xlabel=label, ylabel=unit)
        if len(series) > 1:
            axis.legend(fontsize=7, frameon=False)

    return Chart(title, draw)


def bars(title: str, values: Mapping[str, float], label: str, unit: str) -> Chart:
    """A bar for each named value, the first one on top."""

    def draw(axis: Axes) -> None:
        axis.barh(list(values), list(values.values()), color=PALETTE[0])
        axis.invert_yaxis()
        axis.axvline(0, color="black", linewidth=0.8)
        axis.set(xlabel=unit, ylabel=label)

    return Chart(title, draw)


def strips(title: str, values: Mapping[str, Sequence[float]], label: str, unit: str) -> Chart:
    """A row of points for each name, one point a value, and a stroke at their median."""

    def draw(axis: Axes) -> None:
        for row, each in enumerate(values.values()):
            axis.plot(each, [row] * len(each), "o", color=PALETTE[0], markersize=4, alpha=0.4, markeredgewidth=0)
            axis.plot([np.median(each)] * 2, [row - 0.3, row + 0.3], color=PALETTE[5], linewidth=1.6)
        axis.set_yticks(range(len(values)), list(values))
        axis.invert_yaxis()
        axis.set(xlabel=unit, ylabel=label)

    return Chart(title, draw)


def matrix(
    title: str,
    values: NDArray[np.float64],
    names: tuple[Sequence[str], Sequence[str]],
    labels: tuple[str, str],
    unit: str,
) -> Chart:
    """Values ``(R, C)`` as colours with the number in each cell; ``names`` and ``labels`` are of rows and columns."""

    def draw(axis: Axes) -> None:
        scale = Scale.of([torch.from_numpy(values)])
        colours = scale.colours.to_rgba(values)
        axis.imshow(colours, aspect="auto")
        for (row, column), value in np.ndenumerate(values):
            dark = colours[row, column, :3] @ [0.299, 0.587, 0.114] < 0.5
            axis.text(column, row, f"{value:.2g}", ha="center", va="center", fontsize=7, color="w" if dark else "k")
        axis.set_xticks(range(len(names[1])), names[1])
        axis.set_yticks(range(len(names[0])), names[0])
        axis.set(ylabel=labels[0], xlabel=f"{labels[1]} ({unit})")

    return Chart(title, draw)


def save(figure: Figure, path: Path | str, provenance: Mapping[str, str], dpi: int = 100) -> None:
    """Write a PNG whose metadata hold the provenance; the file appears whole or not at all.

    Raises PictureError if the folder does not exist or the name does not end in .png.
    """
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise PictureError(f"a picture is written as PNG: call it {path.with_suffix('.png').name}, not {path.name}")
    if not path.parent.is_dir():
        raise PictureError(f"there is no folder {path.parent} to write {path.name} into: make it first")
    drawn = BytesIO()
    figure.savefig(drawn, format="png", dpi=dpi)
    notes = PngInfo()
    for key, value in {"Software": "Sightglass", **provenance}.items():
        notes.add_itxt(key, value)
    picture = Image.open(drawn).convert("RGB")
    with files.whole(path) as file:
        picture.save(file, "PNG", pnginfo=notes, optimize=True)


def _draw(axis: Axes, cell: Panel | Chart, scale: Scale) -> None:
    axis.set_title(textwrap.fill(cell.title, 28), fontsize=9)
    if isinstance(cell, Chart):
        axis.tick_params(labelsize=7)
        axis.xaxis.label.set_fontsize(8)
        axis.yaxis.label.set_fontsize(8)
        axis.spines[["top", "right"]].set_visible(False)
        cell.draw(axis)
    else:
        axis.set_axis_off()
        _draw_panel(axis, cell, scale)


def _draw_panel(axis: Axes, panel: Panel, scale: Scale) -> None:
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


def scatter(title: str, positions: Tensor, labels: Tensor, names: Sequence[str] = ()) -> Chart:
    """Points ``(N, 2)``, a colour and a marker for each label ``(N,)``; with names there is a legend.  No axes: the
    directions of an embedding mean nothing.
    """

    def draw(axis: Axes) -> None:
        for label in labels.unique().tolist():
            across, down = positions[labels == label].cpu().numpy().T
            colour, marker = PALETTE[label % len(PALETTE)], MARKERS[(label + label // len(PALETTE)) % len(MARKERS)]
            name = names[label] if names else None
            axis.scatter(across, down, s=9, color=colour, marker=marker, linewidths=0, label=name)
        axis.set_aspect("equal", "datalim")
        axis.set_axis_off()
        if names:
            axis.legend(fontsize=6, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))

    return Chart(title, draw)
