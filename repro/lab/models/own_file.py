"""A model of one's own: ``path/to/file.py:function``.

The file is run.  The function takes no arguments and returns a model that takes images ``(B, 3, 224, 224)`` in [0, 1]
and returns logits ``(B, K)``; or the model and the side of its images; or both and the names of its classes.
"""

from __future__ import annotations

import inspect
import runpy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from repro.lab.errors import ModelError
from repro.lab.models.choices import suggest
from repro.lab.models.preprocessing import LoadedModel, Preprocessing

SIZE = 224
RETURNS = "return a model, (model, size) or (model, size, class names)"


def is_own(name: str) -> bool:
    """Whether a model's name is meant as a file of one's own."""
    path, colon, _ = name.rpartition(":")
    return name.endswith(".py") or bool(colon and path.endswith(".py"))


def load(name: str) -> LoadedModel:
    """What the function of the file returns, tried on one grey image.

    Raises ModelError, in one sentence, if there is no such file or function, if either stops, or if the model does not
    take what it is given.
    """
    path, colon, function = name.rpartition(":")
    if not colon or not function:
        raise ModelError(f"{name} names no function: write {name.removesuffix(':')}:function")
    returned = _called(name, _function(Path(path), function))
    model, *others = returned if isinstance(returned, tuple) else (returned,)
    size, classes = (*others, *(SIZE, ())[len(others) :])[:2]
    if not isinstance(model, nn.Module) or len(others) > 2 or not isinstance(size, int) or size < 1:
        raise ModelError(f"{name} returned {_told(returned)}: {RETURNS}")
    model.eval()
    logits = _called(name, lambda: _tried(model, size))
    if not isinstance(logits, Tensor) or logits.dim() != 2 or len(logits) != 1:
        raise ModelError(f"the model of {name} returns {_told(logits)} for one image: logits (1, K) are needed")
    if classes and len(classes) != logits.shape[1]:
        raise ModelError(f"{name} names {len(classes)} classes, but its model returns {logits.shape[1]} logits")
    return LoadedModel(model, Preprocessing(size, size), [str(each) for each in classes])


def _function(path: Path, name: str) -> Callable[[], Any]:
    if not path.is_file():
        raise ModelError(f"there is no file {path}")
    made: dict[str, Any] = _called(str(path), lambda: runpy.run_path(str(path), run_name=f"own_{path.stem}"))
    functions: Sequence[str] = [each for each, value in made.items() if callable(value) and each[0] != "_"]
    if name not in functions:
        there = f": it has {', '.join(functions[:5])}" if functions else ""
        raise ModelError(f"{path} has no function {name!r}{suggest(name, functions) or there}")
    found: Callable[[], Any] = made[name]
    return found


@torch.no_grad()
def _tried(model: nn.Module, size: int) -> Any:
    parameter = next(model.parameters(), torch.zeros(()))
    return model(torch.full((1, 3, size, size), 0.5, dtype=parameter.dtype, device=parameter.device))


def _called(what: str, run: Callable[[], Any]) -> Any:
    """What someone's code returns; whatever it raises becomes one sentence with the line where it happened."""
    try:
        return run()
    except (Exception, SystemExit) as error:  # own code may raise anything, and one line has to say where
        frames = inspect.getinnerframes(error.__traceback__) if error.__traceback__ else []
        inside = [frame for frame in frames if frame.filename != __file__ and not frame.filename.startswith("<frozen")]
        where = f" ({Path(inside[-1].filename).name}, line {inside[-1].lineno})" if inside else ""
        said = " ".join(str(error).split())[:200]
        raise ModelError(f"{what} stopped with {type(error).__name__}{where}: {said}") from error


def _told(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"a tensor of {tuple(value.shape)}"
    if isinstance(value, tuple):
        return f"({', '.join(type(each).__name__ for each in value)})"
    return f"an object of type {type(value).__name__}"
