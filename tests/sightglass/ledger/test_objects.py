"""Which objects some code reaches, on toy trees: what counts, and what does not."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from sightglass.errors import UnreadableError
from sightglass.ledger import objects

ROOT = Path(__file__).resolve().parents[3]
EXPERIMENT = "repro.experiments.attribution.toy"
FILES = {
    "repro/__init__.py": "",
    "repro/engine/__init__.py": "from repro.engine.maps import pooled as exported\n",
    "repro/engine/maps.py": """
        import torch

        FACTOR = 2
        UNUSED = 3


        def pooled(maps):
            return torch.mean(maps) * FACTOR


        def unused(maps):
            return maps + UNUSED
    """,
    "repro/engine/checks.py": """
        class CheckError(ValueError):
            pass


        def check(images):
            if not len(images):
                raise CheckError("no images", images)
    """,
    "repro/lab/scenes.py": """
        import functools
        from dataclasses import dataclass

        SIZE, COUNT = 64, 400


        @dataclass
        class Scenes:
            images: list

            def take(self, rows):
                return Scenes([self.images[row] for row in rows])


        def kept(function):
            return functools.cache(function)


        @kept
        def load(count=COUNT):
            return Scenes([SIZE] * count)
    """,
    "repro/lab/figures.py": "def panels(rows):\n    return rows\n",
    "repro/attribution/toy.py": """
        from __future__ import annotations

        from repro.engine import checks, exported


        def toy(images: list) -> list:
            checks.check(images)
            return _weighted(images)


        def _weighted(images):
            weights: list = exported(images)
            return weights
    """,
    "repro/experiments/attribution/toy.py": """
        from repro.attribution import toy as method
        from repro.lab import scenes


        def measure(seed, device="cpu"):
            images = scenes.load().images
            return {"q": method.toy(images)}


        def figure(seed=0, device="cpu"):
            from repro.lab import figures

            return figures.panels(method.toy(scenes.load()))
    """,
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        write(tmp_path, name, text)
    return tmp_path


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text).lstrip("\n"))


def edit(root: Path, name: str, old: str, new: str) -> None:
    path = root / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def reached(root: Path, name: str = "measure") -> dict[str, str]:
    return objects.reached(root, EXPERIMENT, [name])


def changed(root: Path, name: str, old: str, new: str) -> set[str]:
    """The objects that measure reaches with another digest, or no more, or newly, after a change of one file."""
    before = reached(root)
    edit(root, name, old, new)
    return {key for key, _ in before.items() ^ reached(root).items()}


def test_names_are_followed_to_what_they_stand_for(tree: Path) -> None:
    assert list(reached(tree)) == [
        "repro.attribution.toy:_weighted",
        "repro.attribution.toy:toy",
        "repro.engine.checks:CheckError",
        "repro.engine.checks:check",
        "repro.engine.maps:FACTOR",
        "repro.engine.maps:pooled",
        "repro.experiments.attribution.toy:measure",
        "repro.lab.scenes:COUNT",
        "repro.lab.scenes:SIZE",
        "repro.lab.scenes:Scenes",
        "repro.lab.scenes:kept",
        "repro.lab.scenes:load",
    ]
    assert reached(tree, "figure").keys() - reached(tree) == {f"{EXPERIMENT}:figure", "repro.lab.figures:panels"}
    assert all(len(digest) == 12 for digest in reached(tree).values())
    assert objects.follow(tree, EXPERIMENT, ["measure"]).packages == {"torch", "functools", "dataclasses"}


@pytest.mark.parametrize(
    ("name", "old", "new", "object_"),
    [
        ("engine/maps.py", "FACTOR = 2", "FACTOR = 3", "repro.engine.maps:FACTOR"),
        ("engine/maps.py", "FACTOR = 2", "FACTOR = 2.0", "repro.engine.maps:FACTOR"),
        ("lab/scenes.py", "64, 400", "64, 401", "repro.lab.scenes:SIZE"),  # one statement binds both
        ("lab/scenes.py", "[self.images[row] for", "[self.images[-row] for", "repro.lab.scenes:Scenes"),  # a method
        ("lab/scenes.py", "images: list", "images: tuple", "repro.lab.scenes:Scenes"),  # a field
        ("lab/scenes.py", "functools.cache(", "functools.lru_cache(", "repro.lab.scenes:kept"),  # of the decorator
        ("lab/scenes.py", "count=COUNT", "count=SIZE", "repro.lab.scenes:load"),  # a default value
        ("lab/scenes.py", "@kept\n", "", "repro.lab.scenes:load"),
        ("engine/checks.py", "if not len(images)", "if len(images)", "repro.engine.checks:check"),
        ("engine/checks.py", '"no images", images', '"no images", 3', "repro.engine.checks:check"),  # is no text
        ("engine/__init__.py", "pooled as", "unused as", "repro.engine.maps:unused"),  # a re-export
        ("engine/maps.py", "import torch", "import numpy as torch", "repro.engine.maps:pooled"),  # of the same name
    ],
)
def test_what_changes_numbers_counts(tree: Path, name: str, old: str, new: str, object_: str) -> None:
    assert object_ in changed(tree, f"repro/{name}", old, new)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("engine/maps.py", "UNUSED = 3", "UNUSED = 4"),
        ("engine/maps.py", "maps + UNUSED", "maps - UNUSED"),  # an unused function of a module that is used
        ("engine/maps.py", "FACTOR = 2", "FACTOR: int = 2  # twice"),
        ("engine/maps.py", "def pooled(maps):", 'def pooled(maps):\n    """Twice the mean."""'),
        ("engine/maps.py", "def pooled(maps):", "def pooled(\n    maps: object\n) -> object:\n"),
        ("engine/maps.py", "import torch\n", '"""What the module is for."""\n\nimport os\nimport torch\n'),
        ("engine/checks.py", '"no images"', '"there are " f"{len(images)}" + " images"'),
        ("engine/checks.py", "    pass", '    """No images."""\n\n    pass'),
        ("attribution/toy.py", "weights: list = ", "weights: dict[str, int] = "),
        ("attribution/toy.py", "from repro.engine import checks", "from repro.engine import checks, maps"),
        ("lab/figures.py", "return rows", "return list(rows)"),
        ("experiments/attribution/toy.py", "return figures.panels(", "return figures.panels(1, "),
        ("engine/maps.py", "UNUSED = 3\n", "UNUSED = 3\nif __name__ == '__main__':\n    print(FACTOR)\n"),
    ],
)
def test_what_changes_no_number_does_not(tree: Path, name: str, old: str, new: str) -> None:
    assert changed(tree, f"repro/{name}", old, new) == set()


def test_a_name_that_comes_to_mean_another_known_object_is_a_change(tree: Path) -> None:
    write(tree, "repro/engine/two.py", "def one(x):\n    return x\n\n\ndef other(x):\n    return -x\n")
    write(
        tree,
        "repro/engine/use.py",
        "from repro.engine.two import one as f, other as g\n\n\ndef both(x):\n    return f(x) - 2 * g(x)\n",
    )
    before = objects.reached(tree, "repro.engine.use", ["both"])
    edit(tree, "repro/engine/use.py", "one as f, other as g", "other as f, one as g")
    after = objects.reached(tree, "repro.engine.use", ["both"])
    assert before.keys() == after.keys()
    assert before["repro.engine.use:both"] != after["repro.engine.use:both"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import repro.lab.figures\n\n\ndef f():\n    return repro.lab.figures.panels\n", {"repro.lab.figures:panels"}),
        ("import repro.lab.figures as x\n\n\ndef f():\n    return x.panels\n", {"repro.lab.figures:panels"}),
        ("from . import figures\n\n\ndef f():\n    return figures.panels([]).count\n", {"repro.lab.figures:panels"}),
        ("from .figures import panels\n\nf = lambda: panels\n", {"repro.lab.figures:panels"}),
        ("def f():\n    import repro.lab.figures as x\n\n    return lambda: x.panels\n", {"repro.lab.figures:panels"}),
        ("from repro.lab import figures\n\n\ndef f(figures):\n    return figures.panels\n", set()),  # the parameter hides the import
        ("from repro.lab import figures\n\n\ndef f(a):\n    return [figures for figures in a]\n", set()),
        (
            "from repro.lab import figures\n\n\ndef f():\n    return [figures for figures in figures.panels(3)]\n",
            {"repro.lab.figures:panels"},
        ),
        (
            "from repro.lab import figures\n\n\ndef f():\n    return vars(figures)\n",  # a module as a value counts whole
            {"repro.lab.figures:panels"},
        ),
        ("if 3:\n    A = 1\nelse:\n    A = 2\n\n\ndef f():\n    return A\n", {"repro.lab.own:A"}),
        ("A = []\nA += [1]\n\n\ndef f():\n    global A\n    return A\n", {"repro.lab.own:A"}),
        ("try:\n    from repro.lab.figures import panels\nexcept ImportError:\n    panels = None\n\n\nf = [panels]\n",
         {"repro.lab.figures:panels", "repro.lab.own:panels"}),
        ("class Base:\n    pass\n\n\nclass f(Base):\n    pass\n", {"repro.lab.own:Base"}),
        ("from repro.lab import nothing\n\n\ndef f():\n    return nothing.here\n", {"repro.lab:nothing"}),
        ("from repro.lab import figures\n\n\ndef f():\n    return figures.gone()\n", {"repro.lab.figures:gone"}),
        ("from repro.lab import figures\n\n\ndef f():\n    return figures.__name__\n", set()),
        ("def f(x):\n    match x:\n        case [A, *B]:\n            return A, B\n\n\nA = B = 3\n", set()),
    ],
)  # fmt: skip  # a table, as one reads it
def test_forms_of_imports_and_names(tree: Path, text: str, found: set[str]) -> None:
    write(tree, "repro/lab/own.py", text)
    result = objects.reached(tree, "repro.lab.own", ["f"])
    assert result.keys() - {"repro.lab.own:f"} == found
    assert all(result[key] == objects.MISSING for key in found if key.endswith((":nothing", ":gone")))


def test_statements_that_bind_nothing_count_with_every_module_imported(tree: Path) -> None:
    before = reached(tree)
    edit(tree, "repro/engine/__init__.py", "from", "print('engine')\nfrom")
    after = reached(tree)
    assert after.keys() - before == {"repro.engine:<module>"}
    edit(tree, "repro/engine/__init__.py", "print('engine')", "print('motor')")
    assert reached(tree)["repro.engine:<module>"] != after["repro.engine:<module>"]


def test_modules_may_import_each_other(tree: Path) -> None:
    write(tree, "repro/lab/a.py", "from repro.lab import b\n\n\ndef f():\n    return b.g()\n")
    write(tree, "repro/lab/b.py", "from repro.lab import a\n\n\ndef g():\n    return a.f()\n")
    assert objects.reached(tree, "repro.lab.a", ["f"]).keys() == {"repro.lab.a:f", "repro.lab.b:g"}
    write(tree, "repro/lab/__init__.py", "from repro.lab import a\nfrom . import b\n")
    assert objects.reached(tree, "repro.lab.a", ["f"]).keys() == {"repro.lab.a:f", "repro.lab.b:g"}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("from repro.lab.scenes import *\nmeasure = 3\n", "repro.experiments.attribution, line 1"),
        ("def measure(:\n", "repro.experiments.attribution.toy, line 1"),
        ("def figure(): pass\n", "repro.experiments.attribution.toy"),  # no measure
    ],
)
def test_what_cannot_be_followed_is_refused(tree: Path, text: str, place: str) -> None:
    write(tree, "repro/experiments/attribution/toy.py", text)
    with pytest.raises(UnreadableError) as caught:
        reached(tree)
    assert str(caught.value).startswith(place)
    (tree / "repro/experiments/attribution/toy.py").unlink()
    with pytest.raises(UnreadableError):
        reached(tree)


def test_digests_are_the_same_wherever_they_are_made(tree: Path) -> None:
    """A literal: another version of Python, another order of a set, Windows' line endings must all give it."""
    digest = reached(tree)["repro.lab.scenes:Scenes"]
    assert digest == "ca416ba907ef"
    path = tree / "repro/lab/scenes.py"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert reached(tree)["repro.lab.scenes:Scenes"] == digest


def test_it_needs_neither_torch_nor_numpy() -> None:
    code = (
        "import sys; from pathlib import Path; from sightglass.ledger import objects;"
        f"objects.reached(Path({str(ROOT)!r}), 'repro.lab.networks', ['load']);"
        "sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
