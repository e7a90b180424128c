"""Integrated gradients against a thousand small steps, integrals known in closed form, the paper's axioms, its peers."""

import copy

import pytest
import torch
from torch import Tensor, nn

from repro.attribution.integrated_gradients import completeness_gap, integrated_gradients, nodes
from repro.engine.errors import CompletenessWarning, OptionsError
from repro.engine.gradients import pixel_gradient
from repro.lab import models, networks, photo_panels, scenes

CONTRACT = {
    "integrated_gradients": {"steps": 16},
    "integrated_gradients, gauss-legendre": {"steps": 16, "rule": "gauss-legendre"},
}
BENCHMARK = {
    "integrated-gradients-16-steps": {
        "floor": ("passes_to_the_pixels", 16),
        "ours": lambda s: integrated_gradients(s.model, s.images, s.classes, steps=16, batch=1),
        "peers": {
            "captum": (
                "captum",
                "IntegratedGradients",
                {"n_steps": 16, "internal_batch_size": 1, "return_convergence_delta": True},
            ),
            "zennit": ("zennit_mean", "IntegratedGradients", {"n_iter": 16}),  # without a check of the sum
        },
        "batches": (1,),  # sixteen passes are long enough
    },
    "integrated-gradients-16-steps-by-eight": {
        "floor": ("passes_to_the_pixels", 2, 8),
        "ours": lambda s: integrated_gradients(s.model, s.images, s.classes, steps=16, batch=8),
        "peers": {
            "captum": (
                "captum",
                "IntegratedGradients",
                {"n_steps": 16, "internal_batch_size": 8, "return_convergence_delta": True},
            )
        },
        "batches": (1,),
    },
}
# few steps are quick, and the method warns of the gap that they leave
pytestmark = pytest.mark.filterwarnings("ignore::repro.engine.errors.CompletenessWarning")


class Cubic(nn.Module):
    """Logits sum x^3 + x and twice that: on the way from x' they rise by the attributions x^3 - x'^3 + x - x'."""

    def forward(self, images: Tensor) -> Tensor:
        score = (images.pow(3) + images).sum((1, 2, 3))
        return torch.stack([score, 2 * score], 1)


class Saturated(nn.Module):
    """The paper's example, f = 1 - ReLU(1 - x), summed over the pixels."""

    def forward(self, images: Tensor) -> Tensor:
        return (1 - (1 - images).relu()).sum((1, 2, 3))[:, None]


class Kinks(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(12, 30), nn.ReLU(), nn.Linear(30, 3)).double()

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images)


def images_of(count: int) -> Tensor:
    return torch.rand(count, 3, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def slow(model: nn.Module, image: Tensor, baseline: Tensor, target: int, places: list[float]) -> Tensor:
    """(x - x') times the mean gradient at these places of the way, one after the other, from the definition."""
    total = torch.zeros_like(image)
    for place in places:
        pixels = (baseline + place * (image - baseline)).requires_grad_()
        model(pixels[None])[0, target].backward()
        total += pixels.grad / len(places)
    return (image - baseline) * total


@pytest.mark.parametrize("batch", [1, 4, 64])
@pytest.mark.parametrize("rule", ["midpoint", "end"])
def test_equals_the_definition_in_a_loop(rule: str, batch: int) -> None:
    model, images, baselines, classes = Kinks(), images_of(3), images_of(6)[3:], [2, 0, 1]
    found = integrated_gradients(model, images, torch.tensor(classes), baselines, steps=5, rule=rule, batch=batch)
    places = [(k + (0.5 if rule == "midpoint" else 1)) / 5 for k in range(5)]
    expected = [slow(model, *each, places) for each in zip(images, baselines, classes, strict=True)]
    torch.testing.assert_close(found, torch.stack(expected))


def test_every_rule_tends_to_the_integral() -> None:
    model, image, target = Kinks(), images_of(1), 1
    exact = slow(model, image[0], torch.zeros_like(image[0]), target, [(k + 0.5) / 1000 for k in range(1000)])
    for rule in ("midpoint", "end", "gauss-legendre"):
        errors = [
            float((integrated_gradients(model, image, [target], steps=steps, rule=rule)[0] - exact).norm())
            for steps in (5, 300)
        ]
        assert errors[1] < errors[0] / 10
        assert errors[1] < 0.01 * exact.norm()


def test_gauss_legendre_is_exact_for_polynomials() -> None:
    """Two points for the gradient of a cubic, which is quadratic; the midpoint of one step is not enough."""
    images, classes, baseline = images_of(2), torch.tensor([0, 1]), 0.25
    twice = torch.tensor([1.0, 2.0])[:, None, None, None]
    expected = twice * (images.pow(3) - baseline**3 + images - baseline)
    given = {"baseline": baseline, "rule": "gauss-legendre"}
    torch.testing.assert_close(integrated_gradients(Cubic(), images, classes, steps=2, **given), expected)
    assert (integrated_gradients(Cubic(), images, classes, steps=1, **given) - expected).abs().max() > 1e-3
    third = 3**-0.5 / 2
    torch.testing.assert_close(nodes(2, "gauss-legendre")[0], torch.tensor([0.5 - third, 0.5 + third]).double())


def test_sensitivity_where_the_gradient_is_flat() -> None:
    """The paper's example: at x = 2, from x' = 0, all of the rise of 1 is due to x; the gradient is 0."""
    images = torch.full((1, 1, 1, 1), 2.0, dtype=torch.float64)
    assert pixel_gradient(Saturated(), images, torch.tensor([0])).item() == 0
    assert integrated_gradients(Saturated(), images, torch.tensor([0]), steps=50).item() == pytest.approx(1)


def test_a_pixel_on_which_nothing_depends_gets_nothing() -> None:
    """Sensitivity (b), and linearity: the attribution of a sum of logits is the sum of attributions."""
    model, images = Kinks(), images_of(1)
    with torch.no_grad():
        model.layers[1].weight[:, 5] = 0
        model.layers[3].weight[2] = 3 * model.layers[3].weight[0] - model.layers[3].weight[1]
    of = [integrated_gradients(model, images, torch.tensor([k])) for k in range(3)]
    assert all(each.flatten()[5] == 0 for each in of)
    assert all(each.count_nonzero() == 11 for each in of)
    torch.testing.assert_close(of[2], 3 * of[0] - of[1])


def test_the_same_function_written_in_another_way_has_the_same_attribution() -> None:
    """Implementation invariance: hidden units in another order, one split in two halves, ReLU written as a maximum."""

    class Otherwise(nn.Module):
        def __init__(self, model: Kinks) -> None:
            super().__init__()
            first, second = (copy.deepcopy(model.layers[i]) for i in (1, 3))
            order = [*range(29, -1, -1), 4]
            self.inward, self.shift = first.weight[order], first.bias[order]
            self.outward, self.end = second.weight[:, order].clone(), second.bias
            self.outward[:, [25, 30]] /= 2  # unit 4, now twice

        def forward(self, images: Tensor) -> Tensor:
            hidden = images.flatten(1) @ self.inward.T + self.shift
            return torch.maximum(hidden, torch.zeros_like(hidden)) @ self.outward.T + self.end

    model, images, classes = Kinks(), images_of(2), torch.tensor([0, 2])
    with torch.no_grad():
        other = Otherwise(model)
    torch.testing.assert_close(
        integrated_gradients(other, images, classes), integrated_gradients(model, images, classes)
    )


def test_the_gap_is_what_is_missing_and_a_large_one_is_warned_of() -> None:
    images, classes = images_of(2), torch.tensor([0, 1])
    rise = Cubic()(images)[[0, 1], classes] - Cubic()(torch.zeros_like(images))[[0, 1], classes]
    half = torch.full_like(images, 0.5 / 12) * rise[:, None, None, None]
    torch.testing.assert_close(
        completeness_gap(Cubic(), images, classes, half, batch=1), torch.tensor([0.5, 0.5]).double()
    )
    with pytest.warns(CompletenessWarning):
        integrated_gradients(Cubic(), images, classes, steps=1, rule="end")


def test_few_steps_are_not_enough_on_the_network_of_photographs() -> None:
    """Its logit rises within the first steps from grey."""
    model, image = photo_panels.network(), photo_panels.view("coffee")[:, :, ::2, ::2]
    target = torch.tensor([photo_panels.ESPRESSO])
    with pytest.warns(CompletenessWarning):
        found = integrated_gradients(model, image, target, 0.5, steps=8)
    places = torch.linspace(0, 1, 33)[:, None, None, None]
    with torch.no_grad():
        logits = model(0.5 + places * (image - 0.5))[:, target.item()]
    rise = logits[-1] - logits[0]
    assert completeness_gap(model, image, target, found, 0.5).item() == pytest.approx(
        abs(float((found.sum() - rise) / rise)), rel=1e-3
    )
    assert logits[8] - logits[0] > 0.5 * rise  # a quarter of the way


@pytest.mark.filterwarnings("error::repro.engine.errors.CompletenessWarning")
def test_a_small_gap_is_not_warned_of() -> None:
    images, classes = images_of(2), torch.tensor([0, 1])
    found = integrated_gradients(Cubic(), images, classes, steps=50)
    assert (completeness_gap(Cubic(), images, classes, found) < 1e-3).all()


@pytest.mark.parametrize("baseline", [0.5, "colour", "image", "each"])
def test_baselines_of_every_shape(baseline: float | str) -> None:
    images, classes = images_of(2), torch.tensor([0, 1])
    shapes = {"colour": (3, 1, 1), "image": (3, 2, 2), "each": (2, 3, 2, 2)}
    given = torch.rand(shapes[baseline]) if isinstance(baseline, str) else baseline
    whole = torch.as_tensor(given).double() + torch.zeros_like(images)
    twice = torch.tensor([1.0, 2.0])[:, None, None, None]
    expected = twice * (images.pow(3) - whole.pow(3) + images - whole)
    torch.testing.assert_close(
        integrated_gradients(Cubic(), images, classes, given, rule="gauss-legendre", steps=3), expected
    )


def test_equals_captum_and_zennit(require_module) -> None:
    attr = require_module("captum.attr", "pip install captum")
    models.torchvision()  # zennit imports it, and it may have to be mended first
    zennit = require_module("zennit.attribution", "pip install zennit")
    model = networks.load("gap-scenes", 0).double()
    some = scenes.load(2, 0)
    images, classes = networks.inputs(some.images, some.labels)
    images = images.double()
    for method, rule in (("gausslegendre", "gauss-legendre"), ("riemann_middle", "midpoint"), ("riemann_right", "end")):
        expected = attr.IntegratedGradients(model).attribute(images, 0.5, classes, n_steps=7, method=method)
        found = integrated_gradients(model, images, classes, 0.5, steps=7, rule=rule)
        torch.testing.assert_close(found, expected.detach())
    chosen = nn.functional.one_hot(classes, 10).double()
    with zennit.IntegratedGradients(model, n_iter=7) as attributor:
        expected = attributor(images.clone().requires_grad_(), chosen)[1]
    torch.testing.assert_close(integrated_gradients(model, images, classes, steps=7, rule="end"), expected)


def test_captums_trapezoid_is_short_by_its_number_of_steps(require_module) -> None:
    attr = require_module("captum.attr", "pip install captum")
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 2)).double()
    images, classes = images_of(1), torch.tensor([0])
    theirs = attr.IntegratedGradients(model).attribute(images, target=classes, n_steps=50, method="riemann_trapezoid")
    ours = integrated_gradients(model, images, classes, steps=50)
    torch.testing.assert_close(theirs.detach(), 0.98 * ours)
    assert float(completeness_gap(model, images, classes, theirs.detach())) == pytest.approx(0.02, rel=1e-4)


@pytest.mark.parametrize(
    "options", [{"steps": 0}, {"rule": "left"}, {"batch": 0}, {"baseline": torch.zeros(4, 1, 1)}], ids=str
)
def test_options_that_do_not_fit_are_refused(options: dict) -> None:
    with pytest.raises(OptionsError):
        integrated_gradients(Cubic(), images_of(1), torch.tensor([0]), **options)
