"""Run methods and measure their claims: ``methods``, ``run``, ``verify``, ``train``.

torch is imported only inside the commands that compute: looking things up does without.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from sightglass import catalogue as catalogues
from sightglass import ledger
from sightglass.commands.catalogue import AsJson, fail, print_json
from sightglass.files import write_whole
from sightglass.models import Claim, Method

Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.", metavar="NAME")]
INSTALL = "torch is not installed: pip install -e '.[lab]' in the checkout (or make verify) installs what this needs"
EXIT_DIFFERS = 1


def methods(as_json: AsJson = False) -> None:
    """List the methods that run here, with their claims and what was measured.

    Examples:  sightglass methods  |  sightglass methods --json
    """
    catalogue = catalogues.load()
    results = ledger.load_all(catalogue.root)
    rows: list[dict[str, Any]] = []
    for slug, method in catalogue.methods.items():
        if ledger.module_of(catalogue.root, slug):
            stored = results.get(slug, [])
            verdicts = {
                result.device: {claim.id: ledger.verdict(claim, result) for claim in method.claims} for result in stored
            }
            stale = [result.device for result in stored if ledger.is_stale(result, catalogue.root)]
            row: dict[str, Any] = {
                "method": slug,
                "name": method.name,
                "family": method.family,
                "claims": len(method.claims),
            }
            rows.append(row | {"verdicts": verdicts, "stale": stale})
    if as_json:
        print_json(rows)
        return
    table = Table("Method", "Name", "Family", "Claims", "Measured", box=None, pad_edge=False)
    for row in rows:
        told = [
            f"{device}: {list(words.values()).count('holds')} hold, {list(words.values()).count('fails')} do not"
            + (" (stale)" if device in row["stale"] else "")
            for device, words in row["verdicts"].items()
        ]
        table.add_row(row["method"], row["name"], row["family"], str(row["claims"]), "; ".join(told) or "not run")
    _print_table(table)


def run(
    method: Annotated[str, typer.Argument(help="Slug of a method that shows a heatmap: cam, grad-cam.")],
    image: Annotated[str, typer.Option(help="An image file, or 'example' for a scene of the laboratory.")],
    out: Annotated[Path, typer.Option(help="The picture to write, a .png file.")],
    model: Annotated[str, typer.Option(help="lab:gap-scenes, or a torchvision model: resnet50.")] = "lab:gap-scenes",
    weights: Annotated[
        str | None,
        typer.Option(help="For torchvision models: DEFAULT (downloads), a .safetensors or .pth file, random."),
    ] = None,
    layer: Annotated[
        str | None, typer.Option(help="Name of the target layer: layer4. Found by itself if left out.")
    ] = None,
    target: Annotated[
        str | None, typer.Option("--class", help="Number or name of the class; the model's first choice if left out.")
    ] = None,
    device: Device = "auto",
    save_map: Annotated[Path | None, typer.Option(help="Also write the heatmap itself, a .npy file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show one method on one image: what the network sees, the heatmap over it, and the heatmap alone.

    Exit code 2 if something given does not fit; one line says what.

    Examples:  sightglass run cam --image example --out cam.png
    |  sightglass run cam --image cat.jpg --out cat.png --model resnet50 --weights DEFAULT --class "tiger cat"
    |  sightglass run cam --image cat.jpg --out cat.png --model resnet18 --weights own.safetensors --save-map cat.npy
    """
    with _plain_errors():
        function = _function_of(method)
        _check_output(out, ".png")
        if save_map:
            _check_output(save_map, ".npy")
        import numpy as np
        import torch

        from repro.lab import figures, images, models, scenes

        place = _device(device)
        if image == "example":
            pixels = torch.from_numpy(scenes.render(np.array([scenes.EXAMPLE]), 0).images[0]) / 255
        else:
            pixels = images.load(image)
        loaded = models.load(model, weights)
        network = loaded.model.to(place)
        view = loaded.preprocessing.view(pixels)
        batch = loaded.preprocessing.normalise(view).to(place)
        with torch.no_grad():
            logits = network(batch)[0].float().cpu()
        chosen = models.class_index(loaded.classes, target, len(logits)) if target else int(logits.argmax())
        if layer and "target_layer" not in inspect.signature(function).parameters:
            raise fail(f"{method} goes back to the pixels and knows no target layer: leave --layer out")
        options = {"target_layer": models.layer(network, layer)} if layer else {}
        heatmap = function(network, batch, torch.tensor([chosen], device=place), **options)[0].detach().float().cpu()
        flat = heatmap.sum(0, keepdim=True)  # an attribution has three colours, a heatmap one
        name = loaded.classes[chosen] if loaded.classes else f"class {chosen}"
        probability = float(logits.softmax(0)[chosen])
        facts = {
            "method": method,
            "model": model + (f" ({Path(weights).name})" if weights else ""),
            "image": image,
            "layer": layer or "found by itself",
            "class": chosen,
            "class_name": name,
            "probability": round(probability, 4),
            "logit": round(float(logits[chosen]), 4),
            "map": list(heatmap.shape[1:]),
            "minimum": round(float(heatmap.min()), 4),
            "maximum": round(float(heatmap.max()), 4),
            "device": place,
            "out": str(out),
        }
        row = [
            figures.Panel("what the network sees", view),
            figures.Panel("where", view, flat),
            figures.Panel(f"the map, {heatmap.shape[1]} x {heatmap.shape[2]}", heatmap=flat),
        ]
        title = f"{method} for {name!r} (probability {probability:.2f}), {facts['model']}"
        figure = figures.panels([row], title, "value of the map")
        figures.save(figure, out, {key: str(value) for key, value in facts.items() if key != "out"}, dpi=160)
        if save_map:
            stored = io.BytesIO()
            np.save(stored, heatmap.squeeze(0).numpy())
            write_whole(save_map, stored.getvalue())
    if image != "example" and model.startswith(models.LAB):
        typer.echo(f"{model} knows only its ten shapes: --model resnet50 --weights DEFAULT knows photographs", err=True)
    if as_json:
        print_json(facts)
    else:
        typer.echo(f"{out}: {method} for {name!r}, probability {probability:.2f}")


def verify(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[METHOD]...", help="All that run here if none is named.")
    ] = None,
    device: Device = "cpu",
    seeds: Annotated[str, typer.Option(help="Seeds of networks and scenes, with commas.")] = "0,1,2",
    jobs: Annotated[int, typer.Option(min=0, help="Processes at once; 0: one for each processor.")] = 0,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail if a verdict is not the one in the ledger.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Measure the claims of methods anew and write the ledger: results/<device>/<method>.json and the picture.

    Exit code 1 if a claim turns out otherwise than expected (or, with --check, than the ledger says); 2 if something
    given does not fit.

    Examples:  sightglass verify  |  sightglass verify cam --seeds 0,1,2,3,4  |  sightglass verify --check
    """
    with _plain_errors():
        catalogue = catalogues.load()
        chosen = _chosen(catalogue, names or [])
        numbers = _seeds(seeds)
        _need_torch()
        place = _device(device)
        stored = {result.method: result for results in ledger.load_all(catalogue.root).values() for result in results
                  if result.device == place}  # fmt: skip
        count = jobs or (1 if place != "cpu" else min(ledger.processors(), len(chosen) * (len(numbers) + 1)))
        with Progress(console=Console(stderr=True)) as progress:
            task = progress.add_task("measuring", total=len(chosen) * (len(numbers) + 1))
            found = {}
            for slug, result, picture in ledger.measure(
                chosen,
                catalogue.root,
                device=place,
                seeds=numbers,
                jobs=count,
                report=lambda slug: progress.update(task, advance=1, description=f"measured {slug}"),
            ):
                found[slug] = result
                if not check:
                    ledger.write(catalogue.root, result, picture)
        rows, differences = [], []
        for slug, result in sorted(found.items()):
            for claim in chosen[slug].claims:
                word = result.verdicts[claim.id]
                rows.append(_claim_row(slug, claim, result, word))
                wanted, whose = claim.expect, "expected"
                if check:
                    # a verdict and an expectation are two vocabularies that meet in their words
                    wanted, whose = ledger.verdict(claim, stored.get(slug)), "in the ledger"  # type: ignore[assignment]
                if word != wanted:
                    differences.append(f"{slug}: {claim.id} {_told(word)}, {whose}: {wanted}")
            if check and slug not in stored:
                differences.append(f"{slug}: nothing in the ledger for {place}; sightglass verify {slug} writes it")
    if as_json:
        print_json({"claims": rows, "differences": differences})
    else:
        table = Table("Method", "Claim", "Measured", "Bound", "Verdict", "Expected", box=None, pad_edge=False)
        for row in rows:
            table.add_row(*(str(row[key]) for key in ("method", "claim", "measured", "bound", "verdict", "expected")))
        _print_table(table)
    for difference in differences:
        typer.echo(difference, err=True)
    if differences:
        raise typer.Exit(EXIT_DIFFERS)


def train(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NETWORK]...", help="All networks if none is named.")
    ] = None,
    seed: Annotated[list[int] | None, typer.Option(help="May be given more than once; 0, 1 and 2 if left out.")] = None,
) -> None:
    """Train networks of the laboratory anew (a minute or two each) and write repro/lab/weights/.

    A run that was stopped goes on from its last epoch.

    Examples:  sightglass train  |  sightglass train gap-scenes --seed 0
    """
    with _plain_errors():
        _need_torch()
        from repro.lab import networks, training

        for name in names or networks.NAMES:
            if name not in networks.NAMES:
                hint = catalogues.nearest(name, networks.NAMES) or f": there are {', '.join(networks.NAMES)}"
                raise fail(f"no network is called '{name}'{hint}")
        for name in names or networks.NAMES:
            for number in seed or [0, 1, 2]:
                record = training.train(name, number)
                typer.echo(f"{name}, seed {number}: accuracy {record['accuracy']:.3f} in {record['seconds']:.0f} s")


def _print_table(table: Table) -> None:
    """As wide as the terminal; into a file or a pipe without cutting anything."""
    console = Console()
    (console if console.is_terminal else Console(width=200)).print(table)


@contextmanager
def _plain_errors() -> Iterator[None]:
    """What a user can mend ends the command with one line, never with a traceback."""
    try:
        yield
    except (ValueError, ledger.MeasurementError) as error:
        raise fail(str(error)) from error
    except OSError as error:
        raise fail(f"{error.filename or 'a file'}: {error.strerror or error}") from error
    except RuntimeError as error:
        if "out of memory" not in str(error).lower():
            raise
        raise fail("the device has too little memory for this: try --device cpu") from error


def _need_torch() -> None:
    if importlib.util.find_spec("torch") is None:
        raise fail(INSTALL)


def _function_of(method: str) -> Callable[..., Any]:
    """The public function of a method's module, if it shows heatmaps of a model."""
    root = catalogues.find_root()
    module = ledger.module_of(root, method)
    if module is None:
        names = [path.stem.replace("_", "-") for path in root.glob("repro/*/*.py") if path.parent.name != "lab"]
        known = sorted(set(names) - {"--init--"})
        raise fail(
            f"no reproduction of '{method}'{catalogues.nearest(method, known) or ': there is ' + ', '.join(known)}"
        )
    _need_torch()
    name = ".".join(module.relative_to(root).with_suffix("").parts)
    function: Callable[..., Any] = getattr(importlib.import_module(name), module.stem)
    if list(inspect.signature(function).parameters)[:3] != ["model", "images", "target_classes"]:
        raise fail(f"{method} shows no heatmap of an image: its tutorial and its page say how to use it")
    return function


def _check_output(path: Path, suffix: str) -> None:
    """Before anything is computed: a wrong name should not cost minutes."""
    if path.suffix.lower() != suffix:
        raise fail(f"{path} should end in {suffix}: call it {path.with_suffix(suffix)}")
    if not path.parent.is_dir():
        raise fail(f"there is no folder {path.parent}: make it first")
    if path.is_dir():
        raise fail(f"{path} is a folder: give the name of a file")


def _device(name: str) -> str:
    import torch

    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return next(device for device in ("cuda", "mps", "cpu") if there[device])
    if name not in there:
        raise fail(f"no device is called '{name}': there are auto, cpu, cuda and mps")
    if not there[name]:
        raise fail(f"{name} is not available here: use --device {next(d for d in ('cuda', 'mps', 'cpu') if there[d])}")
    return name


def _chosen(catalogue: catalogues.Catalogue, names: list[str]) -> dict[str, Method]:
    """Methods by slug, all that have a module unless named."""
    runnable = {slug: m for slug, m in catalogue.methods.items() if ledger.module_of(catalogue.root, slug)}
    for name in names:
        if name not in catalogue.methods:
            raise fail(
                f"no method '{name}'{catalogues.nearest(name, catalogue.methods)}; sightglass methods lists them"
            )
        if name not in runnable:
            raise fail(f"{name} has no reproduction yet; sightglass methods lists those that run here")
    return {name: runnable[name] for name in names} or runnable


def _seeds(text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts) or len(set(parts)) != len(parts):
        raise fail(f"'{text}' are no seeds: give different whole numbers with commas, as 0,1,2")
    return [int(part) for part in parts]


def _claim_row(slug: str, claim: Claim, result: ledger.Result, word: str) -> dict[str, Any]:
    quantity = result.quantities.get(claim.quantity)
    bounds = [f"{sign} {value:g}" for sign, value in (("≥", claim.at_least), ("≤", claim.at_most)) if value is not None]
    return {
        "method": slug,
        "claim": claim.id,
        "quantity": claim.quantity,
        "values": quantity.values if quantity else [],
        "measured": f"{quantity.mean:.3g} ± {quantity.spread:.2g}" if quantity else "–",
        "bound": ", ".join(bounds),
        "verdict": word,
        "expected": claim.expect,
    }


def _told(word: str) -> str:
    return {"holds": "holds", "fails": "does not hold", "not run": "was not measured"}[word]
