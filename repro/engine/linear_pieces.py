"""A network of ReLUs with every unit held on the piece where an image puts it: then it is linear.

ReLU, ReLU6, hardtanh, leaky ReLU and max pooling bend a network.  On one side of each kink an activation is a linear
function, and with the maximum's place fixed max pooling only picks a number.  A first pass notes the pieces of all
units; in a second one, of zeros, they are held: what comes out are the constants of the linear function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from repro.engine import checks, relu_rules, watching


@dataclass(frozen=True)
class Piece:
    """What one activation or pooling was given ``(B, ...)``, on which side of its kinks each unit is, and the linear
    function that it is there.
    """

    given: Tensor  # with its graph
    side: Tensor  # 0 or 1 for a ReLU, up to 2 with two kinks; for max pooling the place of the maximum
    linear: Callable[[Tensor], Tensor]
    kinks: tuple[float, ...]  # none for max pooling


@dataclass
class Held:
    """A network near some images: logits with their graph, and the constants of the linear function that they are."""

    pixels: Tensor  # (B, C, H, W)
    logits: Tensor  # (B, K)
    bias: Tensor  # (B, K)
    pieces: list[Piece] = field(default_factory=list)
    biases: list[Tensor] = field(default_factory=list)  # of what each of the pieces is given


@contextmanager
def held(model: nn.Module, images: Tensor) -> Iterator[Held]:
    """The network at ``images (B, C, H, W)`` in evaluation mode, its parameters frozen; and at zeros, all units held.

    What bends in another way is not held: whoever uses this compares W x + b with the logits.
    """
    with watching.observing(model):
        pixels = watching.pixels(images)
        with _Pieces() as noting:
            logits = checks.check_logits(model(pixels))
        with torch.no_grad(), _Pieces(noting.pieces) as holding:
            bias = model(torch.zeros_like(images))
        yield Held(pixels, logits, bias, noting.pieces, holding.given)


class _Pieces(TorchFunctionMode):
    def __init__(self, holding: list[Piece] | None = None) -> None:
        super().__init__()
        self.pieces, self.given = list[Piece](), list[Tensor]()
        self._holding = None if holding is None else iter(holding)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        bends = _bends(func, args, kwargs)
        if bends is None:
            return func(*args, **kwargs)
        given = args[0] if args else kwargs["input"]
        if self._holding is None:
            options = {key: value for key, value in kwargs.items() if key != "input"}
            self.pieces.append(_piece(func, given.clone(), args[1:], options, bends))
            return func(*args, **kwargs)
        self.given.append(given.clone())
        result = next(self._holding).linear(given)
        return given.copy_(result) if watching.is_in_place(func, args, kwargs) else result


_BOUNDS: dict[str, dict[str, float | None]] = {  # names of the lower and the upper one, and their defaults
    "relu6": {"min": 0.0, "max": 6.0},
    "hardtanh": {"min_val": -1.0, "max_val": 1.0},
    "clamp": {"min": None, "max": None},
    "clip": {"min": None, "max": None},
}


def _bends(func: Any, args: Any, kwargs: Any) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Where this call of a torch function has kinks, and its slopes from the lowest piece to the highest; neither for
    max pooling, and None for what is not held.
    """
    name = func.__name__.strip("_")
    if name in ("max_pool2d", "adaptive_max_pool2d"):
        return None if kwargs.get("return_indices") else ((), ())
    if relu_rules.ReluRule.is_relu(func, args, kwargs):
        return (0.0,), (0.0, 1.0)
    if name == "leaky_relu":
        return (0.0,), (args[1] if args[1:] else kwargs.get("negative_slope", 0.01), 1.0)
    defaults = _BOUNDS.get(name, {})
    named = dict(zip(defaults, args[1:], strict=False)) | kwargs
    bounds = [named.get(key, default) for key, default in defaults.items()]
    kinks = tuple(each for each in bounds if each is not None)
    if not kinks or not all(isinstance(each, int | float) for each in kinks):
        return None
    low, high = ([0.0] if each is not None else [] for each in bounds)
    return kinks, (*low, 1.0, *high)


def _piece(func: Any, given: Tensor, others: Any, options: Any, bends: tuple[Any, Any]) -> Piece:
    values, (kinks, slopes) = given.detach(), bends
    if not kinks:
        pooling = getattr(functional, func.__name__.strip("_"))
        places = pooling(values, *others, **{**options, "return_indices": True})[1]
        return Piece(given, places, lambda z: z.flatten(2).gather(2, places.flatten(2)).view_as(places), kinks)
    side = torch.stack([values > kink for kink in kinks]).sum(0)
    slope = values.new_tensor(slopes)[side]
    constant = func(values.clone(), *others, **options) - slope * values  # a copy: it may be overwritten
    return Piece(given, side, lambda z: slope * z + constant, kinks)
