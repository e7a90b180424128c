"""Pattern producing networks against one pixel at a time, numbers worked out by hand, and what their mutations promise."""

import math

import pytest
import torch
from torch import Tensor

from repro.engine import cppn

FUNCTIONS = {
    "sine": math.sin,
    "sigmoid": lambda s: 2 / (1 + math.exp(-s)) - 1,
    "gaussian": lambda s: math.exp(-(s**2)),
    "linear": lambda s: min(max(s, -3), 3) / 3,
}


def grown(count: int, outputs: int, generations: int, dtype: torch.dtype = torch.float64) -> cppn.Networks:
    generator = torch.Generator().manual_seed(0)
    networks = cppn.start(count, outputs, generator, dtype)
    for _ in range(generations):
        networks = cppn.mutate(networks, generator)
    return networks


def empty(count: int, outputs: int = 1) -> cppn.Networks:
    nodes = cppn.INPUTS + cppn.HIDDEN + outputs
    return cppn.Networks(
        torch.zeros(count, nodes, nodes, dtype=torch.float64), torch.zeros(count, nodes, dtype=torch.int64)
    )


def only(monkeypatch: pytest.MonkeyPatch, **rates: float) -> None:
    for rate in cppn.RATES:
        monkeypatch.setitem(cppn.RATES, rate, rates.get(rate, 0.0))


def used(networks: cppn.Networks) -> Tensor:
    """How many hidden nodes have a connection, network by network."""
    linked = networks.weights != 0
    nodes = linked.any(1) | linked.any(2)
    return nodes[:, cppn.INPUTS : cppn.INPUTS + cppn.HIDDEN].sum(1)


def slow_pixel(weights: list[list[float]], functions: list[int], inputs: list[float], output: int) -> float:
    """What one network's node ``output`` says, asked recursively."""
    if output < cppn.INPUTS:
        return inputs[output]
    total = sum(
        weight * slow_pixel(weights, functions, inputs, source)
        for source, weight in enumerate(weights[output])
        if weight != 0
    )
    return FUNCTIONS[cppn.FUNCTIONS[functions[output]]](total)


def test_numbers_worked_out_by_hand() -> None:
    networks = empty(1)
    networks.weights[0, -1, 0], networks.weights[0, -1, 3] = 6.0, -3.0  # 6 x - 3, linear: -1, -1, 1 at x = -1, 0, 1
    networks.functions[0, -1] = cppn.FUNCTIONS.index("linear")
    assert cppn.draw(networks, 2, 3).tolist() == [[[[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]]]
    networks.weights[0, -1, 3] = 0.0  # 6 x: -1, 0, 1
    assert cppn.draw(networks, 2, 3).tolist() == [[[[1.0, 0.0, 1.0], [1.0, 0.0, 1.0]]]]
    networks.weights[0, 4, 1], networks.weights[0, -1, 4], networks.weights[0, -1, 0] = math.pi / 6, 3.0, 0.0
    # sin(pi/6 y) is -1/2, 0, 1/2 at y = -1, 0, 1
    torch.testing.assert_close(cppn.draw(networks, 3, 2)[0, 0, :, 0], torch.tensor([0.5, 0.0, 0.5]).double())


def test_equals_one_pixel_at_a_time() -> None:
    networks, height, width = grown(12, 3, 8), 4, 5
    assert used(networks).max() >= 3
    assert len(networks.functions.unique()) == 4
    found = cppn.draw(networks, height, width)
    for which in range(12):
        genome = networks.weights[which].tolist(), networks.functions[which].tolist()
        for row in range(height):
            for column in range(width):
                x, y = -1 + 2 * column / (width - 1), -1 + 2 * row / (height - 1)
                inputs = [x, y, math.hypot(x, y), 1.0]
                for channel in range(3):
                    output = cppn.INPUTS + cppn.HIDDEN + channel
                    expected = abs(slow_pixel(*genome, inputs, output))
                    assert float(found[which, channel, row, column]) == pytest.approx(expected, abs=1e-12)
    assert found.std((0, 2, 3)).min() > 0.1


def test_networks_begin_without_hidden_nodes_and_grow_within_their_bounds() -> None:
    assert used(grown(50, 1, 0)).max() == 0
    assert (grown(50, 1, 0).weights != 0).sum() == 50 * cppn.INPUTS
    networks = grown(200, 3, 60)
    assert used(networks).float().mean() > 2
    linked = networks.weights != 0
    assert not linked.triu().any()  # from a lower place to a higher one only: no circle
    assert not linked[:, : cppn.INPUTS].any()
    assert not linked[:, -3:, -3:].any()
    assert networks.weights.abs().max() <= cppn.LIMIT
    pictures = cppn.draw(networks, 8, 8)
    assert pictures.isfinite().all()
    assert pictures.min() >= 0
    assert pictures.max() <= 1


def test_extreme_sums_stay_finite() -> None:
    networks = empty(4)
    networks.weights[:, 4, 3], networks.weights[:, -1, 4] = -10.0, 10.0
    networks.weights[:, 5:9, 3], networks.weights[:, -1, 5:9] = -10.0, 10.0
    networks.functions[:] = torch.arange(4)[:, None]
    for dtype in (torch.float32, torch.float64):
        pictures = cppn.draw(cppn.Networks(200 * networks.weights.to(dtype), networks.functions), 4, 4)
        assert pictures.isfinite().all()


def test_polynomial_steps_follow_their_definition() -> None:
    found = cppn.polynomial_steps(torch.empty(500, dtype=torch.float64), torch.Generator().manual_seed(3))
    draws = torch.rand(500, dtype=torch.float64, generator=torch.Generator().manual_seed(3)).tolist()
    for step, u in zip(found.tolist(), draws, strict=True):
        expected = (2 * u) ** (1 / 16) - 1 if u < 0.5 else 1 - (2 * (1 - u)) ** (1 / 16)
        assert step == pytest.approx(expected, abs=1e-14)


def test_polynomial_steps_have_the_distribution_that_follows() -> None:
    """|delta| exceeds t with probability (1 - t)^(eta + 1), so its mean is 1 / (eta + 2); both signs are as frequent."""
    steps = cppn.polynomial_steps(torch.empty(400_000, dtype=torch.float64), torch.Generator().manual_seed(0))
    assert float(steps.abs().mean()) == pytest.approx(1 / 17, rel=0.01)
    assert float(steps.mean()) == pytest.approx(0, abs=3e-4)
    for t in (0.02, 0.1, 0.2):
        assert float((steps.abs() > t).double().mean()) == pytest.approx((1 - t) ** 16, abs=0.003)


def test_rates_of_change() -> None:
    """Of 20,000 networks without hidden nodes: a tenth of the weights move, half split, a fifth of those undo it."""
    generator = torch.Generator().manual_seed(1)
    before = cppn.start(20_000, 1, generator, torch.float64)
    after = cppn.mutate(before, generator)
    assert float((used(after) > 0).double().mean()) == pytest.approx(0.5 * 0.8, abs=0.012)
    kept = (after.weights != 0) & (before.weights != 0)
    changed = (after.weights != before.weights)[kept]
    assert float(changed.double().mean()) == pytest.approx(0.1, abs=0.005)
    # one of four functions drawn anew: the same one again in a quarter of the cases
    assert float((after.functions != before.functions).double().mean()) == pytest.approx(0.075, abs=0.002)
    assert used(after).max() == 1


def test_a_split_puts_a_node_with_the_same_weight_before_and_after(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, grow=1.0)
    networks = empty(100)
    networks.weights[:, -1, 2] = 7.0
    child = cppn.mutate(networks, torch.Generator().manual_seed(0))
    assert (child.weights[:, -1, 2] == 0).all()
    nodes = (child.weights[:, :, 2] == 7).nonzero()[:, 1]
    assert len(nodes) == 100
    assert (child.weights[torch.arange(100), -1, nodes] == 7).all()
    assert ((child.weights != 0).sum((1, 2)) == 2).all()
    assert len(nodes.unique()) > cppn.HIDDEN / 2  # any free place
    assert (networks.weights[:, -1, 2] == 7).all()  # the parent is as it was


def test_a_split_without_room_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, grow=1.0)
    networks = empty(3)
    networks.weights[:, 5, 4] = 7.0  # neighbours: no place between
    assert torch.equal(cppn.mutate(networks, torch.Generator().manual_seed(0)).weights, networks.weights)


def test_connections_come_and_go_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    networks = empty(200)
    networks.weights[:, 4, 0], networks.weights[:, -1, 4] = 1.0, 2.0
    only(monkeypatch, connect=1.0)
    child = cppn.mutate(networks, torch.Generator().manual_seed(0))
    new = (child.weights != 0) & (networks.weights == 0)
    assert (new.sum((1, 2)) == 1).all()
    assert (child.weights[networks.weights != 0] == networks.weights[networks.weights != 0]).all()
    possible = {(4, 1), (4, 2), (4, 3), *((16, source) for source in range(4))}  # unused places are no nodes
    assert {(int(i), int(j)) for _, i, j in new.nonzero()} == possible
    only(monkeypatch, disconnect=1.0)
    child = cppn.mutate(networks, torch.Generator().manual_seed(0))
    assert ((child.weights != 0).sum((1, 2)) == 1).all()
    assert 60 < int((child.weights[:, 4, 0] == 1).sum()) < 140


def test_a_node_goes_with_its_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, shrink=1.0)
    networks = empty(5)
    networks.weights[:, 4, 0], networks.weights[:, -1, 4], networks.weights[:, -1, 3] = 1.0, 2.0, 3.0
    child = cppn.mutate(networks, torch.Generator().manual_seed(0))
    assert ((child.weights != 0).sum((1, 2)) == 1).all()
    assert (child.weights[:, -1, 3] == 3).all()


def test_networks_without_a_connection_survive() -> None:
    networks = empty(4)
    for _ in range(3):
        networks = cppn.mutate(networks, torch.Generator().manual_seed(0))
    assert cppn.draw(networks, 3, 3).isfinite().all()


def test_the_same_seed_gives_the_same_networks() -> None:
    first, again = grown(20, 3, 10), grown(20, 3, 10)
    assert torch.equal(first.weights, again.weights)
    assert torch.equal(first.functions, again.functions)
