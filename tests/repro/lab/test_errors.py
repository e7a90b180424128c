"""Each kind of bad input to the laboratory raises its own class of error; only this test reads the messages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from repro.engine.errors import ClassesError, ImagesError, LayerError, MethodError
from repro.lab import digits, errors, figures, images, models, networks, scenes
from repro.lab.errors import LaboratoryError
from tests.wording import classes_of, faults, raised, untold

LAB = Path(networks.__file__).parent
CLASSES = classes_of(LaboratoryError)
# Results reach these functions, and a class of their own would make every result stale.
PLAIN = {"digits.py": 3, "figures.py": 1, "networks.py": 3, "scenes.py": 1}


def test_each_error_is_of_a_class_that_says_what_does_not_fit() -> None:
    found = list(raised(LAB.rglob("*.py")))
    plain = [one.place.partition(":")[0] for one in found if one.error == "ValueError"]
    assert {name: plain.count(name) for name in plain} == PLAIN
    others = {one.error for one in found} - {"ValueError", "OSError"}
    assert others - classes_of(MethodError).keys() == CLASSES.keys()  # none is there for nothing


def test_each_class_says_in_a_line_what_it_is_for() -> None:
    assert untold(LaboratoryError) == []


def test_each_sentence_is_one_plain_line() -> None:
    sentences = [one for one in raised(LAB.rglob("*.py")) if one.error != "OSError"]  # the system's own words
    wrong = {f"{one.place}: {one.words}": faults(one.words) for one in sentences}
    assert {sentence: rules for sentence, rules in wrong.items() if rules} == {}


def altered(folder: Path) -> Path:
    """Weights of which one byte is another than when they were trained."""
    for suffix in ("json", "safetensors"):
        data = (networks.WEIGHTS / f"gap-scenes-0.{suffix}").read_bytes()
        (folder / f"gap-scenes-0.{suffix}").write_bytes(data[:-1] + b"\x01" if suffix == "safetensors" else data)
    return folder


FLAT = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Flatten(), torch.nn.Linear(4 * 36, 2))
ANIMALS = ["tench", "great white shark", "tiger shark"]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (
            lambda _: models.load("vgg15"),
            errors.ModelError,
            "no model is called 'vgg15': did you mean vgg19 or vgg16 or vgg13?",
        ),
        (
            lambda _: models.load("resnet18"),
            errors.ModelError,
            "resnet18 needs weights: DEFAULT (torchvision's, downloaded), a local file, or random",
        ),
        (
            lambda _: models.load("lab:gap-scenes", "DEFAULT"),
            errors.ModelError,
            "lab:gap-scenes comes with its weights: leave the weights out, or choose a torchvision model",
        ),
        (
            lambda _: models.load("resnet18", "IMAGENET"),
            errors.WeightsError,
            "resnet18 has no weights 'IMAGENET': there are DEFAULT, IMAGENET1K_V1",
        ),
        (lambda _: models.load("resnet18", "no.pth"), errors.WeightsError, "there is no file no.pth"),
        (
            lambda _: models.layer(FLAT, "conv"),
            LayerError,
            "the model has no layer 'conv': try 0, 1, 2",
        ),
        (
            lambda _: models.last_maps_layer(FLAT, torch.rand(1, 3, 8, 8)),
            LayerError,
            "no last feature maps were found: choose a layer of 0",
        ),
        (
            lambda _: models.class_index(ANIMALS, "shark", 3),
            ClassesError,
            "'shark' fits several classes: choose one of great white shark, tiger shark",
        ),
        (
            lambda _: models.class_index(ANIMALS, "trench", 3),
            ClassesError,
            "no class is called 'trench': did you mean tench?",
        ),
        (
            lambda _: models.class_index(ANIMALS, "3", 3),
            ClassesError,
            "there is no class 3: the model has 3 classes, 0 to 2",
        ),
        (
            lambda _: models.class_index((), "cat", 4),
            ClassesError,
            "the names of the classes are not known: give a number from 0 to 3",
        ),
        (
            lambda _: models.Preprocessing(256, 224).view(torch.rand(3, 1, 65)),
            ImagesError,
            "an image of 1 x 65 pixels is too thin: its longer side is at most 64 times the shorter",
        ),
        (lambda _: images.load("no.png"), errors.ImageFileError, "there is no file no.png"),
        (
            lambda _: images.decode(b"text", "no.png"),
            errors.ImageFileError,
            "no.png cannot be read as an image (it is in no known format): save it as PNG or JPEG",
        ),
        (
            lambda _: figures.save(figures.Figure(), "picture.jpg", {}),
            errors.PictureError,
            "a picture is written as PNG: call it picture.png, not picture.jpg",
        ),
        (
            lambda _: figures.save(figures.Figure(), "none/picture.png", {}),
            errors.PictureError,
            "there is no folder none to write picture.png into: make it first",
        ),
        (
            lambda _: figures.lines("t", [0, 1], {str(i): [0, i] for i in range(8)}, "l", "u"),
            ValueError,
            "8 lines in one chart: at most 7 can be told apart",
        ),
        (
            lambda _: networks.load("gap"),
            ValueError,
            f"no network is called 'gap': there are {', '.join(networks.NAMES)}",
        ),
        (
            lambda _: networks.load("gap-scenes", 77),
            ValueError,
            "no weights of gap-scenes for seed 77: `sightglass train gap-scenes --seed 77` makes them",
        ),
        (
            lambda folder: networks.load("gap-scenes", 0, altered(folder)),
            ValueError,
            "gap-scenes-0.safetensors is not the file that gap-scenes-0.json describes: train the network again",
        ),
        (lambda _: scenes.render(np.array([], int), 0), ValueError, "no indices: ask for at least one scene"),
        (lambda _: digits.load(1001, 0), ValueError, "there are 1000 digits held out, not 1001"),
    ],
)
def test_what_everybody_meets_first_is_said_in_these_words(
    call: Callable[[Path], object], error: type[Exception], words: str, tmp_path: Path
) -> None:
    with pytest.raises(error) as caught:
        call(tmp_path)
    assert type(caught.value) is error
    assert str(caught.value) == words
