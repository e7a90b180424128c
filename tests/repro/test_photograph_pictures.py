"""The pictures at the head of the methods' pages: each method that runs has one, light and of its size."""

from __future__ import annotations

import pytest
import torch
from PIL import Image

from repro.experiments import photographs
from repro.lab import models
from tests.contract.methods import ROOT, files

PICTURES = ROOT / "results" / "photographs"
NOT_THERE = {"deconvnet", "fooling-images"}  # their pages say why


def test_every_method_that_runs_is_drawn_or_says_why_not() -> None:
    assert (
        set(photographs.DRAWN) - {"five-methods"}
        == {path.stem.replace("_", "-") for path in files().values()} - NOT_THERE
    )
    assert {path.stem for path in PICTURES.glob("*.webp")} == set(photographs.DRAWN)


@pytest.mark.parametrize("slug", sorted(photographs.DRAWN))
def test_a_picture_is_light_and_holds_whole_panels(slug: str) -> None:
    path = PICTURES / f"{slug}.webp"
    assert path.stat().st_size <= photographs.BYTES
    with Image.open(path) as picture:
        assert picture.height == photographs.SIDE
        assert (picture.width + photographs.GAP) % (photographs.SIDE + photographs.GAP) == 0


def test_what_is_drawn_is_what_the_method_finds() -> None:
    """CAM's bright part lies on the flower in the middle, and the picture in git shows the same as one drawn now."""
    model = models.load(models.PHOTO).model
    image, over = photographs.DRAWN["cam"]("cam", model)
    assert image.shape == over.shape == (3, 224, 224)
    bright = over.max(0).values
    assert float(bright[56:168, 56:168].mean()) > 1.3 * float(bright[:, :40].mean())
    with Image.open(PICTURES / "cam.webp") as picture:
        kept = torch.frombuffer(bytearray(picture.convert("RGB").tobytes()), dtype=torch.uint8).float()
    drawn = torch.frombuffer(bytearray(photographs.picture([image, over]).tobytes()), dtype=torch.uint8).float()
    assert float((kept - drawn).abs().mean()) < 6  # of 255: compression
