"""Capturing sees what a layer returned, lets gradients through, and leaves nothing behind."""

from contextlib import nullcontext

import pytest
import torch
from torch import nn
from torch.nn import functional

from repro.engine import checks, gradients, pooling, relu_rules, watching


def network(in_place: bool) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(inplace=in_place), nn.Conv2d(3, 2, 3), nn.Flatten())


@pytest.mark.parametrize("in_place", [False, True])
def test_values_and_gradients_are_those_before_an_in_place_relu(in_place: bool) -> None:
    model, images = network(in_place), torch.randn(2, 1, 6, 6)
    before = model[0](images).detach()
    assert (before < 0).any()
    with watching.activations(model, model[0], model[2]) as outputs:
        total = model(images).sum()
    assert torch.equal(outputs[0], before)
    (gradient,) = torch.autograd.grad(total, outputs[0])
    # by hand: back through the second convolution, then only where the ReLU let something pass
    back = torch.nn.grad.conv2d_input((2, 3, 4, 4), model[2].weight, torch.ones(2, 2, 2, 2))
    torch.testing.assert_close(gradient, back * (before > 0))
    assert torch.equal(outputs[1].flatten(1), model(images))


def test_hooks_go_also_when_the_model_fails() -> None:
    model = network(True)
    with pytest.raises(RuntimeError), watching.activations(model, model[0]):
        model(torch.randn(2, 5, 6, 6))
    assert not any(module._forward_hooks for module in model.modules())


def test_layers_that_cannot_be_caught_are_refused() -> None:
    model = network(False)
    with pytest.raises(ValueError, match="not a module"), watching.activations(model, nn.ReLU()):
        pass

    class Skips(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.unused = nn.ReLU(), nn.ReLU()

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.used(images)

    skipping = Skips()
    with pytest.raises(ValueError, match="did not run"), watching.activations(skipping, skipping.unused):
        skipping(torch.ones(1))
    assert not any(module._forward_hooks for module in skipping.modules())


def test_modes_and_flags_return_also_after_an_error() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(), nn.BatchNorm1d(2))
    model.train()
    model[2].eval()
    model[0].bias.requires_grad_(False)

    def fails() -> None:
        with watching.evaluating(model), watching.frozen(model):
            assert not model[1].training
            assert not any(p.requires_grad for p in model.parameters())
            raise KeyError

    with pytest.raises(KeyError):
        fails()
    assert [m.training for m in model.modules()] == [True, True, True, False]
    assert [p.requires_grad for p in model.parameters()] == [True, False, True, True]


@pytest.mark.parametrize(
    "pool",
    [
        lambda maps: functional.adaptive_avg_pool2d(maps, 1).flatten(1),
        lambda maps: nn.AdaptiveAvgPool2d(1)(maps).flatten(1),
        lambda maps: functional.avg_pool2d(maps, 4).flatten(1),
        lambda maps: maps.mean((2, 3)),
        lambda maps: torch.mean(maps, dim=[2, 3]),
        lambda maps: torch.mean(input=maps, dim=(2, 3)),
    ],
)
def test_head_is_found_however_it_is_written(pool) -> None:
    maps, weight, bias = torch.randn(2, 3, 4, 4), torch.randn(5, 3), torch.randn(5)
    with pooling.Head() as head:
        early = maps.mean((2, 3), keepdim=True)  # as squeeze and excitation does
        logits = functional.linear(pool(maps + 0 * early), weight, bias=bias)
    assert torch.equal(head.feature_maps, maps)
    assert head.linear is not None
    assert head.linear[0] is weight
    assert head.linear[1] is bias
    assert logits.shape == (2, 5)


def test_class_indices_accept_lists_and_go_to_the_logits_device() -> None:
    found = checks.class_indices([1, 0], torch.zeros(2, 3))
    assert found.tolist() == [1, 0]
    assert found.dtype == torch.int64


@pytest.mark.parametrize(
    "pool",
    [
        lambda maps: functional.max_pool2d(maps, 2).flatten(1),
        lambda maps: functional.adaptive_avg_pool2d(maps, 1).flatten(1),
        lambda maps: functional.adaptive_avg_pool2d(functional.adaptive_avg_pool2d(maps, 1), 1).flatten(1),
        lambda maps: functional.adaptive_avg_pool2d(maps, 4).amax((2, 3)),
        lambda maps: torch.cat([functional.adaptive_max_pool2d(maps, 1), maps.mean((2, 3), keepdim=True)], 1).flatten(
            1
        ),
    ],
    ids=["max", "mean", "twice", "after one from 4x4 to 4x4", "mean and max side by side"],
)
def test_last_maps_are_what_the_last_pooling_is_given(pool) -> None:
    maps = torch.randn(2, 3, 4, 4)
    early = functional.max_pool2d(torch.randn(2, 3, 8, 8).requires_grad_(), 2)
    with pooling.LastMaps() as last:
        early = functional.max_pool2d(early, 2)
        channels = maps.mean(1)  # over channels: no pooling over places
        given = maps + 0 * early.sum() + 0 * channels[:, None]
        logits = pool(given)
    expected = torch.autograd.grad(pool(leaf := given.detach().requires_grad_()).sum(), leaf)[0]
    assert last.feature_maps is not None
    if last.feature_maps.shape == maps.shape:  # "twice" is given the means the second time
        assert torch.equal(last.feature_maps, given)
        torch.testing.assert_close(torch.autograd.grad(logits.sum(), last.feature_maps)[0], expected)
    else:
        assert last.feature_maps.shape == (2, 3, 1, 1)


@pytest.mark.parametrize("joined", [False, True])
def test_maps_of_which_a_part_is_set_after_their_pooling_stay_what_they_were(joined) -> None:
    given = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]).requires_grad_(joined) * 1
    with pooling.LastMaps(joined=joined) as last:
        means = given.mean((2, 3))
        given[:, :, 0] = 0
        logits = means + given.sum((2, 3))
    assert logits.tolist() == [[2.5 + 7]]
    assert last.feature_maps.tolist() == [[[[1, 2], [3, 4]]]]
    back = torch.autograd.grad(logits.sum(), last.feature_maps)[0]
    assert back.tolist() == [[[[0.25, 0.25], [1.25, 1.25]]]]


@pytest.mark.parametrize("joined", [False, True])
def test_maps_that_are_overwritten_after_their_pooling_stay_what_the_pooling_was_given(joined) -> None:
    given = torch.tensor([[[[-1.0, 2.0], [3.0, 4.0]]]]).requires_grad_(joined) * 1
    with pooling.LastMaps(joined=joined) as last:
        means = given.mean((2, 3))
        overwritten = functional.relu(given, inplace=True)
        logits = means + 10 * overwritten.sum((2, 3)) + 100 * given.flatten(1).sum(1, keepdim=True)
    assert logits.tolist() == [[2 + 90 + 900]]
    assert last.feature_maps.tolist() == [[[[-1, 2], [3, 4]]]]
    back = torch.autograd.grad(logits.sum(), last.feature_maps)[0]
    assert back.tolist() == [[[[0.25, 110.25], [110.25, 110.25]]]]


def test_what_leaves_the_last_maps_before_the_pooling_counts_if_the_layer_is_given() -> None:
    class TwoHeads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolution = nn.Conv2d(1, 2, 1, bias=False)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            maps = self.convolution(images)
            early = 10 * maps.sum((2, 3))
            return early + maps.mean((2, 3))

    model, images, classes = TwoHeads(), torch.rand(2, 1, 2, 2), torch.tensor([0, 1])
    for layer, expected in ((None, 0.25), (model.convolution, 10.25)):
        with pooling.maps_and_logits(model, images, layer) as (maps, logits):
            gradient = gradients.gradient(logits, classes, maps)
        assert gradient[[0, 1], classes].flatten().tolist() == [expected] * 8
        assert gradient[[0, 1], 1 - classes].count_nonzero() == 0


def test_a_rule_that_reached_every_relu_is_told_from_one_that_did_not() -> None:
    model, images = network(False), torch.randn(2, 1, 6, 6)
    with relu_rules.ReluRule(lambda gradient, passed: gradient):
        relu_rules.check_ruled(model(images))
    with pytest.raises(ValueError, match="can't reach all of them"):
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
    with pytest.raises(ValueError, match="can't reach all of them") if refused else nullcontext():
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


class Pools(nn.Module):
    """Pools to a half, gates by the mean over all places, pools again, and lastly as it is told."""

    def __init__(self, last: nn.Module, gate: nn.Module | None = None) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.gate, self.last = nn.Conv2d(1, 4, 3, padding=1), gate, last
        self.second, self.head = nn.Conv2d(4, 4, 3, padding=1), nn.LazyLinear(3)
        self(torch.randn(1, 1, 8, 8))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps = functional.max_pool2d(self.first(images), 2)
        maps = self.second(maps).relu()
        if self.gate is not None:
            maps = maps * self.gate(maps).sigmoid()
        return self.head(self.last(maps).flatten(1))


def kept_by_the_second_convolution(model: Pools) -> bool:
    """Whether a graph was made between the first pooling and the last."""
    kept = []
    handle = model.second.register_forward_hook(lambda *given: kept.append(given[2].requires_grad))
    with pooling.maps_and_logits(model, torch.randn(2, 1, 8, 8)) as (maps, logits):
        assert maps.shape == (2, 4, 4, 4)
        assert maps.is_leaf
        assert gradients.gradient(logits, torch.zeros(2, dtype=int), maps).abs().sum() > 0
    handle.remove()
    return kept[-1]


def test_nothing_is_kept_before_a_pooling_over_all_places() -> None:
    assert not kept_by_the_second_convolution(Pools(nn.AdaptiveAvgPool2d(1)))
    # it cannot be known beforehand that this pooling will be the last
    assert kept_by_the_second_convolution(Pools(nn.MaxPool2d(2)))


def test_a_pooling_over_all_places_need_not_be_the_last() -> None:
    model, images = Pools(nn.MaxPool2d(2), gate=nn.AdaptiveAvgPool2d(1)), torch.randn(2, 1, 8, 8)
    with pooling.maps_and_logits(model, images) as (maps, _), torch.no_grad():
        ungated = model.second(functional.max_pool2d(model.first(images), 2)).relu()
        torch.testing.assert_close(maps.detach(), ungated * ungated.mean((2, 3), keepdim=True).sigmoid())


def test_a_pooling_over_all_places_that_never_runs_is_not_waited_for() -> None:
    model = Pools(nn.MaxPool2d(2))
    model.unused = nn.AdaptiveAvgPool2d(1)
    assert kept_by_the_second_convolution(model)


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
