"""What the files of a method are: one function named after the file, torch alone, a typed result, its equations."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import typing
from pathlib import Path

import pytest
from sightglass import catalogue
from sightglass.catalogue import Catalogue
from sightglass.catalogue.check import equations

from repro.engine import results
from tests.contract.methods import ROOT, calls, files

FOREIGN = ("matplotlib", "scipy", "sklearn", "skimage", "torchvision", "repro.lab", "repro.experiments", "sightglass")
every_method = pytest.mark.parametrize("slug", files())


@pytest.fixture(scope="module")
def books() -> Catalogue:
    return catalogue.read(ROOT)[0]


def test_methods_are_found() -> None:
    assert {"cam", "grad-cam", "lrp"} <= set(files())
    assert {"cam", "grad_cam of a layer"} <= {call.name for call in calls()}


@every_method
def test_a_method_has_its_four_files(slug: str, books: Catalogue) -> None:
    name, family = files()[slug].stem, files()[slug].parent.name
    assert slug in books.methods
    assert books.methods[slug].family == family
    assert (ROOT / "repro" / "experiments" / family / f"{name}.py").exists()
    assert (ROOT / "tests" / "repro" / family / f"test_{name}.py").exists()


@every_method
def test_the_docstring_is_short_and_the_function_says_what_it_returns(slug: str) -> None:
    tree = ast.parse(files()[slug].read_text(encoding="utf-8"))
    assert 1 <= len((ast.get_docstring(tree) or "").splitlines()) <= 40
    function = next(call.function for call in calls() if call.name == files()[slug].stem)
    returned = typing.get_type_hints(function, include_extras=True)["return"]
    known = [value for name, value in vars(results).items() if typing.get_origin(value) is typing.Annotated]
    assert any(returned is each or returned == each for each in known), returned


def test_importing_a_method_loads_torch_and_nothing_of_the_laboratory() -> None:
    """Which packages each method's import loads; one process for all, because importing torch takes seconds."""
    modules = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files().values()]
    program = f"""
import importlib, json, sys
import torch
told = {{}}
for name in {modules}:
    before = set(sys.modules)
    importlib.import_module(name)
    new = set(sys.modules) - before
    told[name] = [f for f in {FOREIGN} if any(m == f or m.startswith(f + ".") for m in new)]
print(json.dumps({{name: foreign for name, foreign in told.items() if foreign}}))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {}


@every_method
def test_each_equation_stands_in_the_catalogue_and_beside_its_line(slug: str, books: Catalogue) -> None:
    assert books.methods[slug].equations
    named = {Path(path).as_posix() for path in (f"catalog/methods/{slug}.yaml", files()[slug].relative_to(ROOT))}
    assert [str(problem) for problem in equations(books) if problem.file in named] == []
