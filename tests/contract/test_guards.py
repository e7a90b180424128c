"""The keys of results follow names through the code: nothing under ``repro/`` may hide what it uses, or use more."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from sightglass import catalogue, ledger
from sightglass.ledger.measuring import Job

ROOT = Path(__file__).resolve().parents[2]
HIDING = {"globals", "__import__", "eval", "exec"}
EXCEPTIONS: dict[str, str] = {}  # "repro/lab/x.py: getattr of scenes" to the reason


def hidden(source: str) -> Iterator[str]:
    """What a module does that no key can follow."""
    tree = ast.parse(source)
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    ours = {
        alias.asname or alias.name.split(".")[0]
        for node in imports
        for alias in node.names
        if _is_module(node, alias.name)
    }
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(names=[ast.alias(name="*")]):
                yield f"star import from {node.module}"
            case ast.Import() | ast.ImportFrom():
                module = getattr(node, "module", None)
                names = [alias.name for alias in node.names]
                if "importlib" in [(module or "").split(".")[0], *(name.split(".")[0] for name in names)]:
                    yield "importlib"
            case ast.Call(func=ast.Name(id=name)) if name in HIDING:
                yield name
            case ast.Call(func=ast.Name(id="getattr" | "vars" as name), args=[ast.Name(id=of), *_]) if of in ours:
                yield f"{name} of {of}"
            case ast.FunctionDef(name="__getattr__") if node in tree.body:
                yield "__getattr__ of a module"
            case ast.Subscript(value=ast.Attribute(value=ast.Name(id="sys"), attr="modules")):
                yield "sys.modules"


def _is_module(node: ast.Import | ast.ImportFrom, name: str) -> bool:
    """Whether an import binds a module of ours."""
    module = getattr(node, "module", None)
    place = ROOT.joinpath(*(f"{module}.{name}" if module else name).split("."))
    return place.with_suffix(".py").is_file() or place.is_dir()


def test_nothing_under_repro_hides_what_it_uses() -> None:
    found = {
        f"{path.relative_to(ROOT).as_posix()}: {what}"
        for path in ROOT.glob("repro/**/*.py")
        for what in hidden(path.read_text(encoding="utf-8"))
    }
    assert found == EXCEPTIONS.keys()


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from repro.lab.scenes import *", ["star import from repro.lab.scenes"]),
        ("import importlib", ["importlib"]),
        ("from importlib import import_module", ["importlib"]),
        ("x = globals()['f']", ["globals"]),
        ("x = __import__('repro')", ["__import__"]),
        ("from repro.lab import scenes\nx = getattr(scenes, 'load')", ["getattr of scenes"]),
        ("import repro.lab.scenes as s\nx = vars(s)", ["vars of s"]),
        ("import sys\nx = sys.modules['repro']", ["sys.modules"]),
        ("def __getattr__(name): return 3", ["__getattr__ of a module"]),
        ("class A:\n    def __getattr__(self, name): return 3", []),
        ("import torch\nx = getattr(torch, 'mean')", []),  # its version is recorded
        ("from repro.lab.scenes import load\nx = getattr(load, 'name')", []),
    ],
)
def test_the_guard_sees_what_hides(source: str, found: list[str]) -> None:
    assert list(hidden(source)) == found


def test_a_measurement_uses_nothing_outside_its_key() -> None:
    """The method with trained weights that is measured quickest, one seed of it and its picture; 'verify --check' does it for all."""
    stored = {slug: results[0] for slug, results in ledger.load_all(ROOT).items()}
    slug = min((slug for slug in stored if stored[slug].files), key=lambda slug: stored[slug].seconds)
    (found,) = ledger.measure([Job(slug, catalogue.load().methods[slug], [0])], ROOT, guarded=True)
    assert found.outside_key == []
    assert found.result.files
    assert len(found.result.objects) > 20
