"""Another backward rule for every ReLU of a model, however it is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from repro.engine.errors import NoRuleError
from repro.engine.watching import UNSCRIPTED, is_in_place

_SEEN = "a ReluRule saw this threshold, and it is no ReLU"

Rule = Callable[[Tensor, Tensor], Tensor]  # (gradient, where the input was positive) -> what is sent back


class ReluRule(TorchFunctionMode):
    """Within ``with ReluRule(rule):`` every ReLU sends back ``rule(gradient, passed)`` in place of its gradient.

    ``gradient`` is what arrives at the ReLU's output, ``passed`` says where its input was positive.  The operation
    itself is replaced, as a module, function or method, in place or not: every ``relu``, ``clamp``, ``clip`` and
    ``clamp_min`` at 0, and ``threshold`` from 0 to 0.  No module is touched, and forward values stay the same to the
    last bit.  Another ``rule`` can be set between two backward passes.

    Other spellings keep their own gradient, without a warning: ``maximum(x, 0)``, ``where(x > 0, x, 0)``,
    ``x * (x > 0)``, ``hardtanh(x, 0, inf)``, ``leaky_relu(x, 0)``, and a clamp at a tensor that is no scalar or on a
    GPU.  A ReLU in a scripted or compiled part cannot be reached: ``check_ruled`` detects it, but not every clamp.
    """

    _RELUS = (functional.relu, functional.relu_, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_)
    _CLAMPS = (
        *(torch.clamp, torch.clamp_, Tensor.clamp, Tensor.clamp_),
        *(torch.clip, torch.clip_, Tensor.clip, Tensor.clip_),
    )
    _MINIMA = (torch.clamp_min, torch.clamp_min_, Tensor.clamp_min, Tensor.clamp_min_)
    _THRESHOLDS = (functional.threshold, torch.threshold, torch.threshold_)

    def __init__(self, rule: Rule) -> None:
        super().__init__()
        self.rule = rule

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if not self.is_relu(func, args, kwargs):
            result = func(*args, **kwargs)
            if func in self._THRESHOLDS and result.grad_fn:
                result.grad_fn.metadata[_SEEN] = True
            return result
        given: Tensor = args[0] if args else kwargs["input"]
        in_place = is_in_place(func, args, kwargs)
        if in_place and given._is_view():  # autograd allows no custom function to change a view
            return given.copy_(_RuledRelu.apply(given, self, False))  # type: ignore[no-untyped-call]  # torch's has no types
        return _RuledRelu.apply(given, self, in_place)  # type: ignore[no-untyped-call]  # torch's has no types

    @classmethod
    def is_relu(cls, func: Any, args: Any, kwargs: Any) -> bool:
        """Whether this call of a torch function is a ReLU."""
        if func in cls._CLAMPS:
            bounds = dict(zip(("input", "min", "max"), args, strict=False)) | kwargs
            low, high = bounds.get("min"), bounds.get("max")
            return high is None and _is_zero(low)
        if func in cls._MINIMA:
            return _is_zero(args[1] if len(args) > 1 else kwargs.get("min"))
        if func in cls._THRESHOLDS:
            numbers = dict(zip(("input", "threshold", "value"), args, strict=False)) | kwargs
            return _is_zero(numbers["threshold"]) and _is_zero(numbers["value"])
        return func in cls._RELUS


def _is_zero(number: Any) -> bool:
    if isinstance(number, Tensor) and number.dim() == 0 and number.device.type == "cpu" and not number.requires_grad:
        number = number.item()  # on the CPU, so there is no GPU to wait for
    return isinstance(number, int | float) and number == 0


class _RuledRelu(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, given: Tensor, mode: ReluRule, in_place: bool) -> Tensor:
        result = given.relu_() if in_place else given.relu()
        if in_place:
            context.mark_dirty(given)
        context.save_for_backward(result)  # the next layer keeps it anyway, so no memory is added
        context.mode = mode
        return result

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (result,) = context.saved_tensors
        return context.mode.rule(gradients[0], result > 0), None, None


def check_ruled(output: Tensor) -> None:
    """NoRuleError if a ReLU before this output kept its own gradient within a ``ReluRule``: one in a scripted or
    compiled part, where no rule can reach it.
    """
    nodes: list[Any] = [output.grad_fn]
    seen = set()
    while nodes:
        node = nodes.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        name = node.name()
        threshold = name.startswith("ThresholdBackward") and node._saved_threshold == 0 and _SEEN not in node.metadata
        if name.startswith("ReluBackward") or threshold or "DifferentiableGraph" in name:
            raise NoRuleError(f"the rule cannot reach every ReLU, some are in a scripted part: {UNSCRIPTED}")
        nodes += [following for following, _ in node.next_functions]
