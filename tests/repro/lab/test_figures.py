"""Pictures: colours that mean what the colour bar says, and files that appear whole."""

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.color import rgb2lab

from repro.lab import figures


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
    with pytest.raises(ValueError, match=r"call it picture\.png"):
        figures.save(figure, tmp_path / "picture.jpg", {})
    with pytest.raises(ValueError, match="make it first"):
        figures.save(figure, tmp_path / "none" / "picture.png", {})
