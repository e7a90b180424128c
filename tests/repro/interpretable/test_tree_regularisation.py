"""Tree regularisation against the loss written out, lengths counted row by row, and an Omega whose best is known."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from repro.engine.errors import OptionsError, TableError
from repro.interpretable.tree_regularisation import Surrogate, imitation, path_length, tree_regularisation

QUICK: dict[str, Any] = {"steps": 30, "every": 2, "refit": 10, "least": 5}


def network_of(hidden: int = 6) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, hidden), nn.ReLU(), nn.Linear(hidden, 2)).double()


def rows_of(count: int = 120) -> tuple[Tensor, Tensor]:
    inputs = torch.rand(count, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    return inputs, (inputs.sum(1) > 1).long()


def test_path_length_counts_the_splits_that_each_row_passes() -> None:
    inputs, network = rows_of()[0], network_of()
    tree, passed = imitation(network, inputs, 5), 0
    for row in inputs:
        node = 0
        while tree.features[node] >= 0:
            node = int(tree.children[node, int(row[tree.features[node]] > tree.thresholds[node])])
            passed += 1
    assert passed > len(inputs)
    assert path_length(network, inputs, 5) == pytest.approx(passed / len(inputs))


def test_path_length_is_that_of_scikit_learn_and_not_the_authors_mean_of_node_numbers() -> None:
    from sklearn.tree import DecisionTreeClassifier

    inputs, network = rows_of()[0], network_of()
    labels = network(inputs).argmax(1)
    peer = DecisionTreeClassifier(min_samples_leaf=5, random_state=0).fit(inputs.numpy(), labels.numpy())
    on_the_way = peer.decision_path(inputs.numpy()).sum(1).mean() - 1
    assert path_length(network, inputs, 5) == pytest.approx(on_the_way)
    assert np.mean(peer.apply(inputs.numpy())) > 1.2 * on_the_way


def test_a_constant_has_length_0_and_one_threshold_length_1() -> None:
    inputs, network = rows_of()[0], nn.Linear(2, 2).double().requires_grad_(False)
    for weight, length in ((0.0, 0), (1.0, 1)):
        network.weight.copy_(torch.tensor([[0.0, 0.0], [weight, 0.0]]))
        network.bias.copy_(torch.tensor([0.0, -0.5 * weight]))
        assert path_length(network, inputs, 1) == length


def test_before_the_first_fit_it_is_training_without_a_penalty_and_after_it_the_estimate_counts() -> None:
    """The loss written out, with the surrogate trained as the first one was: each step by hand."""
    inputs, labels = rows_of()
    network = network_of()
    optimiser = torch.optim.Adam(network.parameters(), lr=0.01)
    surrogate, met, lengths = Surrogate(32).double(), [], []
    for step in range(1, 21):
        here = parameters_to_vector(network.parameters())
        loss = cross_entropy(network(inputs), labels)
        if step > 10:
            first, first_bias, second, second_bias = (each.detach() for each in surrogate.parameters())
            score = second[0] @ torch.tanh(first @ here + first_bias) + second_bias[0]
            loss = loss + 0.5 * torch.log1p(score.exp())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step % 2 == 0:
            met.append(parameters_to_vector(network.parameters()).detach().clone())
            lengths.append(path_length(network, inputs, 5))
        if step == 10:
            surrogate.fit(torch.stack(met), torch.tensor(lengths).double())
    found = tree_regularisation(network_of(), inputs, labels, strength=0.5, **(QUICK | {"steps": 20}))
    torch.testing.assert_close(found.parameters, torch.stack(met))
    assert found.lengths.tolist() == pytest.approx(lengths)
    assert found.estimates[:5].isnan().all()
    assert found.estimates[5:].isfinite().all()


def test_the_surrogate_learns_what_it_is_told() -> None:
    """A length that is linear in the weights, also for weights that it was not fitted to."""
    parameters = torch.rand(200, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    lengths, surrogate = parameters[:, :3].sum(1), Surrogate(8).double()
    assert surrogate(parameters).isnan().all()
    for _ in range(3):
        surrogate.fit(parameters[:150], lengths[:150])
    estimates = surrogate(parameters[150:]).detach()
    assert float(torch.corrcoef(torch.stack([estimates, lengths[150:]]))[0, 1]) > 0.95


def test_an_omega_with_a_direction_moves_the_network_that_way() -> None:
    """In place of the length the last bias, which the labels don't need: the penalty lowers it."""
    inputs, labels = rows_of()

    def last_bias(network: nn.Module) -> float:
        return 2 + float(parameters_to_vector(network.parameters()).detach()[-1])

    options: dict[str, Any] = {"steps": 80, "every": 5, "refit": 20, "omega": last_bias}
    free, penalised = (
        tree_regularisation(network_of(), inputs, labels, strength=each, **options) for each in (0.0, 1.0)
    )
    assert penalised.lengths[-1] < free.lengths[-1] - 0.2


def test_the_network_given_stays_as_it_is_and_the_tree_is_that_of_the_one_returned() -> None:
    inputs, labels = rows_of()
    network = network_of()
    before = parameters_to_vector(network.parameters()).detach().clone()
    found = tree_regularisation(network, inputs, labels, **QUICK)
    assert torch.equal(parameters_to_vector(network.parameters()), before)
    assert not found.network.training
    again = network_of()
    vector_to_parameters(found.parameters[-1], again.parameters())
    assert torch.equal(again(inputs), found.network(inputs))
    for one, other in zip(found.tree, imitation(again, inputs, 5), strict=True):
        assert torch.equal(one, other)
    assert found.lengths[-1] == path_length(again, inputs, 5)


@pytest.mark.parametrize("options", [{"strength": -1.0}, {"every": 0}, {"every": 20}, {"steps": 1}, {"least": 0}])
def test_what_does_not_fit_is_refused(options: dict[str, float]) -> None:
    with pytest.raises(OptionsError):
        tree_regularisation(network_of(), *rows_of(), **(QUICK | options))
    inputs, labels = rows_of()
    for bad in (labels[:5], labels + 1):
        with pytest.raises(TableError):
            tree_regularisation(network_of(), inputs, bad, **QUICK)
