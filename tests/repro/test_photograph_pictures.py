"""The pictures at the head of the methods' pages: each method that runs has one, light, and as its code draws it now."""

from __future__ import annotations

import pytest
import torch
from PIL import Image
from sightglass.pages import pictures
from torch import Tensor

from repro.experiments import photographs
from repro.lab import models
from tests.contract.methods import ROOT, files

PICTURES = ROOT / "results" / "photographs"
NOT_THERE = {"deconvnet", "fooling-images"}  # their pages say why
SLOW = {"network-inversion", "five-methods"}  # a minute or two; the same maps once more


def pixels(picture: Image.Image) -> Tensor:
    return torch.frombuffer(bytearray(picture.convert("RGB").tobytes()), dtype=torch.uint8).float()


def test_every_method_that_runs_is_drawn_or_says_why_not() -> None:
    run = {path.stem.replace("_", "-") for path in files().values()}
    assert set(photographs.DRAWN) - {"five-methods"} == run - NOT_THERE
    assert {path.stem for path in PICTURES.glob("*.webp")} == set(photographs.DRAWN)


@pytest.mark.parametrize("slug", sorted(photographs.DRAWN))
def test_a_picture_is_light_and_holds_whole_panels(slug: str) -> None:
    path = PICTURES / f"{slug}.webp"
    assert path.stat().st_size <= photographs.BYTES
    with Image.open(path) as picture:
        assert pictures.size(path) == picture.size  # the pages read no more of it
        assert picture.height == photographs.SIDE
        assert (picture.width + photographs.GAP) % (photographs.SIDE + photographs.GAP) == 0


@pytest.mark.parametrize("slug", sorted(set(photographs.DRAWN) - SLOW))
def test_a_picture_is_what_the_code_draws_now(slug: str) -> None:
    """Else: ``python -m repro.experiments.photographs SLUG``.  What is allowed is what WebP loses."""
    drawn = photographs.picture(photographs.DRAWN[slug]())
    with Image.open(PICTURES / f"{slug}.webp") as kept:
        assert kept.size == drawn.size
        difference = float((pixels(kept) - pixels(drawn)).abs().mean())
        upside_down = float((pixels(kept) - pixels(drawn.rotate(180))).abs().mean())
    assert difference < 0.2 * upside_down


def test_a_map_lies_on_what_it_is_of() -> None:
    """CAM's bright part lies on the flower in the middle."""
    _, over = photographs.DRAWN["cam"]()
    bright = over.max(0).values
    assert float(bright[56:168, 56:168].mean()) > 1.3 * float(bright[:, :40].mean())


def test_the_changed_photograph_is_of_another_class() -> None:
    model = models.load(models.PHOTO).model
    before, _, after = photographs.DRAWN["adversarial-examples"]()
    chosen = model(torch.stack([before, after])).argmax(1)
    assert int(chosen[0]) == photographs.ESPRESSO
    assert int(chosen[1]) != photographs.ESPRESSO
