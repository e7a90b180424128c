"""Networks and their training: kept weights are those described, and a stopped run ends as an unbroken one."""

import copy
import json
import math
from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from repro.lab import digits, networks, scenes, training
from repro.lab.errors import CheckpointError

# Shares of right answers that every seed must exceed: a little below the worst of three.
LOWEST = {"gap-scenes": 0.99, "gmp-scenes": 0.99, "fc-scenes": 0.98, "residual-scenes": 0.98, "lenet-mnist": 0.97}
LOWEST |= {"zf-scenes": 0.94, "bias-free-scenes": 0.98, "vgg-scenes": 0.99}
TINY = networks.Recipe(images=256, held_out=100, epochs=2, batch=32)


@pytest.mark.parametrize("name", networks.NAMES)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_kept_weights_do_what_their_provenance_says(name: str, seed: int) -> None:
    record = networks.provenance(name, seed)
    accuracy = networks.accuracy(networks.load(name, seed), networks.data(name, 400, seed))
    assert record["data_version"] == scenes.DATA_VERSION
    assert record["accuracy"] > LOWEST[name]
    assert accuracy == pytest.approx(record["accuracy"], abs=0.02)


def test_the_pooling_is_what_tells_the_two_networks_apart() -> None:
    images = torch.rand(2, 3, 64, 64)
    for name, pool in (("gap-scenes", lambda maps: maps.mean((2, 3))), ("gmp-scenes", lambda maps: maps.amax((2, 3)))):
        model = networks.load(name, 1)
        expected = pool(model.features((images - 0.5) / 0.25)) @ model.classifier.weight.T
        torch.testing.assert_close(model(images), expected, rtol=1e-4, atol=1e-4)


def test_a_loaded_network_is_the_callers_own() -> None:
    first, second = networks.load("lenet-mnist", 0), networks.load("lenet-mnist", 0)
    with torch.no_grad():
        for parameter in first.parameters():
            parameter.zero_()
    first.train().requires_grad_(False)
    third = networks.load("lenet-mnist", 0)
    assert not third.training
    assert all(parameter.requires_grad for parameter in third.parameters())
    assert all(torch.equal(value, second.state_dict()[key]) for key, value in third.state_dict().items())


def test_weights_that_were_trained_again_are_read_again(tmp_path) -> None:
    for seed in (3, 4):
        training.train("lenet-mnist", seed, networks.Recipe(images=64, held_out=20, epochs=1, batch=32), tmp_path)
    before = networks.load("lenet-mnist", 3, tmp_path).state_dict()
    for suffix in ("json", "safetensors"):
        (tmp_path / f"lenet-mnist-4.{suffix}").replace(tmp_path / f"lenet-mnist-3.{suffix}")
    after = networks.load("lenet-mnist", 3, tmp_path).state_dict()
    assert not torch.equal(before["classifier.0.weight"], after["classifier.0.weight"])


def test_weights_are_packed_in_half_precision() -> None:
    state = {"weight": torch.tensor([1.0, 0.1, 3e-6]), "count": torch.tensor(7)}
    found = networks.unpack(networks.pack(state))
    assert found["weight"].tolist() == state["weight"].half().tolist()
    assert {value.dtype for value in found.values()} == {torch.float32}
    assert found["count"] == 7


def test_the_table_says_what_each_network_sees() -> None:
    assert tuple(networks.NETWORKS) == networks.NAMES
    for name, row in networks.NETWORKS.items():
        assert name.endswith(f"-{row.input}")
        held_out = networks.data(name, 4, 0)
        images, classes = networks.inputs(held_out.images, held_out.labels)
        assert networks.build(name)(images).shape == (4, 10)
        assert 0 <= networks.error_rate(networks.build(name), images, classes) <= 1


def test_correctly_classified_images_and_other_classes() -> None:
    images, classes = networks.correctly_classified("fc-scenes", 30, 1)
    assert len(images) == len(classes) == 30
    assert networks.error_rate(networks.load("fc-scenes", 1), images, classes) == 0
    targets = networks.other_classes(classes)
    assert (targets != classes).all()
    assert set(((targets - classes) % 10).tolist()) == set(range(1, 10))


def test_training_twice_gives_the_same_and_leaves_the_generator_alone(tmp_path) -> None:
    torch.manual_seed(5)
    expected_draw = torch.rand(1)
    torch.manual_seed(5)
    first = training.train("lenet-mnist", 3, TINY, tmp_path / "a")
    assert torch.equal(torch.rand(1), expected_draw)
    assert first["sha256"] == training.train("lenet-mnist", 3, TINY, tmp_path / "b")["sha256"]
    assert first["sha256"] != training.train("lenet-mnist", 4, TINY, tmp_path / "c")["sha256"]
    assert json.loads((tmp_path / "a" / "lenet-mnist-3.json").read_text()) == first
    model = networks.load("lenet-mnist", 3, tmp_path / "a")
    assert networks.accuracy(model, networks.data("lenet-mnist", 100, 3)) == pytest.approx(first["accuracy"])


def test_training_is_the_plain_loop_of_its_recipe(tmp_path) -> None:
    """The same weights to the last bit, on one thread, as a loop written out here."""
    recipe, seed, steps = networks.Recipe(images=128, held_out=50, epochs=3, batch=32, shift=2), 5, 12
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = networks.build("lenet-mnist").to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(model.parameters(), weight_decay=1e-4)
    learned = digits.load(128, seed, held_out=False)
    images, labels = torch.from_numpy(learned.images), torch.from_numpy(learned.labels)
    for epoch in range(3):
        generator = torch.Generator().manual_seed(1000 * seed + epoch)
        order = torch.randperm(128, generator=generator)
        for batch in range(4):
            done = (4 * epoch + batch) / steps
            rising, falling = 0.04 + 0.96 * done / 0.1, 0.5 * (1 + math.cos(math.pi * (done - 0.1) / 0.9))
            optimiser.param_groups[0]["lr"] = 3e-3 * (rising if done < 0.1 else falling)
            rows = order[32 * batch : 32 * batch + 32]
            places = 2 - torch.randint(5, (32, 2), generator=generator)
            pairs = zip(rows, places.tolist(), strict=True)
            seen = [functional.pad(images[row], (x, -x, y, -y)) for row, (y, x) in pairs]
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=training._native_bfloat16()):
                logits = model((torch.stack(seen) / 255).contiguous(memory_format=torch.channels_last))
            optimiser.zero_grad()
            functional.cross_entropy(logits.float(), labels[rows]).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
    torch.set_num_threads(threads)
    training.train("lenet-mnist", seed, recipe, tmp_path)
    kept = networks.load("lenet-mnist", seed, tmp_path).state_dict()
    assert all(torch.equal(kept[key], value.half().float()) for key, value in model.state_dict().items())


@pytest.mark.parametrize("name", ["zf-scenes", "bias-free-scenes"])
def test_folding_keeps_the_function_and_adds_no_bias(name: str) -> None:
    torch.manual_seed(0)
    plain = networks.build(name)
    model = training._normalised(copy.deepcopy(plain))
    for _ in range(20):
        model(3 * torch.rand(16, 3, 64, 64))
    images = torch.rand(4, 3, 64, 64)
    expected = model.eval()(images)
    assert not torch.allclose(expected, plain(images), rtol=0.1)
    folded = training._folded(model)
    torch.testing.assert_close(folded(images), expected, rtol=1e-4, atol=1e-4)
    assert folded.state_dict().keys() == plain.state_dict().keys()


def test_training_with_batch_norm_ends_without_it(tmp_path) -> None:
    record = training.train("bias-free-scenes", 3, replace(TINY, batch_norm=True), tmp_path)
    model = networks.load("bias-free-scenes", 3, tmp_path)
    assert networks.accuracy(model, scenes.load(100, 3)) == pytest.approx(record["accuracy"])
    assert model(torch.full((1, 3, 64, 64), 0.5)).tolist() == [[0.0] * 10]  # what is normalised to zero gives zero


def test_a_stopped_run_goes_on_where_it_stopped(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = training.train("lenet-mnist", 3, TINY, tmp_path / "whole")
    loss, calls = training._loss, []

    def stops(*arguments) -> torch.Tensor:
        calls.append(1)
        if len(calls) == 11:  # in the middle of the second epoch
            raise KeyboardInterrupt
        return loss(*arguments)

    monkeypatch.setattr(training, "_loss", stops)
    with pytest.raises(KeyboardInterrupt):
        training.train("lenet-mnist", 3, TINY, tmp_path / "stopped")
    assert not (tmp_path / "stopped").exists()  # nothing half done
    calls.clear()
    monkeypatch.setattr(training, "_loss", lambda *arguments: (calls.append(1), loss(*arguments))[1])
    resumed = training.train("lenet-mnist", 3, TINY, tmp_path / "stopped")
    assert len(calls) == 8  # the second epoch only
    assert resumed["sha256"] == whole["sha256"]
    assert sorted(path.name for path in (tmp_path / "stopped").iterdir()) == [
        "lenet-mnist-3.json",
        "lenet-mnist-3.safetensors",
    ]


def test_a_broken_checkpoint_is_named(tmp_path) -> None:
    checkpoint = training._checkpoint("gap-scenes", 9, TINY)
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    checkpoint.write_bytes(b"no checkpoint")
    with pytest.raises(CheckpointError):
        training.train("gap-scenes", 9, TINY, tmp_path)
    checkpoint.unlink()


def test_an_untrained_network_depends_on_its_seed_alone() -> None:
    before = torch.get_rng_state()
    first, again, other = (networks.untrained("lenet-mnist", seed).state_dict() for seed in (3, 3, 4))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)
