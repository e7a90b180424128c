"""Fooling images against the definition in loops, numbers worked out by hand, and what MAP-Elites promises."""

import colorsys
import copy
import math

import pytest
import torch
from torch import Tensor, nn

from repro.adversarial.fooling_images import ascend, fooling_images, stride
from repro.engine import encodings
from repro.engine.encodings import evolve
from repro.engine.errors import ClassesError, OptionsError
from repro.experiments.adversarial.fooling_images import _likeness
from repro.lab import networks

CONTRACT = {
    "fooling_images": {"generations": 3},
    "fooling_images, evolved": {"generations": 2, "encoding": "direct"},
}

SHAPE = (1, 6, 5)
EVOLVED = pytest.mark.parametrize("encoding", ["direct", "cppn"])
EVERY = pytest.mark.parametrize("encoding", ["gradient", "direct", "cppn"])


class Small(nn.Module):
    """Five classes, smooth, with dropout and BatchNorm so that a wrong mode shows; it counts its forward passes."""

    def __init__(self, shape: tuple[int, int, int] = SHAPE) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.convolution, self.normalisation = nn.Conv2d(shape[0], 4, 3), nn.BatchNorm2d(4)
        self.dropout, self.linear = nn.Dropout(0.5), nn.Linear(4 * (shape[1] - 2) * (shape[2] - 2), 5)
        nn.init.normal_(self.linear.weight, std=0.5)
        self.double()
        self.batches: list[int] = []

    def forward(self, images: Tensor) -> Tensor:
        self.batches.append(len(images))
        maps = nn.functional.softplus(self.normalisation(self.convolution(images - 0.5)))
        return self.linear(self.dropout(maps).flatten(1))


def probabilities(model: nn.Module, images: Tensor) -> Tensor:
    with torch.no_grad():
        return model(images).softmax(1)


# --- gradient ascent


def test_strides_worked_out_by_hand() -> None:
    """r g for g = dp/dX = p (3, 4), |g| = 5 p: it raises p to first order by r |g|^2."""
    p = torch.tensor([0.5, 0.9, 1e-6, 1.0], dtype=torch.float64)
    slope = torch.tensor([3.0, 4.0], dtype=torch.float64).expand(4, 2).reshape(4, 1, 1, 2)
    found = stride(p.log(), slope)[:, 0, 0]
    # by 0.03; by a tenth of 0.1; by p itself, which doubles it; by nothing
    rises = torch.tensor([0.03 / 0.5, 0.01 / 0.9, 1.0, 0.0], dtype=torch.float64)
    torch.testing.assert_close(found, rises[:, None] * torch.tensor([3 / 25, 4 / 25], dtype=torch.float64))


def slow_ascent(model: nn.Module, start: Tensor, centre: float, target: int, steps: int, decay: float) -> Tensor:
    """The paper's code's step for one image, its gradient by differences, one pixel at a time."""
    values, h = start.flatten().tolist(), 1e-5

    def p(of: list[float]) -> float:
        return float(probabilities(model, torch.tensor(of, dtype=torch.float64).view(1, *start.shape))[0, target])

    for _ in range(steps):
        values = [min(max(value, 0.0), 1.0) for value in values]
        now, g = p(values), []
        for i, value in enumerate(values):
            up, down = ([*values[:i], value + sign * h, *values[i + 1 :]] for sign in (1, -1))
            g.append((p(up) - p(down)) / (2 * h))
        rate = min(0.03, 0.1 * (1 - now), now) / sum(each**2 for each in g)
        values = [centre + (1 - decay) * (value + rate * each - centre) for value, each in zip(values, g, strict=True)]
    return torch.tensor([min(max(value, 0.0), 1.0) for value in values], dtype=torch.float64).view(start.shape)


@pytest.mark.parametrize("decay", [0.0, 0.05])
def test_ascent_equals_the_definition_in_loops(decay: float) -> None:
    model, classes = Small().eval(), [4, 1, 0]
    options = {"shape": SHAPE, "mean": 0.4, "decay": decay, "seed": 2}
    start = ascend(model, torch.tensor(classes), steps=0, **options).images
    found = ascend(model, torch.tensor(classes), steps=15, **options)
    assert (found.images - start).abs().max() > 0.1
    for i, target in enumerate(classes):
        expected = slow_ascent(model, start[i], 0.4, target, 15, decay)
        torch.testing.assert_close(found.images[i], expected, rtol=0, atol=1e-7)
    assert ((found.images == 0) | (found.images == 1)).any()  # the cut was tested too


def test_ascent_begins_at_the_mean_with_noise_of_one_of_255_levels() -> None:
    mean = torch.linspace(0.2, 0.8, 3 * 20 * 20).view(3, 20, 20)
    model = nn.Sequential(nn.Flatten(), nn.Linear(1200, 3))
    start = ascend(model, torch.tensor([0, 1]), shape=(3, 20, 20), steps=0, mean=mean).images
    assert torch.equal(start[0], start[1])
    assert float((start[0] - mean).std() * 255) == pytest.approx(1, abs=0.1)


def straight(weights: Tensor, biases: Tensor) -> nn.Module:
    """Linear logits, for which log p is concave: gradient ascent cannot get stuck."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(30, len(weights)))
    with torch.no_grad():
        model[1].weight.copy_(weights)
        model[1].bias.copy_(biases - weights.sum(1) / 2)  # the logits of half grey
    return model


def test_ascent_reaches_its_class_and_decay_keeps_it_near_the_mean() -> None:
    model = straight(3 * torch.randn(5, 30, generator=torch.Generator().manual_seed(0)), torch.zeros(5))
    free, kept = (ascend(model, torch.arange(5), shape=SHAPE, steps=150, decay=decay) for decay in (0.0, 0.1))
    assert free.confidences[0].max() < 0.3
    assert free.confidences[-1].min() > 0.999
    away = [(found.images - 0.5).square().sum((1, 2, 3)) for found in (free, kept)]
    assert (away[1] < away[0]).all()
    assert (kept.confidences[-1] < free.confidences[-1]).all()


def test_ascent_of_a_class_that_is_all_but_impossible() -> None:
    """In float32, p = 1e-30: p's own gradient squared would be zero."""
    model = straight(torch.linspace(-20, 20, 60).view(2, 30), torch.tensor([69.0, 0.0]))
    found = ascend(model, torch.tensor([1]), shape=SHAPE, steps=300)
    assert found.confidences[0] < 1e-29
    assert found.confidences[-1] > 0.99


def test_ascent_of_different_classes_equals_one_by_one() -> None:
    model, classes = Small(), torch.tensor([3, 0, 3, 2])
    together = ascend(model, classes, shape=SHAPE, steps=20)
    for i in range(4):
        alone = ascend(model, classes[i : i + 1], shape=SHAPE, steps=20)
        torch.testing.assert_close(together.images[i : i + 1], alone.images)
        torch.testing.assert_close(together.confidences[:, i : i + 1], alone.confidences)


# --- evolution


def slow_evolution(model: nn.Module, encoding: str, generations: int, children: int, seed: int) -> list[Tensor]:
    """MAP-Elites one child at a time: whoever scores higher on a class than its champion takes the place."""
    generator = torch.Generator().manual_seed(seed)
    code = encodings.EVOLVED[encoding](SHAPE, generator, torch.float64)
    archive: dict[int, tuple[float, tuple[Tensor, ...]]] = {}

    def judge(genomes: tuple[Tensor, ...]) -> None:
        for child in range(children):
            genome = tuple(part[child : child + 1] for part in genomes)
            scores = probabilities(model, code.images(genome))[0].tolist()
            for cell, score in enumerate(scores):
                if cell not in archive or score > archive[cell][0]:
                    archive[cell] = (score, genome)

    judge(code.start(children))
    for generation in range(generations):
        parents = torch.randint(5, (children,), generator=generator).tolist()
        chosen = [archive[cell][1] for cell in parents]
        judge(code.mutate(tuple(torch.cat(parts) for parts in zip(*chosen, strict=True)), generation))
    return [code.images(archive[cell][1])[0] for cell in range(5)]


@EVOLVED
def test_evolution_equals_one_child_at_a_time(encoding: str) -> None:
    model = Small().eval()
    expected = torch.stack(slow_evolution(model, encoding, 12, 7, seed=4))
    found = evolve(model, shape=SHAPE, encoding=encoding, generations=12, children=7, seed=4).images
    torch.testing.assert_close(found, expected)
    start = evolve(model, shape=SHAPE, encoding=encoding, generations=0, children=7, seed=4).images
    assert (start != found).flatten(1).any(1).sum() >= 3  # most classes have got another champion


@EVOLVED
def test_a_champion_never_gets_worse_and_is_what_is_returned(encoding: str) -> None:
    model = Small()
    found = evolve(model, shape=SHAPE, encoding=encoding, generations=40, children=20)
    assert found.confidences.shape == (41, 5)
    assert (found.confidences.diff(dim=0) >= 0).all()
    assert (found.confidences[-1] > found.confidences[0]).all()
    of_own_class = probabilities(model.eval(), found.images).diagonal()
    torch.testing.assert_close(of_own_class, found.confidences[-1])
    assert found.images.min() >= 0
    assert found.images.max() <= 1


@EVOLVED
def test_one_run_serves_all_classes_and_a_generation_is_one_batch(encoding: str) -> None:
    model = Small()
    archive = evolve(model, shape=SHAPE, encoding=encoding, generations=6, seed=1)
    assert model.batches == [200] * 7
    found = fooling_images(model, torch.tensor([4, 1, 4]), shape=SHAPE, encoding=encoding, generations=6, seed=1)
    assert model.batches[7:] == [3] + [200] * 7
    assert torch.equal(found, archive.images[[4, 1, 4]])


def test_longer_runs_begin_like_shorter_ones() -> None:
    short, long = (evolve(Small(), shape=SHAPE, generations=count, children=10) for count in (5, 9))
    assert torch.equal(long.confidences[:6], short.confidences)


def test_pixels_begin_uniform_and_change_at_the_papers_rates() -> None:
    code = encodings.direct((1, 50, 40), torch.Generator().manual_seed(0), torch.float64)
    parents = code.start(50)
    values = parents[0].flatten()
    assert values.shape == (100_000,)
    for share in (0.1, 0.5, 0.9):
        assert float((values < share).double().mean()) == pytest.approx(share, abs=0.005)
    for generation, rate in ((0, 0.1), (999, 0.1), (1000, 0.05), (2500, 0.025)):
        (child,) = code.mutate(parents, generation)
        assert float((child != parents[0]).double().mean()) == pytest.approx(rate, abs=0.004)
        assert child.min() >= 0
        assert child.max() <= 1
    # pixels in the middle are never cut: the mean size of their steps is 1 / (eta + 2)
    (child,), middle = code.mutate(parents, 0), (parents[0] - 0.5).abs() < 0.1
    steps = (child - parents[0])[middle & (child != parents[0])]
    assert float(steps.abs().mean()) == pytest.approx(1 / 17, rel=0.08)


def test_three_channels_are_hue_saturation_and_value() -> None:
    values = torch.rand(5, 3, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = encodings.coloured(values)
    for image, colours in zip(values, found, strict=True):
        for row in range(4):
            for column in range(4):
                expected = colorsys.hsv_to_rgb(*image[:, row, column].tolist())
                assert colours[:, row, column].tolist() == pytest.approx(expected, abs=1e-12)
    assert encodings.coloured(torch.tensor([1 / 3, 1.0, 0.5]).view(1, 3, 1, 1)).flatten().tolist() == pytest.approx(
        [0, 0.5, 0], abs=1e-6
    )
    assert torch.equal(encodings.coloured(values[:, :1]), values[:, :1])


# --- both


@EVERY
@pytest.mark.parametrize("shape", [(1, 6, 5), (3, 5, 6)])
def test_the_seed_decides(encoding: str, shape: tuple[int, int, int]) -> None:
    def found(seed: int) -> Tensor:
        torch.rand(1)  # the global generator, elsewhere each time, has no say
        return fooling_images(model, torch.tensor([0, 2]), shape=shape, encoding=encoding, generations=4, seed=seed)

    model = Small(shape)
    first = found(0)
    assert first.shape == (2, *shape)
    assert first.dtype == torch.float64
    assert torch.equal(first, found(0))
    assert not torch.equal(first, found(1))


def test_digits_are_fooled() -> None:
    """On a trained LeNet, within 150 generations of 100: most classes above 99%."""
    found = evolve(networks.load("lenet-mnist", 0), shape=(1, 28, 28), generations=150, children=100)
    assert found.images.dtype == torch.float32
    assert found.confidences[-1].median() > 0.99
    assert found.confidences[0].median() < 0.5


@EVERY
def test_progress_is_reported(encoding: str) -> None:
    shares: list[float] = []
    fooling_images(
        Small(), torch.tensor([0]), shape=SHAPE, encoding=encoding, generations=4, report=lambda s: shares.append(s)
    )
    assert shares == [0.25, 0.5, 0.75, 1.0]


@EVERY
@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("around", [torch.enable_grad, torch.no_grad, torch.inference_mode])
def test_the_model_is_left_as_it_was_found(encoding: str, fails: bool, around) -> None:
    model = Small().train()
    model.dropout.eval()  # mixed modes
    model.convolution.weight.requires_grad_(False)
    model.linear.bias.grad = torch.ones_like(model.linear.bias)
    before = copy.deepcopy(model.state_dict())

    def fail(share: float) -> None:
        if fails:
            raise RuntimeError("stopped")

    with around():
        arguments = {"shape": SHAPE, "encoding": encoding, "generations": 3, "report": fail}
        if fails:
            with pytest.raises(RuntimeError, match="stopped"):
                fooling_images(model, torch.tensor([0, 4]), **arguments)
        else:
            assert not fooling_images(model, torch.tensor([0, 4]), **arguments).requires_grad
    assert [m.training for m in (model, model.normalisation, model.dropout)] == [True, True, False]
    assert [p.requires_grad for p in model.parameters()] == [False] + [True] * 5
    assert [p.grad is None for p in model.parameters()] == [True] * 5 + [False]
    assert model.linear.bias.grad.tolist() == [1.0] * 5
    assert all(not m._forward_hooks and not m._backward_hooks for m in model.modules())
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize("classes", [torch.tensor([5]), torch.tensor([-1]), torch.tensor([0.0])])
@EVERY
def test_classes_that_do_not_fit_are_refused(encoding: str, classes: Tensor) -> None:
    with pytest.raises(ClassesError):
        fooling_images(Small(), classes, shape=SHAPE, encoding=encoding)


def test_what_cannot_be_is_refused() -> None:
    model, classes = Small(), torch.tensor([0])
    with pytest.raises(OptionsError):
        fooling_images(model, classes, shape=SHAPE, encoding="hsv")
    with pytest.raises(OptionsError):
        evolve(model, shape=SHAPE, encoding="gradient")
    for shape in ((2, 6, 5), (6, 5), (1, 0, 5)):
        with pytest.raises(OptionsError):
            evolve(model, shape=shape)
        with pytest.raises(OptionsError):
            fooling_images(model, classes, shape=shape)
    for options in ({"generations": -1}, {"children": 0}):
        with pytest.raises(OptionsError):
            evolve(model, shape=SHAPE, **options)
    with pytest.raises(OptionsError):
        ascend(model, classes, shape=SHAPE, steps=-1)
    with pytest.raises(OptionsError):
        ascend(model, classes, shape=SHAPE, decay=1.5)


def test_gradient_ascent_looks_once_more_than_it_steps_and_once_for_the_number_of_classes() -> None:
    model = Small()
    fooling_images(model, torch.tensor([4, 1]), shape=SHAPE, generations=3)
    assert model.batches == [2] * 5


def test_likeness_worked_out_by_hand() -> None:
    edge = torch.tensor([[0.0, 0.0], [1.0, 1.0]]).view(1, 1, 2, 2)
    among = torch.cat([edge, edge.mT])
    brighter, negative, checks = 0.3 + edge / 2, 1 - edge, torch.eye(2).view(1, 1, 2, 2)
    corner, flat = torch.tensor([[0.0, 0.0], [0.0, 1.0]]).view(1, 1, 2, 2), torch.full((1, 1, 2, 2), 0.4)
    found = [_likeness(each, among) for each in (brighter, negative, checks, corner, flat)]
    assert found == pytest.approx([1, 1, 0, 3**-0.5, 0], abs=1e-6)
    assert _likeness(torch.cat([brighter, negative, checks, corner, flat]), among) == pytest.approx(3**-0.5, abs=1e-6)


@EVERY
@pytest.mark.parametrize("shape", [SHAPE, (3, 6, 5)])
def test_once_it_runs_nothing_is_waited_for(encoding: str, shape: tuple[int, int, int], unwaiting) -> None:
    options = {"shape": shape, "encoding": encoding, "generations": 4, "report": unwaiting}
    fooling_images(Small(shape), torch.tensor([0, 3]), **options)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@EVERY
def test_on_a_graphics_card_the_pictures_stay_there(encoding: str) -> None:
    model, classes = Small().cuda(), torch.tensor([0, 3]).cuda()
    found = fooling_images(model, classes, shape=SHAPE, encoding=encoding, generations=30)
    assert found.is_cuda
    assert math.isfinite(float(found.sum()))
