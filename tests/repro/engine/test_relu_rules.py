"""A rule reaches every ReLU however it is written, and nothing else."""

from contextlib import nullcontext

import pytest
import torch
from torch import nn
from torch.nn import functional

from repro.engine import relu_rules
from repro.engine.errors import NoRuleError


def network(in_place: bool) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(inplace=in_place), nn.Conv2d(3, 2, 3), nn.Flatten())


def test_a_rule_that_reached_every_relu_is_told_from_one_that_did_not() -> None:
    model, images = network(False), torch.randn(2, 1, 6, 6)
    with relu_rules.ReluRule(lambda gradient, passed: gradient):
        relu_rules.check_ruled(model(images))
    with pytest.raises(NoRuleError):
        relu_rules.check_ruled(model(images))


WRITTEN = {
    "threshold": (True, lambda x: functional.threshold(x, 0, 0)),
    "threshold in place": (True, lambda x: functional.threshold(x, 0.0, value=0.0, inplace=True)),
    "threshold_": (True, lambda x: functional.threshold_(x, 0, 0)),
    "torch.threshold": (True, lambda x: torch.threshold(x, threshold=0, value=0)),
    "Threshold": (True, nn.Threshold(0, 0)),
    "Threshold in place": (True, nn.Threshold(0, 0, inplace=True)),
    "clamp at a scalar": (True, lambda x: x.clamp(min=torch.tensor(0.0))),
    "clamp_ at a scalar": (True, lambda x: x.clamp_(torch.tensor(0.0))),
    "clamp_min at a scalar": (True, lambda x: torch.clamp_min(x, torch.zeros(()))),
    "higher threshold": (False, lambda x: functional.threshold(x, 0.5, 0)),
    "other value": (False, lambda x: functional.threshold(x, 0, -1)),
    "other value in place": (False, nn.Threshold(0, -1, inplace=True)),
    "clamp at 1": (False, lambda x: x.clamp(min=torch.tensor(1.0))),
    "clamp from both sides": (False, lambda x: x.clamp(torch.tensor(0.0), torch.tensor(1.0))),
}


@pytest.mark.parametrize(("relu", "written"), WRITTEN.values(), ids=WRITTEN)
def test_what_is_a_relu_is_ruled_and_what_is_none_is_left_alone(relu: bool, written) -> None:
    pixels = torch.tensor([[1.0, -1.0, 2.0, -0.2, 0.3]], requires_grad=True)
    expected = written(pixels * 1)
    (own,) = torch.autograd.grad(expected.sum(), pixels)
    with relu_rules.ReluRule(lambda gradient, passed: 10 * gradient * passed):
        found = written(pixels * 1)
        relu_rules.check_ruled(found)
    assert torch.equal(found, expected)
    assert torch.equal(torch.autograd.grad(found.sum(), pixels)[0], 10 * own if relu else own)


@pytest.mark.parametrize(("threshold", "refused"), [(0.0, True), (0.5, False)])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch.jit is on its way out
def test_a_threshold_in_a_scripted_part_is_refused_if_it_may_be_a_relu(threshold: float, refused: bool) -> None:
    pixels = torch.randn(1, 4, requires_grad=True)
    traced = torch.jit.trace(nn.Threshold(threshold, 0), pixels)
    with relu_rules.ReluRule(lambda gradient, passed: gradient):
        found = traced(pixels)
    with pytest.raises(NoRuleError) if refused else nullcontext():
        relu_rules.check_ruled(found)


def test_relu_rule_changes_no_forward_value_and_ends_with_its_block() -> None:
    model, images = network(True), torch.randn(2, 1, 6, 6)
    expected = model(images)
    with relu_rules.ReluRule(lambda gradient, passed: torch.full_like(gradient, 7.0)):
        found = model(pixels := images.clone().requires_grad_())
    assert torch.equal(found, expected)
    back = torch.autograd.grad(found.sum(), pixels)[0]
    torch.testing.assert_close(
        back, torch.nn.grad.conv2d_input(images.shape, model[0].weight, torch.full((2, 3, 4, 4), 7.0))
    )
    assert not torch.allclose(torch.autograd.grad(model(pixels).sum(), pixels)[0], back)


@pytest.mark.parametrize("relu", [functional.relu_, functional.relu])
def test_relu_rule_keeps_no_tensor_that_the_network_would_not(relu) -> None:
    layers, pixels = network(True), torch.randn(2, 1, 6, 6, requires_grad=True)

    def kept():
        found = {}
        hooks = torch.autograd.graph.saved_tensors_hooks(lambda tensor: found.setdefault(tensor.data_ptr(), tensor), id)
        with hooks:
            out = layers[2](relu(layers[0](pixels)))
        return {tensor.shape for tensor in found.values()}, len(found), out

    plain = kept()
    with relu_rules.ReluRule(lambda gradient, passed: gradient * passed):
        ruled = kept()
    assert ruled[:2] == plain[:2]


def test_relu_rule_reaches_an_in_place_relu_on_a_part_of_a_tensor() -> None:
    pixels = torch.tensor([[1.0, -1.0, 2.0, -2.0]], requires_grad=True)
    with relu_rules.ReluRule(lambda gradient, passed: 10 * gradient * passed):
        whole = pixels * 1
        whole[:, 2:].relu_()
    assert whole.tolist() == [[1, -1, 2, 0]]
    assert torch.autograd.grad(whole.sum(), pixels)[0].tolist() == [[1, 1, 10, 0]]
