"""The small networks on which claims are measured, and their trained weights.

They take images in [0, 1], ``(B, 3, 64, 64)``, and return logits ``(B, 10)``; the normalisation is inside, so that a
gradient is one of the pixels themselves.  Weights lie in ``weights/<name>-<seed>.safetensors`` as float16 and are used
as float32; the file of the same name that ends in ``.json`` says how they came about.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load as load_safetensors
from torch import Tensor, nn

from repro.lab.scenes import CLASSES, Scenes

WEIGHTS = Path(__file__).parent / "weights"
NAMES = ("gap-scenes", "gmp-scenes", "fc-scenes")


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
    raise ValueError(f"no network is called {name!r}: there are {', '.join(NAMES)}")


def load(name: str, seed: int = 0, folder: Path = WEIGHTS) -> nn.Module:
    """The trained network, in evaluation mode, on the CPU.

    Raises ValueError if it was never trained with this seed, or if the weights are not those that the provenance names.
    """
    model = build(name)
    path = folder / f"{name}-{seed}.safetensors"
    if not path.exists():
        raise ValueError(f"no weights of {name} for seed {seed}: `sightglass train {name} --seed {seed}` makes them")
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != provenance(name, seed, folder)["sha256"]:
        raise ValueError(f"{path.name} is not the file that {path.stem}.json describes: train the network again")
    model.load_state_dict({key: value.float() for key, value in load_safetensors(data).items()})
    return model.eval()


def provenance(name: str, seed: int = 0, folder: Path = WEIGHTS) -> dict[str, Any]:
    """How the weights came about: command, data, recipe, accuracy, date, seconds, hash."""
    loaded: dict[str, Any] = json.loads((folder / f"{name}-{seed}.json").read_text(encoding="utf-8"))
    return loaded


def accuracy(model: nn.Module, held_out: Scenes) -> float:
    """Share of the scenes whose label gets the highest logit."""
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
        self.classifier = nn.Sequential(nn.Linear(64 * 16, 64), nn.ReLU(inplace=True), nn.Linear(64, len(CLASSES)))
        for layer in ("classifier.0", "classifier.2"):
            nn.init.kaiming_normal_(self.get_parameter(f"{layer}.weight"), nonlinearity="relu")
            nn.init.zeros_(self.get_parameter(f"{layer}.bias"))

    def forward(self, images: Tensor) -> Tensor:
        feature_maps = self.features((images - 0.5) / 0.25)
        logits: Tensor = self.classifier(torch.flatten(self.pool(feature_maps), 1))
        return logits


def _convolution(inputs: int, outputs: int, kernel: int, stride: int) -> tuple[nn.Module, nn.Module]:
    """A convolution with the start that suits the ReLU after it."""
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2)
    nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
    nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]
    return convolution, nn.ReLU(inplace=True)
