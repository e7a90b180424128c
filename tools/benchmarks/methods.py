"""How quick and how heavy each method is, beside the passes that it cannot do without and beside what people use.

    python -m benchmarks.methods                            # everything: half an hour on two processors
    python -m benchmarks.methods --device cuda
    python -m benchmarks.methods --quick                    # two rounds of ResNet-50 with one image: does it run?
    python -m benchmarks.methods --methods grad-cam guided-backprop --models vgg16 --batches 1 --rounds 9
    python -m benchmarks.methods --keep --methods lime      # and put its rows into results/bench/<device>.json

The floor of a method are its unavoidable forward and backward passes, written by hand, with no gradient for the
parameters.  A round is the floor, ours and every peer, one after the other in an order that changes; figures are ratios
of medians over rounds.  On a CPU seconds are those of the processor (time.process_time), in one thread, so that what
else the machine does counts little; on a GPU they are those of the clock, with the device waited for.  Peak memory is
what one call adds to the loaded model: of the resident set in a process of its own (Linux), or of torch's allocator
(CUDA).  Networks are torchvision's with random weights, their BatchNorm adapted to the images, at 224 by 224 pixels.

Peers run as their documentation says.  One that is not installed is left out, and the result says so.  The site
shows results/bench/<device>.json.  A complete run replaces that file; a run with --keep replaces in it the rows that it
measured.  Any other run is printed, and written to the file that --out names.
"""

from __future__ import annotations

import argparse
import copy
import gc
import importlib
import importlib.util
import os
import platform
import random
import shlex
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from sightglass import ledger
from sightglass.errors import StoredError
from sightglass.ledger import benchmark
from sightglass.ledger.benchmark import FLOOR, OURS, Benchmark, Row, Run
from torch import Tensor, nn
from torch.nn import functional

from repro.engine import watching
from repro.lab import models
from repro.lab.devices import device_name

ROOT = Path(__file__).resolve().parents[2]
SIZE, MIB = 224, 2**20
PEERS = {  # what has to be installed, by the name that people know
    "captum": "captum",
    "pytorch-grad-cam": "grad-cam",
    "torch-cam": "torchcam",
    "zennit": "zennit",
    "torchattacks": "torchattacks",
    "lime": "lime",
}
FORGET = Path("/proc/self/clear_refs")  # Linux forgets a process's peak of memory where "5" is written here


@dataclass(frozen=True)
class Subject:
    """A network as people have it, parameters with gradients and all, and images for it."""

    model: nn.Module
    spare: nn.Module  # for a peer that leaves the model changed
    images: Tensor  # (B, 3, 224, 224) in [0, 1]
    classes: Tensor  # (B,)
    body: nn.Module  # from images to the maps of the last convolution
    head: nn.Module  # from there to the logits
    last: nn.Module  # the module that returns those maps

    def chosen(self, logits: Tensor) -> Tensor:
        """One row for each image with a 1 at its class."""
        return functional.one_hot(self.classes, logits.shape[1]).to(logits)


Runner = Callable[[Subject], object]


# Floors: what no implementation can do without


@torch.no_grad()
def forward(s: Subject) -> object:
    return s.model(s.images)


def to_the_maps(s: Subject) -> object:
    """Forward without a graph to the last maps, with one from there on, and back to them."""
    with torch.no_grad():
        maps = s.body(s.images)
    with watching.frozen(s.model):
        logits = s.head(maps.requires_grad_())
    return torch.autograd.grad(logits, maps, s.chosen(logits))


def to_the_pixels(s: Subject) -> object:
    """Forward, and back to the image."""
    pixels = s.images.detach().requires_grad_()
    with watching.frozen(s.model):
        logits = s.model(pixels)
    return torch.autograd.grad(logits, pixels, s.chosen(logits))


def passes_to_the_pixels(passes: int, together: int = 1) -> Runner:
    """Forward, and back to the image, so many times, each with some copies of the image together."""

    def run(s: Subject) -> object:
        copies = replace(s, images=s.images.repeat(together, 1, 1, 1), classes=s.classes.repeat(together))
        for _ in range(passes):
            to_the_pixels(copies)
        return None

    return run


def to_the_maps_and_to_the_pixels(s: Subject) -> object:
    """Forward once, and back twice: to the last maps, and to the image."""
    pixels = s.images.detach().requires_grad_()
    with watching.frozen(s.model):
        maps = s.body(pixels)
        logits = s.head(maps)
    chosen = s.chosen(logits)
    return torch.autograd.grad(logits, maps, chosen, retain_graph=True), torch.autograd.grad(logits, pixels, chosen)


def through_reference_and_image_to_the_pixels(s: Subject) -> object:
    """Forward once for one reference and once for the images, and back to these."""
    with torch.no_grad():
        s.model(torch.zeros_like(s.images[:1]))
    return to_the_pixels(s)


def forward_whole_and_covered(window: int, stride: int) -> Runner:
    """Forward once for the image, and once for each place of a square that covers a part of it."""

    @torch.no_grad()
    def run(s: Subject) -> object:
        s.model(s.images)
        starts = range(0, SIZE - window + 1, stride)
        for top in starts:
            for left in starts:
                images = s.images.clone()
                images[:, :, top : top + window, left : left + window] = 0
                s.model(images)
        return None

    return run


def forward_versions(count: int, batch: int) -> Runner:
    """Forward once for each of ``count`` versions of the image, some at a time."""

    @torch.no_grad()
    def run(s: Subject) -> object:
        for start in range(0, count, batch):
            s.model(s.images.expand(min(batch, count - start), -1, -1, -1))
        return None

    return run


# Peers, as their documentation says


def captum(name: str, **options: Any) -> Runner:
    attr = importlib.import_module("captum.attr")
    return lambda s: getattr(attr, name)(s.model).attribute(s.images, target=s.classes, **options)


def captum_smoothgrad(samples: int, together: int) -> Runner:
    attr = importlib.import_module("captum.attr")
    options = {"nt_samples": samples, "nt_samples_batch_size": together, "stdevs": 0.15}

    def run(s: Subject) -> object:
        return attr.NoiseTunnel(attr.Saliency(s.model)).attribute(s.images, target=s.classes, abs=False, **options)

    return run


def captum_at_layer(name: str, **options: Any) -> Runner:
    attr = importlib.import_module("captum.attr")
    return lambda s: getattr(attr, name)(s.model, s.last).attribute(s.images, target=s.classes, **options)


def pytorch_grad_cam(name: str) -> Runner:
    library = importlib.import_module("pytorch_grad_cam")
    targets = importlib.import_module("pytorch_grad_cam.utils.model_targets")

    def run(s: Subject) -> object:
        with getattr(library, name)(model=s.model, target_layers=[s.last]) as explains:
            chosen = [targets.ClassifierOutputTarget(int(c)) for c in s.classes]
            return explains(input_tensor=s.images, targets=chosen)

    return run


def pytorch_grad_cam_guided() -> Runner:
    library = importlib.import_module("pytorch_grad_cam")

    def run(s: Subject) -> object:
        explains = library.GuidedBackpropReLUModel(s.spare, device=s.images.device)
        return explains(s.images.clone(), target_category=int(s.classes[0]))

    return run


def torch_cam(name: str) -> Runner:
    methods = importlib.import_module("torchcam.methods")

    def run(s: Subject) -> object:
        with getattr(methods, name)(s.model, s.last) as explains:
            return explains(s.classes.tolist(), s.model(s.images), normalized=False)

    return run


def zennit(name: str) -> Runner:
    attribution, composites = (importlib.import_module(f"zennit.{part}") for part in ("attribution", "composites"))
    canonizers = importlib.import_module("zennit.torchvision")

    def run(s: Subject) -> object:
        residual = [canonizers.ResNetCanonizer()] if hasattr(s.model, "layer4") else []
        make = _zennit_epsilon if name == "Epsilon" else getattr(composites, name)
        with attribution.Gradient(s.model, make(canonizers=residual)) as attributor:
            return attributor(s.images.detach().clone().requires_grad_(), s.chosen)

    return run


def _zennit_epsilon(canonizers: list[Any]) -> Any:
    composites, rules, types = (importlib.import_module(f"zennit.{part}") for part in ("composites", "rules", "types"))
    layers = [*composites.layer_map_base(), ((types.Convolution, nn.Linear), rules.Epsilon(1e-6))]
    return composites.LayerMapComposite(layers, canonizers=canonizers)


def zennit_deep_taylor() -> Runner:
    attribution, composites, rules, types = (
        importlib.import_module(f"zennit.{part}") for part in ("attribution", "composites", "rules", "types")
    )
    canonizers = importlib.import_module("zennit.torchvision")
    layers = [*composites.layer_map_base(), ((types.Convolution, nn.Linear), rules.ZPlus())]
    pixels = [(types.Convolution, rules.ZBox(0.0, 1.0))]

    def run(s: Subject) -> object:
        residual = [canonizers.ResNetCanonizer()] if hasattr(s.model, "layer4") else []
        composite = composites.SpecialFirstLayerMapComposite(layers, pixels, canonizers=residual)
        with attribution.Gradient(s.model, composite) as attributor:
            return attributor(s.images.detach().clone().requires_grad_(), s.chosen)

    return run


def zennit_mean(name: str, **options: Any) -> Runner:
    attribution = importlib.import_module("zennit.attribution")

    def run(s: Subject) -> object:
        with getattr(attribution, name)(s.model, **options) as attributor:
            return attributor(s.images.detach().clone().requires_grad_(), s.chosen)

    return run


def zennit_occlusion(window: int, stride: int) -> Runner:
    attribution = importlib.import_module("zennit.attribution")
    places = {"window": (3, window, window), "stride": (3, stride, stride)}

    def run(s: Subject) -> object:
        with torch.no_grad(), attribution.Occlusion(s.model, **places) as attributor:
            return attributor(s.images, s.chosen)

    return run


def torchattacks(name: str, **options: Any) -> Runner:
    library = importlib.import_module("torchattacks")
    return lambda s: getattr(library, name)(s.model, **options)(s.images, s.classes)


def _squares(across: int, side: int) -> Tensor:
    """``across`` by ``across`` superpixels of an image, numbered from 0."""
    number = torch.arange(side) * across // side
    return number[:, None] * across + number


def lime_package(samples: int, across: int) -> Runner:
    package, progress = importlib.import_module("lime.lime_image"), importlib.import_module("tqdm")
    options = {"top_labels": None, "hide_color": 0.5, "num_samples": samples, "batch_size": 10}

    def run(s: Subject) -> object:
        @torch.no_grad()
        def probabilities(images: Any) -> Any:
            given = torch.from_numpy(images).to(s.images.device, s.images.dtype)
            return s.model(given.permute(0, 3, 1, 2)).softmax(1).cpu().numpy()

        package.tqdm = lambda rows: progress.tqdm(rows, disable=True)
        segments = _squares(across, s.images.shape[2]).numpy()
        image, label = s.images[0].permute(1, 2, 0).cpu().numpy(), int(s.classes[0])
        explainer = package.LimeImageExplainer(random_state=0)
        return explainer.explain_instance(
            image, probabilities, labels=(label,), segmentation_fn=lambda _: segments, **options
        )

    return run


Asked = str | tuple[Any, ...]  # a function of this module, alone or with what it is given


@dataclass(frozen=True)
class Method:
    """What the test of a method declares under ``BENCHMARK``, for each of its rows."""

    floor: Asked
    ours: Runner
    peers: dict[str, Asked] = field(default_factory=dict)
    models: tuple[str, ...] = ("vgg16", "resnet50")
    batches: tuple[int, ...] = (1, 8)
    without: dict[tuple[str, str, int], str] = field(default_factory=dict)  # peer, model, batch ('' and 0: any): why


def runner(asked: Asked) -> Runner:
    """What ``"forward"``, or ``("captum", "LRP")`` with options in a dictionary at the end, stands for."""
    name, *given = (asked,) if isinstance(asked, str) else asked
    options = given.pop() if given and isinstance(given[-1], dict) else {}
    found: Any = globals()[name]
    return found if isinstance(asked, str) else found(*given, **options)


def declared() -> dict[str, Method]:
    """All rows, from the tests of all methods: ``BENCHMARK`` in ``tests/repro/<family>/test_<method>.py``."""
    rows: dict[str, Method] = {}
    for path in sorted(ROOT.glob("tests/repro/*/test_*.py")):
        if "\nBENCHMARK = " not in path.read_text(encoding="utf-8"):
            continue
        spec = importlib.util.spec_from_file_location(f"declared_{path.stem}", path)
        if spec is None or spec.loader is None:
            raise ImportError(f"{path} can't be imported")
        test = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(test)
        rows |= {name: _row(path, row) for name, row in test.BENCHMARK.items()}
    return rows


def _row(test: Path, row: dict[str, Any]) -> Method:
    """Ours is the function of the method's name on the model, the images and their classes, unless the row says how."""
    name = test.stem.removeprefix("test_")
    method = getattr(importlib.import_module(f"repro.{test.parent.name}.{name}"), name)
    return Method(**{"ours": lambda s: method(s.model, s.images, s.classes)} | row)


METHODS = declared()


# Measuring


@dataclass(frozen=True)
class Place:
    """One row of the result, before it is measured."""

    method: str
    model: str
    batch: int


@lru_cache(maxsize=2)
def subject(name: str, device: str) -> Subject:
    """A network with the images of the largest batch."""
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(8, 3, SIZE, SIZE, generator=generator).to(device)
    torch.manual_seed(0)
    model = models.torchvision().models.get_model(name, weights=None)  # as people have it, normalisation outside
    with torch.no_grad():
        model.train()(torch.rand(4, 3, 64, 64, generator=generator))  # BatchNorm as it is after some training
    model.eval().to(device)
    if name.startswith("vgg"):
        parts = (
            nn.Sequential(*model.features[:-1]),
            nn.Sequential(model.features[-1], model.avgpool, nn.Flatten(), model.classifier),
        )
        last = model.features[-2]
    else:
        children = list(model.children())
        parts = nn.Sequential(*children[:-2]), nn.Sequential(children[-2], nn.Flatten(), children[-1])
        last = children[-3]
    return Subject(model, copy.deepcopy(model), images, torch.arange(8, device=device), *parts, last)


def batch_of(whole: Subject, count: int) -> Subject:
    return replace(whole, images=whole.images[:count], classes=whole.classes[:count])


def contestants(place: Place) -> list[str]:
    """Who takes part in a row: the floor, ours, every peer that is installed and applies."""
    method = METHODS[place.method]
    without = {
        peer for peer, model, batch in method.without if model in ("", place.model) and batch in (0, place.batch)
    }
    return [FLOOR, OURS, *(peer for peer in method.peers if peer in _installed() and peer not in without)]


def runners(place: Place) -> dict[str, Runner]:
    """How each contestant of a row is run."""
    models.torchvision()  # most peers import it, and it may need mending first
    method = METHODS[place.method]
    known = {FLOOR: method.floor, **method.peers}
    return {name: method.ours if name == OURS else runner(known[name]) for name in contestants(place)}


@lru_cache(maxsize=1)
def _installed() -> dict[str, str]:
    """Versions of the peers that are here."""
    found = {}
    for peer, distribution in PEERS.items():
        try:
            found[peer] = version(distribution)
        except PackageNotFoundError:
            continue
    return found


def seconds(run: Runner, s: Subject) -> float:
    """Of one call, on the device; what it leaves behind is cleared away outside of the time."""
    on_gpu = s.images.is_cuda
    clock = time.perf_counter if on_gpu else time.process_time
    gc.collect()
    if on_gpu:
        torch.cuda.synchronize()
    start = clock()
    run(s)
    if on_gpu:
        torch.cuda.synchronize()
    taken = clock() - start
    for model in (s.model, s.spare):
        model.zero_grad(set_to_none=True)
    return taken


_WARM: set[Place] = set()


def one_round(place: Place, device: str, number: int, names: Sequence[str]) -> dict[str, float]:
    """Seconds of each in a row, one after the other in an order of this round's own."""
    warnings.simplefilter("ignore")  # peers warn of hooks
    s, known = batch_of(subject(place.model, device), place.batch), runners(place)
    who = {name: known[name] for name in names}
    if place not in _WARM:  # what is set up once in a process, by the first call
        _WARM.add(place)
        for run in who.values():
            seconds(run, batch_of(s, 1))
    order = list(who)
    random.Random(number).shuffle(order)  # noqa: S311  # an order, no secret
    return {name: seconds(who[name], s) for name in order}


def peak_memory(place: Place, device: str, name: str) -> float | None:
    """MiB that one call adds to the loaded model; None where it cannot be told."""
    if device == "cpu" and not os.access(FORGET, os.W_OK):
        return None
    subject(place.model, device)
    if device == "cpu":  # a process that has loaded the network and done nothing else
        with get_context("fork").Pool(1) as pool:
            return pool.apply(_peak_memory, (place, device, name))
    return _peak_memory(place, device, name)


def _peak_memory(place: Place, device: str, name: str) -> float:
    warnings.simplefilter("ignore")  # peers warn of hooks
    run = runners(place)[name]
    s = batch_of(subject(place.model, device), place.batch)
    run(batch_of(s, 1))  # loads code and sets up
    for model in (s.model, s.spare):
        model.zero_grad(set_to_none=True)
    gc.collect()
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        run(s)
        return (torch.cuda.max_memory_allocated() - before) / MIB
    FORGET.write_text("5", encoding="ascii")
    before = _status("VmRSS")
    run(s)
    return (_status("VmHWM") - before) / 1024


def _status(name: str) -> int:
    """KiB of this process, by Linux's name: VmRSS, what is resident, or VmHWM, the most that was."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


@contextmanager
def _malloc_gives_back() -> Iterator[None]:
    """For processes started within: what is freed leaves the resident set at once, which then holds what is in use."""
    os.environ["MALLOC_MMAP_THRESHOLD_"] = "65536"
    try:
        yield
    finally:
        del os.environ["MALLOC_MMAP_THRESHOLD_"]


def _executor(jobs: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=torch.set_num_threads, initargs=(1,))


def measure(
    places: Sequence[Place], device: str, *, rounds: int, minutes: float, jobs: int, report: Callable[[str], None]
) -> tuple[dict[Place, dict[str, Run]], dict[str, str]]:
    """Memory of everyone first, then as many rounds of each row, up to ``rounds``, as there are minutes for.

    Also who failed, with the reason: half an hour should not be lost to one of a hundred.
    """
    end = time.monotonic() + 60 * minutes
    memory: dict[Place, dict[str, float | None]] = {place: {} for place in places}
    failed: dict[str, str] = {}
    # the heaviest first, so that no process is left alone with it at the end
    heaviest = sorted(places, key=lambda place: (place.model != "vgg16", -place.batch))
    with _malloc_gives_back(), _executor(jobs) as executor:
        asked = {
            executor.submit(peak_memory, place, device, name): (place, name)
            for place in heaviest
            for name in contestants(place)
        }
        for done in _as_they_come(asked):
            place, name = asked[done]
            try:
                memory[place][name] = done.result()
            except Exception as error:  # whatever a library raises, the others can still be measured
                if name in (FLOOR, OURS):
                    raise
                failed[f"{name}, {place.method} {place.model} batch {place.batch}"] = f"{type(error).__name__}: {error}"
            report(f"memory of {place.method}, {place.model}")
    taken: dict[Place, list[dict[str, float]]] = {place: [] for place in places}
    lasted = dict.fromkeys(places, 0.0)  # seconds of a row's last round
    with _executor(jobs) as executor:
        running: dict[Future[Any], tuple[Place, float]] = {}
        waiting = [(number, place) for number in range(rounds) for place in heaviest]
        while waiting or running:
            busy = {place for place, _ in running.values()}  # a row's rounds come one after the other
            now = time.monotonic()
            fits = [task for task in waiting if task[1] not in busy and (task[0] < 2 or now + lasted[task[1]] < end)]
            while fits and len(running) < jobs:
                number, place = task = fits.pop(0)
                fits = [other for other in fits if other[1] != place]
                waiting.remove(task)
                running[executor.submit(one_round, place, device, number, list(memory[place]))] = (place, now)
            if not running:
                break  # the time is up
            for done in wait(running, return_when=FIRST_COMPLETED).done:
                place, start = running.pop(done)
                taken[place].append(done.result())
                lasted[place] = time.monotonic() - start
                report(f"{place.method}, {place.model}, {place.batch} at once")
    found = {
        place: {
            name: Run(
                seconds=[float(f"{one[name]:.4g}") for one in taken[place]],
                memory=None if (held := memory[place][name]) is None else round(held, 1),
            )
            for name in contestants(place)
            if name in memory[place]
        }
        for place in places
    }
    return found, failed


def _as_they_come(futures: dict[Future[Any], Any]) -> Any:
    pending = set(futures)
    while pending:
        done, pending = wait(pending, return_when=FIRST_COMPLETED)
        yield from done


# The command


def rows_of(
    methods: Sequence[str], chosen: Sequence[str], batches: Sequence[int]
) -> tuple[list[Place], dict[str, str]]:
    """Which rows can be measured here, and what is left out, with the reason."""
    left_out = {peer: "not installed" for peer in PEERS if peer not in _installed()}
    places = []
    for name in methods:
        method = METHODS[name]
        for model in chosen:
            for batch in batches:
                if model in method.models and (batch == 1 or batch in method.batches):
                    places.append(Place(name, model, batch))
        for (peer, model, batch), why in method.without.items():
            if peer in _installed():
                where = " ".join(part for part in (name, model, f"batch {batch}" if batch else "") if part)
                left_out[f"{peer}, {where}"] = why
    return places, left_out


def show(rows: Sequence[Row]) -> None:
    """One line for each row: seconds and MiB of the floor, then ratios."""
    names = [name for name in (OURS, *PEERS) if any(name in row.runs for row in rows)]
    table = Table("method", "model", "batch", "rounds", "floor", *names, box=None, pad_edge=False)
    for row in rows:
        floor, cells = row.runs[FLOOR], []
        for name in names:
            quick, lean = row.slower(name), row.hungrier(name)
            time_told = f"{quick[0]:.2f} ±{quick[1]:.2f}" if quick else "–"
            cells.append(f"{time_told}, {f'{lean:.2f}' if lean is not None else '–'}")
        told = f"{statistics.median(floor.seconds):.3g} s, {floor.memory or 0:.0f} MiB"
        table.add_row(row.method, row.model, str(row.batch), str(len(floor.seconds)), told, *cells)
    Console(width=220).print(table)
    print("time ± spread over rounds, and peak memory, as ratios to the floor")


def parse(words: Sequence[str]) -> argparse.Namespace:
    head, _, rest = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.methods",
        description=head,
        epilog=rest,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"), help="where to measure (default: cpu)")
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=METHODS, metavar="METHOD")
    parser.add_argument("--models", nargs="+", default=["vgg16", "resnet50"], choices=("vgg16", "resnet50"))
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 8], choices=range(1, 9), metavar="1..8")
    parser.add_argument("--rounds", type=int, help="at most (default: 7 on a CPU, 30 on a GPU)")
    parser.add_argument("--minutes", type=float, default=28, help="no new round after these; two are always made")
    parser.add_argument("--jobs", type=int, help="processes at once, one thread each (default: 2 on a CPU, 1 on a GPU)")
    parser.add_argument("--quick", action="store_true", help="ResNet-50, one image, two rounds: to see that it runs")
    parser.add_argument("--keep", action="store_true", help="replace these rows in results/bench/<device>.json")
    parser.add_argument("--out", type=Path, help="write the result to this file")
    options = parser.parse_args(words)
    if options.quick:
        options.models, options.batches, options.rounds = ["resnet50"], [1], 2
    options.rounds = options.rounds or (7 if options.device == "cpu" else 30)
    options.jobs = options.jobs or (min(2, ledger.processors()) if options.device == "cpu" else 1)
    if options.rounds < 1 or options.jobs < 1:
        parser.error("--rounds and --jobs are at least 1")
    if options.device == "cuda" and not torch.cuda.is_available():
        parser.error("there is no CUDA device here: leave --device out")
    complete = (list(METHODS), ["vgg16", "resnet50"], [1, 8]) == (options.methods, options.models, options.batches)
    if options.keep and options.out:
        parser.error("--keep writes to results/bench/: give --keep or --out, not both")
    options.out = options.out or (benchmark.path_of(ROOT, options.device) if complete or options.keep else None)
    try:  # before half an hour of measuring: what is there must be readable to be kept
        options.before = benchmark.load(options.out) if options.keep else ()
    except StoredError as error:
        parser.error(str(error))
    return options


def main() -> None:
    """Measure, print, and write where a place is known."""
    options = parse(sys.argv[1:])
    places, left_out = rows_of(options.methods, options.models, options.batches)
    if not places:
        raise SystemExit("nothing to measure: " + "; ".join(f"{what}: {why}" for what, why in left_out.items()))
    start = time.monotonic()
    steps = sum(len(contestants(place)) for place in places) + options.rounds * len(places)
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("measuring", total=steps)
        found, failed = measure(
            places,
            options.device,
            rounds=options.rounds,
            minutes=options.minutes,
            jobs=options.jobs,
            report=lambda what: progress.update(task, advance=1, description=what),
        )
    versions = {"python": platform.python_version(), "torch": version("torch"), "torchvision": version("torchvision")}
    result = Benchmark(
        device=options.device,
        device_name=device_name(options.device),
        command=shlex.join(["python", "-m", "benchmarks.methods", *sys.argv[1:]]),
        date=datetime.now(UTC).date().isoformat(),
        seconds=round(time.monotonic() - start, 1),
        image_size=SIZE,
        versions=versions | _installed(),
        left_out=left_out | failed,
        rows=[
            Row(method=place.method, model=place.model, batch=place.batch, runs=runs) for place, runs in found.items()
        ],
    )
    show(result.rows)
    for what, why in result.left_out.items():
        print(f"left out: {what} ({why})")
    if options.out:
        benchmark.write(options.out, benchmark.after(result, options.before))
        print(options.out)


if __name__ == "__main__":
    main()
