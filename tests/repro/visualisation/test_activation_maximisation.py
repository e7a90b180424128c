"""Activation maximisation: units whose answer is known, a grid of all directions, and the norm after every step."""

import math

import pytest
import torch
from torch import Tensor, nn

from repro.engine.errors import LayerError, OptionsError, UnitsError
from repro.lab import belief
from repro.visualisation.activation_maximisation import activation_maximisation, maximised

CONTRACT = {"activation_maximisation": {"steps": 3}}
BENCHMARK = {
    "activation_maximisation": {
        "floor": "to_the_pixels",
        "ours": lambda s: activation_maximisation(s.model, s.last, [0], shape=s.images.shape[1:], steps=1),
        "models": ("resnet50",),
        "batches": (1,),
    }
}
SHAPE = (1, 3, 4)


def smooth() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 3, 2), nn.Tanh(), nn.Flatten(), nn.Linear(18, 4)).double()


def test_of_a_linear_unit_the_picture_is_its_weights() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 3, bias=False)).double()
    found = maximised(model, model[1], range(3), shape=SHAPE, norm=2.0, centre=0.0, starts=2, steps=800)
    weights = model[1].weight.detach()
    lengths = weights.norm(dim=1)
    expected = 2 * (weights / lengths[:, None]).view(3, 1, *SHAPE)
    torch.testing.assert_close(found.images, expected.expand(3, 2, *SHAPE), rtol=0, atol=2e-3)
    torch.testing.assert_close(found.activations, (2 * lengths)[:, None].expand(3, 2), rtol=0, atol=1e-5)


def test_of_two_pixels_the_best_of_several_starts_is_that_of_a_fine_grid() -> None:
    """Two hidden ReLUs, and so two maxima on the circle."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1)).double()
    with torch.no_grad():
        model[1].weight.copy_(torch.tensor([[1.0, 0.2], [-1.0, 0.4]]))
        model[1].bias.zero_()
        model[3].weight.copy_(torch.tensor([[1.0, 1.3]]))
    angles = torch.linspace(0, 2 * math.pi, 100_001, dtype=torch.float64)
    with torch.no_grad():
        grid = model(0.7 * torch.stack([angles.cos(), angles.sin()], 1))
    found = maximised(model, model[3], [0], shape=(1, 1, 2), norm=0.7, centre=0.0, starts=8, steps=300)
    assert float(found.activations.max()) == pytest.approx(float(grid.max()), abs=1e-5)
    assert float(found.activations.max() - found.activations.min()) > 0.1  # the starts matter


def test_the_norm_is_kept_by_every_step() -> None:
    model, seen = smooth(), []
    handle = model[0].register_forward_hook(lambda _, given, __: seen.append(given[0].detach() - 0.5))
    found = maximised(model, model[3], [0, 2], shape=SHAPE, norm=1.5, starts=2, steps=7)
    handle.remove()
    assert len(seen) == 9
    for x in (*seen, found.images.flatten(0, 1) - 0.5):
        torch.testing.assert_close(x.flatten(1).norm(dim=1), torch.full((4,), 1.5, dtype=torch.float64))


def slow(model: nn.Module, unit: int, start: Tensor, rho: float, steps: int) -> Tensor:
    """One picture, its gradient by differences, one pixel at a time."""
    x, h = (start - 0.5).flatten().tolist(), 1e-6

    def activation(values: list[float]) -> float:
        with torch.no_grad():
            return float(model(0.5 + torch.tensor(values, dtype=torch.float64).view(1, *SHAPE))[0, unit])

    for number in range(steps):
        g = []
        for i in range(len(x)):
            up, down = ([*x[:i], x[i] + sign * h, *x[i + 1 :]] for sign in (1, -1))
            g.append((activation(up) - activation(down)) / (2 * h))
        length = math.hypot(*g)
        x = [a + 0.3 * rho * (steps - number) / steps * b / length for a, b in zip(x, g, strict=True)]
        x = [rho * a / math.hypot(*x) for a in x]
    return 0.5 + torch.tensor(x, dtype=torch.float64).view(SHAPE)


def test_ascent_equals_the_definition_in_loops() -> None:
    model, options = smooth(), {"shape": SHAPE, "norm": 1.2, "starts": 2, "seed": 1}
    starts = maximised(model, model[3], [0], steps=0, **options).images[0]
    found = maximised(model, model[3], [3, 1], steps=9, **options)
    for row, unit in enumerate((3, 1)):
        for start in range(2):
            expected = slow(model, unit, starts[start], 1.2, 9)
            torch.testing.assert_close(found.images[row, start], expected, rtol=0, atol=1e-6)
    best = activation_maximisation(model, model[3], [3, 1], steps=9, **options)
    chosen = torch.stack(
        [each[int(values.argmax())] for each, values in zip(found.images, found.activations, strict=True)]
    )
    torch.testing.assert_close(best, chosen.clamp(0, 1))


def test_a_unit_of_a_map_is_the_middle_one_or_where_it_is_asked_for() -> None:
    """What a unit can't see stays as the start was, but for the common factor that keeps the norm."""
    model = smooth()
    for position, seen in ((None, (slice(1, 3), slice(1, 3))), ((0, 2), (slice(0, 2), slice(2, 4)))):
        start, found = (
            maximised(model, model[0], [1], shape=SHAPE, position=position, steps=n).images[0, 0, 0] - 0.5
            for n in (0, 60)
        )
        assert found[seen].norm() / found.norm() > 0.99
        hidden = torch.ones(3, 4, dtype=torch.bool)
        hidden[seen] = False
        ratio = found[hidden] / start[hidden]
        torch.testing.assert_close(ratio, ratio[:1].expand_as(ratio))
    with pytest.raises(OptionsError):
        maximised(model, model[0], [1], shape=SHAPE, position=(2, 3))


def test_progress_is_reported_and_what_cannot_be_is_refused() -> None:
    model, shares = smooth(), []
    activation_maximisation(model, model[3], [0], shape=SHAPE, steps=4, report=shares.append)
    assert shares == [0.25, 0.5, 0.75, 1.0]
    for options in ({"steps": -1}, {"starts": 0}, {"norm": 0.0}, {"norm": math.nan}, {"shape": (2, 3, 4)}):
        with pytest.raises(OptionsError):
            activation_maximisation(model, model[3], [0], **({"shape": SHAPE} | options))
    with pytest.raises(UnitsError):
        activation_maximisation(model, model[3], [4], shape=SHAPE)
    with pytest.raises(LayerError):
        activation_maximisation(model, nn.ReLU(), [0], shape=SHAPE)


def test_of_a_first_layer_the_pictures_are_its_filters() -> None:
    model = belief.network(belief.data(0)[:500], 0, 3)
    found = maximised(model, model[1], [0, 7], shape=(1, 28, 28), norm=9.0, centre=0.0, steps=200)
    cosines = nn.functional.cosine_similarity(found.images.flatten(2)[:, 0], model[1].weight[[0, 7]])
    assert cosines.min() > 0.999
