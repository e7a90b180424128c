"""What no method can work on is refused in one sentence, the same for all; a batch without images gives one without."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from repro.adversarial.adversarial_examples import adversarial_examples, fgsm
from repro.attribution.cam import cam
from repro.attribution.grad_cam import grad_cam
from repro.attribution.grad_cam_pp import grad_cam_pp
from repro.attribution.guided_backprop import guided_backprop
from repro.attribution.guided_grad_cam import guided_grad_cam
from repro.attribution.lrp import lrp, lrp_at
from repro.attribution.occlusion import map_occlusion, occlusion
from repro.inversion.network_inversion import network_inversion
from repro.lab.controls import saliency
from repro.visualisation.deconvnet import deconvnet, receptive_fields, strongest

Method = Callable[[nn.Module, Tensor, Tensor], Tensor]

CLASSIFYING: dict[str, Method] = {
    "cam": cam,
    "cam of a layer": lambda *given: cam(*given, first(given[0])),
    "grad_cam": grad_cam,
    "grad_cam of a layer": lambda *given: grad_cam(*given, first(given[0])),
    "grad_cam_pp": grad_cam_pp,
    "grad_cam_pp with the softmax": lambda *given: grad_cam_pp(*given, output="softmax"),
    "guided_backprop": guided_backprop,
    "guided_grad_cam": guided_grad_cam,
    "lrp": lrp,
    "lrp_at": lambda *given: lrp_at(*given, [first(given[0])])[0],
    "occlusion": occlusion,
    "saliency": saliency,
    "fgsm": lambda *given: fgsm(*given, budget=0.1),
    "adversarial_examples": lambda *given: adversarial_examples(*given, searches=2, evaluations=3),
}
METHODS: dict[str, Method] = CLASSIFYING | {
    "map_occlusion": lambda model, images, _: map_occlusion(model, images, first(model))[0],
    "deconvnet": lambda model, images, classes: deconvnet(model, images, first(model), classes),
    "network_inversion": lambda model, images, _: network_inversion(model, images, first(model), rates=[0.01]),
}


class Ends(nn.Module):
    """A convolution, a ReLU, the mean and a linear layer, and what it makes of the logits."""

    def __init__(self, end: Callable[[Tensor], object] = lambda logits: logits) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.head, self.end = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), nn.Linear(4, 4), end

    def forward(self, images: Tensor) -> object:
        return self.end(self.head(self.first(images).mean((2, 3))))


def first(model: nn.Module) -> nn.Module:
    return model.get_submodule("first")


@pytest.mark.parametrize(
    ("end", "given"),
    [
        (lambda logits: (logits, logits), "tuple"),
        (lambda logits: {"logits": logits}, "dict"),
        (lambda logits: logits[:, 0], r"a tensor \(2,\)"),
        (lambda logits: logits[..., None], r"a tensor \(2, 4, 1\)"),
    ],
    ids=["tuple", "dictionary", "one logit", "maps"],
)
@pytest.mark.parametrize("method", CLASSIFYING.values(), ids=CLASSIFYING)
def test_a_model_that_returns_no_logits_is_refused(method: Method, end: Callable, given: str) -> None:
    with pytest.raises(ValueError, match=rf"must return logits of shape \(B, K\), not {given}"):
        method(Ends(end), torch.rand(2, 3, 16, 16), torch.tensor([0, 1]))


@pytest.mark.parametrize(
    ("images", "given"),
    [
        (torch.zeros(2, 3, 16, 16, dtype=torch.uint8), r"torch.uint8 \(2, 3, 16, 16\)"),
        (torch.zeros(3, 16, 16), r"torch.float32 \(3, 16, 16\)"),
        (torch.zeros(2, 1, 3, 16, 16), r"torch.float32 \(2, 1, 3, 16, 16\)"),
        (np.zeros((2, 3, 16, 16), np.float32), "ndarray"),
    ],
    ids=["grey levels", "one image", "one dimension more", "an array"],
)
@pytest.mark.parametrize("name", [*METHODS, "strongest", "receptive_fields"])
def test_images_that_do_not_fit_are_refused(name: str, images: Tensor, given: str) -> None:
    method = METHODS | {
        "strongest": lambda model, images, _: strongest(model, images, first(model), [0], 1),
        "receptive_fields": lambda model, images, _: receptive_fields(
            model, images, first(model), torch.tensor([[0, 0]])
        ),
    }
    with pytest.raises(ValueError, match=rf"must be floating point \(B, C, H, W\), not {given}: divide grey levels"):
        method[name](Ends(), images, torch.tensor([0, 1]))


@pytest.mark.parametrize("classes", [torch.tensor([], dtype=torch.int64), []], ids=["tensor", "list"])
@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_without_images_the_result_is_empty(method: Method, classes: Tensor) -> None:
    model, images = Ends(), torch.rand(2, 3, 16, 16)
    found, some = method(model, images[:0], classes), method(model, images, torch.tensor([0, 1]))
    assert found.shape == (0, *some.shape[1:])
    assert found.dtype == some.dtype


def test_without_images_no_map_is_the_strongest() -> None:
    model = Ends()
    assert map_occlusion(model, torch.rand(0, 3, 16, 16), first(model))[1].shape == (0,)
