"""Surrogate models against models that a tree or a linear model can be, counts made by hand, and scikit-learn."""

import numpy as np
import pytest
import torch
from torch import Tensor

from repro.engine.errors import OptionsError, TableError
from repro.surrogate.surrogate_model import answers, fidelity, labels_of, linear_surrogate, surrogate_model

CONTRACT = {"surrogate_model": {"outputs": torch.tensor([0, 1, 1, 0])}}


def rows_of(count: int = 300) -> Tensor:
    return torch.randn(count, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def linear_network(inputs: Tensor) -> Tensor:
    weights = torch.randn(5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    return inputs @ weights + torch.tensor([0.3, -0.2, 0.0, 0.1])


def test_a_network_that_is_a_tree_is_recovered() -> None:
    """Two splits: the surrogate asks the same questions, and so never differs by more than the gap of two rows."""

    def network(inputs: Tensor) -> Tensor:
        return torch.where(inputs[:, 3] <= 0.2, 0, torch.where(inputs[:, 1] <= -0.5, 2, 1))

    inputs = rows_of(2000)
    tree = surrogate_model(inputs, network(inputs), leaves=3)
    assert tree.features[tree.features >= 0].tolist() == [3, 1]
    torch.testing.assert_close(
        tree.thresholds[tree.features >= 0], torch.tensor([0.2, -0.5]).double(), atol=0.01, rtol=0
    )
    assert fidelity(tree, inputs, network(inputs)) == 1


def test_a_linear_network_is_recovered_by_the_linear_surrogate() -> None:
    inputs = rows_of()
    found = linear_surrogate(inputs, linear_network(inputs))
    told = torch.stack([each.intercept + inputs @ each.coefficients for each in found], 1)
    torch.testing.assert_close(told, linear_network(inputs), atol=1e-7, rtol=0)
    assert all(each.r_squared > 1 - 1e-12 for each in found)
    assert fidelity(found, inputs, linear_network(inputs)) == 1
    assert fidelity(surrogate_model(inputs, linear_network(inputs), leaves=8), inputs, linear_network(inputs)) < 1


def test_equals_ridge_and_tree_of_scikit_learn() -> None:
    from sklearn.linear_model import Ridge
    from sklearn.tree import DecisionTreeClassifier

    inputs = rows_of()
    logits = linear_network(inputs).tanh()
    peer = Ridge(alpha=1e-6).fit(inputs.numpy(), logits.numpy())
    ours = linear_surrogate(inputs, logits)
    np.testing.assert_allclose(np.stack([each.coefficients for each in ours]), peer.coef_, atol=1e-9)
    labels, others = labels_of(logits), rows_of(900)[300:]
    tree = DecisionTreeClassifier(max_leaf_nodes=6, random_state=0).fit(inputs.numpy(), labels.numpy())
    np.testing.assert_array_equal(
        answers(surrogate_model(inputs, logits, leaves=6), others), tree.predict(others.numpy())
    )


def test_fidelity_counts_equal_answers() -> None:
    """A tree of one leaf always gives the commonest answer, so its fidelity is that answer's share."""
    inputs, labels = torch.zeros(5, 1), torch.tensor([0, 1, 1, 1, 2])
    assert fidelity(surrogate_model(inputs, labels), inputs, labels) == 3 / 5
    full = surrogate_model(rows_of(), linear_network(rows_of()), leaves=300)
    assert fidelity(full, rows_of(), linear_network(rows_of())) == 1


def test_labels_and_logits_say_the_same() -> None:
    inputs, logits = rows_of(), linear_network(rows_of())
    for one, other in zip(surrogate_model(inputs, logits), surrogate_model(inputs, logits.argmax(1)), strict=True):
        assert torch.equal(one, other)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(TableError):
        surrogate_model(rows_of(3), torch.tensor([0, 1]))
    with pytest.raises(OptionsError):
        surrogate_model(rows_of(3), torch.tensor([0, 1, 1]), leaves=0)
    with pytest.raises(TableError):
        linear_surrogate(torch.zeros(3), torch.zeros(3, 2))
