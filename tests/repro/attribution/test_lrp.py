"""LRP against numbers worked out by hand, each rule in loops from its definition, conservation, zennit and captum."""

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from repro.attribution.lrp import (
    epsilon_alpha2_beta1,
    epsilon_alpha2_beta1_flat,
    epsilon_gamma_box,
    epsilon_plus,
    epsilon_plus_flat,
    everywhere,
    first,
    lrp,
    lrp_at,
)
from repro.engine.errors import ClassesError, GradientError, LogitsError, NoRuleError, OptionsError
from repro.engine.relevance_rules import AlphaBeta, Epsilon, Flat, Gamma, WSquare, ZBox, Zero, ZPlus
from repro.lab import models

CONTRACT = {
    "lrp": {},
    "lrp, epsilon everywhere": {"composite": everywhere(Epsilon())},
    "lrp, alpha and beta": {"composite": epsilon_alpha2_beta1},
    "lrp_at": {},
}
BENCHMARK = {
    "lrp-epsilon": {
        "floor": "to_the_pixels",
        "ours": lambda s: lrp(s.model, s.images, s.classes, everywhere(Epsilon())),
        "peers": {"captum": ("captum", "LRP"), "zennit": ("zennit", "Epsilon")},
        "without": {("captum", "resnet50", 0): "its relevance does not sum to the output there"},
    },
    "lrp-epsilon-plus": {
        "floor": "to_the_pixels",
        "ours": lambda s: lrp(s.model, s.images, s.classes, epsilon_plus),
        "peers": {"zennit": ("zennit", "EpsilonPlus")},
    },
}

TINY = 1e-15


def images_of(count: int, size: int = 4, seed: int = 1) -> Tensor:
    return torch.randn(count, 3, size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


models.torchvision()  # zennit imports torchvision, which may have to be mended first


def without_shifts(model: nn.Module) -> nn.Module:
    model = copy.deepcopy(model)
    with torch.no_grad():
        for name, value in (*model.named_parameters(), *model.named_buffers()):
            if name.endswith(("bias", "running_mean")):
                value.zero_()
    return model


HAND = {  # x = (1, 2, -1), w = (1, 1, 2), so z_i = (1, 2, -2) and z = 1
    Zero(): (1, 2, -2),
    Epsilon(0.5): (2 / 3, 4 / 3, -4 / 3),
    ZPlus(TINY): (1 / 3, 2 / 3, 0),
    AlphaBeta(2, 1, TINY): (2 / 3, 4 / 3, -1),
    Gamma(1, TINY): (1 / 2, 1, -1 / 2),
    WSquare(TINY): (1 / 6, 1 / 6, 4 / 6),
    Flat(TINY): (1 / 3, 1 / 3, 1 / 3),
    ZBox(-2, 2, TINY): (3 / 9, 4 / 9, 2 / 9),
}


@pytest.mark.parametrize("rule", HAND, ids=lambda rule: type(rule).__name__)
def test_numbers_worked_out_by_hand(rule) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(3, 2, bias=False)).double()
    model[1].weight.data = torch.tensor([[2.0, -1, 1], [1, 1, 2]], dtype=torch.float64)
    image = torch.tensor([1.0, 2, -1], dtype=torch.float64).view(1, 3, 1, 1)
    found = lrp(model, image, torch.tensor([1]), everywhere(rule))
    torch.testing.assert_close(found.flatten(), torch.tensor(HAND[rule], dtype=torch.float64), rtol=1e-12, atol=1e-12)


def test_a_bias_takes_its_share() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(2, 1)).double()
    model[1].weight.data, model[1].bias.data = torch.ones(1, 2).double(), torch.ones(1).double()
    image = torch.tensor([1.0, 2], dtype=torch.float64).view(1, 2, 1, 1)
    given = torch.tensor([[8.0]], dtype=torch.float64)  # of 8, a quarter is the bias's
    found = lrp(model, image, torch.tensor([0]), everywhere(Zero()), relevance=given)
    assert found.flatten().tolist() == [2.0, 4.0]
    assert lrp(model, image, torch.tensor([0]), everywhere(ZPlus(0)), relevance=given).flatten().tolist() == [2.0, 4.0]


def share(rule, x: float, w: float, low: float = -3.0, high: float = 3.0) -> list[float]:
    """What an input contributes by a rule: for a positive unit, and for a negative one."""
    z = x * w
    match rule:
        case Zero() | Epsilon():
            return [z, z]
        case ZPlus():
            return [max(z, 0)] * 2
        case Gamma():
            return [z + rule.gamma * max(z, 0), z + rule.gamma * min(z, 0)]
        case WSquare():
            return [w * w] * 2
        case Flat():
            return [1.0, 1.0]
        case ZBox():
            return [z - low * max(w, 0) - high * min(w, 0)] * 2
    raise AssertionError


def slow_linear(rule, x: list[float], weight: Tensor, bias: list[float], relevance: list[float]) -> list[float]:
    """One layer, one pair of units at a time; ``weight`` is (outputs, inputs), NaN where nothing is connected."""
    found = [0.0] * len(x)
    for j, arrived in enumerate(relevance):
        ties = [(i, weight[j, i].item()) for i in range(len(x)) if not weight[j, i].isnan()]
        z = sum(x[i] * w for i, w in ties) + bias[j]
        if isinstance(rule, AlphaBeta):
            for factor, keep in ((rule.alpha, lambda v: max(v, 0)), (-rule.beta, lambda v: min(v, 0))):
                total = sum(keep(x[i] * w) for i, w in ties) + keep(bias[j])
                for i, w in ties:
                    if total != 0:
                        found[i] += factor * keep(x[i] * w) / total * arrived
            continue
        which = 0 if z > 0 else 1
        shares = {i: share(rule, x[i], w)[which] for i, w in ties}
        total = sum(shares.values())
        if not isinstance(rule, WSquare | Flat | ZBox):
            total += share(rule, 1.0, bias[j])[which]
        if isinstance(rule, Epsilon):
            total += rule.stabiliser * (1 if total >= 0 else -1)
        for i, part in shares.items():
            if total != 0:
                found[i] += part / total * arrived
    return found


def as_matrix(weight: Tensor, height: int, width: int) -> Tensor:
    """A 3x3 convolution with a margin of one as (outputs, inputs), NaN where nothing is connected."""
    outputs, inputs = weight.shape[:2]
    matrix = torch.full((outputs, height, width, inputs, height, width), torch.nan, dtype=torch.float64)
    for y in range(height):
        for x in range(width):
            for dy in (-1, 0, 1):
                for dx in (-1, 0, 1):
                    if 0 <= y + dy < height and 0 <= x + dx < width:
                        matrix[:, y, x, :, y + dy, x + dx] = weight[:, :, dy + 1, dx + 1]
    return matrix.view(outputs * height * width, inputs * height * width)


class Small(nn.Module):
    """Two convolutions, the second beside a shortcut, ReLUs, max pooling, two linear layers; 4x4 images."""

    def __init__(self, in_place: bool = False, shortcut: bool = True) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.first, self.second = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.relu, self.dropout = nn.ReLU(inplace=in_place), nn.Dropout(0.5)
        self.third, self.fourth = nn.Linear(16, 12), nn.Linear(12, 4)
        self.in_place, self.shortcut = in_place, shortcut
        with torch.no_grad():
            for parameter in (each.weight for each in (self.double().first, self.second, self.third, self.fourth)):
                parameter.mul_(2.5)  # so that the logits are no small numbers

    def forward(self, images: Tensor) -> Tensor:
        maps = self.relu(self.first(images))
        sums = self.second(maps)
        if self.shortcut and self.in_place:
            sums += maps
        elif self.shortcut:
            sums = sums + maps
        pooled = functional.max_pool2d(self.relu(sums), 2)
        return self.fourth(self.relu(self.third(self.dropout(pooled.flatten(1)))))


def slow_lrp(model: Small, image: Tensor, target: int, rule, first_rule) -> list[float]:
    """The whole network in loops, by the definitions; relevance itself goes from layer to layer."""
    first, second = as_matrix(model.first.weight, 4, 4), as_matrix(model.second.weight, 4, 4)
    biases = [each.bias.repeat_interleave(16).tolist() for each in (model.first, model.second)]
    third, fourth = model.third, model.fourth
    x0 = image.flatten()
    x1 = (first.nan_to_num() @ x0 + x0.new_tensor(biases[0])).relu()
    z2 = second.nan_to_num() @ x1 + x0.new_tensor(biases[1])
    x2 = (z2 + x1 if model.shortcut else z2).relu()
    x3, where = [], []
    for channel in range(4):
        for y in (0, 2):
            for x in (0, 2):
                places = [channel * 16 + (y + dy) * 4 + x + dx for dy in (0, 1) for dx in (0, 1)]
                where.append(max(places, key=lambda place: x2[place].item()))
                x3.append(x2[where[-1]].item())
    x4 = (third.weight @ x0.new_tensor(x3) + third.bias).relu()
    logits = fourth.weight @ x4 + fourth.bias
    relevance = [logits[k].item() if k == target else 0.0 for k in range(4)]
    relevance = slow_linear(rule, x4.tolist(), fourth.weight, fourth.bias.tolist(), relevance)
    relevance = slow_linear(rule, x3, third.weight, third.bias.tolist(), relevance)
    at2 = [0.0] * 64
    for place, arrived in zip(where, relevance, strict=True):
        at2[place] += arrived
    to_shortcut = [0.0] * 64
    if model.shortcut:
        for i in range(64):
            total = (z2[i] + x1[i]).item()
            to_shortcut[i] = at2[i] * x1[i].item() / total if at2[i] else 0.0
            at2[i] = at2[i] * z2[i].item() / total if at2[i] else 0.0
    through = slow_linear(rule, x1.tolist(), second, biases[1], at2)
    at1 = [a + b for a, b in zip(to_shortcut, through, strict=True)]
    return slow_linear(first_rule, x0.tolist(), first, biases[0], at1)


RULES = [Zero(), Epsilon(0.05), ZPlus(TINY), AlphaBeta(2, 1, TINY), AlphaBeta(1.5, 0.5, TINY), Gamma(0.4, TINY)]
FIRST = [WSquare(TINY), Flat(TINY), ZBox(-3, 3, TINY)]


@pytest.mark.parametrize("shortcut", [False, True])
@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("rule", RULES + FIRST, ids=str)
@torch.no_grad()
def test_equals_the_definition_in_loops(rule, in_place: bool, shortcut: bool) -> None:
    model, image = Small(in_place, shortcut).eval(), images_of(1).clamp(-3, 3)
    others = Epsilon(0.05) if rule in FIRST else rule
    classes = model(image).argmax(1)
    expected = slow_lrp(model, image, int(classes), others, rule)
    found = lrp(model, image, classes, first(rule, everywhere(others)))
    assert max(map(abs, expected)) > 1e-3
    torch.testing.assert_close(found.flatten().tolist(), expected, rtol=1e-9, atol=1e-11)


QUICK = [Zero(), Epsilon(0.05), ZPlus(), AlphaBeta(2, 1), AlphaBeta(1.5, 0.5), Gamma(0.4)]


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("rule", QUICK, ids=str)
def test_the_quick_form_equals_the_papers(rule, in_place: bool, batch_norm: bool) -> None:
    """In every layer of a network, with inputs of both signs and of one, with and without a BatchNorm folded in."""
    model, images, classes = Small(in_place).eval(), images_of(3), torch.tensor([0, 3, 1])
    if batch_norm:
        norm = nn.BatchNorm2d(4).double().eval()
        norm.weight.data, norm.running_var = (
            torch.tensor([0.5, -1, 2, 1]).double(),
            torch.tensor([1.0, 2, 3, 4]).double(),
        )
        model.second = nn.Sequential(model.second, norm)
    compared = []

    def both(layer):
        def compare(layer, c: Tensor) -> Tensor:
            quick = rule.quick(layer, c)
            expected = rule(layer, c * layer.outputs)  # Eq. in the papers: R from R
            torch.testing.assert_close(
                quick * layer.inputs, expected, rtol=1e-9, atol=1e-11 * float(expected.abs().max())
            )
            compared.append((layer.kind, layer.nonnegative, layer.rectified))
            return quick

        return type("Both", (), {"quick": staticmethod(compare)})

    lrp(model, images, classes, both)
    assert len(compared) == 4
    assert {nonnegative for _, nonnegative, _ in compared} == {False, True}
    assert any(rectified for *_, rectified in compared) == in_place


def test_a_rule_in_the_papers_form_alone_is_enough() -> None:
    model, images, classes = Small().eval(), images_of(3), torch.tensor([0, 3, 1])
    for rule in QUICK:
        alone = lrp(model, images, classes, everywhere(lambda layer, relevance, rule=rule: rule(layer, relevance)))
        expected = lrp(model, images, classes, everywhere(rule))
        torch.testing.assert_close(alone, expected, rtol=1e-9, atol=1e-11 * float(expected.abs().max()))


def test_without_biases_zero_is_gradient_times_input() -> None:
    for shortcut in (False, True):
        model, images = without_shifts(Small(True, shortcut).eval()), images_of(3)
        classes = torch.tensor([0, 3, 1])
        pixels = images.clone().requires_grad_()
        logits = model(pixels).gather(1, classes[:, None])[:, 0]
        (gradient,) = torch.autograd.grad(logits.sum(), pixels)
        found = lrp(model, images, classes, everywhere(Zero()))
        torch.testing.assert_close(found, gradient * images, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("rule", [Epsilon(1e-13), ZPlus(1e-13), Gamma(0.25, 1e-13)], ids=str)
def test_every_layer_holds_what_the_logit_is(rule) -> None:
    model, images = without_shifts(Small(shortcut=False).eval()), images_of(3)
    logits, classes = model(images).max(1)
    layers = [model.first, model.second, model.third, model.fourth]
    for relevance in (
        *lrp_at(model, images, classes, layers, everywhere(rule)),
        lrp(model, images, classes, everywhere(rule)),
    ):
        torch.testing.assert_close(relevance.flatten(1).sum(1), logits, rtol=1e-8, atol=1e-10)


ZOO = {  # float64, weights as they are initialised, all that is added set to zero
    "alexnet": 64,
    "vgg16": 32,
    "vgg16_bn": 32,
    "resnet18": 64,
    "resnet50": 64,
    "googlenet": 64,
    "inception_v3": 80,
    "densenet121": 64,
    "mobilenet_v2": 64,
    "shufflenet_v2_x0_5": 64,
    "squeezenet1_1": 64,
}
COMPOSITES = {
    "zero": everywhere(Zero()),
    "epsilon": everywhere(Epsilon(1e-25)),
    "plus": lambda layer: ZPlus(1e-25) if layer.kind == "convolution" else Epsilon(1e-25),
    "alpha-beta flat": lambda layer: Flat(1e-25) if layer.first else AlphaBeta(2, 1, 1e-25),
    "gamma box": lambda layer: ZBox(-6, 6, 1e-25) if layer.first else Gamma(0.25, 1e-25),
}


def zoo(name: str) -> nn.Module:
    vision = models.torchvision()
    options = {"init_weights": False} if name in ("googlenet", "inception_v3", "vgg16", "vgg16_bn") else {}
    torch.manual_seed(0)
    model = vision.models.get_model(name, weights=None, **options)
    if name.startswith("vgg") or name == "alexnet":  # most of their weights are in the head
        inputs = 512 * 49 if name.startswith("vgg") else 256 * 36
        model.classifier = nn.Sequential(nn.Linear(inputs, 16), nn.ReLU(inplace=True), nn.Linear(16, 10))
    return model.eval().double()


# A unit with few inputs may have no positive, or no negative, contribution to share its relevance among.
ONE_SIDED = {
    "plus": ("shufflenet_v2_x0_5",),
    "alpha-beta flat": ("mobilenet_v2", "shufflenet_v2_x0_5", "squeezenet1_1"),
}


@pytest.mark.parametrize("name", ZOO)
def test_torchvisions_networks_conserve(name: str) -> None:
    model, images, classes = without_shifts(zoo(name)), images_of(1, ZOO[name]), torch.tensor([3])
    pixels = images.clone().requires_grad_()
    logits = model(pixels).gather(1, classes[:, None])[:, 0]
    (gradient,) = torch.autograd.grad(logits.sum(), pixels)
    for title, composite in COMPOSITES.items():
        found = lrp(model, images, classes, composite)
        assert found.isfinite().all()
        if title == "zero":
            torch.testing.assert_close(found, gradient * images, rtol=1e-6, atol=1e-9 * float(found.abs().max()))
        if name in ONE_SIDED.get(title, ()):
            continue
        torch.testing.assert_close(found.sum((1, 2, 3)), logits, rtol=1e-6, atol=0)


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "efficientnet_b0", "convnext_tiny"])
def test_networks_without_a_rule_are_refused(name: str) -> None:
    with pytest.raises(NoRuleError):
        lrp(
            models.torchvision().models.get_model(name, weights=None).eval(),
            images_of(1, 64).float(),
            torch.tensor([3]),
        )


def without_in_place(model: nn.Module) -> nn.Module:
    model = copy.deepcopy(model)
    for module in model.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False
    return model


def zennit_of(composite, model: nn.Module, images: Tensor, classes: Tensor) -> Tensor:
    from zennit.attribution import Gradient

    def start(logits: Tensor) -> Tensor:
        return functional.one_hot(classes, logits.shape[1]).to(logits) * logits.detach()

    with Gradient(without_in_place(model), composite, attr_output=start) as attributor:
        return attributor(images.clone().requires_grad_())[1].detach()


def sequential() -> nn.Module:
    """VGG in small, with biases, an average pooling and ReLU modules, as zennit needs them."""
    torch.manual_seed(3)
    layers: list[nn.Module] = []
    for inputs, outputs in ((3, 5), (5, 6)):
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(), nn.Conv2d(outputs, outputs, 3), nn.ReLU()]
        layers += [nn.MaxPool2d(2)]
    return nn.Sequential(
        *layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(24, 7), nn.ReLU(), nn.Linear(7, 5)
    ).double()


def test_equals_zennit_on_a_network_of_modules(require_module) -> None:
    models.torchvision()
    zennit = require_module("zennit.composites", "pip install zennit")
    model, images, classes = sequential().eval(), images_of(3, 16), torch.tensor([0, 4, 2])
    tiny = {"stabilizer": 1e-6}
    pairs = {
        "EpsilonPlus": (zennit.EpsilonPlus(**tiny), epsilon_plus),
        "EpsilonAlpha2Beta1": (zennit.EpsilonAlpha2Beta1(**tiny), epsilon_alpha2_beta1),
        "EpsilonPlusFlat": (zennit.EpsilonPlusFlat(**tiny), epsilon_plus_flat),
        "EpsilonGammaBox": (zennit.EpsilonGammaBox(low=-4.0, high=4.0, **tiny), epsilon_gamma_box(-4, 4)),
    }
    for theirs, _ in pairs.values():  # average pooling shares without a stabiliser here
        theirs.layer_map = [
            (kinds, zennit.Norm(stabilizer=1e-300) if rule.__class__.__name__ == "Norm" else rule)
            for kinds, rule in theirs.layer_map
        ]
    for title, (theirs, ours) in pairs.items():
        expected = zennit_of(theirs, model, images, classes)
        found = lrp(model, images, classes, ours)
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-10 * float(expected.abs().max()), msg=title)


def test_equals_zennit_rule_by_rule(require_module) -> None:
    models.torchvision()
    theirs = require_module("zennit.rules", "pip install zennit")
    composites = require_module("zennit.composites", "pip install zennit")
    torch.manual_seed(4)
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 5, 3), nn.ReLU(), nn.Flatten(), nn.Linear(5 * 36, 5)
    )
    model, images, classes = model.double().eval(), images_of(3, 10), torch.tensor([0, 4, 2])
    pairs = {
        "epsilon": (theirs.Epsilon(0.25), Epsilon(0.25)),
        "plus": (theirs.ZPlus(), ZPlus()),
        "alpha-beta": (theirs.AlphaBeta(3, 2), AlphaBeta(3, 2)),
        "gamma": (theirs.Gamma(0.3), Gamma(0.3)),
        "flat": (theirs.Flat(), Flat()),
        "box": (theirs.ZBox(-3.0, 3.0), ZBox(-3, 3)),
        "w-square": (theirs.WSquare(zero_params="bias"), WSquare()),
    }
    for title, (one, other) in pairs.items():
        first_only = isinstance(other, WSquare | Flat | ZBox)
        rest = theirs.Epsilon(0.25) if first_only else one
        layers = (nn.Conv2d, nn.Linear)
        composite = composites.SpecialFirstLayerMapComposite(
            [(layers, rest), (nn.ReLU, theirs.Pass())], [(layers, one)]
        )
        expected = zennit_of(composite, model, images, classes)

        def ours(layer, other=other, first_only=first_only):
            return Epsilon(0.25) if first_only and not layer.first else other

        found = lrp(model, images, classes, ours)
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-10 * float(expected.abs().max()), msg=title)
    composite = composites.SpecialFirstLayerMapComposite(
        [((nn.Conv2d, nn.Linear), theirs.Epsilon(0.25)), (nn.ReLU, theirs.Pass())], [(nn.Conv2d, theirs.WSquare())]
    )
    with_bias = zennit_of(composite, model, images, classes)  # which takes the squared bias for an input
    ours = lrp(model, images, classes, lambda layer: WSquare() if layer.first else Epsilon(0.25))
    assert (with_bias - ours).abs().max() > 1e-3 * ours.abs().max()


def test_residual_networks_conserve_where_the_libraries_do_not(vision, require_module) -> None:
    """zennit is right with its canoniser for ResNets, and only there; captum has none."""
    attr = require_module("captum.attr", "pip install captum")
    composites = require_module("zennit.composites", "pip install zennit")
    canonisers = require_module("zennit.torchvision", "pip install zennit")
    model, images, classes = without_shifts(vision("resnet18")), images_of(2, 64), torch.tensor([3, 7])
    logits = model(images).gather(1, classes[:, None])[:, 0]
    ours = lrp(model, images, classes, everywhere(Epsilon()))
    torch.testing.assert_close(ours.sum((1, 2, 3)), logits, rtol=1e-3, atol=0)
    captum = attr.LRP(without_in_place(model)).attribute(images, target=classes).detach()
    alone = zennit_of(composites.EpsilonPlus(), model, images, classes)
    for theirs in (captum, alone):
        assert ((theirs.sum((1, 2, 3)) - logits) / logits).abs().min() > 1
    model = copy.deepcopy(vision("resnet18"))
    model.image_mean.zero_()  # zennit takes the plain gradient of the normalisation
    model.image_std.fill_(1)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):  # zennit's, once folded, still divide by sqrt(1 + eps)
            module.running_var += module.eps
            module.eps = 0.0
    theirs = composites.EpsilonPlus(canonizers=[canonisers.ResNetCanonizer()], epsilon=1e-9, stabilizer=1e-15)
    expected = zennit_of(theirs, model, images, classes)
    found = lrp(model, images, classes, lambda layer: ZPlus(1e-15) if layer.kind == "convolution" else Epsilon(1e-9))
    torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-10 * float(expected.abs().max()))


class Flattened(nn.Sequential):
    """Flattens at the end, without a module, for which captum would want a rule."""

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images).flatten(1)


def test_captum_gives_max_pooling_the_epsilon_rule(require_module) -> None:
    """Without pooling both agree; with max pooling its largest input loses to the stabiliser."""
    attr = require_module("captum.attr", "pip install captum")
    captum_rules = require_module("captum.attr._utils.lrp_rules", "pip install captum")
    images, classes = images_of(2, 12), torch.tensor([0, 2])
    for pool in (False, True):
        torch.manual_seed(5)
        layers = [nn.Conv2d(3, 4, 3), nn.ReLU(), *([nn.MaxPool2d(2)] if pool else [])]
        model = Flattened(*layers, nn.Conv2d(4, 3, 5 if pool else 10)).double().eval()
        theirs = copy.deepcopy(model)
        for layer in theirs:
            if isinstance(layer, nn.Conv2d | nn.MaxPool2d):
                layer.rule = captum_rules.EpsilonRule(0.1)
        expected = attr.LRP(theirs).attribute(images, target=classes).detach()
        found = lrp(model, images, classes, everywhere(Epsilon(0.1)))
        agrees = float((found - expected).abs().max() / found.abs().max())
        assert (agrees < 1e-7) if not pool else (agrees > 1e-3)


def test_batch_of_different_classes_equals_one_by_one() -> None:
    model, images, classes = Small(True).eval(), images_of(4), torch.tensor([0, 3, 1, 2])
    one_by_one = [lrp(model, images[i : i + 1], classes[i : i + 1]) for i in range(4)]
    torch.testing.assert_close(lrp(model, images, classes), torch.cat(one_by_one))


def test_given_relevance_is_linear() -> None:
    model, images, classes = Small().eval(), images_of(2), torch.tensor([0, 3])
    logits = model(images).detach()
    whole = lrp(model, images, classes, relevance=logits)
    parts = [lrp(model, images, torch.tensor([k, k])) for k in range(4)]
    torch.testing.assert_close(whole, sum(parts[1:], parts[0]))
    with pytest.raises(OptionsError):
        lrp(model, images, classes, relevance=logits[:, :2])


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("around", [torch.enable_grad, torch.no_grad, torch.inference_mode])
def test_the_model_is_left_as_it_was_found(fails: bool, around) -> None:
    model = Small(True).train()
    model.dropout.eval()
    model.first.weight.requires_grad_(False)
    model.third.bias.grad = torch.ones_like(model.third.bias)
    before = copy.deepcopy(model.state_dict())
    with around():
        images = images_of(2)
        kept = images.clone()
        if fails:
            with pytest.raises(ClassesError):
                lrp_at(model, images, torch.tensor([0, 4]), [model.relu])
        else:
            found = lrp(model, images, torch.tensor([0, 3]))
            assert not found.requires_grad
        assert torch.equal(images, kept)
        assert not images.requires_grad
    assert [model.training, model.dropout.training] == [True, False]
    assert [p.requires_grad for p in model.parameters()] == [False] + [True] * 7
    assert [p.grad is None for p in model.parameters()] == [True] * 5 + [False] + [True] * 2
    assert all(not m._forward_hooks and not m._backward_hooks for m in model.modules())
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_float32_is_close_to_float64() -> None:
    model, images, classes = Small(True).eval(), images_of(3), torch.tensor([0, 3, 1])
    for composite in (epsilon_plus, epsilon_alpha2_beta1_flat, epsilon_gamma_box([-4, -4, -4], 4)):
        exact = lrp(model, images, classes, composite)
        found = lrp(copy.deepcopy(model).float(), images.float(), classes, composite)
        assert found.dtype == torch.float32
        torch.testing.assert_close(found.double(), exact, rtol=1e-3, atol=1e-5 * float(exact.abs().max()))


def test_wrong_input_is_refused() -> None:
    with pytest.raises(OptionsError):
        AlphaBeta(2, 2)
    with pytest.raises(LogitsError):
        lrp(nn.Conv2d(3, 2, 3).double(), images_of(1), torch.tensor([0]))


def test_logits_that_do_not_depend_on_the_image_are_refused() -> None:
    class Ignores(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return images.detach().mean((2, 3))

    with pytest.raises(GradientError):
        lrp(Ignores(), images_of(1), torch.tensor([0]))


@pytest.mark.parametrize("composite", [epsilon_plus, epsilon_alpha2_beta1, everywhere(Epsilon())])
def test_autocast_changes_nothing(composite) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        *(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(36, 5, bias=False)),
    ).eval()
    images, classes = images_of(2, 8).float(), torch.tensor([3, 1])
    expected = lrp(model, images, classes, composite)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = lrp(model, images, classes, composite)
        assert torch.is_autocast_enabled("cpu")
    assert torch.equal(found, expected)
    torch.testing.assert_close(found.sum((1, 2, 3)), model(images)[[0, 1], classes], rtol=1e-3, atol=1e-4)
