"""The loop of optimised images on objectives whose course is known."""

import pytest
import torch
from torch import Tensor, nn

from repro.engine.optimise import gradients_to_images, optimise, watched


def descent(x: Tensor, gradient: Tensor, _: Tensor) -> Tensor:
    return x - 0.25 * gradient


def test_a_parabola_by_hand() -> None:
    """(2x)^2 + 2 x^2 = 6 x^2 has the gradient 12 x, so each step multiplies x by 1 - 3."""
    start, shares = torch.tensor([1.0, -2.0]).view(2, 1, 1, 1), []
    images, history = optimise(
        start,
        lambda images: images.square().sum((1, 2, 3)),
        descent,
        2,
        parameterisation=lambda x: 2 * x,
        penalties=[(2.0, lambda x: x.square().sum((1, 2, 3)))],
        report=shares.append,
    )
    assert images.flatten().tolist() == [2 * 4.0, 2 * -8.0]
    assert [values.tolist() for values in history] == [[6.0, 24.0], [24.0, 96.0]]
    assert shares == [0.5, 1.0]


def test_a_watcher_sees_the_images_after_each_step() -> None:
    start, seen = torch.tensor([1.0, -2.0]).view(2, 1, 1, 1), []
    with watched(lambda images: seen.append(images.flatten().tolist())):
        images, _ = optimise(start, lambda images: images.square().sum((1, 2, 3)), descent, 2, lambda x: 2 * x)
    optimise(start, lambda images: images.sum((1, 2, 3)), descent, 1)  # no longer watched
    assert seen == [[-2.0, 4.0], [2.0, -4.0]]  # each step multiplies by 1 - 2
    assert images.flatten().tolist() == seen[-1]


def test_no_steps_leave_the_start() -> None:
    images, history = optimise(torch.ones(1, 1, 1, 1), lambda images: images.sum((1, 2, 3)), descent, 0)
    assert images.item() == 1
    assert history == []


def test_values_are_those_before_each_step_and_reach_the_step() -> None:
    seen: list[Tensor] = []

    def step(x: Tensor, gradient: Tensor, values: Tensor) -> Tensor:
        seen.append(values)
        return x + gradient

    _, history = optimise(torch.zeros(1, 1, 1, 1), lambda images: images.sum((1, 2, 3)), step, 3)
    assert [float(values) for values in seen] == [0, 1, 2]
    assert all(a is b for a, b in zip(seen, history, strict=True))
    assert not any(values.requires_grad for values in history)


@pytest.mark.parametrize("around", [torch.no_grad, torch.inference_mode])
def test_gradients_reach_images_where_they_are_off_and_never_parameters(around) -> None:
    model = nn.Conv2d(1, 1, 1).train()
    with around(), gradients_to_images(model):
        x = torch.ones(1, 1, 2, 2, requires_grad=True)
        model(x).sum().backward()
        assert x.grad is not None
        assert not model.training
    assert model.weight.grad is None
    assert model.training


def test_the_start_is_left_as_it_was_and_may_come_from_inference_mode() -> None:
    with torch.inference_mode():
        start = torch.ones(1, 1, 1, 1)
        with gradients_to_images(nn.ReLU()):
            images, _ = optimise(start, lambda images: images.square().sum((1, 2, 3)), descent, 1)
    assert images.item() == 0.5
    assert start.item() == 1
    assert not start.requires_grad
