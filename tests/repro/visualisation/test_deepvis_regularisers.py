"""Deep visualization's regularisers: the ascent in loops with SciPy's blur, and what each operator takes away."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor, nn

from repro.engine.errors import ClassesError, OptionsError
from repro.lab import networks
from repro.visualisation.deepvis_regularisers import (
    NOISE,
    STYLES,
    Regularisers,
    deepvis_regularisers,
    regularised,
)

CONTRACT = {"deepvis_regularisers": {"steps": 3}}
BENCHMARK = {
    "deepvis_regularisers": {
        "floor": "to_the_pixels",
        "ours": lambda s: deepvis_regularisers(s.model, s.classes, shape=s.images.shape[1:], steps=1),
        "models": ("resnet50",),
        "batches": (1,),
    }
}
SHAPE = (3, 5, 4)
ALL = Regularisers(decay=0.1, blur=0.8, every=3, norm=30, contribution=40)


def curved() -> nn.Sequential:
    torch.manual_seed(1)
    return nn.Sequential(nn.Flatten(), nn.Linear(60, 8), nn.Tanh(), nn.Linear(8, 3)).double()


def slow(
    model: nn.Module, start: NDArray[np.float64], target: int, how: Regularisers, rate: float, steps: int
) -> Tensor:
    """One picture in NumPy and SciPy, in the order of the authors' toolbox."""
    x = start
    for done in range(1, steps + 1):
        image = torch.tensor(0.5 + x[None], requires_grad=True)
        (gradient,) = torch.autograd.grad(model(image)[0, target], image)
        g = gradient[0].numpy()
        x = (x + rate * g / np.sqrt(np.mean(g**2))) * (1 - how.decay)
        if how.blur and (steps - done) % how.every == 0:
            x = np.stack([ndimage.gaussian_filter(channel, how.blur) for channel in x])
        norms = np.linalg.norm(x, axis=0)
        x = x * ~(norms < np.percentile(norms, how.norm))
        contributions = np.abs((g * x).sum(0))
        x = x * ~(contributions < np.percentile(contributions, how.contribution))
        x = np.clip(x, -0.5, 0.5)
    return torch.tensor(0.5 + x)


@pytest.mark.parametrize("style", [*STYLES, ALL])
def test_ascent_equals_the_definition_in_loops(style: str | Regularisers) -> None:
    model, options = curved(), {"shape": SHAPE, "seed": 3, "style": style, "rate": 0.3}
    start = deepvis_regularisers(model, [0], steps=0, **options)[0].numpy() - 0.5
    assert 0.5 * NOISE < start.std() < 2 * NOISE
    found = deepvis_regularisers(model, [2, 1], steps=8, **options)
    how = style if isinstance(style, Regularisers) else STYLES[style]
    for picture, target in zip(found, (2, 1), strict=True):
        expected = slow(model, start, target, how, 0.3, 8)
        torch.testing.assert_close(picture, expected, rtol=0, atol=1e-9)
        assert (picture - picture.new_tensor(start) - 0.5).abs().max() > 0.05


def test_each_operator_on_four_pixels() -> None:
    x = torch.tensor([[[[3.0, 1.0], [-2.0, 0.5]]]])
    gradient = torch.tensor([[[[0.1, 4.0], [-0.4, 8.0]]]])  # contributions 0.3, 4, 0.8, 4
    cases = {
        Regularisers(decay=0.5): [1.5, 0.5, -1.0, 0.25],
        Regularisers(norm=50): [3.0, 0.0, -2.0, 0.0],
        Regularisers(contribution=50): [0.0, 1.0, 0.0, 0.5],
        Regularisers(): [3.0, 1.0, -2.0, 0.5],
    }
    for how, expected in cases.items():
        assert regularised(x, gradient, how, 0).flatten().tolist() == expected


def test_of_a_linear_unit_the_contribution_is_what_a_pixel_gives() -> None:
    """Zero at a pixel changes the activation by just that much; so the pixels that matter least are taken."""
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Flatten(), nn.Linear(60, 1)).double(), torch.randn(1, *SHAPE, dtype=torch.float64)
    drops = torch.zeros(5, 4)
    with torch.no_grad():
        for row in range(5):
            for column in range(4):
                without = x.clone()
                without[:, :, row, column] = 0
                drops[row, column] = (model(x) - model(without)).abs()
    kept = regularised(x, model[1].weight.detach().view(1, *SHAPE), Regularisers(contribution=90), 0).abs().sum(1)[0]
    assert set(kept.flatten().nonzero().flatten().tolist()) == set(drops.flatten().topk(2).indices.tolist())


def test_the_logit_rises() -> None:
    model, classes = networks.load("zf-scenes", 0), torch.tensor([0, 3])
    before, after = (deepvis_regularisers(model, classes, shape=(3, 64, 64), steps=n) for n in (0, 8))
    with torch.no_grad():
        assert (model(after)[[0, 1], classes] > model(before)[[0, 1], classes] + 3).all()


def test_company_does_not_matter_and_the_seed_decides_the_start() -> None:
    model, options = curved(), {"shape": SHAPE, "steps": 6, "style": ALL}
    together = deepvis_regularisers(model, [2, 0, 2], **options)
    assert torch.equal(together[0], together[2])
    torch.testing.assert_close(deepvis_regularisers(model, [0], **options)[0], together[1])
    assert not torch.equal(deepvis_regularisers(model, [0], seed=1, **options)[0], together[1])


def test_progress_is_reported() -> None:
    shares: list[float] = []
    deepvis_regularisers(curved(), [0], shape=SHAPE, steps=4, report=shares.append)
    assert shares == [0.25, 0.5, 0.75, 1.0]


@pytest.mark.parametrize("options", [{"steps": -1}, {"rate": 0.0}, {"style": "soft"}, {"shape": (2, 5, 4)}])
def test_what_cannot_be_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(OptionsError):
        deepvis_regularisers(curved(), [0], **({"shape": SHAPE} | options))


def test_classes_that_are_not_there_are_refused() -> None:
    with pytest.raises(ClassesError):
        deepvis_regularisers(curved(), [3], shape=SHAPE)
