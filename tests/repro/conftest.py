"""What the tests of methods and laboratory share: scenes in a folder of their own, torchvision's networks."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from repro.lab import models


@cache
def _vision(name: str) -> nn.Module:
    """Random weights whose signal neither dies nor explodes."""
    torch.manual_seed(0)
    model = models.load(name, "random").model
    if name == "convnext_tiny":  # one block in each stage is like eighteen
        for stage in (1, 3, 5, 7):
            blocks = model.get_submodule(f"features.{stage}")
            assert isinstance(blocks, nn.Sequential)
            model.set_submodule(f"features.{stage}", blocks[:1])
    if name.startswith(("vgg", "alexnet")):  # most of their weights are in the head
        model.classifier = nn.Sequential(nn.LazyLinear(64), nn.ReLU(inplace=True), nn.Linear(64, 10))
        model(torch.randn(1, 3, 64, 64))
    model.train()
    size = 96 if name == "inception_v3" else 64
    with torch.no_grad():
        for _ in range(3 if any(isinstance(module, nn.BatchNorm2d) for module in model.modules()) else 0):
            model(torch.randn(8, 3, size, size))  # BatchNorm as it is after some training
        for parameter in list(model.parameters())[-2:]:
            parameter.normal_()
    return model.eval().double()


class _Unwaiting(TorchDispatchMode):
    """Fails at operations for which the host has to wait for a graphics card, on any device: values are asked for."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        masks = args[1] if name in ("index", "index_put", "index_put_") else ()
        waits = name in ("_local_scalar_dense", "is_nonzero", "nonzero", "masked_select", "equal")
        if waits or any(isinstance(mask, Tensor) and mask.dtype == torch.bool for mask in masks):
            raise AssertionError(f"{name}: here a graphics card would be waited for")
        return func(*args, **(kwargs or {}))


@pytest.fixture
def unwaiting() -> Iterator[Callable[[float], None]]:
    """``report=unwaiting``: once the first share is reported nothing may wait for a value."""
    with ExitStack() as stack:
        watching: list[_Unwaiting] = []

        def watch(share: float) -> None:
            if not watching:
                watching.append(
                    stack.enter_context(_Unwaiting())  # type: ignore[no-untyped-call]  # torch's has no types
                )

        yield watch
        assert watching


@pytest.fixture
def vision() -> Callable[[str], nn.Module]:
    """``vision(name)``: a torchvision network in float64, the same for all tests, which must leave it as it was."""
    return _vision
