"""What the methods refuse they refuse with an error of their own; this is the one place that looks at the wording."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

from repro.attribution.cam import cam
from repro.attribution.grad_cam import grad_cam
from repro.engine import errors
from repro.engine.errors import MethodError
from tests.contract.methods import ROOT, files
from tests.contract.networks import Ends, Small, images_of

CLASSES = {cls.__name__ for cls in MethodError.__subclasses__()}
# Not for readers: it carries a result out of the model.
PRIVATE = re.compile(r"_\w+")


class Raised(NamedTuple):
    place: str
    error: str
    words: str  # a value that is filled in stands as X


def raised() -> Iterator[Raised]:
    """Every error that the code of the methods and of the engine raises with a sentence."""
    for path in sorted([*files().values(), *(ROOT / "repro" / "engine").glob("*.py")]):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
                yield Raised(f"{path.name}:{node.lineno}", ast.unparse(node.exc.func), _words(node.exc.args[0]))


def _words(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    parts = node.values if isinstance(node, ast.JoinedStr) else []
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in parts)


def test_each_error_is_of_a_class_that_says_what_does_not_fit() -> None:
    found = [one for one in raised() if not PRIVATE.fullmatch(one.error)]
    assert len(found) > 40
    assert [f"{one.place} {one.error}" for one in found if one.error not in CLASSES] == []
    assert {one.error for one in found} == CLASSES  # none is there for nothing


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_each_class_says_in_a_line_what_it_is_for(name: str) -> None:
    told = getattr(errors, name).__doc__ or ""
    assert told.endswith(".")
    assert "\n" not in told


def faults(words: str) -> list[str]:
    """What a reader would stumble over in an error's sentence."""
    rules = {
        "more than one line": "\n" in words,
        "too long": len(words) > 160,
        "too short to say what to do": len(words) < 20,
        "a capital or a full stop, as if it were a text": bool(re.match(r"[A-Z][a-z]", words)) or words.endswith("."),
        "shouts, or begs": bool(re.search(r"!|\b(please|invalid|illegal|error)\b", words, re.IGNORECASE)),
    }
    return [rule for rule, broken in rules.items() if broken]


def test_each_sentence_is_one_plain_line() -> None:
    wrong = {f"{one.place}: {one.words}": faults(one.words) for one in raised() if one.error in CLASSES}
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


def test_no_other_test_looks_at_a_method_s_sentence() -> None:
    """A sentence can be bettered in one place; ``match`` is for errors of Python and of libraries."""
    pattern = re.compile(rf"raises\(\s*(?:errors\.)?(?:{'|'.join(CLASSES)}),\s*match=")
    tests = [path for path in Path(ROOT / "tests").rglob("test_*.py") if path != Path(__file__)]
    assert [path.name for path in tests if pattern.search(path.read_text(encoding="utf-8"))] == []
