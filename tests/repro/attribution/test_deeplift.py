"""DeepLIFT against numbers worked out by hand, its definition in loops, summation to delta on every network, and captum."""

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from repro.attribution.deeplift import deeplift
from repro.engine.errors import NoRuleError, OptionsError
from repro.lab import networks

CONTRACT = {
    "deeplift, reveal-cancel": {"rule": "reveal-cancel"},
    "deeplift, from a colour": {"reference": torch.tensor([0.2, 0.5, 0.8])[:, None, None].expand(1, 3, 1, 1)},
}
BENCHMARK = {
    "deeplift": {
        "floor": "through_reference_and_image_to_the_pixels",
        "ours": lambda s: deeplift(s.model, s.images, s.classes, 0.0),
        "peers": {"captum": ("captum", "DeepLift")},
        "without": {("captum", "resnet50", 0): "it refuses a ReLU that is used twice"},
    }
}


def of_two(*layers: nn.Module) -> tuple[nn.Module, Tensor]:
    """A network of two inputs, and the image (3, 1)."""
    return nn.Sequential(nn.Flatten(), *layers).double(), torch.tensor([3.0, 1.0]).double().view(1, 2, 1, 1)


def linear(weight: list[list[float]], bias: list[float]) -> nn.Linear:
    layer = nn.Linear(len(weight[0]), len(weight))
    layer.weight.data, layer.bias.data = (torch.tensor(each, dtype=torch.float32) for each in (weight, bias))
    return layer


def test_a_saturated_unit_as_in_figure_1() -> None:
    """y = 1 - ReLU(1 - i1 - i2), here at (3, 1): the gradient is 0."""
    model, image = of_two(linear([[-1, -1]], [1]), nn.ReLU(), linear([[-1]], [1]))
    for rule in ("rescale", "reveal-cancel"):
        found = deeplift(model, image, torch.tensor([0]), 0.0, rule=rule)
        torch.testing.assert_close(found.flatten(), torch.tensor([0.75, 0.25]).double())


def test_a_bias_gets_nothing_as_in_figure_2() -> None:
    model, image = of_two(linear([[1, 0]], [-2]), nn.ReLU())
    assert deeplift(model, image, torch.tensor([0]), 0.0).flatten().tolist() == [1.0, 0.0]


@pytest.mark.parametrize(("rule", "expected"), [("rescale", [0.0, 1.0]), ("reveal-cancel", [0.5, 0.5])])
def test_the_minimum_as_in_figure_3(rule: str, expected: list[float]) -> None:
    """min(i1, i2) = i1 - ReLU(i1 - i2); the first unit hands i1 on, which is never negative here."""
    model, image = of_two(linear([[1, 0], [1, -1]], [0, 0]), nn.ReLU(), linear([[1, -1]], [0]))
    found = deeplift(model, image, torch.tensor([0]), 0.0, rule=rule).flatten()
    torch.testing.assert_close(found, torch.tensor(expected).double())


class Small(nn.Module):
    """Convolution, max pooling with windows that overlap, a shortcut, one ReLU used twice, a sigmoid."""

    def __init__(self, in_place: bool = False) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.first, self.second = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.relu, self.head = nn.ReLU(inplace=in_place), nn.Linear(16, 5)
        self.double()

    def forward(self, images: Tensor) -> Tensor:
        maps = self.relu(self.first((images - 0.5) / 0.25))
        maps = functional.max_pool2d(self.relu(self.second(maps) + maps), 3, 1)
        return self.head(torch.sigmoid(maps).flatten(1))


def slow(model: Small, image: Tensor, reference: Tensor, target: int) -> Tensor:
    """By the definition: multipliers unit by unit; linear layers as matrices that autograd reads off them."""

    def matrix(layer: nn.Module, shape: tuple[int, ...]) -> Tensor:
        eye = torch.eye(torch.Size(shape).numel()).double().view(-1, *shape)
        return (layer(eye) - layer(torch.zeros_like(eye))).flatten(1).detach().T  # (outputs, inputs)

    def run(x: Tensor) -> list[Tensor]:
        a = model.first((x - 0.5) / 0.25)
        b = a.clamp(min=0)
        c = model.second(b) + b
        d = c.clamp(min=0)
        e = functional.max_pool2d(d, 3, 1)
        return [each.detach().flatten() for each in (a, b, c, d, e, e.sigmoid())]

    here, there = run(image), run(reference)
    change = [one - other for one, other in zip(here, there, strict=True)]

    def ratio(above: int, below: int) -> Tensor:
        return torch.where(change[below] == 0, 0, change[above] / change[below])

    m = model.head.weight[target].detach() * ratio(5, 4)
    at_d, d, d0 = torch.zeros(64).double(), here[3].view(4, 4, 4), there[3].view(4, 4, 4)
    for i, window in enumerate((c, y, x) for c in range(4) for y in range(2) for x in range(2)):
        c, y, x = window
        places = [(c, y + dy, x + dx) for dy in range(3) for dx in range(3)]
        of_image, of_reference = max(places, key=lambda p: d[p].item()), max(places, key=lambda p: d0[p].item())
        largest = of_image if d[of_image] >= d0[of_reference] else of_reference
        moved = (d[largest] - d0[largest]).item()
        if moved != 0:
            at_d[largest[0] * 16 + largest[1] * 4 + largest[2]] += m[i] * change[4][i] / moved
    at_c = at_d * ratio(3, 2)
    at_b = at_c + matrix(model.second, (4, 4, 4)).T @ at_c
    at_x = matrix(lambda x: model.first(x / 0.25), (3, 4, 4)).T @ (at_b * ratio(1, 0))
    return at_x.view(1, 3, 4, 4) * (image - reference)


@pytest.mark.parametrize("in_place", [False, True])
def test_equals_the_definition_unit_by_unit(in_place: bool) -> None:
    model, generator = Small(in_place).eval(), torch.Generator().manual_seed(1)
    images, references = (torch.rand(3, 3, 4, 4, generator=generator, dtype=torch.float64) for _ in range(2))
    classes = torch.tensor([4, 0, 2])
    expected = [slow(model, images[i : i + 1], references[i : i + 1], int(classes[i])) for i in range(3)]
    torch.testing.assert_close(deeplift(model, images, classes, references), torch.cat(expected))


def change_of(model: nn.Module, images: Tensor, reference: Tensor, classes: Tensor) -> Tensor:
    with torch.no_grad():
        return (model(images) - model(reference)).gather(1, classes[:, None])[:, 0]


@pytest.mark.parametrize("rule", ["rescale", "reveal-cancel"])
@pytest.mark.parametrize("name", networks.NAMES)
def test_contributions_sum_to_the_difference(name: str, rule: str) -> None:
    some = networks.data(name, 3, 0)
    images, classes = networks.inputs(some.images, some.labels)
    model, images = networks.load(name, 0).double(), images.double()
    for reference in (0.5, 0.0, images.flip(0)):
        found = deeplift(model, images, classes, reference, rule=rule).sum((1, 2, 3))
        start = reference if isinstance(reference, Tensor) else torch.full_like(images, reference)
        torch.testing.assert_close(found, change_of(model, images, start, classes), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["resnet18", "densenet121", "mobilenet_v2"])
def test_torchvisions_networks_sum_to_the_difference(name: str, vision) -> None:
    model, images, classes = vision(name), torch.rand(2, 3, 64, 64, dtype=torch.float64), torch.tensor([3, 7])
    found = deeplift(model, images, classes).sum((1, 2, 3))
    torch.testing.assert_close(
        found, change_of(model, images, torch.full_like(images, 0.5), classes), rtol=1e-6, atol=0
    )


ACTIVATIONS = [nn.ReLU6(), nn.Tanh(), nn.ELU(), nn.GELU(), nn.SiLU(), nn.Softplus(), nn.Hardswish(), nn.LeakyReLU()]


@pytest.mark.parametrize("rule", ["rescale", "reveal-cancel"])
@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
def test_any_nonlinearity_of_one_input_has_the_rule(activation: nn.Module, rule: str) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 5, 3), activation, nn.BatchNorm2d(5), nn.AdaptiveMaxPool2d(2), nn.Flatten())
    model = nn.Sequential(model, nn.Linear(20, 4)).double().eval()
    images, classes = torch.rand(3, 3, 8, 8, dtype=torch.float64), torch.tensor([0, 3, 1])
    found = deeplift(model, images, classes, 0.2, rule=rule).sum((1, 2, 3))
    torch.testing.assert_close(found, change_of(model, images, torch.full_like(images, 0.2), classes))


def test_near_the_reference_it_is_gradient_times_difference() -> None:
    model, images = networks.load("vgg-scenes", 0).double(), torch.rand(2, 3, 64, 64, dtype=torch.float64)
    classes, step = torch.tensor([3, 7]), 1e-9 * torch.randn(2, 3, 64, 64, dtype=torch.float64)
    pixels = images.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(model(pixels)[[0, 1], classes].sum(), pixels)
    torch.testing.assert_close(deeplift(model, images, classes, images - step), gradient * step, rtol=1e-4, atol=1e-12)
    assert deeplift(model, images, classes, images).abs().max() == 0


class Hidden(nn.Module):
    """Its nonlinearity is no single operation."""

    def __init__(self, how: str) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.convolution, self.how = nn.Conv2d(3, 4, 3), how

    def forward(self, images: Tensor) -> Tensor:
        maps = self.convolution(images)
        written = {
            "product": lambda: maps * maps.sigmoid(),
            "mask": lambda: maps * (maps > 0),
            "softmax": lambda: maps.softmax(1),
            "normalisation": lambda: functional.layer_norm(maps, maps.shape[1:]),
            "maximum": lambda: torch.maximum(maps, maps.flip(1)),
            "by value": lambda: maps.relu() if maps.requires_grad else maps.tanh(),
        }
        return written[self.how]().mean((2, 3))


@pytest.mark.parametrize("how", ["product", "mask", "softmax", "normalisation", "maximum", "by value"])
def test_what_has_no_rule_is_refused(how: str) -> None:
    with pytest.raises(NoRuleError):
        deeplift(Hidden(how), torch.rand(2, 3, 8, 8), torch.tensor([0, 3]), 0.0)


def test_options_that_do_not_fit_are_refused() -> None:
    model, images, classes = Hidden("softmax"), torch.rand(3, 3, 8, 8), torch.tensor([0, 3, 1])
    for options in ({"rule": "gradient"}, {"reference": torch.zeros(2, 3, 8, 8)}, {"reference": torch.zeros(3)}):
        with pytest.raises(OptionsError):
            deeplift(model, images, classes, **options)


def without_in_place(model: nn.Module) -> nn.Module:
    model = copy.deepcopy(model)
    for module in model.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False
    return model


def captums(model: nn.Module, images: Tensor, classes: Tensor, reference: Tensor, require_module) -> Tensor:
    attr = require_module("captum.attr", "pip install captum")
    return attr.DeepLift(without_in_place(model)).attribute(images, reference, target=classes).detach()


def test_equals_captum_without_pooling(require_module) -> None:
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Conv2d(6, 6, 3, 2), nn.Sigmoid(), nn.Flatten(), nn.Linear(54, 8)]
    model = nn.Sequential(*layers, nn.ReLU(), nn.Linear(8, 4)).double().eval()
    images, classes = torch.rand(3, 3, 9, 9, dtype=torch.float64), torch.tensor([0, 3, 1])
    reference = torch.full_like(images, 0.3)
    expected = captums(model, images, classes, reference, require_module)
    torch.testing.assert_close(deeplift(model, images, classes, 0.3), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.filterwarnings("ignore::UserWarning")  # captum's, of its hooks
def test_after_max_poolings_captum_misses_the_difference(require_module) -> None:
    some = networks.data("zf-scenes", 8, 0)
    images, classes = networks.inputs(some.images, some.labels)
    model, images = networks.load("zf-scenes", 0).double(), images.double()
    black = torch.zeros_like(images)
    change = change_of(model, images, black, classes)
    theirs = captums(model, images, classes, black, require_module).sum((1, 2, 3))
    ours = deeplift(model, images, classes, 0.0).sum((1, 2, 3))
    assert ((theirs - change) / change).abs().max() > 0.05
    torch.testing.assert_close(ours, change, rtol=1e-9, atol=0)


@pytest.mark.filterwarnings("ignore::UserWarning")  # captum's, of its hooks
def test_captum_refuses_a_relu_that_is_used_twice(require_module) -> None:
    images = torch.rand(1, 3, 64, 64)
    with pytest.raises(RuntimeError, match=r"twice|more than once"):
        captums(
            networks.load("residual-scenes", 0), images, torch.tensor([0]), torch.zeros_like(images), require_module
        )
