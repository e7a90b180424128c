"""Deep dream: one step by hand, the notebook's octaves in plain loops, and what must not change a photograph."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from repro.engine.errors import ImagesError, LayerError, OptionsError
from repro.lab import networks, scenes
from repro.visualisation.deep_dream import SMALLEST, deep_dream

CONTRACT = {"deep_dream": {"octaves": 1, "steps": 2}}
BENCHMARK = {
    "deep_dream": {
        "floor": "to_the_pixels",
        "ours": lambda s: deep_dream(s.model, s.images, s.model.layer4, octaves=1, steps=1),
        "models": ("resnet50",),
        "batches": (1,),
    }
}


def images_of(count: int, height: int = 80, width: int = 70) -> Tensor:
    return torch.rand(count, 3, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def small() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Tanh(), nn.Conv2d(4, 2, 3)).double().eval()


def test_one_step_on_one_convolution_by_hand() -> None:
    """The gradient of half the squared norm of W x is W^T W x; a step has the mean size of the rate."""
    model, images = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False)).double(), 0.4 + 0.2 * images_of(2)
    found = deep_dream(model, images, model[0], octaves=1, steps=1, shift=0, rate=0.01)
    weight = model[0].weight.detach()
    gradient = functional.conv_transpose2d(functional.conv2d(images, weight), weight)
    expected = images + 0.01 * gradient / gradient.abs().mean((1, 2, 3), keepdim=True)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close((found - images).abs().mean((1, 2, 3)), torch.full((2,), 0.01, dtype=torch.float64))


def slow(
    model: nn.Module, layer: nn.Module, image: Tensor, *, octaves: int, steps: int, shift: int, seed: int
) -> Tensor:
    """As the notebook does it, one image, shifting the image itself to and fro."""
    kept: list[Tensor] = []
    handle = layer.register_forward_hook(lambda _, __, output: kept.append(output))
    draw = torch.Generator().manual_seed(seed)
    sizes = [[round(side / 1.4**number) for side in image.shape[2:]] for number in reversed(range(octaves))]
    detail = torch.zeros(1, 3, *sizes[0], dtype=torch.float64)
    for size in sizes:
        base = functional.interpolate(image, size, mode="bilinear", antialias=True)
        detail = functional.interpolate(detail, size, mode="bilinear")
        x = (base + detail).clamp(0, 1)
        for down, right in torch.randint(-shift, shift + 1, (steps, 2), generator=draw).tolist():
            x = torch.roll(x, (down, right), (2, 3)).requires_grad_()
            model(x)
            activations = kept.pop()
            (gradient,) = torch.autograd.grad(activations, x, activations.detach())  # its own activations, sent back
            x = (x.detach() + 1.5 / 255 * gradient / gradient.abs().mean()).clamp(0, 1)
            x = torch.roll(x, (-down, -right), (2, 3))
        detail = x - base
    handle.remove()
    return x


def test_octaves_and_shift_are_those_of_the_notebook() -> None:
    model, images = small(), images_of(2)
    options = {"octaves": 3, "steps": 3, "shift": 9, "seed": 4}
    found = deep_dream(model, images, model[2], **options)
    for dream, image in zip(found, images, strict=True):
        torch.testing.assert_close(dream, slow(model, model[2], image[None], **options)[0])


def test_without_steps_the_photograph_returns() -> None:
    model, images = small(), images_of(2)
    torch.testing.assert_close(deep_dream(model, images, model[0], steps=0), images)


def test_small_images_have_fewer_octaves() -> None:
    model, seen = small(), list[torch.Size]()
    model[0].register_forward_hook(lambda _, given, __: seen.append(given[0].shape[2:]))
    deep_dream(model, images_of(1, 60, 50), model[0], octaves=5, steps=1)
    assert min(min(size) for size in seen) >= SMALLEST
    assert len(set(seen)) == 2
    deep_dream(model, images_of(1, 8, 8), model[0], octaves=5, steps=1)  # but one there is
    assert seen[-1] == (8, 8)


def test_the_layer_responds_more_and_dreams_stay_in_range() -> None:
    model = networks.load("residual-scenes", 0)
    some = scenes.load(3, 0)
    images, _ = networks.inputs(some.images, some.labels)
    dream = deep_dream(model, images, model.blocks, octaves=2, shift=8)
    with torch.no_grad():
        before, after = (model.blocks(model.stem((x - 0.5) / 0.25)).square().sum((1, 2, 3)) for x in (images, dream))
    assert (after > 1.5 * before).all()
    assert 0 <= float(dream.min()) < float(dream.max()) <= 1


def test_progress_is_reported_over_all_octaves() -> None:
    shares: list[float] = []
    model = small()
    deep_dream(model, images_of(1), model[0], octaves=2, steps=2, report=shares.append)
    assert shares == [0.25, 0.5, 0.75, 1.0]


@pytest.mark.parametrize("options", [{"octaves": 0}, {"scale": 1.0}, {"steps": -1}, {"rate": 0.0}, {"shift": -1}])
def test_what_cannot_be_is_refused(options: dict[str, float]) -> None:
    model = small()
    with pytest.raises(OptionsError):
        deep_dream(model, images_of(1), model[0], **options)


def test_images_out_of_range_and_foreign_layers_are_refused() -> None:
    model = small()
    with pytest.raises(ImagesError):
        deep_dream(model, 255 * images_of(1), model[0])
    with pytest.raises(LayerError):
        deep_dream(model, images_of(1), nn.Conv2d(3, 4, 3))
