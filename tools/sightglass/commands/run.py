"""``run``: one method on an image, a folder of images, or an image on the web."""

from __future__ import annotations

import hashlib
import io
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from sightglass import __version__, ledger
from sightglass import catalogue as catalogues
from sightglass.commands.catalogue import EXIT_PROBLEMS, fail
from sightglass.commands.lab import Device, chosen_device, need_torch, plain_errors
from sightglass.errors import ImageError
from sightglass.files import write_whole
from sightglass.running import image_requests, runnable

EXAMPLE = "example"
EXIT_STOPPED = 130
PATIENCE = 2.0  # seconds until a progress bar appears
PREVIEW = 5.0  # seconds between two pictures of an image while it is made
DPI = 200
LONGEST_NAME = 230  # bytes; file systems take 255, and a temporary file's is longer


def run(
    method: Annotated[str, typer.Argument(help="A method's slug; 'sightglass methods' lists what each needs.")],
    out: Annotated[Path, typer.Option(help="The picture to write, a .png file; or a folder.", metavar="FILE|FOLDER")],
    image: Annotated[
        str | None,
        typer.Option(help="The image; 'example' is one that fits the model.", metavar="FILE|FOLDER|URL"),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="Default: photo:efficientnet-lite0. Or resnet50 (torchvision), timm:resnet50, lab:gap-scenes, or your"
            " own: path/to/file.py:function.",
            metavar="NAME",
        ),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(help="For torchvision and timm: DEFAULT (downloads), a .safetensors or .pth file, random."),
    ] = None,
    layer: Annotated[
        str | None, typer.Option(help="Name of the target layer: layer4. Default: the last feature maps.")
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            "--class",
            help="Number or name. Default: the class with the highest score; for an adversarial image, the second.",
        ),
    ] = None,
    unit: Annotated[
        int | None, typer.Option(help="Number of the layer's unit. Default: the most active one.", min=0)
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="An option of the method's function; a wrong name lists all of them.", metavar="NAME=VALUE"
        ),
    ] = None,
    device: Device = "auto",
    save_map: Annotated[
        Path | None,
        typer.Option(help="Also write the values themselves, as a .npy file; for a folder of images, a folder."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Make every picture of a folder again.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON for each image.")] = False,
) -> None:
    """Run a method on your own image and draw what the network sees, what the method finds, and a legend.

    A heatmap or an attribution is drawn over the image; a reconstruction or an adversarial image is drawn
    beside it. The picture's metadata record how it was made: method, model, weights, class, options, image.

    A model of your own is a function in a Python file; the file is executed. The function takes no arguments and
    returns a torch module in evaluation mode that takes images (B, 3, 224, 224) in [0, 1] and returns logits (B, K), so
    normalise inside it; or a tuple of the module, another size, and, if you like, the names of the classes. The
    deconvnet needs max pooling; its default model is lab:zf-scenes.

    For a folder of images --out is a folder: photo.jpg becomes photo.jpg.png there. Folders inside it are not
    followed. A picture that already exists with the same settings, image and code in its metadata is kept, and a run
    that was stopped continues where it was. A file that this command did not write is left alone. Unreadable
    files are skipped and listed at the end.

    While an image is made step by step, --out shows it every few seconds; Ctrl-C keeps the image so far.

    Exit code 0: done; 1: some images of a folder failed; 2: an argument is wrong, one line says which; 130:
    stopped, finished pictures are kept.

    Examples:  sightglass run cam --image example --out cam.png
    |  sightglass run grad-cam --image cat.jpg --out cat.png --model resnet50 --weights DEFAULT --class "tiger cat"
    |  sightglass run lrp --image cat.jpg --out cat.png --model timm:resnet18 --weights DEFAULT
    |  sightglass run cam --image cat.jpg --out cat.png --model my_networks.py:trained
    |  sightglass run grad-cam --image photos/ --out maps/ --model resnet18 --weights own.safetensors --save-map maps/
    |  sightglass run grad-cam --image https://example.org/cat.jpg --out cat.png --model vgg16 --weights DEFAULT
    |  sightglass run deconvnet --image example --out unit.png --layer features.3 --unit 5
    |  sightglass run grad-cam-pp --image example --out cam.png --set output=softmax
    """
    with plain_errors():
        found = _runnable(method)
        _check_given(found, image=image, layer=layer, target=target, unit=unit)
        need_torch()
        inputs, folder = _inputs(image, out)
        _check_outputs(out, save_map, folder=folder)
        from repro.lab import models
        from sightglass.running import explain

        model = model or found.model
        function = found.function()
        options = runnable.chosen(function, settings or [], method)
        place = chosen_device(device)
        loaded = models.load(model, weights)
        if layer:
            models.layer(loaded.model, layer)
        loaded.model.to(place)
        shown_name = model + (f" ({Path(weights).name})" if weights else "")
        call = explain.Call(found, function, loaded, shown_name, place, layer, target, unit, options)
        given: dict[str, Any] = {
            "method": method,
            "model": model,
            "weights": _weights(loaded, model, weights),
            "layer": layer,
        }
        told = {name: value.__name__ if callable(value) else value for name, value in options.items()}
        given |= {"class": target, "unit": unit, "options": told, "version": __version__}
        given["sources"] = ledger.source_digest(catalogues.find_root(), method)
        job = _Job(call, model, given, out, save_map, folder, force)
        _run_all(job, inputs, as_json=as_json)
        if image != EXAMPLE and found.takes("images") and model.startswith(models.LAB):
            knows = "digits, white on black" if "mnist" in model else "its ten shapes"
            other = found.model if found.model == models.PHOTO else "vgg16 --weights DEFAULT"
            hint = f"{model} knows only {knows}: --model {other} knows photographs"
            typer.echo(hint, err=True)


# What is given


def _runnable(method: str) -> runnable.Runnable:
    root = catalogues.find_root()
    found = runnable.find(root, method)
    if found is None:
        names = (path.stem.replace("_", "-") for path in root.glob("repro/*/*.py") if path.parent.name != "lab")
        there = [name for name in sorted(names) if (one := runnable.find(root, name)) and not one.why_not]
        hint = catalogues.nearest(method, there) or ": there are " + ", ".join(there)
        raise fail(f"no reproduction of '{method}'{hint}")
    if found.why_not:
        raise fail(f"{method} {found.why_not}: its page shows how to use it")
    return found


def _check_given(method: runnable.Runnable, **given: Any) -> None:
    """Before anything is loaded: what the method has no use for is refused rather than ignored."""
    if method.takes("images") and given["image"] is None:
        raise fail(f"{method.slug} looks at an image: give --image FILE, a folder, an address, or example")
    uses = {"image": "images", "layer": "target_layer", "target": "target_classes", "unit": "channels"}
    words = {"image": "an image", "layer": "a layer", "target": "a class", "unit": "a unit"}
    for name, parameter in uses.items():
        if given[name] == "":
            raise fail(f"--{'class' if name == 'target' else name} is empty: give a value, or leave it out")
        if given[name] is not None and not method.takes(parameter):
            option = "class" if name == "target" else name
            raise fail(f"{method.slug} does not take {words[name]}: leave --{option} out")


@dataclass(frozen=True)
class _Input:
    """One image by the name that its picture gets, and where it is: a file, an address, the example, or nothing."""

    name: str
    at: Path | str | None


def _inputs(image: str | None, out: Path) -> tuple[list[_Input], bool]:
    """The images, and whether ``out`` is a folder."""
    into_folder = out.is_dir() or str(out).endswith(("/", "\\"))
    if image is None:
        return [_Input("made", None)], into_folder
    if image == EXAMPLE:
        return [_Input(EXAMPLE, EXAMPLE)], into_folder
    if image_requests.is_address(image):
        return [_Input(image_requests.name_of(image), image)], into_folder
    path = Path(image)
    if not path.is_dir():
        if out.exists() and path.exists() and out.samefile(path):
            raise fail(f"{out} is the image itself: give the picture another name")
        return [_Input(path.name, path)], into_folder
    from repro.lab.images import SUFFIXES

    if out.suffix.lower() == ".png" and not out.is_dir():
        raise fail(f"{path} is a folder of images: --out must be a folder too")
    if out.exists() and out.samefile(path):
        raise fail(f"{out} is the folder of the images: give another one for the pictures")
    inside = sorted(path.iterdir())
    files = [file for file in inside if file.suffix.lower() in SUFFIXES and file.is_file() and file.name[0] != "."]
    if not files:
        deeper = "; folders inside it are not followed" if any(entry.is_dir() for entry in inside) else ""
        raise fail(f"there are no images in {path} (by their endings, .jpg, .png and so on){deeper}")
    return [_Input(file.name, file) for file in files], True


def _check_outputs(out: Path, save_map: Path | None, *, folder: bool) -> None:
    """Before anything is computed: a wrong name should not cost minutes."""
    for path, suffix in ((out, ".png"), (save_map, ".npy")):
        if path is None:
            continue
        if folder:
            if path.exists() and not path.is_dir():
                raise fail(f"{path} is a file: give a folder")
            if not path.is_dir() and not path.parent.is_dir():
                raise fail(f"there is no folder {path.parent}: make it first")
            if not path.exists() and path.suffix.lower() == suffix:
                raise fail(f"{path} would be a folder here: call it {path.with_suffix('')}")
            continue
        if path.suffix.lower() != suffix:
            raise fail(f"{path} should end in {suffix}: call it {path.with_suffix(suffix)}")
        if not path.parent.is_dir():
            raise fail(f"there is no folder {path.parent}: make it first")
        if path.is_dir():
            raise fail(f"{path} is a folder: give the name of a file")


def _weights(loaded: Any, model: str, weights: str | None) -> str | None:
    """What tells weights apart: the hash of a file's content or of own weights, or a library's name for them."""
    from repro.lab import models

    if models.has_own_weights(model):
        digest = hashlib.sha256()
        for name, value in loaded.model.state_dict().items():
            digest.update(name.encode())
            digest.update(value.cpu().numpy().tobytes())
        return digest.hexdigest()
    path = Path(weights or "")
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else weights


# The work


@dataclass(frozen=True)
class _Job:
    call: Any  # explain.Call; torch is not imported here
    model: str
    given: dict[str, Any]  # the settings that the picture's metadata keep
    out: Path
    save_map: Path | None
    folder: bool
    force: bool


def _run_all(job: _Job, inputs: list[_Input], *, as_json: bool) -> None:
    """Every image in turn; what is finished is told at once and stays."""
    many = job.folder and isinstance(inputs[0].at, Path)
    problems: dict[str, str] = {}
    counts: Counter[str] = Counter()
    facts: dict[str, Any] = {}
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:.0f}%"), TimeElapsedColumn())
    hidden = not console.is_terminal or (as_json and sys.stdout.isatty())
    bar = Progress(*columns, console=console, transient=True, disable=hidden, redirect_stdout=False)
    task = bar.add_task("", total=len(inputs))
    try:
        with _after_a_while(bar):
            for number, one in enumerate(inputs):
                bar.update(task, completed=number, description=one.name)
                try:
                    facts = _run_one(job, one, _Share(bar, task, number))
                except ValueError as error:
                    if not many or (str(error) in problems.values() and not counts):
                        raise  # what stops every image is no fault of one
                    problems[one.name] = str(error)
                    facts = {"image": str(one.at), "state": "failed", "error": str(error)}
                else:
                    counts[facts["state"]] += 1
                if as_json:
                    typer.echo(json.dumps(facts, ensure_ascii=False))
                if "stopped_at" in facts:
                    raise KeyboardInterrupt
    except KeyboardInterrupt:
        done = counts.total() + len(problems)
        kept = "; run the same command to continue" if many else ""
        if "stopped_at" in facts:
            typer.echo(f"stopped at {facts['stopped_at']:.0%}: {facts['out']} shows the image so far", err=True)
            done -= 1
        if many or "stopped_at" not in facts:
            typer.echo(f"stopped: {done} of {len(inputs)} done{kept}", err=True)
        raise typer.Exit(EXIT_STOPPED) from None
    if not many and not as_json:
        typer.echo(_told(facts))
    for name, problem in problems.items():
        typer.echo(f"{name}: {problem}", err=True)
    if many and not as_json:
        parts = [f"{counts[state]} {state}" for state in ("made", "kept") if counts[state]]
        parts += [f"{len(problems)} failed"] if problems else []
        typer.echo(f"{job.out}: {len(inputs)} images, {', '.join(parts)}")
    if problems:
        raise typer.Exit(EXIT_PROBLEMS)


def _run_one(job: _Job, one: _Input, report: Any) -> dict[str, Any]:
    """Make the picture of one image, or find that it is there; the facts about it."""
    from repro.lab import figures
    from sightglass.running import explain

    if job.folder:
        for folder in (job.out, job.save_map):
            if folder:
                folder.mkdir(exist_ok=True)
    out = job.out / f"{one.name}.png" if job.folder else job.out
    if job.folder and len(out.name.encode()) > LONGEST_NAME:
        raise ImageError(f"{one.name[:40]}… is too long a name to put a picture's beside it: rename it")
    saved = job.save_map / f"{one.name}.npy" if job.save_map and job.folder else job.save_map
    data, digest = _source(one)
    settings = json.dumps(job.given | {"image": digest}, sort_keys=True, ensure_ascii=False)
    where = {"image": str(one.at) if one.at is not None else None, "out": str(out)}
    where |= {"map": str(saved)} if saved else {}
    if job.folder and not job.force and out.exists():
        there = _metadata(out)
        if there.get("Software") != "Sightglass":
            raise ImageError(f"{out} is there and no picture of sightglass: move it away, or use --force")
        if there.get("settings") == settings and (saved is None or saved.exists()):
            kept: dict[str, Any] = json.loads(there["facts"])
            return where | {"state": "kept"} | kept
    shown = explain.show(job.call, _pixels(job.model, one, data), report, _Preview(out))
    if "stopped_at" in shown.facts:
        settings = ""  # the next run makes it whole
    facts = {"method": job.given["method"], "model": job.call.model_name, **shown.facts}
    facts |= {"options": job.given["options"], "device": job.call.device, "version": job.given["version"]}
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in facts.items()}
    source = {"source": one.at if image_requests.is_address(str(one.at)) else one.name, "image_sha256": digest or ""}
    if saved:  # before the picture: a picture that is there says that its map is too
        values = io.BytesIO()
        _numpy_save(values, shown.result)
        write_whole(saved, values.getvalue())
    stored = texts | source | {"settings": settings, "facts": json.dumps(facts, ensure_ascii=False)}
    figures.save(shown.figure, out, {key: str(value) for key, value in stored.items()}, dpi=DPI)
    return where | {"state": "made"} | facts


def _source(one: _Input) -> tuple[bytes, str | None]:
    """The image's file and its hash; of the example its name; ImageError if it can't be read."""
    if one.at is None or one.at == EXAMPLE:
        return b"", one.at
    try:
        if isinstance(one.at, Path):
            data = one.at.read_bytes()
        else:
            data, kind = image_requests.fetch(one.at)
            if kind in ("text/html", "application/xhtml+xml"):
                raise ImageError(f"{one.at} is a page and no image: open it and copy the address of the image itself")
    except FileNotFoundError:
        raise ImageError(f"there is no file {one.at}") from None
    except OSError as error:
        raise ImageError(f"{one.at}: {error.strerror or error}") from error
    return data, hashlib.sha256(data).hexdigest()


def _pixels(model: str, one: _Input, data: bytes) -> Any:
    """The image as a tensor, None if there is none; ImageFileError if it is broken."""
    from repro.lab import images, models

    if one.at is None:
        return None
    if one.at == EXAMPLE:
        return models.example(model)
    return images.decode(data, str(one.at))


def _metadata(path: Path) -> dict[str, str]:
    """The text in a PNG's metadata; nothing if it is none."""
    from PIL import Image

    try:
        with Image.open(path) as picture:
            return {str(key): str(value) for key, value in getattr(picture, "text", {}).items()}
    except (OSError, SyntaxError, ValueError):
        return {}


def _numpy_save(file: io.BytesIO, values: Any) -> None:
    import numpy as np

    np.save(file, values, allow_pickle=False)


def _told(facts: dict[str, Any]) -> str:
    """The one line for people."""
    about = f" for {facts['class_name']!r}" if "class_name" in facts else ""
    about += f", probability {facts['probability']:.2f}" if "probability" in facts else ""
    about += f", unit {facts['unit']} of {facts['layer']}" if "unit" in facts else ""
    if "becomes" in facts:
        before = f"{facts['predicted']} {facts['predicted_probability']:.2f}, then " if "predicted" in facts else ""
        about += f": {before}{facts['becomes']} {facts['becomes_probability']:.2f}"
    state = "" if facts["state"] == "made" else " (was there already)"
    return f"{facts['out']}: {facts['method']}{about}{state}"


# Progress


@dataclass(frozen=True)
class _Share:
    """Hears from a method what share of an image is done."""

    bar: Progress
    task: TaskID
    number: int

    def __call__(self, share: float) -> None:
        self.bar.update(self.task, completed=self.number + min(max(share, 0.0), 1.0))


@dataclass
class _Preview:
    """Writes an image, while it is made, every few seconds to where its picture will be."""

    path: Path
    last: float = field(default_factory=time.monotonic)

    def __call__(self, image: Any) -> None:
        if time.monotonic() - self.last < PREVIEW:
            return
        from PIL import Image, PngImagePlugin

        notes = PngImagePlugin.PngInfo()
        notes.add_text("Software", "Sightglass")  # so that a later run may replace it
        written, rows = io.BytesIO(), image.expand(3, -1, -1).permute(1, 2, 0)
        Image.fromarray((255 * rows).round().byte().numpy()).save(written, "PNG", pnginfo=notes)
        write_whole(self.path, written.getvalue())
        self.last = time.monotonic()


@contextmanager
def _after_a_while(bar: Progress) -> Iterator[None]:
    """Show the bar only if the work takes longer than two seconds."""
    timer = threading.Timer(PATIENCE, bar.start)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        bar.stop()
