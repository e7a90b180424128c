"""Deep Taylor decomposition against roots that are searched for, its rules in loops, its invariants, and zennit."""

import pytest
import torch
from torch import Tensor, nn

from repro.attribution.deep_taylor import deep_taylor, first_bounds, taylor
from repro.attribution.lrp import lrp
from repro.engine.errors import NoRuleError, OptionsError
from repro.lab import models, networks

BENCHMARK = {
    "deep-taylor": {
        "floor": "to_the_pixels",
        "peers": {"zennit": ("zennit_deep_taylor",)},
    }
}


class Net(nn.Module):
    """Normalises its pixels, each colour in its own way, and has two linear layers with biases below zero."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Linear(12, 7).double(), nn.Linear(7, 3).double()
        for layer in (self.first, self.second):
            layer.bias.data = -layer.bias.data.abs() / 10
        self.second.weight.data.abs_()  # so that logits are positive
        self.shift = torch.tensor([0.2, 0.5, 0.7]).double()[:, None, None]

    def forward(self, images: Tensor) -> Tensor:
        return self.second(self.first(((images - self.shift) / 0.25).flatten(1)).relu())


def images_of(count: int) -> Tensor:
    return torch.rand(count, 3, 2, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def step(unit, x: list[float], origin: list[float]) -> list[float]:
    """First-order Taylor terms of a ReLU unit (w, b) around its root on the way from x to the origin, by bisection."""
    w, b = unit

    def value(t: float) -> float:
        return sum(wi * (xi + t * (oi - xi)) for wi, xi, oi in zip(w, x, origin, strict=True)) + b

    if value(0) <= 0:
        return [0.0] * len(x)
    near, far = 0.0, 1.0
    assert value(far) <= 1e-12
    for _ in range(200):
        middle = (near + far) / 2
        near, far = (middle, far) if value(middle) > 0 else (near, middle)
    return [wi * far * (xi - oi) for wi, xi, oi in zip(w, x, origin, strict=True)]


def slow(model: Net, image: Tensor, target: int, low: float, high: float) -> Tensor:
    """Relevance of each unit is its activation times a constant; each is expanded around the root of its domain."""
    x = ((image - model.shift) / 0.25).flatten()
    bounds = [((torch.full_like(image, each) - model.shift) / 0.25).flatten().tolist() for each in (low, high)]
    hidden = model.first(x[None])[0].relu().detach()
    w, b = model.second.weight[target].tolist(), model.second.bias[target].item()
    # inputs that are not negative: towards the point without the inputs that raise the unit
    above = step((w, b), hidden.tolist(), [0.0 if wi > 0 else hi for wi, hi in zip(w, hidden.tolist(), strict=True)])
    found = torch.zeros(12).double()
    for j, arrived in enumerate(above):
        if arrived == 0:
            continue
        w, b = model.first.weight[j].tolist(), model.first.bias[j].item()
        # pixels: towards the corner of the box at which the unit is lowest
        corner = [lo if wi > 0 else hi for wi, lo, hi in zip(w, *bounds, strict=True)]
        terms = step((w, b), x.tolist(), corner)
        found += torch.tensor(terms).double() * arrived / hidden[j]
    return found.view(3, 2, 2)


def test_equals_taylor_expansions_at_roots_that_are_searched_for() -> None:
    model, images, classes = Net().eval(), images_of(4), torch.tensor([0, 2, 1, 0])
    expected = [slow(model, images[i], int(classes[i]), -0.5, 1.5) for i in range(4)]
    found = deep_taylor(model, images, classes, low=-0.5, high=1.5)
    torch.testing.assert_close(found, torch.stack(expected), rtol=1e-5, atol=1e-6)
    assert found.sum() > 1


def test_numbers_worked_out_by_hand() -> None:
    """One unit, 2a - b at (1, 0) in [0, 1]: z-B gives 2 - 0 and 0 + 1, of 3; the logit is 2."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(2, 1, bias=False)).double()
    model[1].weight.data = torch.tensor([[2.0, -1.0]]).double()
    image = torch.tensor([1.0, 0.0]).double().view(1, 2, 1, 1)
    torch.testing.assert_close(
        deep_taylor(model, image, torch.tensor([0])).flatten(), torch.tensor([4 / 3, 2 / 3]).double(), rtol=1e-5, atol=0
    )


def test_positive_and_conservative_without_biases_and_less_than_the_logit_with_them() -> None:
    some = networks.data("vgg-scenes", 8, 0)
    images, classes = networks.inputs(some.images, some.labels)
    for name in ("bias-free-scenes", "vgg-scenes"):
        model, images = networks.load(name, 0).double(), images.double()
        logits = model(images).detach().gather(1, classes[:, None])[:, 0]
        before = lrp(model, images, classes, taylor(*first_bounds(model, images, 0, 1)))
        found = deep_taylor(model, images, classes)
        assert (before >= 0).all()
        assert torch.equal(found, before)
        share = found.sum((1, 2, 3)) / logits
        if name == "bias-free-scenes":
            torch.testing.assert_close(share, torch.ones_like(share), rtol=1e-4, atol=0)
        else:
            assert (share < 0.9).all()


def test_a_class_without_evidence_gets_nothing() -> None:
    model, images = Net().eval(), images_of(2)
    model.second.weight.data[1].neg_()
    found = deep_taylor(model, images, torch.tensor([1, 0]))
    assert found[0].abs().max() == 0
    assert found[1].max() > 0


def test_bounds_are_those_of_what_the_first_layer_sees() -> None:
    low, high = first_bounds(Net(), images_of(0), 0.0, 1.0)
    torch.testing.assert_close([low[0], low[4], low[8]], [-0.8, -2.0, -2.8])
    torch.testing.assert_close([high[0], high[4], high[8]], [3.2, 2.0, 1.2])


def test_equals_zennit(require_module) -> None:
    models.torchvision()
    composites, rules, types, attribution = (
        require_module(f"zennit.{part}", "pip install zennit")
        for part in ("composites", "rules", "types", "attribution")
    )
    torch.manual_seed(3)
    model = nn.Sequential(
        *(nn.Conv2d(3, 5, 3, padding=1), nn.ReLU(), nn.Conv2d(5, 6, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(54, 7), nn.ReLU(), nn.Linear(7, 4)),
    )
    model, classes = model.double().eval(), torch.tensor([0, 3, 2])
    images = torch.rand(3, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    layers = [*composites.layer_map_base(), ((types.Convolution, nn.Linear), rules.ZPlus())]
    theirs = composites.SpecialFirstLayerMapComposite(layers, [(types.Convolution, rules.ZBox(0.0, 1.0))])
    logits = model(images).detach()
    chosen = nn.functional.one_hot(classes, 4) * logits
    with attribution.Gradient(model, theirs) as attributor:
        expected = attributor(images.clone().requires_grad_(), chosen)[1].detach().clamp(min=0)
    found = deep_taylor(model, images, classes)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6 * float(expected.max()))
    assert found.max() > 0


class Averages(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return images.mean((2, 3))


def test_what_does_not_fit_is_refused() -> None:
    model, classes = Net(), torch.tensor([0, 1])
    with pytest.raises(OptionsError):
        deep_taylor(model, images_of(2) + 1, classes)
    with pytest.raises(OptionsError):
        deep_taylor(model, images_of(2), classes, low=1.0, high=0.0)
    with pytest.raises(NoRuleError):
        deep_taylor(Averages(), images_of(2), classes)
