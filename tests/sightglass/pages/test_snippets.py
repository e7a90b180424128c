"""What a method's page offers to paste runs as it stands, with random weights in place of torchvision's download."""

from __future__ import annotations

import re
import runpy
import shlex
from pathlib import Path

import pytest
from sightglass.pages import snippets
from sightglass.running import runnable
from typer.testing import CliRunner

ROOT = Path(__file__).parents[3]
RUN = sorted(
    path.stem.replace("_", "-")
    for path in ROOT.glob("repro/*/*.py")
    if runnable.find(ROOT, path.stem.replace("_", "-")) and path.parent.name not in ("engine", "lab", "experiments")
)
# What is replaced: downloaded weights, a large network, and many steps of what takes many: what runs is the same code.
REPLACED = {
    '"DEFAULT"': '"random"',
    '"resnet50"': '"resnet18"',
    "stride=16": "stride=64",
    "generations=60": "generations=1",
    "shape=(3, 224, 224))[0]": "shape=(3, 224, 224), steps=2)[0]",
    "samples=300": "samples=20",
    "window=28, stride=14, samples=2": "window=28, stride=28, samples=1",
    "inpainting_what_if(model, images, target_classes)": "inpainting_what_if(model, images, target_classes, parts=6)",
    "smoothgrad(model, images, target_classes)": "smoothgrad(model, images, target_classes, samples=2)",
    "integrated_gradients(model, images, target_classes)": "integrated_gradients(model, images, target_classes, steps=2)",
    "deep_dream(model, images, layer)": "deep_dream(model, images, layer, octaves=1, steps=1)",
    "network_inversion(model, images, layer)": "network_inversion(model, images, layer, rates=[0.004])",
}
FEWER = {  # of the command
    "class-model-visualisation": ("--out", "--set steps=2 --out"),
    "feature-visualisation-distill": ("--out", "--set steps=2 --out"),
    "deepvis-regularisers": ("--out", "--set steps=2 --out"),
    "deep-dream": ("--out", "--set steps=1 --out"),
    "sobolev-regularisation": ("--out", "--set steps=2 --out"),
    "filter-visualisation": ("--out", "--set steps=2 --out"),
    "activation-maximisation": ("--out", "--set steps=2 --out"),
    "adversarial-examples": ("--out", "--set searches=2 --out"),
    "inpainting-what-if": ("--out", "--set parts=6 --out"),
    "lime": ("--set samples=300", "--set samples=20"),
    "prediction-difference": ("window=28 --set stride=14 --set samples=2", "window=28 --set stride=28 --set samples=1"),
    "smoothgrad": ("--out", "--set samples=2 --out"),
    "integrated-gradients": ("--out", "--set steps=2 --out"),
}
MANY_STEPS = ("occlusion", "adversarial-examples", "fooling-images", "network-inversion")


@pytest.mark.parametrize("slug", RUN)
def test_the_python_runs_as_it_stands(slug: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = snippets.python(ROOT, slug)
    assert source is not None
    for written, instead in REPLACED.items():
        source = source.replace(written, instead)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pasted.py").write_text(source, encoding="utf-8")
    runpy.run_path(str(tmp_path / "pasted.py"))
    assert (tmp_path / f"{slug}.png").stat().st_size > 5000


def test_what_looks_at_rows_or_many_images_has_no_command() -> None:
    """``sightglass run`` gives images; Python gives rows and labels too."""
    without = [slug for slug in RUN if snippets.command(ROOT, slug) is None]
    of_rows = [slug for slug in RUN if runnable.find(ROOT, slug).takes("inputs")]
    assert without == sorted({*of_rows, *(path.stem for path in (ROOT / snippets.FOLDER).glob("*.py"))})
    assert "surrogate-model" in of_rows


@pytest.mark.parametrize("slug", [slug for slug in RUN if snippets.command(ROOT, slug)])
def test_the_command_runs_as_it_stands(slug: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sightglass.cli import app

    command = snippets.command(ROOT, slug)
    assert command is not None
    command = command.replace("--model resnet50", "--model resnet18").replace("--weights DEFAULT", "--weights random")
    command = command.replace(*FEWER.get(slug, ("--out", "--out")))
    if slug in MANY_STEPS:  # on a small network, where they take seconds
        command = re.sub(r"--layer \S+|--set patch=64", "", command).replace("281", "3")
        command = command.replace("--model resnet18 --weights random", "--model lab:lenet-mnist")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SIGHTGLASS_ROOT", str(ROOT))
    done = CliRunner().invoke(app, shlex.split(command)[1:])
    assert done.exit_code == 0, done.output
    assert (tmp_path / f"{slug}.png").stat().st_size > 5000


def test_the_project_is_installed_from_its_public_address_or_the_checkout() -> None:
    public = snippets.install("https://git.example/o/sightglass/")
    assert public == 'pip install "sightglass[lab] @ git+https://git.example/o/sightglass"'
    assert snippets.install("") == 'pip install -e ".[lab]"'
