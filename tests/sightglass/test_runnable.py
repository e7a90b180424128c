"""What a method needs and gives, by its signature; and its options."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Optional

import pytest
from sightglass.errors import SettingError
from sightglass.running import runnable

ROOT = Path(__file__).resolve().parents[2]


def of(tmp_path: Path, family: str, signature: str, returns: str = "Heatmap") -> runnable.Runnable:
    folder = tmp_path / "repro" / family
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "a_method.py").write_text(f"import nothing_of_the_kind\ndef a_method({signature}) -> {returns}: ...\n")
    found = runnable.find(tmp_path, "a-method")
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("returns", "signature", "gives", "needs"),
    [
        ("Heatmap", "model, images, target_classes, target_layer=None", "heatmap", ["image", "(class)", "(layer)"]),
        ("results.Attribution", "model, images, target_classes", "attribution", ["image", "(class)"]),
        (
            "Reconstruction",
            "model, images, target_layer, channels, positions=None",
            "reconstruction",
            ["image", "(layer)", "(unit)"],
        ),
        ("PreImages", "model, images, target_layer, *, report=None", "pre-image", ["image", "(layer)"]),
        (
            "AdversarialImages",
            "model, images, target_classes, *, budget=0.1",
            "adversarial image",
            ["image", "(class)"],
        ),
        ("Images", "model, target_classes, *, shape=(1, 28, 28), seed=0", "image", ["class"]),
        ("FirstFilters", "model, *, shape", "filters", []),
    ],
)
def test_kinds_of_methods(tmp_path: Path, returns: str, signature: str, gives: str, needs: list[str]) -> None:
    """From the source alone: the module's imports would fail."""
    method = of(tmp_path, "some_family", signature, returns)
    assert (method.gives, method.needs, method.why_not) == (gives, needs, None)
    assert method.module == "repro.some_family.a_method"
    command = method.command()
    assert command is not None
    assert ("--image" in command) == ("images" in signature)


@pytest.mark.parametrize(
    ("returns", "signature", "why"),
    [
        ("Heatmap", "first, second", "shows no single image"),
        ("Tensor", "model, images", "shows no single image"),
        ("tuple[Heatmap, Tensor]", "model, images", "shows no single image"),
        ("None", "model, target_classes", "shows no single image"),
        ("DecisionTree", "inputs, labels, *, leaves=8", "looks at the rows of a table"),
        ("Heatmap", "model, images, target_classes, baselines", "asks for baselines"),
        ("Heatmap", "model, images, target_classes, *, concept, seed=0", "asks for concept"),
    ],
)
def test_what_only_python_can_use(tmp_path: Path, returns: str, signature: str, why: str) -> None:
    method = of(tmp_path, "some_family", signature, returns)
    assert why in str(method.why_not)
    assert method.command() is None


def test_a_method_without_a_module_or_without_a_function_is_not_found(tmp_path: Path) -> None:
    assert runnable.find(tmp_path, "a-method") is None
    of(tmp_path, "attribution", "model")
    (tmp_path / "repro" / "attribution" / "a_method.py").write_text("def measure(seed): ...\n")
    assert runnable.find(tmp_path, "a-method") is None


def function(
    model: object,
    images: object,
    *,
    steps: int = 20,
    step: float = 0.5,
    rule: Literal["zero", "gamma"] = "zero",
    level: Literal[1, 2] = 1,
    exact: bool = False,
    name: str = "x",
    limit: float | None = None,
    kind: Optional[Literal["a", "b"]] = None,  # noqa: UP045  # as other people write it
    rates: tuple[float, ...] = (1.0,),
    report: object = None,
) -> None: ...


def test_options_are_read_by_their_types() -> None:
    settings = ["steps=7", "step=3", "rule=gamma", "level=2", "exact=TRUE", "name=7", "limit=none", "kind=b"]
    values = runnable.chosen(function, settings, "m")
    assert values == {
        "steps": 7,
        "step": 3.0,
        "rule": "gamma",
        "level": 2,
        "exact": True,
        "name": "7",
        "limit": None,
        "kind": "b",
    }
    assert {name: type(value) for name, value in values.items()} == {
        "steps": int,
        "step": float,
        "rule": str,
        "level": int,
        "exact": bool,
        "name": str,
        "limit": type(None),
        "kind": str,
    }
    assert runnable.chosen(function, [], "m") == {}


def plus(layer: int) -> str: ...


def flat(layer: int) -> str: ...


def other(layer: int, gamma: float) -> str: ...


def composed(
    model: object, composite: object = plus, wrong: object = print, *, report: object = lambda: None
) -> None: ...


def test_a_function_is_chosen_by_its_name_among_those_like_the_default() -> None:
    assert runnable.chosen(composed, ["composite=flat"], "m") == {"composite": flat}
    with pytest.raises(SettingError) as caught:
        runnable.chosen(composed, ["composite=other"], "m")
    assert "composite=plus (plus|flat)" in str(caught.value)
    assert list(runnable.options(composed)) == ["composite"]


@pytest.mark.parametrize("setting", ["steps=7.5", "step=x", "rule=delta", "level=3", "exact=1", "kind=c"])
def test_values_that_do_not_fit_are_refused(setting: str) -> None:
    with pytest.raises(SettingError) as caught:
        runnable.chosen(function, [setting], "m")
    assert str(caught.value).startswith(f"{setting} ")


@pytest.mark.parametrize("setting", ["stepps=7", "rates=1", "report=1", "model=x", "steps"])
def test_an_error_lists_the_options_with_their_defaults(setting: str) -> None:
    with pytest.raises(SettingError) as caught:
        runnable.chosen(function, [setting], "m")
    listed = "steps=20 (int), step=0.5 (float), rule=zero (zero|gamma), level=1 (1|2), exact=false (bool), name=x (str)"
    assert listed in str(caught.value)
    assert "limit=none (float|none), kind=none (a|b|none)" in str(caught.value)


def test_every_method_of_the_library_is_read() -> None:
    """What the page and the table of methods say comes from here; a method that is none of the kinds says why."""
    slugs = [path.stem.replace("_", "-") for path in ROOT.glob("repro/[!l]*/[!_]*.py")]
    assert "cam" in slugs
    for slug in slugs:
        method = runnable.find(ROOT, slug)
        assert method is None or method.why_not or method.gives
