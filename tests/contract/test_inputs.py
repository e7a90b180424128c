"""What a method can't work on is refused with the error's class; a batch without images gives a result without."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from repro.engine.errors import ClassesError, ImagesError, LayerError, LogitsError, MethodError, UnitsError
from tests.contract.methods import Call
from tests.contract.networks import Ends, Small, found_in, images_of

BATCH, CLASSES = torch.rand(2, 3, 16, 16), torch.tensor([0, 1])


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(lambda logits: (logits, logits), id="tuple"),
        pytest.param(lambda logits: {"logits": logits}, id="dictionary"),
        pytest.param(lambda logits: logits[:, 0], id="one logit"),
        pytest.param(lambda logits: logits[..., None], id="maps"),
    ],
)
def test_a_model_that_returns_no_logits_is_refused(call_with_classes: Call, end: Callable[[Tensor], object]) -> None:
    with pytest.raises(LogitsError):
        call_with_classes(Ends(end), BATCH, CLASSES)


@pytest.mark.parametrize(
    "images",
    [
        pytest.param(torch.zeros(2, 3, 16, 16, dtype=torch.uint8), id="grey levels"),
        pytest.param(torch.zeros(3, 16, 16), id="one image"),
        pytest.param(torch.zeros(2, 1, 3, 16, 16), id="one dimension more"),
        pytest.param(np.zeros((2, 3, 16, 16), np.float32), id="an array"),
    ],
)
def test_images_that_do_not_fit_are_refused(call_with_images: Call, images: Any) -> None:
    with pytest.raises(ImagesError):
        call_with_images(Ends(), images, CLASSES)


@pytest.mark.parametrize("classes", [[0], [0, 1, 5], [0, -1, 2], [0.0, 1.0, 2.0]])
def test_classes_that_do_not_fit_are_refused(call_with_classes: Call, classes: list[float]) -> None:
    model = Small().train()
    before = found_in(model)
    given = torch.tensor(classes)
    if len(classes) == 1 and not call_with_classes.takes_images:
        pytest.skip("without images any number of classes fits")
    with pytest.raises(ClassesError):
        call_with_classes(model, images_of(3), given)
    assert found_in(model) == before


def test_a_layer_of_another_model_is_refused(call_with_layer: Call) -> None:
    with pytest.raises(LayerError):
        call_with_layer(Ends(), BATCH, CLASSES, layer=nn.Conv2d(3, 4, 3))


@pytest.mark.parametrize("classes", [torch.tensor([], dtype=torch.int64), []], ids=["tensor", "list"])
def test_without_images_the_result_is_empty(call_with_batch: Call, classes: Any) -> None:
    model = Ends()
    found, some = call_with_batch(model, BATCH[:0], classes), call_with_batch(model, BATCH, CLASSES)
    assert found.shape == (0, *some.shape[1:])
    assert found.dtype == some.dtype


def test_each_class_of_errors_is_a_value_error() -> None:
    """So that whoever calls one method of many can catch ``MethodError``, or what Python has for it."""
    assert issubclass(MethodError, ValueError)
    assert {ClassesError, ImagesError, LayerError, LogitsError, UnitsError} <= set(MethodError.__subclasses__())
