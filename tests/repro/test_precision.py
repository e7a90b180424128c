"""In single precision, on whatever device, each method is within a stated distance of the processor's double precision.

The distance is what the guide promises: 1e-4 of the largest value, with TF32 switched off on a graphics card.
"""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from repro.adversarial.adversarial_examples import adversarial_examples, fgsm
from repro.attribution.cam import cam
from repro.attribution.grad_cam import grad_cam
from repro.attribution.grad_cam_pp import grad_cam_pp
from repro.attribution.guided_backprop import guided_backprop
from repro.attribution.guided_grad_cam import guided_grad_cam
from repro.attribution.lrp import epsilon_alpha2_beta1, lrp
from repro.attribution.occlusion import occlusion
from repro.inversion.network_inversion import network_inversion
from repro.lab import networks, scenes
from repro.visualisation.deconvnet import deconvnet

TOLERANCE = 1e-4
Method = Callable[[nn.Module, Tensor, Tensor], Tensor]

METHODS: dict[str, tuple[str, Method]] = {
    "cam": ("gap-scenes", cam),
    "grad_cam": ("fc-scenes", grad_cam),
    "grad_cam_pp": ("fc-scenes", grad_cam_pp),
    "guided_backprop": ("fc-scenes", guided_backprop),
    "guided_grad_cam": ("fc-scenes", guided_grad_cam),
    "occlusion": ("fc-scenes", occlusion),
    "lrp": ("residual-scenes", lrp),
    "lrp, alpha and beta": ("vgg-scenes", lambda *given: lrp(*given, epsilon_alpha2_beta1)),
    "deconvnet": (
        "zf-scenes",
        lambda model, images, classes: deconvnet(model, images, list(model.features)[3], classes),
    ),
    "fgsm": ("fc-scenes", lambda *given: fgsm(*given, budget=0.03)),
    "adversarial_examples": (
        "fc-scenes",
        lambda model, images, classes: adversarial_examples(model, images, classes, searches=1, evaluations=3),
    ),
    "network_inversion": (
        "zf-scenes",
        lambda model, images, _: network_inversion(model, images, list(model.features)[3], rates=[0.01] * 3),
    ),
}


@pytest.fixture(
    params=[
        "cpu",
        pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")),
    ]
)
def device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    return str(request.param)


@pytest.mark.parametrize("name", METHODS)
def test_single_precision_is_near_double(name: str, device: str) -> None:
    network, method = METHODS[name]
    model, (images, classes) = networks.load(network, 0), networks.inputs(*_scenes())
    exact = method(copy.deepcopy(model).double(), images.double(), classes)
    found = method(model.to(device), images.to(device), classes.to(device))
    assert found.device.type == device
    assert found.dtype == torch.float32
    far = (found.cpu().double() - exact).abs() > TOLERANCE * exact.abs().max()
    # where a maximum or a sign is a near tie the two may choose differently: a pixel in a thousand
    assert far.double().mean() < 1e-3


def _scenes() -> tuple:
    some = scenes.one_object(4, 0)
    return some.images, some.labels
