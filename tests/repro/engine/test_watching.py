"""Watching sees what a layer returned, lets gradients through, and leaves nothing behind."""

import pytest
import torch
from torch import nn

from repro.engine import watching
from repro.engine.errors import ImagesError, LayerError


def network(in_place: bool) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(inplace=in_place), nn.Conv2d(3, 2, 3), nn.Flatten())


@pytest.mark.parametrize("in_place", [False, True])
def test_values_and_gradients_are_those_before_an_in_place_relu(in_place: bool) -> None:
    model, images = network(in_place), torch.randn(2, 1, 6, 6)
    before = model[0](images).detach()
    assert (before < 0).any()
    with watching.activations(model, model[0], model[2]) as outputs:
        total = model(images).sum()
    assert torch.equal(outputs[0], before)
    (gradient,) = torch.autograd.grad(total, outputs[0])
    # by hand: back through the second convolution, then only where the ReLU let something pass
    back = torch.nn.grad.conv2d_input((2, 3, 4, 4), model[2].weight, torch.ones(2, 2, 2, 2))
    torch.testing.assert_close(gradient, back * (before > 0))
    assert torch.equal(outputs[1].flatten(1), model(images))


def test_hooks_go_also_when_the_model_fails() -> None:
    model = network(True)
    with pytest.raises(RuntimeError), watching.activations(model, model[0]):
        model(torch.randn(2, 5, 6, 6))
    assert not any(module._forward_hooks for module in model.modules())


def test_layers_that_cannot_be_caught_are_refused() -> None:
    model = network(False)
    with pytest.raises(LayerError), watching.activations(model, nn.ReLU()):
        pass

    class Skips(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.unused = nn.ReLU(), nn.ReLU()

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.used(images)

    skipping = Skips()
    with pytest.raises(LayerError), watching.activations(skipping, skipping.unused):
        skipping(torch.ones(1))
    assert not any(module._forward_hooks for module in skipping.modules())


def test_modes_and_flags_return_also_after_an_error() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(), nn.BatchNorm1d(2))
    model.train()
    model[2].eval()
    model[0].bias.requires_grad_(False)

    def fails() -> None:
        with watching.evaluating(model), watching.frozen(model):
            assert not model[1].training
            assert not any(p.requires_grad for p in model.parameters())
            raise KeyError

    with pytest.raises(KeyError):
        fails()
    assert [m.training for m in model.modules()] == [True, True, True, False]
    assert [p.requires_grad for p in model.parameters()] == [True, False, True, True]


@pytest.mark.parametrize("around", [torch.enable_grad, torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("gradients", [False, True])
def test_observing_decides_on_gradients_whatever_the_caller_did(around, gradients: bool) -> None:
    model, images = network(True).train(), torch.randn(2, 1, 6, 6)
    with around():
        with watching.observing(model, model[0], gradients=gradients) as outputs:
            pixels = watching.pixels(images) if gradients else images
            logits = model(pixels)
            assert not model.training
            assert logits.requires_grad == gradients
            assert outputs[0].shape == (2, 3, 4, 4)
            if gradients:
                assert torch.autograd.grad(logits.sum(), pixels)[0].shape == images.shape
        assert torch.is_grad_enabled() == (around is torch.enable_grad)
        assert torch.is_inference_mode_enabled() == (around is torch.inference_mode)
    assert model.training
    assert all(parameter.requires_grad and parameter.grad is None for parameter in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())


def test_pixels_are_a_copy_and_only_of_images() -> None:
    images = torch.rand(1, 3, 4, 4)
    pixels = watching.pixels(images)
    assert pixels.requires_grad
    assert pixels.data_ptr() != images.data_ptr()
    with pytest.raises(ImagesError):
        watching.pixels(images[0])
