"""Each test that asks for a ``call`` is run for every method that there is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.contract.methods import Call, calls
from tests.repro.conftest import vision

__all__ = ["vision"]

WANTED: dict[str, Callable[[Call], bool]] = {
    "call": lambda call: call.takes_model,
    "call_with_batch": lambda call: call.takes_model and (call.takes_images or call.takes_classes),
    "call_with_rows": lambda call: call.takes_rows,
    "call_with_images": lambda call: call.takes_images,
    "call_with_classes": lambda call: call.takes_classes,
    "call_with_layer": lambda call: call.takes_layer,
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """``call``: every call of every method of networks; ``call_with_images`` and the like, those that take such an argument."""
    for name, wanted in WANTED.items():
        if name in metafunc.fixturenames and name not in _parametrised(metafunc):
            metafunc.parametrize(name, [pytest.param(call, id=call.name) for call in calls() if wanted(call)])


def _parametrised(metafunc: pytest.Metafunc) -> set[str]:
    """Parameters whose values the test chooses."""
    names: set[str] = set()
    for mark in metafunc.definition.iter_markers("parametrize"):
        names |= set(mark.args[0].split(",") if isinstance(mark.args[0], str) else mark.args[0])
    return names
