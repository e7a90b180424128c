"""Prediction difference analysis against Algorithm 1 in loops, closed forms, and what the authors' code does otherwise."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from repro.attribution.prediction_difference import log_odds, prediction_difference
from repro.engine.errors import OptionsError
from repro.engine.patches import Gaussian, Windows

OTHERS = torch.rand(4, 3, 16, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
FEW = {"window": 4, "rim": 1, "stride": 3, "samples": 3}
# evidence of this small network is a hundredth of a bit, of which single precision leaves five digits: so the logits
CONTRACT = {"prediction_difference": {"window": 8, "rim": 0, "stride": 8, "samples": 2, "of": "logit"}}
BENCHMARK = {
    "prediction_difference": {
        "floor": ("forward_versions", 9, 9),
        "ours": lambda s: prediction_difference(
            s.model, s.images, s.classes, window=40, rim=2, stride=40, samples=1, batch=9
        ),
        "peers": {},
        "batches": (1,),  # nine passes are long enough
    }
}


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.maps, self.linear = nn.Conv2d(3, 4, 3), nn.Linear(4, 3)
        self.double()

    def forward(self, images: Tensor) -> Tensor:
        return 5 * self.linear(self.maps(images).relu().mean((2, 3)))


class Linear(nn.Module):
    """Logits linear in the pixels of one colour."""

    def __init__(self, size: int = 12) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.head = nn.Linear(size * size, 2).double()

    def forward(self, images: Tensor) -> Tensor:
        return self.head(images[:, :1].flatten(1))


def images_of(count: int, size: int = 12) -> Tensor:
    return torch.rand(count, 3, size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def algorithm_1(net: nn.Module, image: Tensor, c: int, others: Tensor, k: int, training: int) -> Tensor:
    """Zintgraf et al. 2017, Algorithm 1, with marginal samples: each window in turn filled from each other image."""

    def odds(p: float, classes: int) -> float:
        p = (p * training + 1) / (training + classes)
        return p / (1 - p)

    size, total, counts = image.shape[1], torch.zeros(image.shape[1:]).double(), torch.zeros(image.shape[1:])
    before = net(image[None]).softmax(1)[0]
    for y in range(size - k + 1):
        for x in range(size - k + 1):
            summed = 0.0
            for other in others:
                changed = image.clone()
                changed[:, y : y + k, x : x + k] = other[:, y : y + k, x : x + k]
                summed += float(net(changed[None]).softmax(1)[0, c])
            after = summed / len(others)
            evidence = math.log2(odds(float(before[c]), len(before))) - math.log2(odds(after, len(before)))
            total[y : y + k, x : x + k] += evidence
            counts[y : y + k, x : x + k] += 1
    return total / counts


@pytest.mark.parametrize("batch", [7, 64])
def test_equals_algorithm_1(batch: int) -> None:
    net, images, others = Net(), images_of(2, 8), OTHERS[..., :8, :8]
    found = prediction_difference(
        net, images, torch.tensor([2, 0]), others, window=3, rim=0, stride=1, samples=4, sampling="marginal",
        trained_on=500, batch=batch,
    )  # fmt: skip  # one line for each argument hides the call
    with torch.no_grad():
        expected = [algorithm_1(net, image, c, others, 3, 500) for image, c in zip(images, (2, 0), strict=True)]
    torch.testing.assert_close(found[:, 0], torch.stack(expected), rtol=1e-9, atol=1e-12)
    assert found.min() < -0.01 < 0.01 < found.max()


def test_of_a_linear_model_it_is_the_weights_times_what_the_rim_does_not_tell() -> None:
    """Eq. (5) in closed form: the expectation of a linear model is its value at the conditional mean."""
    net, images, others = Linear(), 0.3 + 0.4 * images_of(2), OTHERS[..., :12, :12]
    found = prediction_difference(
        net, images, torch.tensor([1, 0]), others, window=4, rim=2, stride=4, samples=3000, of="logit", batch=3000
    )
    windows, gaussian = Windows.on(images, 4, 2, 4), Gaussian.fit(others, 8)
    for row, c in ((0, 1), (1, 0)):
        pixels, weights, values = images[row, 0].flatten(), net.head.weight[c].detach(), []
        for number in range(windows.count):
            matrix, _ = gaussian.given(inside := windows.inside[windows.kinds[number]])
            away = pixels[windows.around[number]] - gaussian.mean[0]
            own = windows.pixels[number]
            values.append(weights[own] @ (away[inside] - matrix[0] @ away[~inside]))
        expected = windows.mean(torch.stack(values)[None])
        torch.testing.assert_close(found[row, 0], expected[0, 0], atol=0.01, rtol=0)
        assert expected.abs().max() > 0.05


def test_if_the_window_is_the_image_it_is_the_odds_against_the_prior() -> None:
    net, images = Net(), images_of(1)
    found = prediction_difference(
        net, images, torch.tensor([1]), OTHERS[..., :12, :12], window=12, rim=0, stride=12, samples=4,
        sampling="marginal", trained_on=10**9,
    )  # fmt: skip  # one line for each argument hides the call
    with torch.no_grad():
        own, prior = (net(each).softmax(1)[:, 1].mean() for each in (images, OTHERS[..., :12, :12]))
    expected = torch.log2(own / (1 - own) / (prior / (1 - prior)))
    torch.testing.assert_close(found, expected.expand_as(found), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    ("p", "n", "k", "bits"),
    [(0.5, 8, 2, 0.0), (1.0, 7, 2, 3.0), (0.0, 7, 2, -3.0), (0.5, 6, 10, -1.585), (1.0, 7, 3, 2.0)],
)
def test_log_odds_after_the_correction_of_laplace(p: float, n: int, k: int, bits: float) -> None:
    assert float(log_odds(torch.tensor([p, 1 - p]), n, k)) == pytest.approx(bits, abs=1e-3)


def test_evidence_of_a_sure_network_is_not_rounded() -> None:
    """In single precision p is 1 here, whatever is hidden."""

    class Sure(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return torch.stack([20 + images.mean((1, 2, 3)), images.new_zeros(len(images))], 1)

    exact, single = (
        prediction_difference(Sure(), images_of(1).to(dtype), torch.tensor([0]), **FEW, trained_on=10**12)
        for dtype in (torch.float64, torch.float32)
    )
    torch.testing.assert_close(single.double(), exact, rtol=0, atol=2e-3 * float(exact.abs().max()))
    assert exact.abs().max() > 1e-3


@pytest.mark.parametrize("sampling", ["conditional", "marginal"])
def test_what_the_model_does_not_see_is_no_evidence(sampling: str) -> None:
    class Corner(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return images[:, :2, :3, :3].sum((2, 3))

    found = prediction_difference(
        Corner(), images_of(1), torch.tensor([0]), OTHERS[..., :12, :12], **FEW, sampling=sampling
    )
    assert found[0, 0, :3, :3].abs().min() > 0.01
    assert found[0, 0, 7:].abs().max() == found[0, 0, :, 7:].abs().max() == 0


def test_what_its_rim_predicts_is_no_evidence_however_much_it_matters() -> None:
    """Sec. 3.1: in images that are flat the rim tells all, and only marginal sampling sees that the class depends on
    the pixels."""
    levels = torch.linspace(0, 1, 16, dtype=torch.float64)[:, None, None, None]
    flat, images = levels.expand(-1, 3, 12, 12), torch.full((1, 3, 12, 12), 0.9).double()
    found, given = {}, {"window": 4, "rim": 2, "stride": 4, "of": "logit"}

    class Mean(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return images.mean((2, 3))

    for sampling in ("conditional", "marginal"):
        found[sampling] = prediction_difference(Mean(), images, torch.tensor([0]), flat, **given, sampling=sampling)
    assert found["marginal"].mean() > 0.01
    assert found["conditional"].abs().max() < 0.01 * found["marginal"].mean()


def test_the_seed_decides_the_samples() -> None:
    def run(seed: int) -> Tensor:
        return prediction_difference(Net(), images_of(1), torch.tensor([0]), **FEW, seed=seed)

    assert torch.equal(run(0), run(0))
    assert not torch.equal(run(0), run(1))


# The authors' code (lmzintgraf/DeepVis-PredDiff), as far as it departs from Algorithm 1


def test_counting_the_window_after_the_last_one_changes_the_map() -> None:
    """It fills batches of windows, and of the last batch takes one more than it has filled: a window of the batch
    before, which so counts twice.  Of 9 windows in batches of 4 that is the sixth.
    """
    windows, values = Windows.on(images_of(1, 6), 4, 0, 1), torch.arange(9.0)
    batch, filled, order = [-1] * 4, 0, []
    for number in range(9):
        batch[filled] = number
        filled += 1
        if filled == 4:
            order, filled = order + batch, 0
    order += batch[: filled + 1]
    assert order == [0, 1, 2, 3, 4, 5, 6, 7, 8, 5]
    twice = replace(windows, pixels=windows.pixels[order], kinds=windows.kinds[order])
    right, wrong = windows.mean(values[None]), twice.mean(values[order][None])
    inside = torch.zeros(36, dtype=torch.bool)
    inside[windows.pixels[5]] = True
    different = (right != wrong).flatten()
    assert different.any()
    assert not different[~inside].any()


def test_half_precision_would_round_the_map() -> None:
    """It stores the evidence in half precision; ours keeps that of the images."""
    found = prediction_difference(Net(), images_of(1), torch.tensor([0]), **FEW)
    assert found.dtype == torch.float64
    assert (found - found.half().double()).abs().max() > 1e-5 * found.abs().max()


def test_each_colour_has_a_matrix_of_its_own() -> None:
    """It keeps the matrix of the conditional mean under a name without the colour, so that the first colour's serves
    all; where colours vary at different lengths, that predicts worse."""
    noise = torch.rand(30, 2, 16, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    smooth = nn.functional.avg_pool2d(nn.functional.pad(noise[:, 1:], (2, 2, 2, 2), mode="replicate"), 5, 1)
    images = torch.cat([noise[:, :1], smooth], 1)
    gaussian, windows = Gaussian.fit(images, 5), Windows.on(images, 1, 2, 1)
    matrix, _ = gaussian.given(inside := windows.inside[windows.kinds[100]])
    away = images[:, 1].flatten(1)[:, windows.around[100]] - gaussian.mean[1]
    errors = [(away[:, inside] - away[:, ~inside] @ each.T).square().mean() for each in (matrix[1], matrix[0])]
    assert errors[0] < 0.2 * errors[1]


@pytest.mark.parametrize(
    "options",
    [
        *({"window": 13}, {"rim": 5}, {"stride": 5}, {"stride": 0}, {"samples": 0}, {"sampling": "grey"}),
        *(
            {"of": "loss"},
            {"batch": 0},
            {"sampling": "marginal"},
            {"others": OTHERS},
            {"others": OTHERS[:0, :, :12, :12]},
        ),
    ],
)
def test_options_that_do_not_fit_are_refused(options) -> None:
    with pytest.raises(OptionsError):
        prediction_difference(Net(), images_of(1), torch.tensor([0]), **(FEW | options))
