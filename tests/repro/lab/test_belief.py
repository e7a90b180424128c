"""The deep belief network on digits: one step by hand, and what it has learned."""

import torch
from torch import Tensor, nn

from repro.lab import belief


def test_one_step_of_contrastive_divergence_equals_loops() -> None:
    """With one hidden unit, which is certainly on: the bias is large."""
    layer = nn.Linear(2, 1).requires_grad_(False)
    layer.weight.copy_(torch.tensor([[0.5, -0.2]]))
    layer.bias.fill_(50.0)
    seen = torch.tensor([[0.9, 0.2]])
    again = [1 / (1 + (-(w + torch.logit(seen[0, i]))).exp()) for i, w in enumerate((0.5, -0.2))]
    expected = [w + belief.RATE * (float(seen[0, i] - again[i]) - belief.DECAY * w) for i, w in enumerate((0.5, -0.2))]
    belief.contrast(layer, seen, 1, torch.Generator().manual_seed(0))
    torch.testing.assert_close(layer.weight, torch.tensor([expected]))
    assert float(layer.bias) == 50


def neighbours(weight: Tensor) -> float:
    """Correlation of a filter's values with those of the pixels to the right, over all filters."""
    maps = weight.view(-1, 28, 28)
    return float(torch.corrcoef(torch.stack([maps[:, :, 1:].flatten(), maps[:, :, :-1].flatten()]))[0, 1])


def test_filters_become_strokes_and_the_seed_decides() -> None:
    images = belief.data(0)[:1000]
    before, after, again = (belief.network(images, 0, epochs) for epochs in (0, 4, 4))
    assert abs(neighbours(before[1].weight)) < 0.05
    assert neighbours(after[1].weight) > 0.5
    assert all(
        torch.equal(*pair) for pair in zip(after.state_dict().values(), again.state_dict().values(), strict=True)
    )
    assert not torch.equal(belief.network(images, 1, 1)[1].weight, belief.network(images, 0, 1)[1].weight)
    assert after(images).shape == (1000, belief.WIDTHS[-1])
