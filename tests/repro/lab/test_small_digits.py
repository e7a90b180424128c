"""Digits of 8 by 8 pixels as images, and what the constraints do to the networks trained on them."""

import pytest
import torch
from torch import nn

from repro.lab import small_digits


def test_images_are_those_of_scikit_learn() -> None:
    from sklearn.datasets import load_digits

    digits = small_digits.load(0)
    assert digits.images.shape[1:] == (1, 8, 8)
    every = torch.cat([digits.images, digits.held_out])
    assert 0.295 < len(digits.held_out) / len(every) < 0.305
    given = {tuple(row) for row in load_digits().images.reshape(-1, 64).astype(int).tolist()}
    assert {tuple(row) for row in (16 * every).round().int().flatten(1).tolist()} == given
    assert not torch.equal(digits.held_out, small_digits.load(1).held_out)


@pytest.mark.parametrize(("positive", "sparse"), [(False, 0.0), (True, 1e-3)])
def test_networks_learn_within_their_constraints(positive: bool, sparse: float) -> None:
    digits = small_digits.load(0)
    model = small_digits.network(digits, 0, positive, sparse)
    weights = torch.cat([each.weight.flatten() for each in model.modules() if isinstance(each, nn.Linear)])
    assert (model(digits.held_out).argmax(1) == digits.held_out_labels).double().mean() > 0.85
    assert bool((weights >= 0).all()) == positive
    assert ((weights.abs() < 1e-3).double().mean() > 0.3) == (sparse > 0)
