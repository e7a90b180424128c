"""The small networks on which claims are measured, and their trained weights.

The name says what a network sees.  ``-scenes`` takes images in [0, 1], ``(B, 3, 64, 64)``; the normalisation is inside,
so that a gradient is one of the pixels themselves.  ``-digits`` takes ``(B, 1, 28, 28)``.  All return logits ``(B,
10)``.  Weights lie in ``weights/<name>-<seed>.safetensors`` as float16 and are used as float32; the file of the same
name that ends in ``.json`` says how they came about.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load as load_safetensors
from torch import Tensor, nn

from repro.lab import digits, files, scenes
from repro.lab.digits import Digits
from repro.lab.scenes import CLASSES, Scenes

WEIGHTS = Path(__file__).parent / "weights"
NAMES = (
    *("gap-scenes", "gmp-scenes", "fc-scenes", "zf-scenes", "vgg-scenes", "residual-scenes", "bias-free-scenes"),
    "lenet-digits",
)


def build(name: str) -> nn.Module:
    """The untrained network of this name; its initial weights come from torch's global generator.

    Raises ValueError for a name that is not in NAMES.
    """
    match name:
        case "gap-scenes":
            return PooledNet(nn.AdaptiveAvgPool2d(1))
        case "gmp-scenes":
            return PooledNet(nn.AdaptiveMaxPool2d(1))
        case "fc-scenes":
            return FullyConnectedNet()
        case "bias-free-scenes":
            return VGGNet(bias=False)
        case "zf-scenes":
            return ZFNet()
        case "vgg-scenes":
            return VGGNet()
        case "residual-scenes":
            return ResidualNet()
        case "lenet-digits":
            return LeNet()
    raise ValueError(f"no network is called {name!r}: there are {', '.join(NAMES)}")


def load(name: str, seed: int = 0, folder: Path = WEIGHTS) -> nn.Module:
    """The trained network, in evaluation mode, on the CPU.

    Raises ValueError if it was never trained with this seed, or if the weights are not those that the provenance names.
    """
    model = build(name)
    path = folder / f"{name}-{seed}.safetensors"
    if not path.exists():
        raise ValueError(f"no weights of {name} for seed {seed}: `sightglass train {name} --seed {seed}` makes them")
    data = files.read(path)
    if hashlib.sha256(data).hexdigest() != provenance(name, seed, folder)["sha256"]:
        raise ValueError(f"{path.name} is not the file that {path.stem}.json describes: train the network again")
    model.load_state_dict({key: value.float() for key, value in load_safetensors(data).items()})
    return model.eval()


def provenance(name: str, seed: int = 0, folder: Path = WEIGHTS) -> dict[str, Any]:
    """How the weights came about: command, data, recipe, accuracy, date, seconds, hash."""
    loaded: dict[str, Any] = json.loads(files.read(folder / f"{name}-{seed}.json"))
    return loaded


def data(name: str, count: int, seed: int, *, held_out: bool = True) -> Scenes | Digits:
    """What the network of this name sees: scenes or digits, held out from training or for it."""
    if name.endswith("-digits"):
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
