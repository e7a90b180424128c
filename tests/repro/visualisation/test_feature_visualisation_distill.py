"""Distill's formulas against NumPy, Lucid's stated facts, and a plain loop with torch's own Adam."""

import math

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor, nn
from torch.nn import functional

from repro.engine.errors import OptionsError
from repro.lab import networks
from repro.visualisation.feature_visualisation_distill import (
    COLOURS,
    SPREAD,
    alike,
    coloured,
    feature_visualisation_distill,
    from_spectrum,
    moved,
)

CONTRACT = {"feature_visualisation_distill": {"steps": 3}}
BENCHMARK = {
    "feature_visualisation_distill": {
        "floor": "to_the_pixels",
        "ours": lambda s: feature_visualisation_distill(s.model, s.model, s.classes, shape=s.images.shape[1:], steps=1),
        "models": ("resnet50",),
        "batches": (1,),
    }
}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def small() -> nn.Module:
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 4, 3, padding=1), nn.Tanh(), nn.Conv2d(4, 3, 3, padding=1)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 5)).double().eval()


@pytest.mark.parametrize("size", [(6, 8), (5, 7), (7, 4)])
def test_the_spectrum_is_numpys_in_loops(size: tuple[int, int]) -> None:
    height, width = size
    parts = torch.randn(1, 1, height, width // 2 + 1, 2, dtype=torch.float64, generator=generator())
    spectrum = np.zeros((height, width // 2 + 1), complex)
    for row in range(height):
        for column in range(width // 2 + 1):
            down = (row if row <= (height - 1) // 2 else row - height) / height
            frequency = max(math.hypot(down, column / width), 1 / max(size))
            real, imaginary = parts[0, 0, row, column].tolist()
            spectrum[row, column] = complex(real, imaginary) * math.sqrt(height * width) / frequency
    expected = np.fft.irfft2(spectrum, s=size) / 4
    torch.testing.assert_close(from_spectrum(parts, size)[0, 0], torch.from_numpy(expected))


def test_a_random_start_has_the_spectrum_of_natural_images() -> None:
    """Power falls with the square of the frequency."""
    parts = torch.randn(64, 1, 64, 33, 2, dtype=torch.float64, generator=generator())
    power = torch.fft.rfft2(from_spectrum(parts, (64, 64))).abs().square().mean((0, 1))
    frequency = torch.hypot(torch.fft.fftfreq(64)[:, None], torch.fft.rfftfreq(64))
    within = (frequency > 0.03) & (frequency < 0.45)
    slope = np.polyfit(frequency[within].log().numpy(), power[within].log().numpy(), 1)[0]
    assert slope == pytest.approx(-2, abs=0.1)


def test_colours_vary_as_the_matrix_says() -> None:
    values = torch.randn(1, 3, 300, 300, dtype=torch.float64, generator=generator())
    matrix = (COLOURS / COLOURS.norm(dim=0).max()).numpy()
    torch.testing.assert_close(
        torch.cov(coloured(values)[0].flatten(1)), torch.from_numpy(matrix @ matrix.T), rtol=0.02, atol=0.01
    )
    grey = torch.rand(2, 1, 4, 4)
    assert coloured(grey) is grey


def test_a_step_in_the_spectrum_is_a_filtered_step_in_the_pixels() -> None:
    """The gradient's spectrum, divided by the frequency's square: steepest descent in another metric."""
    size, far = (8, 8), torch.randn(1, 1, 8, 8, dtype=torch.float64, generator=generator())
    parts = torch.zeros(1, 1, 8, 5, 2, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad((from_spectrum(parts, size) * far).sum(), parts)
    step = from_spectrum(gradient, size)
    frequency = torch.hypot(torch.fft.fftfreq(8)[:, None], torch.fft.rfftfreq(8)).clamp_min(1 / 8).double()
    ratio = torch.fft.rfft2(step) * frequency**2 / torch.fft.rfft2(far)
    inner = ratio[..., 1:4]  # where a coefficient stands for itself and its mirror image
    torch.testing.assert_close(inner, torch.full_like(inner, complex(inner.real.mean())), rtol=1e-5, atol=0)


def test_only_moved_an_image_is_its_own_shifted_copy_on_grey(monkeypatch: pytest.MonkeyPatch) -> None:
    image = torch.rand(1, 3, 20, 24, dtype=torch.float64, generator=generator())
    draws = iter([7, 4, 6, 1, 5, 10])  # 5 to the right, 1 down; no scale, an angle of 0
    monkeypatch.setattr(torch, "randint", lambda *_, **__: torch.tensor(next(draws)))
    found = moved(image, generator())
    expected = torch.full_like(image, 0.5)
    expected[:, :, :19, :19] = image[:, :, 1:, 5:]
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(("scale", "angle"), [(10, 10), (5, 20), (0, 0)])
def test_scaled_and_turned_as_scipy_would(scale: int, angle: int, monkeypatch: pytest.MonkeyPatch) -> None:
    image = torch.rand(1, 1, 12, 18, dtype=torch.float64, generator=generator())
    draws = iter([4, 2, 4, 2, scale, angle])
    monkeypatch.setattr(torch, "randint", lambda *_, **__: torch.tensor(next(draws)))
    found = moved(image, generator())[0, 0]
    zoom, turned = 1 + (scale - 5) / 50, math.radians(angle - 10)
    matrix = np.array([[math.cos(turned), math.sin(turned)], [-math.sin(turned), math.cos(turned)]]) / zoom
    centre = (np.array(image.shape[2:]) - 1) / 2
    padded = np.pad(image[0, 0].numpy() - 0.5, 1)  # grey outside, mixed in at the edge
    expected = 0.5 + ndimage.affine_transform(
        padded, matrix, centre + 1 - matrix @ centre, output_shape=found.shape, order=1, mode="constant"
    )
    torch.testing.assert_close(found, torch.from_numpy(expected))


def test_one_draw_serves_all_images() -> None:
    images = torch.rand(3, 3, 16, 16, generator=generator())
    together = moved(images, generator(5))
    torch.testing.assert_close(moved(images[1:2], generator(5)), together[1:2])
    assert not torch.equal(moved(images, generator(6)), together)


@pytest.mark.parametrize("parameterisation", ["fourier", "pixels"])
def test_the_ascent_is_a_plain_loop_with_torchs_adam(parameterisation: str) -> None:
    model, size, steps = small(), (9, 8), 7
    options = {"shape": (3, *size), "parameterisation": parameterisation, "seed": 2, "rate": 0.1}
    found = feature_visualisation_distill(model, model[0], [3, 1], steps=steps, **options)
    draw = generator(2)
    form = (9, 5, 2) if parameterisation == "fourier" else size
    start = SPREAD * torch.randn(1, 3, *form, dtype=torch.float64, generator=draw)
    transforms = draw.get_state()
    for picture, channel in zip(found, (3, 1), strict=True):
        draw.set_state(transforms)
        x = start.clone().requires_grad_()
        adam = torch.optim.Adam([x], 0.1, maximize=True)
        for _ in range(steps):
            image = coloured(from_spectrum(x, size) if parameterisation == "fourier" else x).sigmoid()
            adam.zero_grad()
            model[0](moved(image, draw))[0, channel].mean().backward()
            adam.step()
        expected = coloured(from_spectrum(x, size) if parameterisation == "fourier" else x).sigmoid()
        torch.testing.assert_close(picture, expected.detach()[0])


def test_likeness_by_hand() -> None:
    """Gram matrices (1 0; 0 0), (0 0; 0 4) and (1 1; 1 1): cosines 0, 1/2 and 1/2."""
    maps = torch.tensor([[[1.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 2.0]], [[1.0, 0.0], [1.0, 0.0]]]).unsqueeze(2)
    torch.testing.assert_close(alike(maps), torch.tensor([0.5, 0.5, 1.0]) / 3)
    with pytest.raises(OptionsError):
        alike(torch.zeros(2, 3))


def test_diversity_makes_pictures_of_a_channel_unlike() -> None:
    model, options = networks.load("gap-scenes", 0), {"shape": (3, 32, 32), "steps": 16}
    layer = model.get_submodule("features.7")

    def likeness(images: Tensor) -> float:
        with torch.no_grad():
            return float(alike(model.features[:8]((images - 0.5) / 0.25)).mean())

    plain = feature_visualisation_distill(model, layer, [20, 20], **options)
    assert torch.equal(plain[0], plain[1])
    apart = [feature_visualisation_distill(model, layer, [20, 20], diversity=each, **options) for each in (1e-9, 40.0)]
    assert likeness(apart[1]) < likeness(apart[0]) - 0.05 < likeness(plain)


def test_the_logit_rises_for_pictures_of_a_class() -> None:
    model, classes = networks.load("zf-scenes", 0), torch.arange(3)
    options = {"shape": (3, 64, 64), "seed": 1}
    before, after = (feature_visualisation_distill(model, model, classes, steps=n, **options) for n in (0, 24))
    with torch.no_grad():
        assert (model(after)[range(3), classes] > model(before)[range(3), classes] + 1).all()


@pytest.mark.parametrize(
    "options",
    [{"steps": -1}, {"rate": 0.0}, {"diversity": -1.0}, {"parameterisation": "wavelets"}, {"shape": (2, 4, 4)}],
)
def test_what_cannot_be_is_refused(options: dict[str, object]) -> None:
    model = small()
    with pytest.raises(OptionsError):
        feature_visualisation_distill(model, model[0], [0], **({"shape": (3, 8, 8)} | options))


def test_progress_is_reported_and_sigmoid_keeps_values_within() -> None:
    shares: list[float] = []
    model = small()
    found = feature_visualisation_distill(model, model[0], [0], shape=(3, 8, 8), steps=4, report=shares.append)
    assert shares == [0.25, 0.5, 0.75, 1.0]
    assert 0 < float(found.min()) < float(found.max()) < 1
    assert functional.mse_loss(found, torch.full_like(found, 0.5)) > 0
