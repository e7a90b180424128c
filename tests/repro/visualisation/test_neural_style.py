"""Neural style: the losses in loops, the paper's gradient, what each start keeps, and the peer's other constant."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from repro.engine.errors import ImagesError, LayerError, OptionsError
from repro.lab import networks, scenes
from repro.visualisation.neural_style import content_loss, gram, maps, neural_style, style_loss

STYLES = torch.rand(1, 3, 16, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(7))
CONTRACT = {"neural_style": {"styles": STYLES, "steps": 2}}
BENCHMARK = {
    "neural_style": {
        "floor": "to_the_pixels",
        "ours": lambda s: neural_style(s.model, s.images, s.images[:1], [s.model.layer2], steps=1),
        "models": ("resnet50",),
        "batches": (1,),
    }
}


def some(seed: int, *shape: int) -> Tensor:
    return torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def small() -> nn.Sequential:
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 4, 3, padding=1), nn.Tanh(), nn.Conv2d(4, 5, 3, padding=1), nn.Tanh()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 3)).double().eval()


def test_losses_in_loops() -> None:
    found, wanted, style = some(0, 1, 3, 2, 4), some(1, 1, 3, 2, 4), some(2, 1, 3, 2, 4)
    content = sum(float((a - b) ** 2) / 2 for a, b in zip(found.flatten(), wanted.flatten(), strict=True))
    assert float(content_loss(found, wanted)) == pytest.approx(content)

    def product(values: Tensor, i: int, j: int) -> float:
        return sum(
            float(values[0, i, row, column] * values[0, j, row, column]) for row in range(2) for column in range(4)
        )

    pairs = [(i, j) for i in range(3) for j in range(3)]
    expected = sum((product(found, *pair) - product(style, *pair)) ** 2 for pair in pairs) / (4 * 3**2 * 8**2)
    assert float(style_loss(found, gram(style))) == pytest.approx(expected)
    none = torch.zeros_like(found)
    assert float(content_loss(none, wanted, relative=True)) == pytest.approx(1)
    assert float(style_loss(none, gram(style), relative=True)) == pytest.approx(1)


def test_style_does_not_see_where_things_are_and_content_does() -> None:
    found = some(3, 2, 4, 5, 6)
    shuffled = found.flatten(2)[:, :, torch.randperm(30, generator=torch.Generator().manual_seed(0))].view_as(found)
    torch.testing.assert_close(gram(shuffled), gram(found))
    assert (content_loss(shuffled, found) > 1).all()


def test_the_gradient_of_the_style_is_the_papers() -> None:
    """F (G - A) over N squared M squared."""
    found, style = some(4, 1, 3, 2, 5).requires_grad_(), some(5, 1, 3, 2, 5)
    (gradient,) = torch.autograd.grad(style_loss(found, gram(style)).sum(), found)
    expected = (gram(found) - gram(style)) @ found.flatten(2) / (3**2 * 10**2)
    torch.testing.assert_close(gradient.flatten(2), expected.detach())


def test_pytorchs_tutorial_weighs_wide_layers_less() -> None:
    """It divides the Gram matrix by N M and takes the mean over its entries: the paper's loss times 4 / N squared."""
    for channels in (4, 16):
        found, style = some(6, 1, channels, 3, 3), some(7, 1, channels, 3, 3)
        theirs = functional.mse_loss(gram(found) / (channels * 9), gram(style) / (channels * 9))
        assert float(theirs) == pytest.approx(float(style_loss(found, gram(style))) * 4 / channels**2)


@pytest.mark.parametrize("relative", [True, False])
def test_the_search_is_a_plain_loop_with_torchs_adam(relative: bool) -> None:
    model, images, styles = small(), some(8, 2, 3, 6, 7), some(9, 1, 3, 6, 7)
    layers, options = [model[1], model[3]], {"ratio": 0.3, "relative": relative, "steps": 6, "rate": 0.05}
    found = neural_style(model, images, styles, layers, **options)
    for picture, image in zip(found, images, strict=True):
        x = image[None].clone().requires_grad_()
        adam = torch.optim.Adam([x], 0.05)
        with torch.no_grad():
            first, second = (model[: depth + 1](styles) for depth in (1, 3))
            content = model[:4](image[None])
        for _ in range(6):
            low, high = model[:2](x), model[:4](x)
            style = (style_loss(low, gram(first), relative) + style_loss(high, gram(second), relative)) / 2
            loss = 0.3 * content_loss(high, content, relative) + style
            adam.zero_grad()
            loss.sum().backward()
            adam.step()
            with torch.no_grad():
                x.clamp_(0, 1)
        torch.testing.assert_close(picture, x.detach()[0])


def test_of_its_own_style_an_image_stays_as_it_is() -> None:
    model, images = small(), some(10, 1, 3, 6, 6)
    torch.testing.assert_close(neural_style(model, images, images, [model[1]], steps=5), images)


def test_a_style_of_another_size_is_brought_to_the_images() -> None:
    model, images, large = small(), some(12, 1, 3, 6, 6), some(13, 1, 3, 12, 18)
    sized = functional.interpolate(large, (6, 6), mode="bilinear", antialias=True)
    found, expected = (neural_style(model, images, style, [model[1]], steps=3) for style in (large, sized))
    torch.testing.assert_close(found, expected)


def test_both_losses_fall_and_more_content_keeps_more() -> None:
    model = networks.load("vgg-scenes", 0)
    data = scenes.load(3, 0)
    images, _ = networks.inputs(data.images, data.labels)
    layers = [model.features[1], model.features[6]]
    style = images[2:]

    def losses(made: Tensor) -> tuple[float, float]:
        with torch.no_grad():
            here, there, own = (maps(model, each, layers) for each in (made, style, images[:2]))
            texture = sum(style_loss(a, gram(b), True).mean() for a, b in zip(here, there, strict=True))
            return float(content_loss(here[-1], own[-1], True).mean()), float(texture)

    kept, loose = (neural_style(model, images[:2], style, layers, ratio=ratio, steps=30) for ratio in (3.0, 0.01))
    assert losses(loose)[1] < losses(kept)[1] < losses(images[:2])[1]
    assert losses(kept)[0] < losses(loose)[0]
    before, noise = (neural_style(model, images[:2], style, layers, start="noise", steps=n) for n in (0, 30))
    assert losses(noise)[1] < losses(before)[1]
    assert 0 <= float(noise.min()) < float(noise.max()) <= 1


def test_progress_is_reported_and_what_cannot_be_is_refused() -> None:
    model, images, shares = small(), some(11, 2, 3, 6, 6), list[float]()
    neural_style(model, images, images[:1], [model[1]], steps=4, report=shares.append)
    assert shares == [0.25, 0.5, 0.75, 1.0]
    for wrong in ({"steps": -1}, {"rate": 0.0}, {"ratio": -1.0}, {"start": "grey"}):
        with pytest.raises(OptionsError):
            neural_style(model, images, images, [model[1]], **wrong)
    with pytest.raises(OptionsError):
        neural_style(model, images, images, [])
    for styles in (images[:, :1], images[[0, 1, 0]], 255 * images):
        with pytest.raises(ImagesError):
            neural_style(model, images, styles, [model[1]])
    with pytest.raises(LayerError):
        neural_style(model, images, images, [model[5]])
