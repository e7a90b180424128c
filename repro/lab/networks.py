"""The small networks on which claims are measured, and their trained weights.

The name says what a network sees.  ``-scenes`` takes images in [0, 1], ``(B, 3, 64, 64)``; the normalisation is inside,
so that a gradient is one of the pixels themselves.  ``-mnist`` takes ``(B, 1, 28, 28)``.  All return logits ``(B,
10)``.  Weights lie in ``weights/<name>-<seed>.safetensors`` as float16 and are used as float32; the file of the same
name that ends in ``.json`` says how they came about.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors
from torch import Tensor, nn

from repro.lab import digits, files, scenes
from repro.lab.digits import Digits
from repro.lab.scenes import CLASSES, Scenes

WEIGHTS = Path(__file__).parent / "weights"


@dataclass(frozen=True)
class Recipe:
    """AdamW in bfloat16, the rate rising over a tenth of the steps and falling along a cosine."""

    images: int = 24_000
    held_out: int = 2_000
    epochs: int = 5
    batch: int = 64
    rate: float = 3e-3
    decay: float = 1e-4
    # BatchNorm after every convolution while it trains, folded into the convolutions at the end.  Plain, the networks
    # that need it reach 93%; with it zf-scenes reaches 95 to 97%, the two others 99% and more.
    batch_norm: bool = False
    shift: int = 0  # each time it is seen, an image is moved at random by up to as many pixels each way


@dataclass(frozen=True)
class Network:
    """A row of the table of networks, NETWORKS."""

    build: Callable[[], nn.Module]
    purpose: str  # one line: what it is for
    input: Literal["scenes", "mnist"] = "scenes"
    recipe: Recipe = Recipe()


def build(name: str) -> nn.Module:
    """The untrained network of this name; its initial weights come from torch's global generator.

    Raises ValueError for a name that is not in NAMES.
    """
    return described(name).build()


def untrained(name: str, seed: int) -> nn.Module:
    """A network as it is before training; torch's own generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build(name)


def described(name: str) -> Network:
    """What the table says about this network; ValueError for a name that is not in it."""
    if name not in NETWORKS:
        raise ValueError(f"no network is called {name!r}: there are {', '.join(NAMES)}")
    return NETWORKS[name]


def load(name: str, seed: int = 0, folder: Path = WEIGHTS) -> nn.Module:
    """The trained network, in evaluation mode, on the CPU; a new one at each call.

    Raises ValueError if it was never trained with this seed, or if the weights are not those that the provenance names.
    """
    model = build(name)
    path = folder / f"{name}-{seed}.safetensors"
    if not path.exists():
        raise ValueError(f"no weights of {name} for seed {seed}: `sightglass train {name} --seed {seed}` makes them")
    files.note(path)
    model.load_state_dict(_weights(path, path.stat().st_mtime_ns))
    return model.eval()


@lru_cache(maxsize=64)
def _weights(path: Path, changed: int) -> dict[str, Tensor]:
    """The checked state dict in a file, which ``load_state_dict`` copies; ``changed`` is when it was last written."""
    content = files.read(path)
    described_as = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["sha256"]
    if hashlib.sha256(content).hexdigest() != described_as:
        raise ValueError(f"{path.name} is not the file that {path.stem}.json describes: train the network again")
    return unpack(content)


def pack(state: Mapping[str, Tensor]) -> bytes:
    """A state dict as the content of a .safetensors file, in float16."""
    return save_safetensors({key: value.half().contiguous() for key, value in state.items()})


def unpack(content: bytes) -> dict[str, Tensor]:
    """The state dict that ``pack`` was given, rounded to float16 and held as float32."""
    return {key: value.float() for key, value in load_safetensors(content).items()}


def provenance(name: str, seed: int = 0, folder: Path = WEIGHTS) -> dict[str, Any]:
    """How the weights came about: command, data, recipe, accuracy, date, seconds, hash."""
    loaded: dict[str, Any] = json.loads((folder / f"{name}-{seed}.json").read_text(encoding="utf-8"))
    return loaded


def data(name: str, count: int, seed: int, *, held_out: bool = True) -> Scenes | Digits:
    """What the network of this name sees: scenes or digits, held out from training or for it."""
    if described(name).input == "mnist":
        return digits.load(count, seed, held_out=held_out)
    return scenes.load(count, seed, held_out=held_out)


def inputs(images: NDArray[np.uint8], classes: NDArray[np.int64], device: str = "cpu") -> tuple[Tensor, Tensor]:
    """Images 0..255 and classes as the networks take them: in [0, 1], on the device."""
    return torch.from_numpy(images).to(device) / 255, torch.from_numpy(classes).to(device)


def accuracy(model: nn.Module, held_out: Scenes | Digits) -> float:
    """Share of the images whose label gets the highest logit."""
    device = next(model.parameters()).device
    images = torch.from_numpy(held_out.images)
    with torch.no_grad():
        found = torch.cat(
            [model(images[i : i + 250].to(device) / 255).argmax(1).cpu() for i in range(0, len(images), 250)]
        )
    return float((found.numpy() == held_out.labels).mean())


@torch.no_grad()
def error_rate(model: nn.Module, images: Tensor, classes: Tensor) -> float:
    """Share of the images whose class does not get the highest logit."""
    return float((model(images).argmax(1) != classes).float().mean())


def correctly_classified(name: str, count: int, seed: int, device: str = "cpu") -> tuple[Tensor, Tensor]:
    """The first ``count`` held-out images that the network of this name classifies correctly, and their classes."""
    held_out = data(name, 500 if described(name).input == "mnist" else 2000, seed)
    images, classes = inputs(held_out.images[: 2 * count], held_out.labels[: 2 * count], device)
    with torch.no_grad():
        right = load(name, seed).to(device)(images).argmax(1) == classes
    return images[right][:count], classes[right][:count]


def other_classes(classes: Tensor) -> Tensor:
    """A target class for each image, never its own: one of the nine others in turn."""
    return (classes + 1 + torch.arange(len(classes), device=classes.device) % 9) % 10


class PooledNet(nn.Module):
    """Six convolutions, one pooling over the whole image, one linear layer: the shape of network that CAM reads.

    No BatchNorm: folded into the convolutions it leaves large biases, which show up in CAM as a raised background.  The
    linear layer has no bias either, as in Zhou et al. 2016, Sec. 2.  Feature maps are ``(B, 64, 16, 16)``.
    """

    def __init__(self, pool: nn.Module) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        shapes = ((3, 24, 5, 2), (24, 32, 3, 1), (32, 64, 3, 2), (64, 64, 3, 1), (64, 64, 3, 1), (64, 64, 3, 1))
        for inputs, outputs, kernel, stride in shapes:
            layers += _convolution(inputs, outputs, kernel, stride)
        self.features = nn.Sequential(*layers)
        self.pool = pool
        self.classifier = nn.Linear(64, len(CLASSES), bias=False)
        nn.init.normal_(self.classifier.weight, std=64**-0.5)

    def forward(self, images: Tensor) -> Tensor:
        feature_maps = self.features((images - 0.5) / 0.25)
        logits: Tensor = self.classifier(torch.flatten(self.pool(feature_maps), 1))
        return logits


class FullyConnectedNet(nn.Module):
    """Five convolutions, max pooling in between, two fully connected layers: a small relative of AlexNet and VGG.

    Its head weighs every place in its own way, so that CAM does not apply.  Feature maps are ``(B, 64, 16, 16)``.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs, kernel, stride in ((3, 24, 5, 2), (24, 32, 3, 1), (32, 64, 3, 1), (64, 64, 3, 1)):
            layers += _convolution(inputs, outputs, kernel, stride)
            if outputs == 32:
                layers += [nn.MaxPool2d(2)]
        self.features = nn.Sequential(*layers, *_convolution(64, 64, 3, 1))
        self.pool = nn.MaxPool2d(4)
        self.classifier = _classifier(64 * 16, 64)

    def forward(self, images: Tensor) -> Tensor:
        feature_maps = self.features((images - 0.5) / 0.25)
        logits: Tensor = self.classifier(torch.flatten(self.pool(feature_maps), 1))
        return logits


class ZFNet(nn.Module):
    """Zeiler and Fergus 2014, Fig. 3, made small: five convolutions, three max poolings, three fully connected layers.

    Without its contrast normalisation; kernels of 7, 5 and 3 pixels as there.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs, kernel, stride in ((3, 24, 7, 2), (24, 48, 5, 1)):
            layers += [*_convolution(inputs, outputs, kernel, stride), nn.MaxPool2d(2)]
        for inputs in (48, 64, 64):
            layers += _convolution(inputs, 64, 3, 1)
        self.features = nn.Sequential(*layers, nn.MaxPool2d(2))
        self.classifier = _classifier(64 * 16, 96, 96)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.classifier(torch.flatten(self.features((images - 0.5) / 0.25), 1))
        return logits


class VGGNet(nn.Module):
    """Simonyan and Zisserman 2015 made small: four pairs of 3x3 convolutions, each followed by max pooling.

    Without biases the logits are what the pixels contribute and nothing else: what LRP's conservation asks for.
    """

    def __init__(self, bias: bool = True) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in ((3, 8), (8, 16), (16, 32), (32, 64)):
            layers += [*_convolution(inputs, outputs, 3, 1, bias), *_convolution(outputs, outputs, 3, 1, bias)]
            layers += [nn.MaxPool2d(2)]
        self.features = nn.Sequential(*layers)
        self.classifier = _classifier(64 * 16, 64, bias=bias)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.classifier(torch.flatten(self.features((images - 0.5) / 0.25), 1))
        return logits


class ResidualNet(nn.Module):
    """He et al. 2016 made small: a stem and three residual blocks with BatchNorm, global average pooling."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 24, 5, 2, 2, bias=False), nn.BatchNorm2d(24), nn.ReLU(inplace=True))
        self.blocks = nn.Sequential(Block(24, 32, 2), Block(32, 64, 2), Block(64, 64, 1))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(64, len(CLASSES))

    def forward(self, images: Tensor) -> Tensor:
        feature_maps = self.blocks(self.stem((images - 0.5) / 0.25))
        logits: Tensor = self.classifier(torch.flatten(self.pool(feature_maps), 1))
        return logits


class Block(nn.Module):
    """Two convolutions beside a shortcut, with one in-place ReLU object used twice, as in torchvision's."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.shortcut: nn.Module = nn.Identity()
        if inputs != outputs or stride != 1:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, maps: Tensor) -> Tensor:
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(maps)))))
        out += self.shortcut(maps)
        result: Tensor = self.relu(out)
        return result


class LeNet(nn.Module):
    """LeCun et al. 1998 as Caffe has it (ReLU, max pooling, two fully connected layers), with half the units."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in ((1, 10), (10, 25)):
            layers += [nn.Conv2d(inputs, outputs, 5), nn.ReLU(inplace=True), nn.MaxPool2d(2)]
        self.features = nn.Sequential(*layers)
        self.classifier = _classifier(25 * 16, 250)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.classifier(torch.flatten(self.features(images), 1))
        return logits


def _convolution(inputs: int, outputs: int, kernel: int, stride: int, bias: bool = True) -> tuple[nn.Module, nn.Module]:
    """A convolution with the start that suits the ReLU after it."""
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=bias)
    nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
    if convolution.bias is not None:
        nn.init.zeros_(convolution.bias)
    return convolution, nn.ReLU(inplace=True)


def _classifier(*widths: int, bias: bool = True) -> nn.Sequential:
    """Fully connected layers of these widths, and one for the classes, ReLUs between them."""
    layers: list[nn.Module] = []
    for inputs, outputs in zip(widths, (*widths[1:], len(CLASSES)), strict=True):
        linear = nn.Linear(inputs, outputs, bias=bias)
        nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
        if linear.bias is not None:
            nn.init.zeros_(linear.bias)
        layers += [linear, nn.ReLU(inplace=True)]
    return nn.Sequential(*layers[:-1])


_NORMALISED = Recipe(epochs=4, batch_norm=True)

NETWORKS = {
    "gap-scenes": Network(
        lambda: PooledNet(nn.AdaptiveAvgPool2d(1)), "With global average pooling, which CAM asks for."
    ),
    "gmp-scenes": Network(
        lambda: PooledNet(nn.AdaptiveMaxPool2d(1)), "With global max pooling, with which CAM's paper compares."
    ),
    "fc-scenes": Network(FullyConnectedNet, "For methods that need no global pooling, such as Grad-CAM."),
    "zf-scenes": Network(ZFNet, "For the deconvnet.", recipe=_NORMALISED),
    "vgg-scenes": Network(VGGNet, "For methods whose papers use VGG.", recipe=_NORMALISED),
    "residual-scenes": Network(ResidualNet, "For methods that must follow shortcuts and BatchNorm."),
    "bias-free-scenes": Network(
        lambda: VGGNet(bias=False), "Without biases, so that LRP's relevance is conserved.", recipe=_NORMALISED
    ),
    "lenet-mnist": Network(
        LeNet,
        "For what papers measured on MNIST; small enough to be trained within a measurement.",
        input="mnist",
        recipe=Recipe(images=digits.TRAINING, held_out=digits.HELD_OUT, epochs=24, shift=2),
    ),
}
NAMES = tuple(NETWORKS)
