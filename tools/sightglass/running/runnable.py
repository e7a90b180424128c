"""What ``sightglass run`` can do with a method: what its function takes and returns, by its signature.

Nothing is registered.  ``repro/<family>/<method>.py`` is read, not imported, so that listing methods needs no torch;
only the options' types are asked of the imported function.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from sightglass import ledger
from sightglass.errors import SettingError

Gives = Literal[
    "heatmap", "saliency", "attribution", "relevance", "reconstruction", "pre-image", "adversarial image", "image",
    "filters",
]  # fmt: skip  # a table, as one reads it
# By the name of the alias of ``repro.engine.results`` that annotates the function's result.
RESULTS: dict[str, Gives] = {
    "Heatmap": "heatmap",
    "Saliency": "saliency",
    "Attribution": "attribution",
    "Relevance": "relevance",
    "Reconstruction": "reconstruction",
    "PreImages": "pre-image",
    "AdversarialImages": "adversarial image",
    "Images": "image",
    "FirstFilters": "filters",
}
MAPS = ("heatmap", "saliency", "attribution", "relevance")  # for a class, drawn over the image
# What the command line can hand over, and what a reader calls it; the size is the model's, superpixels are the image's.
WORDS = {"images": "image", "target_classes": "class", "target_layer": "layer", "channels": "unit"}
GIVEN = ("model", *WORDS, "shape", "segments")
SIMPLE = (bool, int, float, str)
PHOTO, MAX_POOLING = "photo:efficientnet-lite0", "lab:zf-scenes"


@dataclass(frozen=True)
class Runnable:
    """A method's function as its source states it; ``parameters`` says which may be left out."""

    slug: str
    family: str
    module: str  # repro.attribution.grad_cam
    parameters: Mapping[str, bool]
    returns: str | None  # the name of its result's annotation

    def takes(self, name: str) -> bool:
        return name in self.parameters

    @property
    def gives(self) -> Gives | None:
        """What the function returns; None if it is nothing that a picture of one image shows."""
        return RESULTS.get(self.returns or "") if next(iter(self.parameters), None) == "model" else None

    @property
    def why_not(self) -> str | None:
        """Why it can't be run on one image, as the end of a sentence; None if it can."""
        unknown = [name for name, optional in self.parameters.items() if not optional and name not in GIVEN]
        if self.takes("inputs"):
            return "looks at the rows of a table, not at an image"
        if self.gives is None:
            return "shows no single image"
        return f"asks for {' and '.join(unknown)}, which only Python can give" if unknown else None

    @property
    def model(self) -> str:
        """The model that is asked if none is named.  Reconstructions go back through max pooling, which the network of
        photographs does not have.
        """
        return MAX_POOLING if self.gives == "reconstruction" else PHOTO

    @property
    def needs(self) -> list[str]:
        """In words: image, class, layer, unit; in brackets what is found from the image if it is left out."""
        found = self.takes("images")
        return [f"({word})" if found and name != "images" else word for name, word in WORDS.items() if self.takes(name)]

    def function(self) -> Callable[..., Any]:
        """The function itself; this imports torch."""
        module = importlib.import_module(self.module)
        function: Callable[..., Any] = getattr(module, self.module.rpartition(".")[2])
        return function

    def command(self, image: str = "example") -> str | None:
        """A call that fits, for the method's page; None if there is none."""
        if self.why_not:
            return None
        return " ".join(
            filter(None, (f"sightglass run {self.slug}", self.given(image, 3, 3), f"--out {self.slug}.png"))
        )

    def given(self, image: str, target: int, unit: int) -> str:
        """The option that a call can't do without: an image, a class or a unit; none if the network alone is asked."""
        options = {"images": f"--image {image}", "target_classes": f"--class {target}", "channels": f"--unit {unit}"}
        return next((option for taken, option in options.items() if self.takes(taken)), "")


def find(root: Path, slug: str) -> Runnable | None:
    """What the method's module offers; None if it has no module or no function named after it."""
    path = ledger.module_of(root, slug)
    return _offered(slug, path.parent.name, path.stem, path.read_bytes()) if path else None


@lru_cache(maxsize=512)  # every page asks, and a site that is served asks again after each change
def _offered(slug: str, family: str, name: str, source: bytes) -> Runnable | None:
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            places = [*node.args.posonlyargs, *node.args.args]
            first = len(places) - len(node.args.defaults)
            parameters = {argument.arg: i >= first for i, argument in enumerate(places)}
            words = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
            parameters |= {argument.arg: default is not None for argument, default in words}
            return Runnable(slug, family, f"repro.{family}.{name}", parameters, _name(node.returns))
    return None


def _name(annotation: ast.expr | None) -> str | None:
    if isinstance(annotation, ast.Attribute):
        return annotation.attr
    return annotation.id if isinstance(annotation, ast.Name) else None


# The options of one method: --set name=value


@dataclass(frozen=True)
class Option:
    """An argument that a text can give: of a simple type, or one of a few things with names."""

    name: str
    choices: Mapping[str, Any]  # a Literal's values, or functions of the module that are like the default
    kinds: Sequence[type]  # of bool, int, float, str
    none: bool  # whether None is allowed
    default: Any

    def told(self) -> str:
        """As an error lists it: ``stabiliser=0.25 (float)``."""
        words = [*self.choices, *(kind.__name__ for kind in self.kinds)]
        return f"{self.name}={text_of(self.default)} ({'|'.join([*words, *(['none'] if self.none else [])])})"

    def value(self, text: str) -> Any:
        """The value that a text stands for; SettingError if it is none of this type."""
        if self.none and text.lower() == "none":
            return None
        if text in self.choices:
            return self.choices[text]
        for kind in SIMPLE:  # from narrow to wide
            if kind in self.kinds:
                try:
                    return {"true": True, "false": False}[text.lower()] if kind is bool else kind(text)
                except (ValueError, KeyError):
                    continue
        raise SettingError(f"{self.name}={text} does not fit: {self.told()}")


def options(function: Callable[..., Any]) -> dict[str, Option]:
    """The arguments with a default that the command line leaves to ``--set``, as far as a text can give them."""
    hints = typing.get_type_hints(function)
    found = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if name in GIVEN or parameter.default is parameter.empty:
            continue
        hint = hints.get(name)
        union = typing.get_origin(hint) in (types.UnionType, typing.Union)
        alternatives = typing.get_args(hint) if union else (hint,)
        literals = [each for one in alternatives if typing.get_origin(one) is Literal for each in typing.get_args(one)]
        choices = {str(each): each for each in literals} or _like(function, parameter.default)
        kinds = [one for one in alternatives if one in SIMPLE]
        if choices or kinds:
            found[name] = Option(name, choices, kinds, type(None) in alternatives, parameter.default)
    return found


def _like(function: Callable[..., Any], default: Any) -> dict[str, Any]:
    """If a default is a public function of the method's module, all those with its signature: LRP's composites."""
    public = {
        name: one
        for name, one in vars(sys.modules[function.__module__]).items()
        if inspect.isfunction(one) and not name.startswith("_")
    }
    if not inspect.isfunction(default) or default not in public.values():
        return {}
    return {name: one for name, one in public.items() if inspect.signature(one) == inspect.signature(default)}


def chosen(function: Callable[..., Any], settings: Sequence[str], slug: str) -> dict[str, Any]:
    """The values of ``name=value`` texts; SettingError, with all options and their defaults, for what does not fit."""
    known = options(function)
    there = f"there are {', '.join(option.told() for option in known.values())}" if known else "it has no options"
    values = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise SettingError(f"'{setting}' is no setting: write name=value; {there}")
        if name not in known:
            raise SettingError(f"{slug} has no option '{name}': {there}")
        values[name] = known[name].value(text)
    return values


def text_of(value: Any) -> str:
    """A value as ``--set`` takes it."""
    if inspect.isfunction(value):
        return value.__name__
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)
