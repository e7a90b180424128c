"""Every method on every kind of network: right, or refused with the error's class, and the model left as it was.

A method must not depend on how a ReLU is written, on the mode, on frozen or wrapped models, nor on what else is in the
batch.  Those with a reference below are compared with it: a plain run of the traced graph, node by node, without a hook.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from functools import cache

import pytest
import torch
from torch import Tensor, fx, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from repro.attribution.grad_cam import grad_cam
from repro.attribution.grad_cam_pp import grad_cam_pp
from repro.attribution.guided_backprop import guided_backprop
from repro.engine.errors import MethodError
from tests.contract.methods import Call, calls
from tests.contract.networks import Small, attempted, close, found_in, images_of, refused

Condition = Callable[[nn.Module], nn.Module]
Vision = Callable[[str], nn.Module]  # a torchvision network by its name, of conftest.py
REFERENCES = {"cam", "grad_cam", "grad_cam_pp", "guided_backprop", "guided_grad_cam"}
CLASSES = torch.tensor([4, 0, 2])

# The pooling that ends a network's maps, by its name in the traced graph; and the linear layer that CAM reads, if any.
NETWORKS = {
    "alexnet": ("features_12", ""),
    "vgg16": ("features_30", ""),
    "vgg16_bn": ("features_43", ""),
    "googlenet": ("avgpool", "fc"),
    "inception_v3": ("avgpool", "fc"),
    "resnet18": ("avgpool", "fc"),
    "resnet50": ("avgpool", "fc"),
    "densenet121": ("adaptive_avg_pool2d", "classifier"),
    "mobilenet_v3_large": ("avgpool", ""),
    "efficientnet_b0": ("avgpool", "classifier.1"),
    "convnext_tiny": ("avgpool", ""),
}
KINDS = ("alexnet", "resnet18", "googlenet", "convnext_tiny")  # a chain, sums, concatenations, GELU with LayerNorm


class Reference(fx.Interpreter):
    """The network as a list of operations.  The maps that the node ``pool`` is given become a leaf; with ``guided`` a
    ReLU lets only positive gradients pass.
    """

    def __init__(self, model: nn.Module, pool: str = "", guided: bool = False) -> None:
        super().__init__(fx.symbolic_trace(model))
        self.pool, self.guided, self.relus = pool, guided, 0
        self.maps = torch.empty(0)

    def run_node(self, node: fx.Node) -> object:
        args, kwargs = self.fetch_args_kwargs_from_env(node)
        if node.name.removesuffix("_1") == self.pool:  # torch.fx adds it to names it takes for taken
            self.maps = args[0].detach().clone().requires_grad_()
            return getattr(self, node.op)(node.target, (self.maps, *args[1:]), kwargs)
        module = self.submodules.get(node.target) if node.op == "call_module" else None
        if isinstance(module, nn.ReLU) or node.target in (functional.relu, torch.relu, "relu", "relu_"):
            self.relus += 1
            result = args[0].clamp(min=0)
            if self.guided:
                result.register_hook(lambda gradient: gradient.clamp(min=0))
            return result
        return super().run_node(node)

    def gradient(self, images: Tensor, classes: Tensor) -> Tensor:
        leaf = images.clone().requires_grad_()
        logits = self.run(leaf)
        chosen = logits[range(len(classes)), classes].sum()
        return torch.autograd.grad(chosen, self.maps if self.pool else leaf)[0]


def references(model: nn.Module, images: Tensor, classes: Tensor, pool: str, linear: str) -> dict[str, Tensor | None]:
    """What each method with a reference must return; None where it must refuse."""
    coarse, fine = Reference(model, pool), Reference(model, guided=True)
    g, guided = coarse.gradient(images, classes), fine.gradient(images, classes)
    maps = coarse.maps.detach()
    alpha = torch.where(g == 0, 0, g**2 / (2 * g**2 + maps.sum((2, 3), keepdim=True) * g**3))
    heatmap = (g.mean((2, 3), keepdim=True) * maps).sum(1, keepdim=True).relu()
    grown = functional.interpolate(heatmap, images.shape[2:], mode="bilinear", align_corners=False)
    weight = model.get_submodule(linear).weight.detach()[classes] if linear else None
    return {
        "cam": None if weight is None else (weight[:, :, None, None] * maps).sum(1, keepdim=True),
        "grad_cam": heatmap,
        "grad_cam_pp": ((alpha * g.relu()).sum((2, 3), keepdim=True) * maps).sum(1, keepdim=True).relu(),
        "guided_backprop": guided,
        "guided_grad_cam": grown * guided,
    }


@cache
def _few_passes(call: Call) -> bool:
    """Whether a method needs no more than a few passes through the network: others are tried on small ones only."""
    model = Small().eval()
    passes: list[int] = []
    # occlusion sends many images at once
    model.register_forward_hook(lambda _, given, __: passes.append(len(given[0])))
    with suppress(MethodError):  # what is refused takes few passes
        call(model, images_of(1, 64), torch.tensor([0]))
    return sum(passes) < 5


@cache
def _expected(name: str, vision: Vision) -> tuple[Tensor, Tensor, dict[str, Tensor | None]]:
    images = images_of(2, 128 if name == "inception_v3" else 64)
    with torch.no_grad():
        ranked = vision(name)(images).argsort(1, descending=True)
    for rank in range(5):  # two classes whose maps are not zero
        classes = torch.stack([ranked[0, rank], ranked[1, rank + 1]])
        found = references(vision(name), images, classes, *NETWORKS[name])
        if all(each is None or each.abs().amax((1, 2, 3)).min() > 0 for each in found.values()):
            break
    return images, classes, found


def _pairs() -> list[tuple[str, Call]]:
    """Each method with each kind of network, and those with a reference with every network."""
    plain = [call for call in calls() if call.takes_images and call.takes_classes and call.name.isidentifier()]
    return [(name, call) for call in plain for name in NETWORKS if name in KINDS or call.name in REFERENCES]


@pytest.mark.parametrize(
    ("network", "call"), [pytest.param(*pair, id=f"{pair[1].name}-{pair[0]}") for pair in _pairs()]
)
def test_torchvision(network: str, call: Call, vision: Vision) -> None:
    if not _few_passes(call):
        pytest.skip("many passes through a large network")
    model = vision(network)
    images, classes, expected = _expected(network, vision)
    before = found_in(model)
    reference, found = expected.get(call.name), attempted(call, model, images, classes)
    if call.name in expected:
        assert (found is None) == (reference is None)
    if found is not None:
        assert found.isfinite().all()
        if reference is not None:
            close(found, reference)
        close(call(model, images[1:], classes[1:]), found[1:])
    assert found_in(model) == before


@cache
def _small(call: Call) -> Tensor:
    """On the plain network: what every other way to write, wrap or call it must give as well."""
    return call(Small().eval(), images_of(3), CLASSES)


def test_the_methods_with_a_reference_are_found() -> None:
    assert {call.name for call in calls()} >= REFERENCES


@pytest.mark.parametrize("relu", Small.RELUS)
def test_relu_written_in_any_way(relu: str, call: Call) -> None:
    model = Small(relu).eval()
    before = found_in(model)
    found = attempted(call, model, images_of(3), CLASSES)
    assert found is not None or call.name not in REFERENCES
    if found is not None:
        close(found, _small(call))
    assert found_in(model) == before


def test_small_network(call: Call) -> None:
    """As the reference has it; and one by one as in a batch, where there are images."""
    images = images_of(3)
    expected = references(Small().eval(), images, CLASSES, "mean", "head").get(call.name)
    if expected is not None:
        close(_small(call), expected)
    if refused(call, Small().eval(), images, CLASSES):
        return
    if call.takes_images:
        one_by_one = [call(Small().eval(), images[i : i + 1], CLASSES[i : i + 1]) for i in range(3)]
        close(torch.cat(one_by_one), _small(call))
    if expected is not None and call.takes_layer:
        model = Small("one module in place").eval()
        close(call(model, images, CLASSES, layer=model.relus[1]), _small(call))  # its last output


def untouched(model: nn.Module) -> nn.Module:
    return model.eval()


def frozen(model: nn.Module) -> nn.Module:
    return model.eval().requires_grad_(False)


def training(model: nn.Module) -> nn.Module:
    return model.train()


def data_parallel(model: nn.Module) -> nn.Module:
    wrapped = nn.DataParallel(model.eval())
    wrapped.device_ids = [0, 1]  # as on a machine with two cards; replicas run in threads that no rule reaches
    return wrapped


def compiled(model: nn.Module) -> nn.Module:
    whole: nn.Module = torch.compile(model.eval(), backend="aot_eager")
    with torch.no_grad():
        whole(images_of(3))  # so that compiled code is there to be used
    return whole


def compiled_in_place(model: nn.Module) -> nn.Module:
    model.eval().compile(backend="eager")
    return model


def partly_compiled(model: nn.Module) -> nn.Module:
    model.relus[1] = torch.compile(model.relus[1], backend="eager")
    return model.eval()


def traced_by_fx(model: nn.Module) -> nn.Module:
    return fx.symbolic_trace(model.eval())


def with_hooks(model: nn.Module) -> nn.Module:
    model.first.register_forward_hook(lambda module, given, output: output.clone())
    model.second.register_full_backward_hook(lambda module, into, out: None)
    model.relus[1].register_forward_pre_hook(lambda module, given: (given[0] * 1,))
    return model.eval()


def with_hooks_on_all(model: nn.Module) -> nn.Module:
    for module in model.modules():
        module.register_full_backward_hook(lambda module, into, out: None)
    return model.eval()


def normalised_weights(model: nn.Module) -> nn.Module:
    nn.utils.parametrizations.weight_norm(model.second)
    return model.eval()


class Checkpointed(nn.Module):
    """Runs its body again on the way back, in the mode that the model then has."""

    def __init__(self, body: nn.Module, reentrant: bool) -> None:
        super().__init__()
        self.body, self.reentrant = body, reentrant

    def forward(self, images: Tensor) -> Tensor:
        return checkpoint(self.body, images, use_reentrant=self.reentrant)


def checkpointed(model: nn.Module) -> nn.Module:
    return Checkpointed(model, False).train()


def checkpointed_reentrant(model: nn.Module) -> nn.Module:
    return Checkpointed(model, True).train()


def scripted(model: nn.Module) -> nn.Module:
    return _warm(torch.jit.trace(model.eval(), images_of(3)))


def partly_scripted(model: nn.Module) -> nn.Module:
    model.relus[1] = torch.jit.script(model.relus[1])
    return _warm(model.eval())


def _warm(model: nn.Module) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's, of what it will drop
        for _ in range(3):  # after a few runs torch.jit joins operations
            model(images_of(3).requires_grad_()).sum()
    return model


RIGHT = (untouched, frozen, training, data_parallel, compiled, compiled_in_place, partly_compiled, traced_by_fx)
RIGHT += (with_hooks, with_hooks_on_all, normalised_weights)
OR_REFUSED = (checkpointed, checkpointed_reentrant, scripted, partly_scripted)


@pytest.mark.parametrize("condition", [*RIGHT, *OR_REFUSED], ids=lambda condition: condition.__name__)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")  # torch's, of what it will drop
def test_model_in_any_condition(condition: Condition, call: Call) -> None:
    """Twice the same, with another batch in between, and equal to the plain model's; or refused, where that is allowed:
    in some conditions, and by methods without a reference here.
    """
    model, images = condition(Small()), images_of(3)
    before = found_in(model)
    first = attempted(call, model, images, CLASSES)
    assert first is not None or condition not in RIGHT or call.name not in REFERENCES
    if first is not None:
        call(model, images[:2].flip(0) / 2, CLASSES[:2])
        assert torch.equal(call(model, images, CLASSES), first)
        close(first, _small(call))
    assert found_in(model) == before


@pytest.mark.parametrize("wrapper", [data_parallel, compiled], ids=lambda wrapper: wrapper.__name__)
def test_a_layer_inside_a_wrapper_can_be_chosen(wrapper: Condition) -> None:
    plain, images, classes = Small().eval(), images_of(3), torch.tensor([4, 0, 2])
    inside = Small()
    found = grad_cam(wrapper(inside), images, classes, inside.second)
    close(found, grad_cam(plain, images, classes, plain.second))


@pytest.mark.parametrize("condition", [scripted, partly_scripted], ids=lambda condition: condition.__name__)
@pytest.mark.parametrize("method", [guided_backprop, grad_cam, grad_cam_pp], ids=lambda method: method.__name__)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch.jit is on its way out
def test_scripted_parts_are_refused(condition: Condition, method: Callable[..., Tensor]) -> None:
    with pytest.raises(MethodError):
        method(condition(Small()), images_of(3), torch.tensor([4, 0, 2]))


def test_a_layer_beside_a_scripted_part_can_be_chosen() -> None:
    model, images, classes = partly_scripted(Small()), images_of(3), torch.tensor([4, 0, 2])
    plain = Small().eval()
    expected = grad_cam(plain, images, classes, plain.second)
    close(grad_cam(model, images, classes, model.second), expected)
    with pytest.raises(MethodError):
        grad_cam(model, images, classes, model.relus[1])


@pytest.mark.parametrize("around", [torch.no_grad, torch.inference_mode])
def test_called_without_gradients(around: Callable[[], AbstractContextManager[None]], call: Call) -> None:
    model = Small().eval()
    if refused(call, model, images_of(3), CLASSES):
        pytest.skip("the method refuses this network")
    with around():
        found = call(model, images_of(3), CLASSES)
    close(found.clone(), _small(call))
    assert not found.requires_grad


@pytest.mark.parametrize("where", ["first", "relus.1", "head"])
def test_a_failure_half_way_leaves_the_model_as_it_was(where: str, call: Call) -> None:
    model = Small("module in place").train()
    called: list[int] = []
    if refused(call, model, images_of(3), CLASSES):
        pytest.skip("the method refuses this network")
    model.first.weight.requires_grad_(False)

    def fails(*_: object) -> None:
        called.append(1)
        raise ArithmeticError("half-way")

    handle = model.get_submodule(where).register_forward_hook(fails)
    before = found_in(model)
    with suppress(ArithmeticError):  # a method that stops at its layer does not come as far as the head
        call(model, images_of(3), CLASSES)
        assert not called
    assert found_in(model) == before
    handle.remove()
    close(call(model, images_of(3), CLASSES), _small(call))


class Saved(torch.autograd.graph.saved_tensors_hooks):
    """Counts the bytes that are kept for the way back."""

    def __init__(self) -> None:
        self.bytes: dict[int, int] = {}
        super().__init__(self._keep, lambda kept: kept)

    def _keep(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        self.bytes[storage.data_ptr()] = storage.nbytes()
        return tensor


@pytest.mark.parametrize("method", [grad_cam, grad_cam_pp], ids=lambda method: method.__name__)
@pytest.mark.parametrize("layer", ["", "layer4", "layer3"])
def test_nothing_before_the_maps_is_kept(layer: str, method: Callable[..., Tensor], vision: Vision) -> None:
    """The head of ResNet-18 keeps its matrix and little else; the whole network would keep some 40 MB."""
    model, images = vision("resnet18"), images_of(2, 96)
    saved = Saved()
    with saved:
        method(model, images, torch.tensor([3, 7]), *([model.get_submodule(layer)] if layer else []))
    kept = sum(saved.bytes.values()) - model.fc.weight.untyped_storage().nbytes()
    weights = sum(each.untyped_storage().nbytes() for each in model.layer4.parameters())
    assert kept < (1e5 if layer != "layer3" else weights + 2e6)


def test_maps_stay_what_they_were_when_the_model_overwrites_them() -> None:
    class Overwrites(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.convolution, self.head = nn.Conv2d(3, 4, 3).double(), nn.Linear(4, 3).double()

        def forward(self, images: Tensor) -> Tensor:
            maps = self.convolution(images)
            gate = maps.mean((2, 3), keepdim=True)
            return self.head((maps.mul_(gate.sigmoid())).flatten(2).sum(2))

    model, images, classes = Overwrites().eval(), images_of(2), torch.tensor([0, 2])
    maps = model.convolution(images).detach().requires_grad_()
    logits = model.head((maps * maps.mean((2, 3), keepdim=True).sigmoid()).flatten(2).sum(2))
    (gradient,) = torch.autograd.grad(logits[[0, 1], classes].sum(), maps)
    expected = (gradient.mean((2, 3), keepdim=True) * maps.detach()).sum(1, keepdim=True).relu()
    close(grad_cam(model, images, classes), expected)


def test_a_checkpointed_network_that_trains_is_explained_as_it_evaluates(vision: Vision) -> None:
    """torchvision's own: its blocks are run again on the way back, and must then still be in evaluation mode."""
    model = copy.deepcopy(vision("densenet121"))
    images, classes = images_of(2, 64), torch.tensor([3, 7])
    layer = model.features.denseblock3

    def signed() -> Tensor:
        return grad_cam(model, images, classes, layer) - grad_cam(model, images, classes, layer, counterfactual=True)

    expected, guided = signed(), guided_backprop(model, images, classes)
    for module in model.modules():
        if hasattr(module, "memory_efficient"):
            module.memory_efficient = True
    model.train()
    before = found_in(model)
    close(signed(), expected)
    close(guided_backprop(model, images, classes), guided)  # what is run again gives the rule what it kept
    assert found_in(model) == before
