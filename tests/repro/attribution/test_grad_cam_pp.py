"""Grad-CAM++ against automatic higher derivatives, numbers worked out by hand, Grad-CAM, and libraries' variants."""

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from repro.attribution import grad_cam_pp as module
from repro.attribution.grad_cam import grad_cam
from repro.attribution.grad_cam_pp import grad_cam_pp
from repro.engine import gradients
from repro.engine.errors import OptionsError
from repro.lab import networks

CONTRACT = {"grad_cam_pp": {}, "grad_cam_pp, of the softmax": {"output": "softmax"}}
BENCHMARK = {
    "grad-cam-pp": {
        "floor": "to_the_maps",
        "peers": {
            "pytorch-grad-cam": ("pytorch_grad_cam", "GradCAMPlusPlus"),
            "torch-cam": ("torch_cam", "GradCAMpp"),
        },
    }
}

OUTPUTS = ("exponential", "softmax")


class Small(nn.Module):
    """Piecewise linear from its maps to its logits, as the paper's closed form assumes."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.convolution, self.relu = nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(inplace=True)
        self.dropout, self.first, self.second = nn.Dropout(), nn.Linear(16, 8), nn.Linear(8, 3)
        self.double()

    def head(self, maps: Tensor) -> Tensor:
        hidden = self.first(self.dropout(functional.avg_pool2d(maps, 2).flatten(1)))
        return self.second(functional.leaky_relu(hidden, 0.1))

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.relu(self.convolution(images)))


def images_of(count: int, size: int = 4) -> Tensor:
    return torch.randn(count, 3, size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def slow_grad_cam_pp(head, maps: Tensor, classes: list[int], output: str) -> Tensor:
    """Eqs. (5), (10) and (20), one number at a time, its derivatives by automatic differentiation along that number."""
    images, channels, height, width = maps.shape
    result = torch.zeros(images, 1, height, width, dtype=maps.dtype)
    for b in range(images):
        for k in range(channels):
            weight = 0.0
            for i in range(height):
                for j in range(width):
                    step = torch.zeros((), dtype=maps.dtype, requires_grad=True)
                    where = torch.zeros_like(maps[b : b + 1])
                    where[0, k, i, j] = 1
                    scores = head(maps[b : b + 1] + step * where)[0]
                    value = (scores.exp() if output == "exponential" else scores.softmax(0))[classes[b]]
                    derivatives = []
                    for _ in range(3):
                        (value,) = torch.autograd.grad(value, step, create_graph=True)
                        derivatives.append(value.item())
                    first, second, third = derivatives
                    denominator = 2 * second + maps[b, k].sum().item() * third
                    alpha = second / denominator if denominator else 0.0
                    weight += alpha * max(first, 0.0)
            result[b, 0] += weight * maps[b, k]
    return result.relu()


def gradients_of(model: nn.Module, images: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
    maps, gradient = gradients.layer_gradient(model, images, classes)
    return gradient, maps


@pytest.mark.parametrize("output", OUTPUTS)
def test_equals_automatic_higher_derivatives(output: str) -> None:
    model, images, classes = Small().eval(), images_of(4), [2, 0, 1, 2]
    with torch.no_grad():
        maps, logits = model.relu(model.convolution(images)), model(images)
    expected = slow_grad_cam_pp(model.head, maps, classes, output)
    scores = logits if output == "exponential" else logits.log_softmax(1)
    factor = scores[torch.arange(4), classes].exp()[:, None, None, None]  # Y^c, which is left out
    found = grad_cam_pp(model, images, torch.tensor(classes), output=output)
    assert expected.amax((1, 2, 3)).count_nonzero() >= 3
    torch.testing.assert_close(found * factor, expected, rtol=1e-9, atol=1e-12)


def test_numbers_worked_out_by_hand() -> None:
    class Weighs(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            first = (images[:, 0] * torch.tensor([[1.0, -3.0], [2.0, 0.0]])).sum((1, 2))
            return torch.stack([first + 0.5 * images[:, 1].sum((1, 2)), -first], 1)

    maps = torch.tensor([[[[1.0, 0.0], [2.0, 3.0]], [[0.0, 4.0], [0.0, 0.0]]]])
    model = nn.Sequential(nn.Identity(), Weighs())
    # map 1 sums to 6, gradients 1, -3, 2, 0: 1 / (2 + 6) + 2 / (2 + 12); map 2 sums to 4, four gradients of a half:
    # 4 * 0.5 / (2 + 2)
    first, second = 1 / 8 + 2 / 14, 0.5
    expected = torch.tensor([[[[first, 4 * second], [2 * first, 3 * first]]]])
    torch.testing.assert_close(grad_cam_pp(model, maps, torch.tensor([0]), model[0]), expected)
    # the other class: 3 / (2 + 18) at one place, all else is held back
    torch.testing.assert_close(grad_cam_pp(model, maps, torch.tensor([1]), model[0]), 3 / 20 * maps[:, :1])


def test_softmax_of_two_classes_by_hand() -> None:
    """With logits s and 0, Y = 1 / (1 + exp(-s)), whose derivatives over Y are (1 - Y) g, (1 - Y)(1 - 2Y) g^2 and
    (1 - Y)(1 - 6Y + 6Y^2) g^3."""
    maps, gradient = torch.tensor([[[[1.0, 2.0]]]], dtype=torch.float64), 0.25

    class Weighs(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            score = gradient * images.sum((1, 2, 3))
            return torch.stack([score, 0 * score], 1)

    model = nn.Sequential(nn.Identity(), Weighs())
    y = float(model(maps).softmax(1)[0, 0])
    first = (1 - y) * gradient
    second, third = (1 - y) * (1 - 2 * y) * gradient**2, (1 - y) * (1 - 6 * y + 6 * y**2) * gradient**3
    weight = 2 * second / (2 * second + 3 * third) * first
    found = grad_cam_pp(model, maps, torch.tensor([0]), model[0], output="softmax")
    torch.testing.assert_close(found, (weight * maps).relu())


def test_the_papers_example_of_small_footprints() -> None:
    """Fig. 2 and Eq. 6: three maps that are on in 15, 4 and 2 of 80 places, with a gradient of 1 where they are on.
    Grad-CAM weighs them 15/80, 4/80, 2/80; with one over the sum of the gradients as alpha, each weighs 1.  The alpha
    of Eq. 19 lies in between: n / (2 + n).
    """
    maps = torch.zeros(1, 3, 8, 10)
    for k, count in enumerate((15, 4, 2)):
        maps[0, k].view(-1)[:count] = 1
    gradient = maps.clone()
    torch.testing.assert_close(gradient.mean((2, 3)), torch.tensor([[15 / 80, 4 / 80, 2 / 80]]))
    example = torch.where(gradient > 0, 1 / gradient.sum((2, 3), keepdim=True), 0)
    torch.testing.assert_close(module.channel_weights(example, gradient), torch.ones(1, 3))
    alpha = module.exponential_alpha(gradient, maps)
    torch.testing.assert_close(module.channel_weights(alpha, gradient), torch.tensor([[15 / 17, 4 / 6, 2 / 4]]))


def test_is_grad_cam_where_all_alpha_are_one_over_z() -> None:
    """Sec. 3.2, and only where no gradient is negative: the relu of Eq. 5 is not in Grad-CAM."""
    gradient = torch.rand(2, 3, 4, 5)
    alpha = torch.full_like(gradient, 1 / 20)
    torch.testing.assert_close(module.channel_weights(alpha, gradient), gradient.mean((2, 3)))
    gradient[0, 0, 0, 0] = -1
    assert not torch.allclose(module.channel_weights(alpha, gradient), gradient.mean((2, 3)))


def test_weak_gradients_give_the_map_of_the_positive_gradients() -> None:
    """Where g sum(A) is far below 2 all alpha are a half; also where g^2 is less than float32 can hold."""
    model, images, classes = Small().eval().float(), images_of(2).float(), torch.tensor([0, 1])
    with torch.no_grad():
        model.second.weight.mul_(1e-24)
    gradient, maps = gradients_of(model, images, classes)
    assert (gradient**2 == 0).all()
    expected = torch.einsum("bkij,bk->bij", maps, gradient.relu().sum((2, 3)))[:, None] / 2
    torch.testing.assert_close(grad_cam_pp(model, images, classes), expected, rtol=1e-5, atol=0)
    assert expected.amax() > 0


def test_strong_gradients_count_places() -> None:
    """Where g sum(A) is far above 2 a map weighs the number of places that rise, over its sum."""
    model, images, classes = Small().eval(), images_of(2), torch.tensor([0, 1])
    with torch.no_grad():
        model.second.weight.mul_(1e9)
    gradient, maps = gradients_of(model, images, classes)
    weights = (gradient > 0).sum((2, 3)) / maps.sum((2, 3))
    expected = torch.einsum("bkij,bk->bij", maps, weights)[:, None]
    torch.testing.assert_close(grad_cam_pp(model, images, classes), expected, rtol=1e-5, atol=1e-9)


# The variants of popular libraries, written after their code, on gradients g (C, h, w) and maps A (C, h, w)


def paper(g: Tensor, maps: Tensor) -> Tensor:
    denominator = 2 * g**2 + maps.sum((1, 2), keepdim=True) * g**3
    return (g**2 / torch.where(g != 0, denominator, 1) * g.relu()).sum((1, 2))


def with_epsilon(g: Tensor, maps: Tensor) -> Tensor:
    """pytorch-grad-cam 1.5.7: 1e-6 in the denominator, to avoid a division by zero."""
    alpha = g**2 / (2 * g**2 + maps.sum((1, 2), keepdim=True) * g**3 + 1e-6)
    return (torch.where(g != 0, alpha, 0) * g.relu()).sum((1, 2))


def masked_copy(g: Tensor, maps: Tensor) -> Tensor:
    """torch-cam 0.5.0: ``alpha[mask].div_(...)`` divides what the mask copied, and alpha stays g^2."""
    return (g**2 * g.relu()).sum((1, 2))


def normalised(g: Tensor, maps: Tensor) -> Tensor:
    """The authors' own code: alpha divided by its sum over the places with a positive gradient."""
    alpha = g**2 / torch.where(g != 0, 2 * g**2 + maps.sum((1, 2), keepdim=True) * g**3, 1)
    total = torch.where(g > 0, alpha, 0).sum((1, 2))
    return (alpha * g.relu()).sum((1, 2)) / torch.where(total != 0, total, 1)


def test_variants_of_popular_libraries_differ_from_equation_19() -> None:
    """Compared without their size, which no picture shows: the direction of the weights is what counts."""
    model, images, classes = networks.load("fc-scenes", 0).double(), images_of(4, 64).sigmoid(), torch.arange(4)
    gradient, maps = gradients_of(model, images, classes)
    ours = module.channel_weights(module.exponential_alpha(gradient, maps), gradient)
    torch.testing.assert_close(ours, torch.stack([paper(g, a) for g, a in zip(gradient, maps, strict=True)]))
    weak = gradient / 100  # as in a large network, where g^2 is below 1e-6 in most places

    def error(variant) -> float:
        found, expected = (torch.stack([f(g, a) for g, a in zip(weak, maps, strict=True)]) for f in (variant, paper))
        return float((1 - functional.cosine_similarity(found, expected)).max())

    assert error(lambda g, a: paper(g, a) / a[0].numel()) < 1e-12  # Xplique: a mean in place of the sum
    assert error(with_epsilon) > 1e-3
    assert error(masked_copy) > 1e-2
    assert error(normalised) > 1e-2


def test_pytorch_grad_cam_adds_a_number_that_is_not_small(vision, require_module) -> None:
    model = copy.deepcopy(vision("resnet18"))
    library = require_module("pytorch_grad_cam", "pip install grad-cam")
    gradient, maps = gradients_of(model, images_of(2, 96), torch.tensor([3, 7]))
    weak = gradient / 100
    explains = library.GradCAMPlusPlus(model=model, target_layers=[model.layer4])
    theirs, theirs_weak = (
        torch.as_tensor(explains.get_cam_weights(None, None, None, maps.numpy(), g.numpy())) for g in (gradient, weak)
    )
    explains.activations_and_grads.release()
    expected = torch.stack([with_epsilon(g, a) for g, a in zip(gradient, maps, strict=True)])
    torch.testing.assert_close(theirs, expected)
    ours = module.channel_weights(module.exponential_alpha(weak, maps), weak)
    assert float((theirs_weak - ours).norm() / ours.norm()) > 0.02


@pytest.mark.parametrize("output", OUTPUTS)
def test_batch_of_different_classes_equals_one_by_one(output: str) -> None:
    model, images, classes = Small().eval(), images_of(3), torch.arange(3)
    one_by_one = [grad_cam_pp(model, images[i : i + 1], classes[i : i + 1], output=output) for i in range(3)]
    torch.testing.assert_close(grad_cam_pp(model, images, classes, output=output), torch.cat(one_by_one))


@pytest.mark.parametrize("output", OUTPUTS)
def test_large_logits_stay_finite(output: str) -> None:
    model, images = Small().eval().float(), images_of(3).float()
    with torch.no_grad():
        model.second.weight.mul_(1e4)
    assert model(images).exp().isinf().any()
    assert grad_cam_pp(model, images, torch.tensor([0, 1, 2]), output=output).isfinite().all()


def test_maps_before_an_in_place_relu_are_not_those_after_it() -> None:
    model, images, classes = Small().eval(), images_of(2), torch.tensor([0, 1])
    after = grad_cam_pp(model, images, classes, model.relu)
    torch.testing.assert_close(grad_cam_pp(model, images, classes), after)
    before = grad_cam_pp(model, images, classes, model.convolution)
    model.relu.inplace = False
    torch.testing.assert_close(grad_cam_pp(model, images, classes, model.convolution), before)
    assert not torch.allclose(before, after)
    assert not torch.allclose(after, grad_cam(model, images, classes))


@pytest.mark.parametrize("output", OUTPUTS)
def test_the_model_is_left_as_it_was_found(output: str) -> None:
    model = Small().train()
    model.convolution.weight.requires_grad_(False)
    images, classes = images_of(2), torch.tensor([0, 1])
    with torch.no_grad():
        first, second = (grad_cam_pp(model, images, classes, output=output) for _ in range(2))
    assert torch.equal(first, second)
    assert not first.requires_grad
    assert model.training
    assert [p.requires_grad for p in model.parameters()] == [False] + [True] * 5
    assert all(p.grad is None for p in model.parameters())
    assert all(not m._forward_hooks for m in model.modules())


def test_other_outputs_are_refused() -> None:
    with pytest.raises(OptionsError):
        grad_cam_pp(Small(), images_of(1), torch.tensor([0]), output="sigmoid")
