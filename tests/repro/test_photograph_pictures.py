"""The pictures at the head of the methods' pages: each method that runs has one, light, and as its code draws it now."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
import torch
from PIL import Image
from sightglass.ledger import photographs
from sightglass.pages import pictures
from torch import Tensor

from repro.engine.optimise import optimise
from repro.lab import models, photo_panels
from tests.contract.methods import ROOT, files

DRAWN = photographs.drawn_by(ROOT)
MOVING = photographs.drawn_by(ROOT, photographs.ANIMATION)
NO_METHODS = {"five-methods"}  # it stands in the README
OF_TABLES = {
    "decision-tree-vis",
    "linear-combination",
    "model-extraction",
    "surrogate-model",
    "tree-regularisation",
}  # of no image
OTHERWISE_BUILT = {
    "attention",
    "cnn-decision-tree",
    "deconvnet",
    "interpretable-cnn",
}  # than the network of photographs
NOT_THERE = {"fooling-images"} | OTHERWISE_BUILT | OF_TABLES  # their pages say why
QUICK = ("adversarial-examples", "cam", "guided-backprop")


def path(slug: str) -> Path:
    return photographs.PHOTOGRAPH.path(ROOT, slug)


def panels(slug: str) -> photo_panels.Panels:
    drawn: photo_panels.Panels = importlib.import_module(DRAWN[slug]).photograph()
    return drawn


def pixels(picture: Image.Image) -> Tensor:
    return torch.frombuffer(bytearray(picture.convert("RGB").tobytes()), dtype=torch.uint8).float()


def test_every_method_that_runs_is_drawn_or_says_why_not() -> None:
    run = {path.stem.replace("_", "-") for path in files().values()}
    assert DRAWN.keys() - NO_METHODS == run - NOT_THERE
    assert {path.stem for path in (ROOT / photographs.PHOTOGRAPH.folder).glob("*.webp")} == DRAWN.keys()


@pytest.mark.parametrize("slug", DRAWN)
def test_a_picture_is_light_and_holds_whole_panels_and_is_not_stale(slug: str) -> None:
    """Else: ``sightglass photographs --stale``."""
    assert path(slug).stat().st_size <= photo_panels.BYTES
    assert photographs.why_stale(ROOT, slug, DRAWN[slug]) is None
    with Image.open(path(slug)) as picture:
        assert pictures.size(path(slug)) == picture.size  # the pages read no more of it
        assert picture.height == photo_panels.SIDE
        assert (picture.width + photo_panels.GAP) % (photo_panels.SIDE + photo_panels.GAP) == 0


@pytest.mark.parametrize("slug", MOVING)
def test_an_animation_is_light_and_short_and_runs_once_and_has_a_still(slug: str) -> None:
    """What moves for more than five seconds would need a button that stops it (WCAG 2.2, 2.2.2)."""
    moving = photographs.ANIMATION.path(ROOT, slug)
    assert moving.stat().st_size <= photo_panels.MOVING_BYTES
    assert photographs.why_stale(ROOT, slug, MOVING[slug], photographs.ANIMATION) is None
    with Image.open(moving) as picture, Image.open(photographs.still(moving)) as still:
        assert pictures.size(moving) == picture.size == still.size
        assert picture.info["loop"] == 1
        assert 10 <= picture.n_frames <= photo_panels.FRAMES
        assert picture.n_frames * photo_panels.LASTS < 5000
        picture.seek(picture.n_frames - 1)
        assert float((pixels(picture) - pixels(still)).abs().mean()) < 12  # what either loses


def test_frames_are_states_of_a_search_the_last_one_included() -> None:
    def make() -> None:
        optimise(torch.zeros(1, 1, 1, 1), lambda images: images.sum((1, 2, 3)), lambda x, *_: x + 0.01, 70)

    found = [round(float(frame), 2) for frame in photo_panels.frames(make)]
    assert found == [round(0.01 * step, 2) for step in range(1, 71, 3)]
    assert found[-1] == 0.7


@pytest.mark.parametrize("slug", QUICK)
def test_a_picture_is_what_the_code_draws_now(slug: str) -> None:
    """What is allowed is what WebP loses; for the slower ones the key has to do."""
    drawn = photo_panels.picture(panels(slug))
    with Image.open(path(slug)) as kept:
        assert kept.size == drawn.size
        difference = float((pixels(kept) - pixels(drawn)).abs().mean())
        upside_down = float((pixels(kept) - pixels(drawn.rotate(180))).abs().mean())
    assert difference < 0.2 * upside_down


def test_a_map_lies_on_what_it_is_of() -> None:
    """CAM's bright part lies on the flower in the middle."""
    _, over = panels("cam")
    bright = over.max(0).values
    assert float(bright[56:168, 56:168].mean()) > 1.3 * float(bright[:, :40].mean())


def test_the_changed_photograph_is_of_another_class() -> None:
    model = models.load(models.PHOTO).model
    before, _, after = panels("adversarial-examples")
    chosen = model(torch.stack([before, after])).argmax(1)
    assert int(chosen[0]) == photo_panels.ESPRESSO
    assert int(chosen[1]) != photo_panels.ESPRESSO
