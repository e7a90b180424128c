"""Simple Taylor decomposition: exact where the paper says so, by hand, as LRP-0 has it, and as captum has it."""

import torch
from torch import Tensor, nn

from repro.attribution.lrp import everywhere, lrp
from repro.attribution.simple_taylor import residual, root_points, simple_taylor
from repro.engine.relevance_rules import Zero
from repro.lab import networks, scenes

CONTRACT = {"root_points": {}, "simple_taylor, root": {"root": True}}


class ByHand(nn.Module):
    """max(0, 2 a + b - 1) and -a."""

    def forward(self, images: Tensor) -> Tensor:
        a, b = images[:, 0, 0, 0], images[:, 0, 0, 1]
        return torch.stack([(2 * a + b - 1).relu(), -a], 1)


def inputs(name: str, count: int = 4) -> tuple[nn.Module, Tensor, Tensor]:
    one = scenes.one_object(count, 0)
    images, classes = networks.inputs(one.images, one.labels)
    return networks.load(name, 0).double(), images.double(), classes


def test_numbers_worked_out_by_hand() -> None:
    images, classes = torch.tensor([[[[3.0, 1.0]]], [[[3.0, 1.0]]]]), torch.tensor([0, 1])
    found = simple_taylor(ByHand(), images, classes, 0.0)
    assert found.tolist() == [[[[6.0, 1.0]]], [[[-3.0, 0.0]]]]
    assert residual(ByHand(), images, classes, found).tolist() == [-1.0, 0.0]  # the bias


def test_a_root_point_by_hand() -> None:
    """max(0, ...) - 2 crosses 0 where 2 a + b = 3, which on the line to (3, 1) is at 3/7 of the way."""

    class Shifted(ByHand):
        def forward(self, images: Tensor) -> Tensor:
            return super().forward(images) - 2

    images, classes = torch.tensor([[[[3.0, 1.0]]]]).double(), torch.tensor([0])
    roots = root_points(Shifted(), images, classes, 0.0)
    torch.testing.assert_close(roots, images * 3 / 7, rtol=1e-5, atol=0.0)
    found = simple_taylor(Shifted(), images, classes, 0.0, root=True)
    expected = torch.tensor([[[[2 * 3 * 4 / 7, 4 / 7]]]]).double()
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=0.0)  # adds up to the logit, 4: linear from there on
    assert torch.equal(root_points(ByHand(), images, torch.tensor([1]), 4.0), torch.full_like(images, 4.0))  # none


def test_is_exact_without_biases() -> None:
    """f(tx) = t f(x), so that the terms add up to the logit; and they are what LRP-0 passes back."""
    model, images, classes = inputs("bias-free-scenes", 2)
    with torch.no_grad():
        torch.testing.assert_close(model(0.5 + 0.3 * (images - 0.5)), 0.3 * model(images), rtol=1e-12, atol=1e-12)
    found = simple_taylor(model, images, classes)
    assert float(residual(model, images, classes, found).abs().max()) < 1e-12
    torch.testing.assert_close(found, lrp(model, images, classes, everywhere(Zero())), rtol=1e-9, atol=1e-12)


def test_what_is_missing_with_biases_is_told() -> None:
    model, images, classes = inputs("zf-scenes")
    found = simple_taylor(model, images, classes)
    missing = residual(model, images, classes, found)
    logits = model(images).detach().gather(1, classes[:, None])[:, 0]
    torch.testing.assert_close(found.sum((1, 2, 3)) + missing, logits)
    assert float((missing / logits).abs().mean()) > 0.2


def test_at_a_root_point_the_logit_is_zero() -> None:
    model, images, classes = inputs("zf-scenes", 6)
    roots = root_points(model, images, classes)
    found = (roots != 0.5).flatten(1).any(1)
    logits = [model(each).detach().gather(1, classes[:, None])[:, 0] for each in (roots, images)]
    assert bool(found.any())
    assert float((logits[0] / logits[1]).abs()[found].max()) < 1e-4


def test_captum_knows_no_reference(require_module) -> None:
    attr = require_module("captum.attr", "pip install captum")
    model, images, classes = inputs("zf-scenes", 2)
    theirs = attr.InputXGradient(model).attribute(images.clone().requires_grad_(), target=classes).detach()
    assert torch.equal(simple_taylor(model, images, classes, 0.0), theirs)
    ours = simple_taylor(model, images, classes)
    assert float((ours - theirs).abs().max() / ours.abs().max()) > 0.5
