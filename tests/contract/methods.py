"""Every method there is, found by its file, and the ways in which the contract calls it.

A method is ``repro/<family>/<slug>.py`` with a public function of the file's name.  What the function needs is read
from its signature.  Where that is not enough, the method's own test, ``tests/repro/<family>/test_<slug>.py``, declares
``CONTRACT``: functions of the module and options for them, such as few steps of a long search::

    CONTRACT = {"adversarial_examples": {"searches": 2}, "fgsm": {"budget": 0.1}, "lrp, w2": {"composite": w_square}}

What follows a comma tells two calls of one function apart.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import yaml
from torch import Tensor, nn

ROOT = Path(__file__).resolve().parents[2]
# What is chosen when a layer has to be chosen: the first of these names that a network has, or its last convolution.
LAYERS = ("maps", "features", "blocks")


@dataclass(frozen=True, eq=False)
class Call:
    """A function of a method's module, as the contract calls it: ``call(model, images, classes)``."""

    name: str
    function: Callable[..., Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    layer_given: bool = False  # also where it may be left out

    @cached_property
    def parameters(self) -> Mapping[str, inspect.Parameter]:
        return inspect.signature(self.function).parameters

    @property
    def takes_model(self) -> bool:
        """Whether it looks at a network of images; what looks at a table takes ``inputs (N, F)``."""
        return "model" in self.parameters

    @property
    def takes_rows(self) -> bool:
        return "inputs" in self.parameters

    @property
    def takes_images(self) -> bool:
        return "images" in self.parameters

    @property
    def takes_classes(self) -> bool:
        return "target_classes" in self.parameters or "true_classes" in self.parameters

    @property
    def takes_layer(self) -> bool:
        return "target_layer" in self.parameters

    def __call__(
        self, model: nn.Module, images: Tensor, classes: Tensor, layer: nn.Module | None = None, **options: Any
    ) -> Tensor:
        """The result; if there are several, the first.  ``classes`` name the units too, where a method asks for some."""
        given: dict[str, Any] = {}
        for name, parameter in self.parameters.items():
            needed = parameter.default is parameter.empty
            if name in self.options or name in options:
                given[name] = {**self.options, **options}[name]
            elif name == "target_layer" and (needed or self.layer_given or layer is not None):
                given[name] = layer or layer_of(model)
            elif needed:
                given[name] = _needed(name, model, images, classes)
        found = self.function(**given)
        result: Tensor = found if isinstance(found, Tensor) else found[0]
        return result


def _needed(name: str, model: nn.Module, images: Tensor, classes: Tensor) -> Any:
    match name:
        case "model":
            return model
        case "images":
            return images
        case "target_classes" | "true_classes" | "channels":
            return classes
        case "layers":
            return [layer_of(model)]
        case "shape":
            return tuple(images.shape[1:])
    raise TypeError(f"the contract can't give '{name}': declare it in CONTRACT, in the method's test")


def layer_of(model: nn.Module) -> nn.Module:
    """A layer with feature maps near the end, found also inside of what wraps the network."""
    named = {name.rpartition(".")[2]: module for name, module in reversed(list(model.named_modules()))}
    convolutions = [module for module in model.modules() if getattr(module, "original_name", "") == "Conv2d"]
    convolutions += [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    return next((named[name] for name in LAYERS if name in named), convolutions[-1])


@cache
def files() -> dict[str, Path]:
    """The modules of all methods by slug: every file in the folder of a family."""
    taxonomy = yaml.safe_load((ROOT / "catalog" / "taxonomy.yaml").read_text(encoding="utf-8"))
    folders = [ROOT / "repro" / family["id"] for family in taxonomy["families"]]
    modules = sorted(path for folder in folders for path in folder.glob("*.py") if not path.stem.startswith("_"))
    return {path.stem.replace("_", "-"): path for path in modules}


@cache
def calls() -> list[Call]:
    """All calls of all methods, each with and without a layer where it may be left out."""
    found = []
    for path in files().values():
        module = importlib.import_module(f"repro.{path.parent.name}.{path.stem}")
        declared = declaration(path, "CONTRACT")
        for name, options in ({path.stem: {}} | declared).items():
            found.append(Call(name, getattr(module, name.partition(",")[0]), options))
    of_a_layer = [
        Call(f"{call.name} of a layer", call.function, call.options, layer_given=True)
        for call in found
        if call.takes_layer and call.parameters["target_layer"].default is None
    ]
    return sorted(found + of_a_layer, key=lambda call: call.name)


def declaration(module: Path, name: str) -> dict[str, Any]:
    """What the test of a method declares under this name; nothing if it declares nothing."""
    path = ROOT / "tests" / "repro" / module.parent.name / f"test_{module.stem}.py"
    spec = importlib.util.spec_from_file_location(f"declared_{module.stem}", path)
    assert spec, f"a method has a test: {path.relative_to(ROOT)}"
    assert spec.loader
    test = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(test)
    declared: dict[str, Any] = getattr(test, name, {})
    return declared
