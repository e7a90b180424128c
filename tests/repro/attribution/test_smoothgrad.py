"""SmoothGrad against its definition in a loop, functions whose mean gradient is known, and its peers."""

import pytest
import torch
from torch import Tensor, nn

from repro.attribution.smoothgrad import smoothgrad
from repro.engine.errors import OptionsError
from repro.engine.gradients import pixel_gradient
from repro.lab import models

# Half precision moves inputs of ReLUs across zero; with more copies each such step is a smaller part of the mean.
CONTRACT = {"smoothgrad": {"samples": 16}}
BENCHMARK = {
    "smoothgrad-8-samples": {
        "floor": ("passes_to_the_pixels", 8),
        "ours": lambda s: smoothgrad(s.model, s.images, s.classes, samples=8, batch=1),
        "peers": {"captum": ("captum_smoothgrad", 8, 1), "zennit": ("zennit_mean", "SmoothGrad", {"n_iter": 8})},
        "batches": (1,),  # eight passes are long enough
    },
    "smoothgrad-8-samples-together": {
        "floor": ("passes_to_the_pixels", 1, 8),
        "ours": lambda s: smoothgrad(s.model, s.images, s.classes, samples=8, batch=8),
        "peers": {"captum": ("captum_smoothgrad", 8, 8)},  # zennit takes one after the other
        "batches": (1,),
    },
}


class Quadratic(nn.Module):
    """Logits x^T A_k x of the pixels, whose gradients are (A_k + A_k^T) x."""

    def __init__(self) -> None:
        super().__init__()
        self.matrices = torch.randn(2, 12, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def forward(self, images: Tensor) -> Tensor:
        pixels = images.flatten(1)
        return torch.einsum("bi,kij,bj->bk", pixels, self.matrices, pixels)


class Kinks(nn.Module):
    """A small ReLU network, whose gradient jumps."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(12, 30), nn.ReLU(), nn.Linear(30, 3)).double()

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images)


def images_of(count: int) -> Tensor:
    return torch.rand(count, 3, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def noisy_gradients(model: nn.Module, image: Tensor, target: int, noise: float, samples: int, seed: int) -> Tensor:
    """M_c(x + N(0, sigma^2)) for each of the samples, from the definition, one by one."""
    sigma, found = noise * (image.max() - image.min()), []
    for number in range(samples):
        generator = torch.Generator().manual_seed(1_000_003 * seed + number)
        normal = torch.randn(image.shape, generator=generator)
        pixels = (image + sigma * normal).requires_grad_()
        model(pixels[None])[0, target].backward()
        found.append(pixels.grad)
    return torch.stack(found)


@pytest.mark.parametrize("batch", [1, 3, 64])
@pytest.mark.parametrize("squared", [False, True])
def test_equals_the_definition_in_a_loop(batch: int, squared: bool) -> None:
    model, images, classes = Kinks(), images_of(3), [2, 0, 1]
    options = {"noise": 0.3, "samples": 5, "seed": 7}
    found = smoothgrad(model, images, torch.tensor(classes), squared=squared, batch=batch, **options)
    every = [noisy_gradients(model, image, target, **options) for image, target in zip(images, classes, strict=True)]
    expected = torch.stack([(each**2 if squared else each).mean(0) for each in every])
    torch.testing.assert_close(found, expected)
    assert (found - pixel_gradient(model, images, torch.tensor(classes))).abs().max() > 1e-3  # the noise does something


def test_without_noise_it_is_the_gradient() -> None:
    model, images, classes = Kinks(), images_of(3), torch.tensor([2, 0, 1])
    gradient = pixel_gradient(model, images, classes)
    torch.testing.assert_close(smoothgrad(model, images, classes, noise=0.0, samples=3), gradient)
    squared = smoothgrad(model, images, classes, noise=0.0, samples=3, squared=True)
    torch.testing.assert_close(squared, gradient**2)


def test_a_linear_model_returns_its_weights_whatever_the_noise() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 2)).double()
    found = smoothgrad(model, images_of(2), torch.tensor([1, 0]), noise=5.0, samples=4)
    torch.testing.assert_close(found.flatten(1), model[1].weight.detach()[[1, 0]])


def test_the_mean_tends_to_the_gradient_of_the_smoothed_score() -> None:
    """Of a quadratic function it is the gradient itself, within the error of 400 samples."""
    model, images = Quadratic(), images_of(2)
    both, samples, noise = model.matrices + model.matrices.mT, 400, 0.2
    found = smoothgrad(model, images, torch.tensor([0, 1]), noise=noise, samples=samples, batch=100)
    exact = torch.stack([both[k] @ images[k].flatten() for k in (0, 1)]).view_as(images)
    spread = images.amax((1, 2, 3)) - images.amin((1, 2, 3))
    error = torch.stack([noise * spread[k] * both[k].norm(dim=1) / samples**0.5 for k in (0, 1)]).view_as(images)
    assert ((found - exact).abs() < 4 * error).all()
    assert ((found - exact).abs() > 0.1 * error).any()


def test_more_samples_change_it_less_and_seeds_differ() -> None:
    model, images, classes = Kinks(), images_of(1), torch.tensor([0])

    def apart(samples: int) -> float:
        first, second = (smoothgrad(model, images, classes, noise=0.5, samples=samples, seed=seed) for seed in (1, 2))
        return float((first - second).norm())

    assert 0 < apart(400) < apart(4) / 3


def test_memory_does_not_grow_with_the_samples() -> None:
    """What goes through the network at a time is the batch, however many samples there are."""
    model, seen = Kinks(), list[int]()
    model.register_forward_pre_hook(lambda _, given: seen.append(len(given[0])))
    smoothgrad(model, images_of(3), torch.tensor([0, 1, 2]), samples=50, batch=8)
    assert max(seen) == 8
    assert sum(seen) == 150


def test_equals_captum_given_the_same_noise(require_module, monkeypatch) -> None:
    attr = require_module("captum.attr", "pip install captum")
    model, image = Kinks(), images_of(1)
    sigma = 0.3 * float(image.max() - image.min())
    normal = torch.stack([torch.randn(3, 2, 2, generator=torch.Generator().manual_seed(n)) for n in range(4)]).double()
    tunnel = attr.NoiseTunnel(attr.Saliency(model))
    monkeypatch.setattr(tunnel, "_add_noise_to_inputs", lambda count, inputs, stdevs: (image + stdevs * normal,))
    expected = tunnel.attribute(image, nt_samples=4, stdevs=sigma, target=torch.tensor([1]), abs=False)
    torch.testing.assert_close(smoothgrad(model, image, torch.tensor([1]), noise=0.3, samples=4), expected.detach())


def test_zennit_leaves_its_last_sample_without_noise(require_module) -> None:
    models.torchvision()  # zennit imports it, and it may have to be mended first
    zennit = require_module("zennit.attribution", "pip install zennit")
    model, image, seen = Kinks(), images_of(1), list[Tensor]()
    model.register_forward_pre_hook(lambda _, given: seen.append(given[0].detach()))
    with zennit.SmoothGrad(model, n_iter=5) as attributor:
        attributor(image.clone().requires_grad_(), torch.eye(3, dtype=torch.float64)[:1])
    assert [torch.equal(each, image) for each in seen] == [False] * 4 + [True]
    seen.clear()
    smoothgrad(model, image, torch.tensor([0]), samples=5, batch=1)
    assert [torch.equal(each, image) for each in seen] == [False] * 5


@pytest.mark.parametrize("options", [{"noise": -0.1}, {"samples": 0}, {"batch": 0}])
def test_options_that_do_not_fit_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(OptionsError):
        smoothgrad(Kinks(), images_of(1), torch.tensor([0]), **options)
