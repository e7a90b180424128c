"""The recorded chain: every way to write an operation gives its step, and what can't be reversed is named."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from repro.engine import chain
from repro.engine.errors import GradientError, NoRuleError


class Runs(nn.Module):
    """A function between the images and an end that can be watched."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function, self.end = function, nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        return self.end(self.function(images))


def recorded(function: Callable[[Tensor], Tensor]) -> list[chain.Step]:
    model, images = Runs(function), torch.rand(2, 3, 6, 6)
    steps, maps = chain.record(model, images, model.end)
    with torch.no_grad():
        assert torch.equal(maps, function(images.clone()))
    assert not maps.requires_grad
    return steps


@pytest.mark.parametrize(
    "relu",
    [
        torch.relu,
        functional.relu,
        lambda x: x.clone().relu_(),
        lambda x: functional.relu(x.clone(), inplace=True),
        lambda x: x.clamp(min=0),
        lambda x: torch.clamp_min(x, 0.0),
        lambda x: functional.threshold(x, 0.0, 0.0),
        nn.ReLU(inplace=True),
    ],
)
def test_a_relu_is_one_however_it_is_written(relu: Callable[[Tensor], Tensor]) -> None:
    steps = [step for step in recorded(relu) if not isinstance(step, chain.Reshaping)]
    assert [type(step) for step in steps] == [chain.Rectification]


@pytest.mark.parametrize(
    ("normalise", "factor"),
    [
        (lambda x: x + 1, 1.0),
        (lambda x: x.sub_(0.5).div_(0.25), 4.0),
        (lambda x: 3 * x, 3.0),
        (lambda x: 1 - x, -1.0),
        (lambda x: torch.ones(1) - x, -1.0),
        (lambda x: x / torch.tensor([2.0, 4.0, 8.0]).view(3, 1, 1), torch.tensor([0.5, 0.25, 0.125])),
    ],
)
def test_a_normalisation_is_its_factors(normalise: Callable[[Tensor], Tensor], factor: Tensor | float) -> None:
    product = torch.ones(3, 1, 1)
    for step in recorded(normalise):
        assert isinstance(step, chain.Scaling)
        product = product * step.factor
    assert torch.allclose(product[:, 0, 0], torch.as_tensor(factor).expand(3))


@pytest.mark.parametrize(
    "linear",
    [
        lambda x: functional.linear(x.flatten(1), WEIGHT),
        lambda x: x.flatten(1) @ WEIGHT.T,
        lambda x: torch.mm(x.reshape(2, -1), WEIGHT.T),
        lambda x: torch.addmm(torch.ones(4), x.view(2, -1), WEIGHT.T),
    ],
)
def test_a_linear_layer_is_its_weight(linear: Callable[[Tensor], Tensor]) -> None:
    reshaping, step = recorded(linear)
    assert isinstance(reshaping, chain.Reshaping)
    assert isinstance(step, chain.Linear)
    assert torch.equal(step.weight, WEIGHT)


WEIGHT = torch.randn(4, 108, generator=torch.Generator().manual_seed(0))


def test_windows_are_read_from_every_form_of_argument() -> None:
    filters = torch.randn(4, 3, 3, 3)
    (convolution,) = recorded(lambda x: functional.conv2d(x, filters, padding="same", dilation=2))
    assert isinstance(convolution, chain.Convolution)
    assert (convolution.kernel, convolution.stride) == ((3, 3), (1, 1))
    assert (convolution.padding, convolution.dilation) == ((2, 2), (2, 2))
    (valid,) = recorded(lambda x: functional.conv2d(x, filters, None, (2, 1), "valid"))
    assert (valid.stride, valid.padding) == ((2, 1), (0, 0))
    for pool in (
        lambda x: functional.max_pool2d(x, (2, 3)),
        lambda x: torch.max_pool2d(x, [2, 3], stride=(2, 3)),
        lambda x: functional.max_pool2d(x, (2, 3), return_indices=True)[0],
        nn.MaxPool2d((2, 3)),
    ):
        (pooling,) = recorded(pool)
        assert isinstance(pooling, chain.Pooling)
        assert (pooling.kernel, pooling.stride, pooling.below) == ((2, 3), (2, 3), torch.Size([2, 3, 6, 6]))
        assert pooling.switches.shape == (2, 3, 3, 2)


@pytest.mark.parametrize("still", [lambda x: functional.dropout(x, 0.5, training=False), nn.Dropout2d().eval()])
def test_what_changes_nothing_is_no_step(still: Callable[[Tensor], Tensor]) -> None:
    assert recorded(still) == []


@torch.jit.script
def scripted(images: Tensor) -> Tensor:
    return images.sigmoid()


def change_of_a_part(images: Tensor) -> Tensor:
    maps = images.clone()
    maps.flatten(1).relu_()  # a view: the maps themselves change
    return maps


def assignment(images: Tensor) -> Tensor:
    maps = torch.zeros(2, 3, 6, 6)
    maps[:, :, :] = images
    return maps


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x + x,
        lambda x: x * (x > 0),  # a ReLU as nobody can tell
        lambda x: 1 / x,
        lambda x: x**2,
        lambda x: torch.add(x, 1, alpha=2),
        lambda x: torch.ones(2, 3, 1, 1) / x,
        lambda x: x.transpose(2, 3),
        lambda x: x.detach(),
        lambda x: x.double(),
        lambda x: functional.conv2d(torch.ones(1, 6, 8, 8), x[:, :1].expand(2, 6, 6, 6)),
        lambda x: functional.conv2d(x, torch.ones(1, 3, 2, 2), padding="same"),  # more on one side
        lambda x: functional.adaptive_avg_pool2d(x, 3),
        lambda x: functional.pad(x, (1, 1)),
        scripted,
        lambda x: x * scripted(x),
        change_of_a_part,
        assignment,
    ],
)
def test_what_cannot_be_reversed_is_refused(function: Callable[[Tensor], Tensor]) -> None:
    with pytest.raises(NoRuleError):
        recorded(function)


def test_a_layer_that_does_not_depend_on_the_images_is_refused() -> None:
    with pytest.raises(GradientError):
        recorded(lambda x: torch.ones(2, 3, 6, 6))


@pytest.mark.parametrize("reentrant", [True, False])
def test_the_model_may_use_checkpoints(reentrant: bool) -> None:
    layers = nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU())
    steps = recorded(lambda images: checkpoint(layers, images, use_reentrant=reentrant))
    assert [type(step) for step in steps] == [chain.Convolution, chain.Rectification]


def graph_of(function: Callable[[Tensor], Tensor]) -> chain.Node:
    """The node of what the function returns, from images ``(2, 3, 6, 6)``."""
    with chain.Graph(torch.rand(2, 3, 6, 6, requires_grad=True)) as graph:
        return graph.node(function(graph.images))


def test_a_graph_has_both_paths_and_what_each_was_given_before_it_was_overwritten() -> None:
    double = graph_of(lambda x: x.clone().mul_(2).add_(x))
    assert double.step == "add"
    assert [isinstance(each.step, chain.Scaling) for each in double.given] == [True, False]
    torch.testing.assert_close(double.values[0], 2 * double.values[1])
    assert double.given[1].number == 0


@pytest.mark.parametrize(
    "pool",
    [
        lambda x: x.mean((2, 3)),
        lambda x: functional.adaptive_avg_pool2d(x, 1),
        lambda x: functional.adaptive_max_pool2d(x, 1),
    ],
)
def test_a_pooling_over_all_positions_is_one_window(pool: Callable[[Tensor], Tensor]) -> None:
    step = graph_of(pool).step
    assert isinstance(step, chain.Window)
    assert (step.kernel, step.padding) == ((6, 6), (0, 0))


def test_a_batchnorm_is_folded_into_the_convolution_before_it() -> None:
    convolution, normalisation = nn.Conv2d(3, 2, 3, bias=False), nn.BatchNorm2d(2).eval()
    with torch.no_grad():
        normalisation.weight.copy_(torch.tensor([-2.0, 3.0]))
    node = graph_of(lambda x: normalisation(convolution(x)))
    assert isinstance(node.step, chain.Convolution)
    with torch.no_grad():
        folded = functional.conv2d(node.values[0], node.step.weight)
        torch.testing.assert_close(folded, normalisation(convolution(node.values[0])))


def test_a_graph_refuses_what_it_cannot_follow() -> None:
    def part(x: Tensor) -> Tensor:
        x = x.clone()
        x[:, 0].relu_()
        return x

    with pytest.raises(NoRuleError):
        graph_of(part)
    scripted = torch.jit.script(nn.ReLU())
    with pytest.raises(NoRuleError):
        graph_of(lambda x: scripted(x).exp())


def test_what_a_window_shows_is_what_unfold_has() -> None:
    maps = torch.randn(2, 3, 7, 6)
    window = chain.Window(maps.shape, (3, 2), (2, 1), (1, 0), (1, 2))
    points = torch.tensor([[0, 0, 0, 0], [1, 2, 3, 3], [1, 1, 2, 1]])
    values, inside, places = chain.look(maps, points, torch.arange(3).expand(3, 3), window)
    columns = functional.unfold(maps, window.kernel, window.dilation, window.padding, window.stride)
    expected = columns.view(2, 3, 6, 4, 4)[points[:, 0], :, :, points[:, 2], points[:, 3]]
    assert torch.equal(values, expected)
    assert inside[:, 0].tolist() == [[False] * 2 + [True] * 4, [True] * 4 + [False] * 2, [True] * 6]
    assert places[1].tolist()[:4] == [[5, 3], [5, 5], [6, 3], [6, 5]]


def test_indices_survive_a_reshaping() -> None:
    numbers = torch.arange(24)
    points = torch.tensor([[0, 5], [3, 2]])
    found = chain.reshaped(points, torch.Size((4, 6)), torch.Size((2, 3, 4)))
    assert torch.equal(numbers.view(2, 3, 4)[tuple(found.T)], numbers.view(4, 6)[tuple(points.T)])
