"""Class models: a network whose answer is known, the ascent in loops, and the trap of networks dead on grey."""

import pytest
import torch
from torch import Tensor, nn

from repro.engine.errors import OptionsError
from repro.lab import networks
from repro.visualisation.class_model_visualisation import NOISE, RATE, class_model_visualisation

CONTRACT = {"class_model_visualisation": {"steps": 3}}
BENCHMARK = {
    "class_model_visualisation": {
        "floor": "to_the_pixels",
        "ours": lambda s: class_model_visualisation(s.model, s.classes, shape=s.images.shape[1:], steps=1),
        "models": ("resnet50",),
        "batches": (1,),
    }
}
SHAPE = (1, 4, 3)


def linear(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(12, 3)).double()


def curved() -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.Tanh(), nn.Linear(8, 3)).double()


def test_of_a_linear_network_the_picture_is_the_weights_over_twice_lambda() -> None:
    """For the mean of N squares: w - 2 lambda I / N = 0."""
    model, weight = linear(), 20.0
    found = class_model_visualisation(model, torch.arange(3), shape=SHAPE, weight=weight, steps=400)
    expected = 0.5 + 12 * model[1].weight.detach().view(3, *SHAPE) / (2 * weight)
    assert expected.min() > 0
    assert expected.max() < 1
    torch.testing.assert_close(found, expected, rtol=0, atol=2 * RATE / 400)


def test_a_strong_penalty_leaves_the_mean_image() -> None:
    mean = torch.linspace(0.2, 0.8, 12, dtype=torch.float64).view(SHAPE)
    found = class_model_visualisation(curved(), [0, 2], shape=SHAPE, weight=1e6, mean=mean, steps=400)
    torch.testing.assert_close(found, mean.expand(2, *SHAPE), rtol=0, atol=2 * RATE / 400)


def slow(model: nn.Module, start: list[float], target: int, weight: float, of: str, steps: int) -> Tensor:
    """One picture, its gradient by differences of the objective, one pixel at a time."""

    def objective(x: list[float]) -> float:
        with torch.no_grad():
            scores = model(0.5 + torch.tensor(x, dtype=torch.float64).view(1, *SHAPE))[0]
        score = scores[target] if of == "logit" else scores.softmax(0)[target].log()
        return float(score) - weight * sum(each**2 for each in x) / len(x)

    x, h = list(start), 1e-6
    for number in range(steps):
        gradient = []
        for i in range(len(x)):
            up, down = ([*x[:i], x[i] + sign * h, *x[i + 1 :]] for sign in (1, -1))
            gradient.append((objective(up) - objective(down)) / (2 * h))
        size = (sum(each**2 for each in gradient) / len(x)) ** 0.5
        rate = RATE * (steps - number) / steps
        x = [value + rate * each / size for value, each in zip(x, gradient, strict=True)]
    return (0.5 + torch.tensor(x, dtype=torch.float64)).clamp(0, 1).view(SHAPE)


@pytest.mark.parametrize("of", ["logit", "log-probability"])
@pytest.mark.parametrize("weight", [0.0, 3.0])
def test_ascent_equals_the_definition_in_loops(of: str, weight: float) -> None:
    model, steps = curved(), 12
    options = {"shape": SHAPE, "of": of, "weight": weight}
    start = class_model_visualisation(model, [0, 0], steps=0, seed=3, **options) - 0.5
    assert torch.equal(start[0], start[1])
    assert 0.3 * NOISE < float(start.std()) < 2 * NOISE
    found = class_model_visualisation(model, [2, 1], steps=steps, seed=3, **options)
    for picture, target in zip(found, (2, 1), strict=True):
        expected = slow(model, start[0].flatten().tolist(), target, weight, of, steps)
        torch.testing.assert_close(picture, expected, rtol=0, atol=1e-6)


def test_the_logit_rises_also_where_plain_grey_has_no_gradient() -> None:
    model, classes = networks.load("zf-scenes", 0), torch.tensor([0, 3])
    grey = torch.full((2, 3, 64, 64), 0.5, requires_grad=True)
    model(grey)[[0, 1], classes].sum().backward()
    assert grey.grad is not None
    assert not grey.grad.any()  # the trap
    before, after = (class_model_visualisation(model, classes, shape=(3, 64, 64), steps=n) for n in (0, 6))
    with torch.no_grad():
        assert (model(after)[[0, 1], classes] > model(before)[[0, 1], classes] + 5).all()


def test_a_class_is_drawn_the_same_in_any_company_and_the_seed_decides_the_start() -> None:
    model, options = curved(), {"shape": SHAPE, "steps": 10, "weight": 3.0}
    together = class_model_visualisation(model, [2, 0, 2], **options)
    torch.testing.assert_close(class_model_visualisation(model, [0], **options)[0], together[1])
    assert torch.equal(together[0], together[2])
    assert not torch.equal(class_model_visualisation(model, [0], seed=1, **options)[0], together[1])


def test_gradients_of_parameters_that_are_clipped_are_not_the_images() -> None:
    """What pytorch-cnn-visualizations does in generate_regularized_class_specific_samples.py, to no effect."""
    model, image = curved(), torch.full((1, *SHAPE), 0.5, dtype=torch.float64, requires_grad=True)
    model(image)[0, 0].backward()
    before = image.grad.clone()
    nn.utils.clip_grad_norm_(model.parameters(), 1e-3)
    assert torch.equal(image.grad, before)


def test_progress_is_reported() -> None:
    shares: list[float] = []
    class_model_visualisation(linear(), [0], shape=SHAPE, steps=4, report=shares.append)
    assert shares == [0.25, 0.5, 0.75, 1.0]


@pytest.mark.parametrize("options", [{"steps": -1}, {"weight": -1.0}, {"of": "softmax"}, {"shape": (2, 4, 3)}])
def test_what_cannot_be_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(OptionsError):
        class_model_visualisation(linear(), [0], **({"shape": SHAPE} | options))
