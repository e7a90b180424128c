"""Pictures: colours that mean what the colour bar says, and files that appear whole."""

import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb
from PIL import Image
from skimage.color import rgb2lab

from repro.lab import figures
from repro.lab.errors import PictureError


def test_overlay_leaves_the_image_where_the_map_is_zero() -> None:
    image, heatmap = torch.rand(3, 4, 4), torch.zeros(1, 4, 4)
    heatmap[0, 0, 0], heatmap[0, 3, 3] = 2.0, -2.0
    mixed = figures.overlay(image, heatmap)
    zero = heatmap[0].numpy() == 0
    assert np.ptp(mixed[zero], axis=-1).max() < 1e-6  # grey
    luma = np.einsum("chw,c->hw", image.numpy(), [0.299, 0.587, 0.114])
    assert np.corrcoef(mixed[zero][:, 0], luma[zero])[0, 1] > 0.9999
    assert mixed[0, 0, 0] > mixed[0, 0, 2] + 0.3  # for the class: red
    assert mixed[3, 3, 2] > mixed[3, 3, 0] + 0.3  # against it: blue


def test_a_grey_image_has_one_channel() -> None:
    grey, heatmap = torch.rand(1, 8, 8), torch.randn(1, 2, 2)
    expected = figures.overlay(grey.expand(3, -1, -1), heatmap)
    np.testing.assert_allclose(figures.overlay(grey, heatmap), expected, atol=1e-6)
    figures.panels(
        [[figures.Panel("alone", grey), figures.Panel("with a map", grey, heatmap)]]
    ).draw_without_rendering()


def test_overlay_of_a_map_of_zeros_is_the_image() -> None:
    assert np.isfinite(figures.overlay(torch.rand(3, 8, 8), torch.zeros(1, 2, 2))).all()


@pytest.mark.parametrize(
    ("heatmap", "spread"), [(torch.tensor([[[-1.0, 1]]]), 0.1), (torch.tensor([[[0.0, 1]]]), 0.35)]
)
def test_equal_steps_look_about_equal(heatmap: torch.Tensor, spread: float) -> None:
    scale = figures.Scale.of([heatmap])
    colours = scale.colours.to_rgba(np.linspace(float(heatmap.min()), 1, 65))[:, :3]
    steps = np.linalg.norm(np.diff(rgb2lab(colours[None])[0], axis=0), axis=1)
    assert steps.std() / steps.mean() < spread


def test_scale_is_symmetric_for_signed_maps_only() -> None:
    signed, plain = figures.Scale.of([torch.tensor([[[-1.0, 3]]])]), figures.Scale.of([torch.tensor([[[0.0, 3]]])])
    assert signed.colours.get_clim() == (-3, 3)
    assert plain.colours.get_clim() == (0, 3)


def test_a_picture_carries_its_provenance(tmp_path) -> None:
    panel = figures.Panel(
        "an image", torch.rand(3, 8, 8), torch.randn(1, 2, 2), boxes=[(np.array([1, 1, 4, 4]), "gold")]
    )
    path = tmp_path / "picture.png"
    figures.save(
        figures.panels([[panel, figures.Panel("map", heatmap=torch.randn(1, 2, 2))]], "title", "logits"),
        path,
        {"Model": "ß"},
    )
    with Image.open(path) as picture:
        assert picture.text == {"Software": "Sightglass", "Model": "ß"}
        assert picture.width > picture.height
    assert [file.name for file in tmp_path.iterdir()] == ["picture.png"]


def test_a_failed_picture_leaves_the_old_one(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(b"old")
    figure = figures.panels([[figures.Panel("an image", torch.rand(3, 8, 8))]])

    def breaks(*_, **__):
        raise OSError("the disk is full")

    monkeypatch.setattr(Image.Image, "save", breaks)
    with pytest.raises(OSError, match="full"):
        figures.save(figure, path, {})
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["picture.png"]


def test_other_formats_and_missing_folders_are_refused(tmp_path) -> None:
    figure = figures.panels([[figures.Panel("an image", torch.rand(3, 8, 8))]])
    with pytest.raises(PictureError):
        figures.save(figure, tmp_path / "picture.jpg", {})
    with pytest.raises(PictureError):
        figures.save(figure, tmp_path / "none" / "picture.png", {})


CHARTS = {
    "lines": figures.lines("a title", [0, 1, 2], {"one": [0, 1, 4], "two": [1, 1, 0]}, "a label", "a unit"),
    "bars": figures.bars("a title", {"one": 0.5, "two": -0.25}, "a label", "a unit"),
    "strips": figures.strips("a title", {"one": [1, 2, 9], "two": [3, 3.5]}, "a label", "a unit"),
    "matrix": figures.matrix(
        "a title", np.array([[0.5, 1], [0, -2]]), (["one", "two"], ["three", "four"]), ("rows", "a label"), "a unit"
    ),
}


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_has_a_title_labels_and_a_unit(name: str) -> None:
    (axis,) = drawn(CHARTS[name])
    assert axis.get_title() == "a title"
    told = f"{axis.get_xlabel()} {axis.get_ylabel()}"
    assert "a label" in told
    assert "a unit" in told
    named = [text.get_text() for text in (*axis.get_xticklabels(), *axis.get_yticklabels())]
    legend = axis.get_legend()
    named += [text.get_text() for text in legend.get_texts()] if legend else []
    assert {"one", "two"} <= set(named)


def drawn(chart: figures.Chart) -> list:
    figure = figures.panels([[chart]])
    figure.draw_without_rendering()
    return figure.axes


def test_charts_show_the_values() -> None:
    (lines,), (bars,), (strips,), (matrix,) = (drawn(CHARTS[name]) for name in ("lines", "bars", "strips", "matrix"))
    assert [line.get_ydata().tolist() for line in lines.get_lines()] == [[0, 1, 4], [1, 1, 0]]
    assert [bar.get_width() for bar in bars.patches] == [0.5, -0.25]
    assert [line.get_xdata().tolist() for line in strips.get_lines()] == [[1, 2, 9], [2, 2], [3, 3.5], [3.25, 3.25]]
    assert [text.get_text() for text in matrix.texts] == ["0.5", "1", "0", "-2"]


def test_a_row_of_charts_is_as_wide_as_the_panels_above() -> None:
    panel = figures.Panel("an image", torch.rand(3, 8, 8))
    figure = figures.panels([[panel] * 6, [CHARTS["lines"]] * 3], "a title")
    figure.draw_without_rendering()
    boxes = [axis.get_position() for axis in figure.axes]
    assert len(boxes) == 9
    assert max(box.x1 for box in boxes[6:]) == pytest.approx(max(box.x1 for box in boxes[:6]), abs=0.03)
    assert boxes[6].width > 1.5 * boxes[0].width


# Machado et al. 2009, what people without the cones for red, or for green, see (of linear RGB)
WITHOUT_RED = [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
WITHOUT_GREEN = [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]


@pytest.mark.parametrize(
    "seen", [np.eye(3), np.array(WITHOUT_RED), np.array(WITHOUT_GREEN)], ids=["all", "red", "green"]
)
def test_colours_of_lines_differ_also_without_telling_red_from_green(seen: np.ndarray) -> None:
    linear = np.array([to_rgb(colour) for colour in figures.PALETTE]) ** 2.2
    colours = rgb2lab((linear @ seen.T).clip(0, 1)[None] ** (1 / 2.2))[0]
    distances = np.linalg.norm(colours[:, None] - colours[None], axis=-1)
    assert distances[~np.eye(len(colours), dtype=bool)].min() > 10  # 2.3 is just noticeable
    assert len(set(figures.MARKERS)) == len(figures.MARKERS) == len(figures.PALETTE)
