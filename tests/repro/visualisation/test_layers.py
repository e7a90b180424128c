"""Moved images, distances of features and the correspondence of parts, by hand."""

import numpy as np
import pytest
import torch
from torch import nn

from repro.experiments.visualisation.invariance import straightness
from repro.experiments.visualisation.layers import changes, delta, features, moved


def test_a_shift_moves_the_image_down_and_continues_its_border() -> None:
    image = torch.arange(20.0).view(1, 1, 5, 4)
    shifted = moved(image, shift=2)
    torch.testing.assert_close(shifted[0, 0, 2:], image[0, 0, :3])
    torch.testing.assert_close(shifted[0, 0, :2], image[0, 0, :1].expand(2, -1))


def test_a_turn_is_anticlockwise_and_leaves_the_middle() -> None:
    image = torch.rand(2, 3, 7, 7)
    torch.testing.assert_close(moved(image, angle=90), torch.rot90(image, 1, (2, 3)))
    torch.testing.assert_close(moved(image, angle=180), image.flip(2, 3))


def test_a_turn_keeps_shapes_where_the_image_is_no_square() -> None:
    image = torch.rand(1, 1, 9, 15, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(moved(image, angle=90)[..., 3:12], torch.rot90(image[..., 3:12], 1, (2, 3)))
    square = torch.zeros(1, 1, 64, 128)
    square[..., 24:40, 56:72] = 1
    torch.testing.assert_close(moved(square, angle=90), square, rtol=0, atol=1e-5)


def test_a_scale_enlarges_about_the_middle() -> None:
    image = torch.zeros(1, 1, 9, 9)
    image[0, 0, 3:6, 3:6] = 1
    large = moved(image, scale=3)
    torch.testing.assert_close(large[0, 0, 1:8, 1:8], torch.ones(7, 7))
    torch.testing.assert_close(moved(image), image)


def test_changes_are_in_units_of_what_tells_images_apart() -> None:
    first = torch.tensor([[0.0, 0.0], [3.0, 4.0]])  # 5 apart
    assert changes(first, first.flip(0)).tolist() == [1.0, 1.0]
    assert changes(first, first + torch.tensor([0.0, 1.0])).tolist() == pytest.approx([0.2, 0.2])


def test_delta_by_hand() -> None:
    whole = torch.tensor([[1.0, 1.0, 1.0, 1.0], [2.0, 2.0, 2.0, 2.0], [0.0, 0.0, 0.0, 0.0]])
    covered = torch.tensor([[0.0, 2.0, 1.0, 1.0], [1.0, 3.0, 2.0, 1.0], [0.0, 1.0, 1.0, 0.0]])
    # signs + - 0 0, + - 0 +, 0 - - 0: of four features 1, 2 and 3 differ
    assert float(delta(whole, covered)) == pytest.approx((1 + 2 + 3) / 3 / 4)
    assert float(delta(whole, whole)) == 0


def test_features_are_of_each_layer_and_the_model_stays_as_it_was() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Dropout(), nn.Linear(18, 4)).train()
    images = torch.rand(2, 1, 5, 5)
    (before, after), logits = features(net, images, [net[0], net[1]])
    torch.testing.assert_close(before, net[0](images).flatten(1))
    torch.testing.assert_close(after, before.relu())
    torch.testing.assert_close(logits, net[4](after))
    assert net.training
    assert not net[0]._forward_hooks


def test_straightness_is_that_of_a_line_through_the_first_point() -> None:
    steps = np.arange(9.0)
    assert straightness(steps, 3 * steps) == pytest.approx(1)
    assert straightness(steps, steps**2) == pytest.approx(0.87, abs=0.005)  # as the claims say of a parabola
