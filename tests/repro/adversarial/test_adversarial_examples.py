"""Adversarial examples against numbers worked out by hand, closed forms, scipy, and torchattacks."""

import copy
import itertools
import math

import pytest
import torch
from torch import Tensor, nn

from repro.adversarial.adversarial_examples import adversarial_examples, distortion, fgsm
from repro.engine.errors import ClassesError, GradientError, ImagesError, OptionsError
from repro.experiments.adversarial.linearity import straightness
from repro.experiments.adversarial.transfer import agreement
from repro.lab import models, networks
from repro.lab.operator_norms import operator_norms
from repro.lab.perturbations import of_size

CONTRACT = {
    "adversarial_examples": {"searches": 2, "evaluations": 3},
    "fgsm": {"budget": 0.1},
}
BENCHMARK = {
    "adversarial-examples-fgsm": {
        "floor": "to_the_pixels",
        "ours": lambda s: fgsm(s.model, s.images, s.classes, budget=8 / 255),
        "peers": {"torchattacks": ("torchattacks", "FGSM", {"eps": 8 / 255})},
    }
}


class Linear(nn.Module):
    """Logits w_k x + b_k."""

    def __init__(self, weights: Tensor, biases: Tensor | float = 0.0) -> None:
        super().__init__()
        self.weights, self.biases = nn.Parameter(weights), biases

    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1) @ self.weights.T + self.biases


class Smooth(nn.Module):
    """A small network without a kink, with dropout to catch who forgets to evaluate."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Conv2d(1, 4, 3, padding=1), nn.Linear(64, 4)
        self.dropout = nn.Dropout(0.5)
        self.double()
        with torch.no_grad():
            self.second.weight *= 6

    def forward(self, images: Tensor) -> Tensor:
        return self.second(self.dropout((3 * self.first(images)).tanh().flatten(1)))


def images_of(count: int, size: int = 4) -> Tensor:
    return torch.rand(count, 1, size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def torchattacks(require_module):
    models.torchvision()  # which torchattacks imports
    return require_module("torchattacks", "pip install torchattacks")


# The fast gradient sign method


def test_fgsm_worked_out_by_hand() -> None:
    weights = torch.tensor([[1.0, -2.0, 0.0, 3.0], [-1.0, 2.0, 0.0, 4.0]])
    images = torch.tensor([[[[0.5, 0.5], [0.5, 0.95]]], [[[0.05, 0.5], [0.5, 0.5]]]])
    # away from class 0: the sign of w_1 - w_0 = (-2, 4, 0, 1); away from class 1 the opposite
    found = fgsm(Linear(weights), images, torch.tensor([0, 1]), 0.1)
    expected = torch.tensor([[[[0.4, 0.6], [0.5, 1.0]]], [[[0.15, 0.4], [0.5, 0.4]]]])
    torch.testing.assert_close(found, expected)


def test_fgsm_is_the_worst_of_the_whole_box_for_a_linear_model() -> None:
    """Goodfellow et al. 2015, Sec. 3: of all eta with max norm epsilon none raises the loss as much."""
    weights = torch.randn(2, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    image = 0.3 + 0.4 * torch.rand(1, 2, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    model, epsilon = Linear(weights), 0.1
    corners = torch.tensor(list(itertools.product((-epsilon, epsilon), repeat=8)), dtype=torch.float64)
    for true in (0, 1):
        losses = nn.functional.cross_entropy(
            model(image + corners.view(-1, 2, 2, 2)), torch.full((256,), true), reduction="none"
        )
        found = fgsm(model, image, torch.tensor([true]), epsilon)
        loss = nn.functional.cross_entropy(model(found), torch.tensor([true]))
        assert losses.max().item() == pytest.approx(loss.item(), rel=1e-12)
        margin = (model(image)[0, 1 - true] - model(image)[0, true]).item()
        rise = epsilon * (weights[0] - weights[1]).abs().sum().item()  # epsilon ||w||_1, Sec. 3
        assert loss.item() == pytest.approx(math.log1p(math.exp(margin + rise)), rel=1e-12)


def test_fgsm_equals_finite_differences_of_the_cross_entropy() -> None:
    model, images, classes, step = Smooth().eval(), images_of(2), [3, 0], 1e-6
    expected = images.clone()
    for b in range(2):
        for i, j in itertools.product(range(4), repeat=2):
            losses = []
            for sign in (1, -1):
                moved = images[b : b + 1].clone()
                moved[0, 0, i, j] += sign * step
                logits = model(moved)[0].tolist()
                losses.append(math.log(sum(math.exp(z) for z in logits)) - logits[classes[b]])
            slope = losses[0] - losses[1]
            expected[b, 0, i, j] = min(max(expected[b, 0, i, j].item() + math.copysign(0.07, slope), 0.0), 1.0)
    torch.testing.assert_close(fgsm(model, images, torch.tensor(classes), 0.07), expected, rtol=0, atol=1e-15)


@pytest.mark.parametrize("name", ["fc-scenes", "gap-scenes", "lenet-mnist"])
def test_fgsm_equals_torchattacks(name: str, torchattacks) -> None:
    class Doubtful(nn.Module):
        """Its logits divided by ten: as sure as these networks are, torchattacks's float64 too is at its end."""

        def __init__(self) -> None:
            super().__init__()
            self.network = networks.load(name, 0).double()

        def forward(self, images: Tensor) -> Tensor:
            return self.network(images) / 10

    model, held_out = Doubtful(), networks.data(name, 20, 0)
    images, classes = torch.from_numpy(held_out.images).double() / 255, torch.from_numpy(held_out.labels)
    theirs = torchattacks.FGSM(model, eps=8 / 255)(images, classes)
    torch.testing.assert_close(fgsm(model, images, classes, 8 / 255), theirs, rtol=0, atol=1e-10)
    assert (theirs - images).abs().max() > 0.03


def test_torchattacks_moves_the_wrong_way_where_the_network_is_sure(torchattacks) -> None:
    """In float32 the softmax of the true class rounds to one, and its part of the gradient to nothing."""
    weights = torch.tensor([[4.0, 1.0, 3.0, 2.0], [1.0, 2.0, 1.0, -3.0]])
    model = Linear(weights, torch.tensor([25.0, 0.0]))
    image, true = torch.full((1, 1, 2, 2), 0.5), torch.tensor([0])
    exact = torchattacks.FGSM(copy.deepcopy(model).double(), eps=0.1)(image.double(), true)
    torch.testing.assert_close(fgsm(model, image, true, 0.1), exact.float())
    theirs = torchattacks.FGSM(model, eps=0.1)(image, true)
    # w_1 - w_0 is (-3, 1, -2, -5), and theirs follows w_1 = (1, 2, 1, -3) alone
    assert (theirs - exact.float()).flatten().tolist() == pytest.approx([0.2, 0.0, 0.2, 0.0])
    losses = [model(each)[0, 1] - model(each)[0, 0] for each in (exact.float(), theirs)]
    assert (losses[0] - losses[1]).item() == pytest.approx(1.0, rel=1e-4)


def test_normalisation_belongs_into_the_model(torchattacks) -> None:
    """torchattacks takes normalised images if it is told how to undo that; in the model it is simpler, and the same."""

    class Normalisation(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return (images - 0.4) / 0.2

    model, images, classes = Smooth().eval(), images_of(4), torch.arange(4)
    attack = torchattacks.FGSM(model, eps=0.07)
    attack.set_normalization_used(mean=[0.4], std=[0.2])
    theirs = attack((images - 0.4) / 0.2, classes) * 0.2 + 0.4
    found = fgsm(nn.Sequential(Normalisation(), model), images, classes, 0.07)
    torch.testing.assert_close(found, theirs, rtol=0, atol=1e-7)  # its mean and deviation are float32
    with pytest.raises(ImagesError):
        fgsm(model, (images - 0.4) / 0.2, classes, 0.07)


def test_fgsm_stays_in_the_image_and_within_the_budget() -> None:
    model, images = networks.load("fc-scenes", 0), torch.rand(4, 3, 64, 64)
    images[0], images[1] = 0, 1
    for budget in (0.0, 0.01, 0.3):
        found = fgsm(model, images, torch.arange(4), budget)
        assert found.min() >= 0
        assert found.max() <= 1
        assert (found - images).abs().max() <= budget + 1e-7
        assert (distortion(images, found) <= budget + 1e-7).all()


# Box-constrained L-BFGS


def nearest_of_a_half_space(image: Tensor, normal: Tensor, offset: float) -> Tensor:
    """The smallest r with normal (x + r) >= offset in the box: x + r = clamp(x + lambda normal), lambda by halving."""
    low, high = 0.0, 1e6
    for _ in range(200):
        middle = (low + high) / 2
        if float(normal @ (image + middle * normal).clamp(0, 1)) >= offset:
            high = middle
        else:
            low = middle
    return (image + high * normal).clamp(0, 1) - image


@pytest.mark.parametrize("at_the_bounds", [False, True])
def test_lbfgs_finds_the_smallest_change_for_a_linear_model(at_the_bounds: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    weights = 3 * torch.randn(2, 16, dtype=torch.float64, generator=generator)
    images = images_of(4).round() * 0.98 + 0.01 if at_the_bounds else 0.4 + 0.2 * images_of(4)
    model = Linear(weights)
    targets = model(images).argmin(1)
    found = adversarial_examples(model, images, targets, searches=25, evaluations=60)
    assert (model(found).argmax(1) == targets).all()
    for b in range(4):
        normal = weights[targets[b]] - weights[1 - targets[b]]
        exact = nearest_of_a_half_space(images[b].flatten(), normal, 0.0)
        r = (found[b] - images[b]).flatten()
        if at_the_bounds:
            assert (found[b] % 1 == 0).any()  # black or white somewhere
        else:
            by_projection = -(normal @ images[b].flatten()) / (normal @ normal) * normal
            torch.testing.assert_close(exact, by_projection, rtol=0, atol=1e-9)
        assert exact.norm() - 1e-9 <= r.norm() <= 1.0001 * exact.norm()
        torch.testing.assert_close(r, exact, rtol=0, atol=2e-3 * float(exact.abs().max()))


def test_lbfgs_is_as_short_as_scipys_with_the_same_search(require_module) -> None:
    """A slow second implementation of Sec. 4.1: one image at a time, scipy's L-BFGS-B, c over a fine grid."""
    optimize = require_module("scipy.optimize", "pip install scipy")
    model, images, targets = Smooth().eval(), images_of(3), torch.tensor([2, 0, 1])
    found = adversarial_examples(model, images, targets, searches=12, evaluations=60)
    assert (model(found).argmax(1) == targets).all()
    for b in range(3):
        start, shortest = images[b].flatten().numpy(), math.inf

        def objective(point, c: float, b=b, start=start):
            pixels = torch.from_numpy(point).view(1, 1, 4, 4).requires_grad_()
            loss = nn.functional.cross_entropy(model(pixels), targets[b : b + 1])
            (gradient,) = torch.autograd.grad(loss, pixels)
            r = point - start
            return loss.item() + c * (r @ r), gradient.flatten().numpy() + 2 * c * r

        for c in torch.logspace(-2, 3, 101).tolist():
            point = optimize.minimize(objective, start, (c,), jac=True, method="L-BFGS-B", bounds=[(0, 1)] * 16).x
            if model(torch.from_numpy(point).view(1, 1, 4, 4)).argmax() == targets[b]:
                shortest = min(shortest, float(((point - start) ** 2).mean() ** 0.5))
        ratio = distortion(images[b : b + 1], found[b : b + 1]).item() / shortest
        assert 0.9 < ratio < 1.02  # of two local minima ours may be the nearer


def test_lbfgs_reaches_every_class_and_stays_in_the_box() -> None:
    model, held_out = networks.load("lenet-mnist", 0), networks.data("lenet-mnist", 2, 0)
    images, classes = networks.inputs(held_out.images, held_out.labels)
    images, targets = images.repeat_interleave(10, 0), torch.arange(10).repeat(2)
    shares: list[float] = []
    found = adversarial_examples(model, images, targets, report=shares.append)
    assert shares == [i / 8 for i in range(1, 9)]
    assert model(found).argmax(1).tolist() == targets.tolist()
    assert found.min() >= 0
    assert found.max() <= 1
    own = model(images).argmax(1) == targets
    assert own.tolist() == (classes.repeat_interleave(10) == targets).tolist()
    assert torch.equal(found[own], images[own])  # of this class already: nothing to add
    # and within a budget: what is further away comes back as it was
    lengths = distortion(images, found)
    budget = float(lengths[~own].median())
    within = adversarial_examples(model, images, targets, budget=budget)
    near = lengths <= budget
    assert 0 < (near & ~own).sum() < (~own).sum()
    assert torch.equal(within[near], found[near])
    assert torch.equal(within[~near], images[~near])


def test_no_smaller_change_exists_than_the_layers_norms_allow() -> None:
    """Szegedy et al. 2014, Sec. 4.3: logits move by at most the product of the norms, times the change's length."""
    model, held_out = networks.load("lenet-mnist", 0), networks.data("lenet-mnist", 10, 0)
    images, classes = networks.inputs(held_out.images, held_out.labels)
    found = adversarial_examples(model, images, (classes + 1) % 10, searches=4)
    bound = math.prod(operator_norms(model, images[:1]))
    moved, length = (model(found) - model(images)).norm(dim=1), (found - images).flatten(1).norm(dim=1)
    assert (moved <= bound * length).all()
    assert (moved > 1e-3 * bound * length).all()  # and the bound is not absurd


def test_operator_norms_are_the_largest_singular_values() -> None:
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(2, 3, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(27, 5)).double()
    image = torch.rand(1, 2, 6, 6, dtype=torch.float64)
    basis = torch.eye(72, dtype=torch.float64).view(72, 2, 6, 6)
    matrix = (layers[0](basis) - layers[0](torch.zeros_like(image))).flatten(1)
    expected = [torch.linalg.matrix_norm(each, 2).item() for each in (matrix.detach(), layers[3].weight.detach())]
    assert operator_norms(layers, image) == pytest.approx(expected, rel=1e-3)


def test_operator_norms_draw_from_a_generator_of_their_own_and_leave_no_hook() -> None:
    layers, image = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(9, 2)), torch.rand(1, 1, 4, 4)
    before = torch.get_rng_state()
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        operator_norms(layers, image)
    assert all(not module._forward_hooks for module in layers.modules())
    operator_norms(layers[0], image)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_class_out_of_reach_leaves_the_image() -> None:
    weights = torch.zeros(3, 16, dtype=torch.float64)
    weights[1] = 1
    model, images = Linear(weights, torch.tensor([4.0, 0.0, -50.0])), images_of(2)
    found = adversarial_examples(model, images, torch.tensor([2, 1]), searches=6)
    assert torch.equal(found[0], images[0])
    assert model(found)[1].argmax() == 1


# Both


def attacks(model: nn.Module, images: Tensor, classes: Tensor) -> list[Tensor]:
    return [
        fgsm(model, images, classes, 0.07),
        adversarial_examples(model, images, classes, searches=3, evaluations=10),
    ]


def test_batch_of_different_classes_equals_one_by_one() -> None:
    model, images, classes = Smooth(), images_of(4), torch.arange(4)
    together = attacks(model, images, classes)
    alone = [attacks(model, images[b : b + 1], classes[b : b + 1]) for b in range(4)]
    stepped, searched = (torch.cat([each[i] for each in alone]) for i in range(2))
    torch.testing.assert_close(together[0], stepped, rtol=0, atol=1e-9)
    # a search amplifies the last bit: what it reached is the same, not to the last digit where
    torch.testing.assert_close(distortion(images, together[1]), distortion(images, searched), rtol=1e-4, atol=0)
    model.eval()
    assert torch.equal(model(together[1]).argmax(1), model(searched).argmax(1))


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("around", [torch.enable_grad, torch.no_grad, torch.inference_mode])
def test_the_model_is_left_as_it_was_found(fails: bool, around) -> None:
    model = Smooth().train()
    model.first.weight.requires_grad_(False)
    model.second.bias.grad = torch.ones_like(model.second.bias)
    before = copy.deepcopy(model.state_dict())
    with around():
        images = images_of(2)
        kept = images.clone()
        if fails:
            for attack in (lambda c: fgsm(model, images, c, 0.1), lambda c: adversarial_examples(model, images, c)):
                with pytest.raises(ClassesError):
                    attack(torch.tensor([0, 4]))
        else:
            first, second = (attacks(model, images, torch.tensor([0, 3])) for _ in range(2))
            for one, other in zip(first, second, strict=True):
                assert torch.equal(one, other)  # no dropout: it was evaluated, although it trains
                assert not one.requires_grad
        assert torch.equal(images, kept)
        assert not images.requires_grad
    assert model.training
    assert model.dropout.training
    assert [p.requires_grad for p in model.parameters()] == [False, True, True, True]
    assert [p.grad is None for p in model.parameters()] == [True, True, True, False]
    assert model.second.bias.grad.tolist() == [1.0] * 4
    assert all(not m._forward_hooks and not m._backward_hooks for m in model.modules())
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_an_image_that_wants_a_gradient_gets_none() -> None:
    images = images_of(1).requires_grad_()
    for found in attacks(Smooth(), images, torch.tensor([1])):
        assert not found.requires_grad
    assert images.grad is None
    assert images.is_leaf
    assert images.requires_grad


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_precision_is_the_images(dtype: torch.dtype) -> None:
    model, images = Smooth().to(dtype), images_of(2).to(dtype)
    assert [found.dtype for found in attacks(model, images, torch.tensor([1, 2]))] == [dtype] * 2


def test_a_change_of_another_size_and_no_change() -> None:
    changes = torch.tensor([3.0, 4.0, 0.0, 0.0]).view(2, 1, 1, 2)
    found = of_size(changes, torch.tensor([2**-0.5, 0.1]))  # 5 / sqrt(2) becomes 1 / sqrt(2)
    torch.testing.assert_close(found, torch.tensor([0.6, 0.8, 0.0, 0.0]).view(2, 1, 1, 2))


def test_straightness_worked_out_by_hand() -> None:
    epsilons = torch.tensor([0.0, 1.0, 2.0])
    line, tent = torch.tensor([0.0, 3.0, 6.0]), torch.tensor([0.0, 1.0, 0.0])  # the best line along a tent is flat
    logits = torch.stack([torch.stack([line, -line], 1), torch.stack([line, 9 * tent], 1)], 1)
    # the second image: of 18 + 54 the line explains 18
    assert straightness(epsilons, logits) == pytest.approx((1 + 18 / 72) / 2)


def test_agreement_worked_out_by_hand() -> None:
    agree, chance = agreement(torch.tensor([1, 1, 2]), torch.tensor([1, 2, 2]))
    assert agree.tolist() == [1, 0, 1]
    assert chance.tolist() == [0, 0.5, 0.5]  # of the other two images, never the image itself
    assert [len(each) for each in agreement(torch.tensor([1]), torch.tensor([1]))] == [0, 0]


def test_the_search_waits_for_nothing(unwaiting) -> None:
    adversarial_examples(Smooth(), images_of(2), torch.tensor([1, 2]), searches=3, evaluations=5, report=unwaiting)


def test_distortion_worked_out_by_hand() -> None:
    others = torch.zeros(2, 1, 2, 2)
    others[0, 0, 0, 0] = 0.2
    others[1] = 0.3
    torch.testing.assert_close(distortion(torch.zeros(2, 1, 2, 2), others), torch.tensor([0.1, 0.3]))


@pytest.mark.parametrize(
    ("images", "classes", "budget", "error"),
    [
        (images_of(2) + 0.5, [0, 1], 0.1, ImagesError),
        (images_of(2) - 0.5, [0, 1], 0.1, ImagesError),
        (images_of(2) * math.nan, [0, 1], 0.1, ImagesError),
        (images_of(2).round().to(torch.uint8), [0, 1], 0.1, ImagesError),
        (images_of(2), [0, 1], -0.1, OptionsError),
        (images_of(2), [0, 1], math.nan, OptionsError),
        (images_of(2), [0], 0.1, ClassesError),
        (images_of(2), [0, -1], 0.1, ClassesError),
        (images_of(2), [0.0, 1.0], 0.1, ClassesError),
    ],
)
def test_what_does_not_fit_is_refused(
    images: Tensor, classes: list[int], budget: float, error: type[ValueError]
) -> None:
    with pytest.raises(error):
        fgsm(Smooth(), images, torch.tensor(classes), budget)
    with pytest.raises(error):
        adversarial_examples(Smooth(), images, torch.tensor(classes), budget=budget)


def test_logits_that_do_not_depend_on_the_image_are_refused() -> None:
    class Rounds(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return images.detach().flatten(1)[:, :4]

    for attack in (
        lambda: fgsm(Rounds(), images_of(1), torch.tensor([0]), 0.1),
        lambda: adversarial_examples(Rounds(), images_of(1), torch.tensor([0])),
    ):
        with pytest.raises(GradientError):
            attack()
