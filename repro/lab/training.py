"""Train a network of the laboratory: ``sightglass train gap-scenes --seed 0``.

The same seed gives the same data, the same initial weights and the same order, on one thread; arithmetic in bfloat16
differs in the last bits from one kind of processor to the next, so the weights are exact only on the same kind.  A run
that was stopped goes on from its last finished epoch.  Nothing is written under ``weights/`` before the end.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, cast

import torch
from rich.console import Console
from rich.progress import Progress
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from repro.engine.training import fit
from repro.lab import files, networks, scenes
from repro.lab.errors import CheckpointError


def train(
    name: str, seed: int, recipe: networks.Recipe | None = None, folder: Path = networks.WEIGHTS
) -> dict[str, Any]:
    """Train, measure the accuracy on held-out images, write weights and provenance; return the provenance."""
    recipe = recipe or networks.described(name).recipe
    with _alone(seed):
        model = networks.build(name)
        if recipe.batch_norm:
            model = _normalised(model)
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks it
        optimiser = torch.optim.AdamW(model.parameters(), lr=recipe.rate, weight_decay=recipe.decay)
        data = networks.data(name, recipe.images, seed, held_out=False)
        images, labels = torch.from_numpy(data.images), torch.from_numpy(data.labels)
        per_epoch = recipe.images // recipe.batch
        checkpoint = _checkpoint(name, seed, recipe)
        first, seconds = _resume(checkpoint, model, optimiser)
        with Progress(console=Console(stderr=True)) as progress:
            total = recipe.epochs * per_epoch
            task = progress.add_task(f"{name}, seed {seed}", total=total, completed=first * per_epoch)
            for epoch in range(first, recipe.epochs):
                start = time.perf_counter()
                # a new generator for each epoch: a resumed run sees the same order and the same shifts
                generator = torch.Generator().manual_seed(1000 * seed + epoch)
                order = torch.randperm(recipe.images, generator=generator)

                def loss(rows: Tensor, generator: torch.Generator = generator) -> Tensor:
                    return _loss(model, _shifted(images[rows], recipe.shift, generator), labels[rows])

                fit(
                    model,
                    order.split(recipe.batch)[:per_epoch],
                    loss,
                    optimiser,
                    longest=1.0,  # without BatchNorm the first steps are otherwise too long
                    schedule=functools.partial(_set_rate, optimiser, recipe, epoch, per_epoch),
                    probe=lambda _: progress.advance(task),
                )
                seconds += time.perf_counter() - start
                state = {"model": model.state_dict(), "optimiser": optimiser.state_dict()}
                checkpoint.parent.mkdir(parents=True, exist_ok=True)
                with files.whole(checkpoint) as file:
                    torch.save(state | {"epochs": epoch + 1, "seconds": seconds}, file)
        model = _folded(model.eval()) if recipe.batch_norm else model.eval()
        # the accuracy is that of the weights as they are kept: float16 on disk, float32 in use
        content = networks.pack(model.state_dict())
        model.load_state_dict(networks.unpack(content))
        accuracy = networks.accuracy(model, networks.data(name, recipe.held_out, seed))
    record = {
        "name": name,
        "seed": seed,
        "command": f"sightglass train {name} --seed {seed}",
        "data_version": scenes.DATA_VERSION,
        "recipe": asdict(recipe),
        "accuracy": round(accuracy, 4),
        "parameters": sum(p.numel() for p in model.parameters()),
        "seconds": round(seconds, 1),
        "date": datetime.now(UTC).date().isoformat(),
        "torch": torch.__version__,
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    text = json.dumps(record, indent=2) + "\n"
    folder.mkdir(parents=True, exist_ok=True)
    for suffix, written in ((".safetensors", content), (".json", text.encode())):
        with files.whole(folder / f"{name}-{seed}{suffix}") as file:
            file.write(written)
    checkpoint.unlink(missing_ok=True)
    return record


def _loss(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=_native_bfloat16()):
        logits = model((images / 255).contiguous(memory_format=torch.channels_last))
    return functional.cross_entropy(logits.float(), labels)


def _shifted(images: Tensor, most: int, generator: torch.Generator) -> Tensor:
    """Each image ``(B, C, H, W)`` moved by up to ``most`` pixels each way; what moves in is black."""
    if not most:
        return images
    height, width = images.shape[2:]
    padded = functional.pad(images, (most,) * 4)
    places = torch.randint(2 * most + 1, (len(images), 2), generator=generator).tolist()
    return torch.stack([image[:, y : y + height, x : x + width] for image, (y, x) in zip(padded, places, strict=True)])


class _Scale(nn.BatchNorm2d):
    """BatchNorm that takes the mean for zero and adds nothing: folded into a convolution it leaves no bias."""

    def forward(self, maps: Tensor) -> Tensor:
        power = self.get_buffer("running_var")
        if self.training:
            batch = maps.float().square().mean((0, 2, 3))
            power.lerp_(batch.detach(), self.momentum or 0.0)
            power = batch
        return maps * (self.get_parameter("weight") * torch.rsqrt(power + self.eps))[:, None, None]


def _normalised(model: nn.Module) -> nn.Module:
    """The model with BatchNorm after every convolution; without its bias where the convolution has none."""
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.Conv2d):
                norm = (_Scale if child.bias is None else nn.BatchNorm2d)(child.out_channels)
                setattr(parent, name, nn.Sequential(child, norm))
    return model


def _folded(model: nn.Module) -> nn.Module:
    """What ``_normalised`` put in, put into the convolutions' weights and biases: the same function of the images."""
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.Sequential) and len(child) == 2 and isinstance(child[1], nn.BatchNorm2d):
                convolution = cast(nn.Conv2d, child[0])
                folded = fuse_conv_bn_eval(convolution, child[1])
                if convolution.bias is None:
                    folded.register_parameter("bias", None)  # fuse_conv_bn_eval made one, of zeros
                setattr(parent, name, folded)
    return model


def _native_bfloat16() -> bool:
    """Whether the processor computes in bfloat16 itself; where it has to be imitated it is ten times slower."""
    return bool(torch.cpu._is_avx512_bf16_supported())


def _rate(recipe: networks.Recipe, done: float) -> float:
    """Learning rate after this share of all steps."""
    warm = 0.1
    if done < warm:
        return recipe.rate * (0.04 + 0.96 * done / warm)
    return recipe.rate * 0.5 * (1 + math.cos(math.pi * (done - warm) / (1 - warm)))


def _set_rate(optimiser: torch.optim.Optimizer, recipe: networks.Recipe, epoch: int, per_epoch: int, step: int) -> None:
    for group in optimiser.param_groups:
        group["lr"] = _rate(recipe, (epoch * per_epoch + step) / (recipe.epochs * per_epoch))


def _checkpoint(name: str, seed: int, recipe: networks.Recipe) -> Path:
    """A place of its own for each recipe and data version: a run never goes on from another's."""
    key = hashlib.sha256(f"{recipe} {scenes.DATA_VERSION}".encode()).hexdigest()[:12]
    return files.cache_folder() / "checkpoints" / f"{name}-{seed}-{key}.pt"


def _resume(checkpoint: Path, model: nn.Module, optimiser: torch.optim.Optimizer) -> tuple[int, float]:
    """Finished epochs and the seconds they took; (0, 0.0) without a checkpoint that fits."""
    if not checkpoint.exists():
        return 0, 0.0
    try:
        stored = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(stored["model"])
        optimiser.load_state_dict(stored["optimiser"])
        return int(stored["epochs"]), float(stored["seconds"])
    except (RuntimeError, KeyError, ValueError, OSError, UnpicklingError) as error:
        raise CheckpointError(f"{checkpoint} cannot be read: delete it to train from the start") from error


@contextmanager
def _alone(seed: int) -> Iterator[None]:
    """One thread, torch's generator seeded; afterwards both are as before."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(threads)
