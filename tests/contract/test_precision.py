"""In single precision, on whatever device, each method is within a stated distance of the processor's double precision.

The distance is what the guide promises: 1e-4 of the largest value, with TF32 switched off on a graphics card.
"""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor

from repro.engine.errors import MethodError
from repro.lab import networks, scenes
from tests.contract.methods import Call
from tests.contract.networks import Small, images_of, refused

TOLERANCE = 1e-4


@pytest.fixture(
    params=[
        "cpu",
        pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")),
    ]
)
def device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    return str(request.param)


@pytest.mark.parametrize("network", ["gap-scenes", "residual-scenes"])
def test_single_precision_is_near_double(call_with_images: Call, network: str, device: str) -> None:
    call, model = call_with_images, networks.load(network, 0)
    some = scenes.load(2, 0)
    images, classes = networks.inputs(some.images, some.labels)
    try:
        exact = call(copy.deepcopy(model).double(), images.double(), classes)
    except MethodError:
        if network == "gap-scenes":  # a plain network suits every method
            raise
        pytest.skip("the method refuses this network")
    found = call(model.to(device), images.to(device), classes.to(device))
    assert found.device.type == device
    assert found.dtype == torch.float32
    far = (found.cpu().double() - exact).abs() > TOLERANCE * exact.abs().max()
    # where a maximum or a sign is a near tie the two may choose differently: a pixel in a thousand
    assert far.double().mean() < 1e-3


@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [(torch.float64, 0.0), (torch.float32, 1e-5), (torch.float16, 2e-2), (torch.bfloat16, 0.2)],
    ids=["float64", "float32", "float16", "bfloat16"],
)
def test_the_result_has_the_type_of_the_model(call: Call, dtype: torch.dtype, tolerance: float) -> None:
    """Or the method refuses half precision.  Of its size, half precision leaves less than 2% wrong (a product of two small maps nears its smallest number);
    bfloat16, where a ReLU's input near zero easily changes sides, less than 20%.  What starts from random numbers has others in each precision.
    """
    if refused(call, Small().eval(), images_of(3), torch.tensor([4, 0, 2])):
        pytest.skip("the method refuses this network")
    try:
        found = call(Small().eval().to(dtype), images_of(3).to(dtype), torch.tensor([4, 0, 2]))
    except MethodError:
        assert dtype in (torch.float16, torch.bfloat16)
        return
    exact: Tensor = call(Small().eval(), images_of(3), torch.tensor([4, 0, 2]))
    assert found.dtype == dtype
    assert found.isfinite().all()
    if call.takes_images and not call.layer_given:  # before the last ReLU rounding changes more signs
        assert (found.double() - exact).norm() <= tolerance * exact.norm()
