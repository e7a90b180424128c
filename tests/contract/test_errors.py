"""Each kind of bad input to a method raises its own class of error; only this test reads the messages."""

from __future__ import annotations

import re

import pytest
import torch
from sightglass.errors import SightglassError

from repro.attribution.cam import cam
from repro.attribution.grad_cam import grad_cam
from repro.engine import errors
from repro.engine.errors import MethodError
from repro.lab.errors import LaboratoryError
from tests.contract.methods import ROOT, files
from tests.contract.networks import Ends, Small, images_of
from tests.wording import Raised, classes_of, faults, raised, untold

CLASSES = classes_of(MethodError).keys()
# Not for readers: it carries a result out of the model.
PRIVATE = re.compile(r"_\w+")


def sentences() -> list[Raised]:
    """Those of the methods and of the engine."""
    return list(raised([*files().values(), *(ROOT / "repro" / "engine").glob("*.py")]))


def test_each_error_is_of_a_class_that_says_what_does_not_fit() -> None:
    found = [one for one in sentences() if not PRIVATE.fullmatch(one.error)]
    assert len(found) > 40
    assert [f"{one.place} {one.error}" for one in found if one.error not in CLASSES] == []
    assert {one.error for one in found} == CLASSES  # none is there for nothing


def test_each_class_says_in_a_line_what_it_is_for() -> None:
    assert untold(MethodError) == []


def test_each_sentence_is_one_plain_line() -> None:
    wrong = {f"{one.place}: {one.words}": faults(one.words) for one in sentences() if one.error in CLASSES}
    assert {sentence: rules for sentence, rules in wrong.items() if rules} == {}
    assert len(faults("Invalid input!")) == 3  # the test sees what it looks for


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        pytest.param(
            lambda: grad_cam(Ends(), images_of(2)[0], torch.tensor([0])),
            errors.ImagesError,
            "images must be floating point (B, C, H, W), not torch.float64 (3, 16, 16): "
            "divide grey levels by 255, and give a single image as images[None]",
            id="images",
        ),
        pytest.param(
            lambda: grad_cam(Ends(lambda logits: (logits,)), images_of(2).float(), torch.tensor([0, 1])),
            errors.LogitsError,
            "the model must return logits of shape (B, K), not tuple: wrap it so that it does",
            id="logits",
        ),
        pytest.param(
            lambda: grad_cam(Small(), images_of(2), torch.tensor([0, 9])),
            errors.ClassesError,
            "target_classes must lie in 0..4, not [0, 9]",
            id="classes",
        ),
        pytest.param(
            lambda: cam(torch.nn.Flatten(), images_of(2), torch.tensor([0, 1])),
            errors.LayerError,
            "CAM needs a network that ends in global average pooling and a linear layer",
            id="layer",
        ),
    ],
)
def test_what_everybody_meets_first_is_said_in_these_words(call, error, words) -> None:  # type: ignore[no-untyped-def]  # pytest fills them in
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == words


def test_no_test_but_those_of_wording_looks_at_a_sentence() -> None:
    """A sentence can be bettered in one place; ``match`` is for errors of Python and of libraries."""
    own = "|".join(classes_of(MethodError) | classes_of(LaboratoryError) | classes_of(SightglassError))
    pattern = re.compile(rf"raises\(\s*(?:\w+\.)*(?:{own}),\s*match=")
    tests = [path for path in (ROOT / "tests").rglob("test_*.py") if path.name != "test_errors.py"]
    assert [path.name for path in tests if pattern.search(path.read_text(encoding="utf-8"))] == []
