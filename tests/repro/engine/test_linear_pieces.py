"""Units held on their pieces: numbers worked out by hand for each thing that bends, and what is left unheld."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from repro.engine.linear_pieces import held


class Net(nn.Module):
    """An activation of each of four pixels."""

    def __init__(self, activation: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.activation = activation

    def forward(self, images: Tensor) -> Tensor:
        return self.activation(2 * images + 1).flatten(1)


PIXELS = torch.tensor([[[[-2.0, 0.0], [1.0, 4.0]]]])  # the activation is given -3, 1, 3 and 9


@pytest.mark.parametrize(
    ("activation", "sides", "constants"),
    [
        pytest.param(functional.relu, [0, 1, 1, 1], [0.0, 1, 1, 1], id="relu"),
        pytest.param(lambda z: functional.relu(z, inplace=True), [0, 1, 1, 1], [0.0, 1, 1, 1], id="in place"),
        pytest.param(lambda z: (z.relu_(), z)[1], [0, 1, 1, 1], [0.0, 1, 1, 1], id="in place, result unused"),
        pytest.param(nn.ReLU6(), [0, 1, 1, 2], [0.0, 1, 1, 6], id="relu6"),
        pytest.param(lambda z: z.clamp(max=2), [0, 0, 1, 1], [1.0, 1, 2, 2], id="clamp"),
        pytest.param(lambda z: z.clamp(-1, 2), [0, 1, 2, 2], [-1.0, 1, 2, 2], id="clamp at both ends"),
        pytest.param(nn.Hardtanh(), [0, 1, 2, 2], [-1.0, 1, 1, 1], id="hardtanh"),
        pytest.param(nn.LeakyReLU(0.1), [0, 1, 1, 1], [0.1, 1, 1, 1], id="leaky relu"),
    ],
)
def test_an_activation_stays_linear_on_its_piece(
    activation: Callable[[Tensor], Tensor], sides: list[int], constants: list[float]
) -> None:
    """Of -3, 1, 3, 9; the constants are what the pieces give at 1, which a pixel of 0 becomes."""
    with held(Net(activation), PIXELS) as near:
        torch.testing.assert_close(near.logits.detach(), activation(2 * PIXELS + 1).flatten(1))
    assert near.pieces[0].side.flatten().tolist() == sides
    torch.testing.assert_close(near.bias, torch.tensor([constants]), atol=1e-6, rtol=0)
    assert near.biases[0].flatten().tolist() == [1.0] * 4


@pytest.mark.parametrize("pooling", [nn.MaxPool2d(2), nn.AdaptiveMaxPool2d(1)])
def test_max_pooling_keeps_its_choice(pooling: nn.Module) -> None:
    """The last pixel wins, 4 + 7, and its place stays when all pixels are 0."""
    added = torch.tensor([[[[5.0, 1.0], [2.0, 7.0]]]])
    model = Net(lambda z: pooling((z - 1) / 2 + added))
    with held(model, PIXELS) as near:
        assert near.logits.tolist() == [[11.0]]
    assert near.pieces[0].side.flatten().tolist() == [3]
    assert near.bias.tolist() == [[7.0]]


def test_each_image_has_its_own_pieces() -> None:
    images = torch.cat([PIXELS, -PIXELS])
    with held(Net(functional.relu), images) as near:
        assert near.bias.tolist() == [[0, 1, 1, 1], [1, 1, 0, 0]]


def test_what_is_not_known_is_not_held() -> None:
    with held(Net(functional.gelu), PIXELS) as near:
        assert near.pieces == []
    torch.testing.assert_close(near.bias, functional.gelu(torch.ones(1, 4)))
