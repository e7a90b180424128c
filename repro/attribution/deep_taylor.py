"""Deep Taylor decomposition: a map without negative values that shows where the evidence in a class's score comes from.

Each unit's relevance, as a function of the layer below, is expanded by Taylor around a root, a nearby point at which
the relevance is zero.  What inputs the layer can have decides which root, and each root gives a rule of propagation.

Paper: ``montavon2017explaining``.  Two of its rules are used, which stand in ``repro.engine.relevance_rules``: z-B for
the first layer, which sees pixels between bounds, and z-plus for all other layers, which see what ReLUs return.

Relevance ``(B, C, H, W)`` is in logits and never negative; a class whose logit is negative gets a map of zeros.  In a
ReLU network whose biases are zero or negative it sums to the logit.  A positive bias takes its share of what arrives,
which no pixel gets: compare the sum with the logit to see how much.

Differences from the paper:
1. ``low`` and ``high`` bound the images; what the model makes of them before its first layer bounds its inputs.
2. The paper asks for biases that are not positive; here others are allowed, with the loss above.
3. Max pooling passes all relevance to the largest input, as in ``repro.engine.relevance``, which also says what happens
   at a BatchNorm, a shortcut or a ReLU6.
4. The second approach of the paper, a relevance model that is trained, is left out.

zennit 0.5.1 has both rules, but wants the bounds of the first layer's inputs.  captum 0.9.0 has no z-B.

Raises OptionsError for images outside the bounds, and what LRP raises.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from repro.attribution.lrp import everywhere, first
from repro.engine import checks, watching
from repro.engine.errors import NoRuleError, OptionsError
from repro.engine.relevance import propagate
from repro.engine.relevance_layer import CONVOLUTIONS
from repro.engine.relevance_rules import Composite, ZBox, ZPlus
from repro.engine.results import Relevance


def deep_taylor(
    model: nn.Module, images: Tensor, target_classes: Tensor, *, low: float = 0.0, high: float = 1.0
) -> Relevance:
    """Relevance ``(B, C, H, W)`` of images in [low, high] for their classes ``(B,)``: one forward, one backward."""
    checks.check_images(images)
    if low >= high or ((images < low) | (images > high)).any():
        raise OptionsError(f"images must lie between low and high, here {low} and {high}")
    relevance = propagate(model, images, target_classes, taylor(*first_bounds(model, images, low, high)))[0]
    return relevance.clamp(min=0)  # both rules share without a change of sign: negative is only what starts as such


def taylor(low: list[float], high: list[float]) -> Composite:
    """z-B between the bounds of the first layer's inputs, one for each channel; z-plus for the other layers."""
    return first(ZBox(low, high), everywhere(ZPlus()))


def first_bounds(model: nn.Module, images: Tensor, low: float, high: float) -> tuple[list[float], list[float]]:
    """The lowest and the highest value that the first layer can see in each channel."""
    extremes = images.new_tensor([low, high]).view(2, 1, 1, 1).expand(2, *images.shape[1:]).contiguous()
    try:
        with watching.observing(model, gradients=False), _FirstLayer():
            model(extremes)
    except _Reached as reached:
        channels = reached.inputs.transpose(0, 1).flatten(1)
        return channels.amin(1).tolist(), channels.amax(1).tolist()
    raise NoRuleError("the model has no convolution or linear layer that can be seen")


class _Reached(Exception):  # noqa: N818  # no error: it ends a forward pass that is no longer needed
    def __init__(self, inputs: Tensor) -> None:
        super().__init__()
        self.inputs = inputs


class _FirstLayer(TorchFunctionMode):
    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.__name__ in CONVOLUTIONS or func.__name__ == "linear":
            raise _Reached(args[0] if args else (kwargs or {})["input"])
        return func(*args, **(kwargs or {}))
