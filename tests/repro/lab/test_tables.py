"""The tables: what is held out, how they are standardised, and the networks trained on them."""

import pytest
import torch

from repro.lab import tables
from repro.lab.errors import UnknownTableError


@pytest.mark.parametrize(
    ("name", "rows", "columns", "classes"), [("cancer", 569, 30, 2), ("wine", 178, 13, 3), ("digits", 1797, 64, 10)]
)
def test_a_table_is_split_and_standardised(name: str, rows: int, columns: int, classes: int) -> None:
    table, other = tables.load(name, 0), tables.load(name, 1)
    assert len(table.inputs) + len(table.held_out) == len(table.labels) + len(table.held_out_labels) == rows
    assert table.inputs.shape[1] == table.held_out.shape[1] == len(table.names) == columns
    assert set(table.labels.tolist()) == set(range(classes))
    assert len(table.classes) == classes
    assert table.inputs.mean(0).abs().max() < 1e-5
    spread = table.inputs.std(0, correction=0)
    assert (((spread - 1).abs() < 1e-4) | (spread == 0)).all()
    assert not torch.equal(table.labels, other.labels)
    assert torch.equal(table.inputs, tables.load(name, 0).inputs)
    everything = torch.cat([table.inputs, table.held_out]).double() * table.deviations + table.means
    again = torch.cat([other.inputs, other.held_out]).double() * other.deviations + other.means
    torch.testing.assert_close(everything.sort(0).values, again.sort(0).values, rtol=1e-4, atol=1e-4)


def test_a_network_learns_and_is_the_same_for_the_same_seed() -> None:
    table = tables.load("wine", 0)
    state = torch.get_rng_state()
    first, second = (tables.network(table, 3, hidden=(8,), steps=150) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first(table.held_out), second(table.held_out))
    assert (tables.labels_of(first, table.held_out) == table.held_out_labels).double().mean() > 0.9


def test_an_unknown_table_is_refused() -> None:
    with pytest.raises(UnknownTableError):
        tables.load("iris", 0)
