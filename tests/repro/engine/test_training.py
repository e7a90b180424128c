"""The training loop against loops written out here, and what it calls when."""

import copy

import torch
from torch import Tensor, nn

from repro.engine import training


def problem() -> tuple[nn.Module, list[Tensor]]:
    """A linear model, and eight batches for ``loss``."""
    generator = torch.Generator().manual_seed(0)
    model = nn.Linear(3, 1).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return model, list(torch.randn(8, 4, 3, dtype=torch.float64, generator=generator))


def loss(model: nn.Module, batch: Tensor) -> Tensor:
    """The distance to the sum of the batch's values."""
    return (model(batch)[:, 0] - batch.sum(1)).square().mean()


def same(one: nn.Module, other: nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_one_step_worked_out_by_hand() -> None:
    model = nn.Linear(1, 1, bias=False).double()
    with torch.no_grad():
        model.weight.fill_(2)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    training.fit(model, [torch.tensor([[3.0]]).double()], lambda x: model(x).square().sum(), optimiser)
    assert model.weight.item() == 2 - 0.1 * 2 * 2 * 9  # d (w x)^2 / dw = 2 w x^2


def test_long_gradients_are_clipped_and_short_ones_are_not() -> None:
    for longest, moved in ((1.0, 1.0), (100.0, 36.0)):
        model = nn.Linear(1, 1, bias=False).double()
        with torch.no_grad():
            model.weight.fill_(2)
        optimiser = torch.optim.SGD(model.parameters(), lr=1.0)
        batches = [torch.tensor([[3.0]]).double()]
        training.fit(model, batches, lambda x, model=model: model(x).square().sum(), optimiser, longest=longest)
        torch.testing.assert_close(2 - model.weight.item(), moved, rtol=1e-5, atol=0)  # torch divides by norm + 1e-6


def test_schedule_before_each_step_and_probe_after_it() -> None:
    model, batches = problem()
    weights, calls = [model.weight.detach().clone()], []
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)

    def schedule(step: int) -> None:
        calls.append(("schedule", step))
        assert torch.equal(model.weight, weights[-1])  # not stepped yet
        optimiser.param_groups[0]["lr"] = 0.1 * (step % 2)  # every second step stands still

    def probe(done: int) -> None:
        calls.append(("probe", done))
        assert torch.equal(model.weight, weights[-1]) == (done % 2 == 1)
        weights.append(model.weight.detach().clone())

    training.fit(model, batches, lambda x: loss(model, x), optimiser, schedule=schedule, probe=probe)
    assert calls == [call for step in range(8) for call in (("schedule", step), ("probe", step + 1))]


def test_fit_is_a_plain_loop() -> None:
    model, batches = problem()
    plain = copy.deepcopy(model)
    optimiser = torch.optim.Adam(plain.parameters(), lr=0.01)
    for batch in batches:
        optimiser.zero_grad()
        loss(plain, batch).backward()
        nn.utils.clip_grad_norm_(plain.parameters(), 0.5)
        optimiser.step()
    training.fit(model, batches, lambda x: loss(model, x), torch.optim.Adam(model.parameters(), lr=0.01), longest=0.5)
    assert same(model, plain)


def test_one_cycle_rises_and_falls_to_zero() -> None:
    model, batches = problem()
    plain = copy.deepcopy(model)
    optimiser = torch.optim.AdamW(plain.parameters(), lr=3e-3)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=8)
    rates = []
    for batch in batches:
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.zero_grad()
        loss(plain, batch).backward()
        optimiser.step()
        cycle.step()
    trained = training.one_cycle(model.train(), batches, lambda x: loss(model, x))
    assert trained is model
    assert not model.training
    assert same(model, plain)
    assert rates[0] < max(rates) <= 3e-3
    assert rates[-1] < 1e-7
