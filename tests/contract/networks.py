"""The networks that the contract tries methods on, and what it looks at in them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from repro.engine.errors import MethodError


class Ends(nn.Module):
    """A convolution, a ReLU, the mean and a linear layer, and what it makes of the logits."""

    def __init__(self, end: Callable[[Tensor], object] = lambda logits: logits) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.maps, self.head, self.end = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), nn.Linear(4, 4), end

    def forward(self, images: Tensor) -> object:
        return self.end(self.head(self.maps(images).mean((2, 3))))


class Small(nn.Module):
    """Two convolutions and BatchNorm, global average pooling and a linear layer; the ReLUs are written in many ways."""

    RELUS = (
        *("module", "module in place", "one module", "one module in place", "functional", "functional in place"),
        *("torch.relu", "torch.relu_", "method", "method in place", "clamp", "clamp_min_"),
    )

    def __init__(self, relu: str = "module") -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 6, 3, padding=1)
        self.normalisation, self.dropout = nn.BatchNorm2d(4), nn.Dropout(0.5)
        assert self.normalisation.running_mean is not None
        with torch.no_grad():
            self.normalisation.running_mean.normal_(0, 0.2)
            self.normalisation.bias.normal_(0, 0.2)
        self.head = nn.Linear(6, 5)
        with torch.no_grad():
            self.head.weight.mul_(8)  # so that gradients stay far from half precision's smallest number
        one = nn.ReLU(inplace="in place" in relu)
        self.relus = nn.ModuleList([one, one if "one" in relu else nn.ReLU(inplace="in place" in relu)])
        self.relu = relu
        self.double()

    def activation(self, maps: Tensor, which: int) -> Tensor:
        written: dict[str, Callable[[Tensor], Tensor]] = {
            "functional": functional.relu,
            "functional in place": lambda given: functional.relu(given, inplace=True),
            "torch.relu": torch.relu,
            "torch.relu_": torch.relu_,
            "method": lambda given: given.relu(),
            "method in place": lambda given: given.relu_(),
            "clamp": lambda given: given.clamp(min=0),
            "clamp_min_": lambda given: given.clamp_min_(0),
        }
        return written.get(self.relu, self.relus[which])(maps)

    def forward(self, images: Tensor) -> Tensor:
        maps = functional.max_pool2d(self.activation(self.normalisation(self.first(images)), 0), 2)
        maps = self.activation(self.second(maps), 1)
        logits: Tensor = self.head(self.dropout(maps.mean((2, 3))))
        return logits


def images_of(count: int, size: int = 16) -> Tensor:
    """In [0, 1], as attacks need them, and large enough for the square of 16 pixels that occlusion moves."""
    return torch.rand(count, 3, size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def found_in(model: nn.Module) -> object:
    """All that a method might leave changed; tensors by place and version, since no change leaves both as they were."""
    hooks = [name for name in vars(nn.Module()) if name.endswith("hooks")]
    return {
        name: (
            {key: id(value) for key, value in vars(module).items()},
            [[id(hook) for hook in getattr(module, each).values()] for each in hooks],
            [(id(child), key) for key, child in module.named_children()],
            [
                (key, id(each), each.data_ptr(), each._version, each.requires_grad, id(each.grad))
                for key, each in (*module.named_parameters(recurse=False), *module.named_buffers(recurse=False))
            ],
        )
        for name, module in model.named_modules()
    }


def close(found: Tensor, expected: Tensor, tolerance: float = 1e-9) -> None:
    """Equal but for rounding, which is 2e-16 in one operation and is multiplied in few."""
    assert found.shape == expected.shape
    assert expected.abs().amax() > 0
    assert (found - expected).abs().amax() <= tolerance * expected.abs().amax()


def attempted(method: Callable[..., Tensor], *arguments: object) -> Tensor | None:
    """The result; None if the method refuses, or torch itself, which can't differentiate what is checkpointed in the
    old way.
    """
    try:
        return method(*arguments)
    except MethodError:
        return None
    except RuntimeError as error:
        if "use_reentrant=False" not in str(error):
            raise
        return None


def refused(method: Callable[..., Tensor], *arguments: object) -> bool:
    """Whether ``attempted`` gives nothing."""
    return attempted(method, *arguments) is None
