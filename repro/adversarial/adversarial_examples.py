"""Adversarial examples: images that look the same to us, and are of another class to the network.

The smallest change that gives an image a class of one's choice (Szegedy et al. 2014), and the change that one gradient
suggests, the same size at every pixel (the fast gradient sign method, Goodfellow et al. 2015).

Papers: ``szegedy2014intriguing`` and ``goodfellow2015explaining``; neither numbers these equations.  In their symbols,
x is the image with m values, r or eta what is added, l the class wanted, y the true class, J and loss_f the
cross-entropy:

    minimise ||r||_2 subject to f(x + r) = l and x + r in [0, 1]^m           (Szegedy, Sec. 4.1)
    by a line search over c > 0: minimise c |r| + loss_f(x + r, l) subject to x + r in [0, 1]^m
    distortion = sqrt(sum_i (x'_i - x_i)^2 / m)                               (Szegedy, Sec. 4.2)
    eta = epsilon sign(grad_x J(theta, x, y))                                 (Goodfellow, Sec. 4)
    J~(x, y) = alpha J(x, y) + (1 - alpha) J(x + eta, y), alpha = 1/2         (Goodfellow, Sec. 6)

Images are in [0, 1], ``(B, C, H, W)``, and so are adversarial images.  Budgets and distortions have the unit of the
image's values: 8/255 is eight grey levels.  A model that wants normalised input gets the normalisation built in, as
``nn.Sequential(normalisation, model)``: what is cut off at black and white is then cut off in the image.

Differences from the papers:
1. |r| is the squared Euclidean norm: every minimiser with the norm is one with its square, for another c; the square
   reaches others between them, and is smooth at 0.
2. The paper asks for the smallest c whose minimiser has the class l, but a larger c makes a smaller r: here it is the
   largest, and of all minimisers with the class l the one with the smallest r is kept.
3. L-BFGS takes projected steps and works on the whole batch (``engine.lbfgs``).  On a network it finds a good local
   minimum, as theirs does; where J is convex and there are two classes it finds the smallest r.
4. The sign is that of the gradient of log(sum_{k != y} exp z_k) - z_y, z being the logits.  J = log(1 + exp(.)) of it,
   so that its gradient is the same but for a positive factor; that factor is zero in floating point where the network
   is sure, and then torchattacks 3.5.1 in float32 moves the wrong way, or not at all.

Raises ValueError for images outside [0, 1], of whole numbers or another shape, a negative budget, classes that do not
fit, and logits that do not depend on the image.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn import functional

from repro.engine import checks, lbfgs, training, watching
from repro.lab import digits, figures, networks, scenes


def adversarial_examples(
    model: nn.Module,
    images: Tensor,
    target_classes: Tensor,
    *,
    budget: float = math.inf,
    searches: int = 8,
    evaluations: int = 30,
    report: Callable[[float], None] = lambda share: None,
) -> Tensor:
    """The nearest images ``(B, C, H, W)`` of the class wanted, ``(B,)``, that the search finds: box-constrained L-BFGS.

    ``budget`` bounds the distortion.  Where no c reaches the class within it, the image comes back as it was.
    ``searches`` values of c are tried, with so many ``evaluations`` of the model for each; ``report`` is told the share
    that is done.
    """
    _check(images, budget)
    with torch.inference_mode(False), watching.evaluating(model), watching.frozen(model), torch.no_grad():
        start = images.detach().clone().flatten(1)
        logits = model(start.view_as(images))
        classes = checks.class_indices(target_classes, logits).clone()  # also where they come from inference mode

        def loss(points: Tensor) -> tuple[Tensor, Tensor]:
            values, gradient = _differentiated(model, points.view_as(images), lambda z: _cross_entropy(z, classes))
            return values, gradient.flatten(1)

        def penalised(points: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
            values, gradient = loss(points)
            r = points - start
            return values + c * r.square().sum(1), gradient + 2 * c[:, None] * r  # c |r| + loss_f(x + r, l)

        values, gradient = loss(start)
        c = gradient.square().sum(1) / (4 * values).clamp_min(torch.finfo(values.dtype).tiny)  # exact if f is linear
        nearest, shortest = start, torch.where(logits.argmax(1) == classes, 0.0, math.inf).to(start)
        reaching, missing = torch.zeros_like(c), torch.full_like(c, math.inf)  # largest and smallest such c
        for search in range(searches):
            points = lbfgs.minimise(lambda each, c=c: penalised(each, c), start, evaluations)  # type: ignore[misc]  # c is bound now
            reached = model(points.view_as(images)).argmax(1) == classes  # f(x + r) = l
            length = distortion(start, points)
            better = reached & (length < shortest)
            nearest = torch.where(better[:, None], points, nearest)
            shortest = torch.where(better, length, shortest)
            reaching = torch.where(reached, torch.maximum(reaching, c), reaching)
            missing = torch.where(reached, missing, torch.minimum(missing, c))
            c = torch.where(missing.isinf(), 4 * c, torch.where(reaching == 0, c / 4, (reaching * missing).sqrt()))
            report((search + 1) / searches)
        return torch.where((shortest <= budget)[:, None], nearest, start).view_as(images)


def fgsm(model: nn.Module, images: Tensor, true_classes: Tensor, budget: float) -> Tensor:
    """Images ``(B, C, H, W)`` one step of size ``budget`` (epsilon) away from their true class, ``(B,)``, in [0, 1]."""
    _check(images, budget)
    return (images.detach() + budget * _sign(model, images, true_classes)).clamp(0, 1)


def distortion(images: Tensor, others: Tensor) -> Tensor:
    """How far each image ``(B, ...)`` is from the other, ``(B,)``: the root of the mean square over all values."""
    return (others - images).flatten(1).square().mean(1).sqrt()  # Szegedy, Sec. 4.2


def _sign(model: nn.Module, images: Tensor, true_classes: Tensor) -> Tensor:
    with torch.inference_mode(False), watching.evaluating(model), watching.frozen(model):

        def loss(logits: Tensor) -> Tensor:
            return _log_odds_against(logits, checks.class_indices(true_classes, logits).clone())

        _, gradient = _differentiated(model, images.detach().clone(), loss)
    return gradient.sign()  # eta / epsilon = sign(grad_x J(theta, x, y))


def _cross_entropy(logits: Tensor, classes: Tensor) -> Tensor:
    return functional.cross_entropy(logits, classes, reduction="none")


def _log_odds_against(logits: Tensor, classes: Tensor) -> Tensor:
    """(B,), of which J is log(1 + exp(.)): monotone, so that its gradient has J's sign."""
    own = classes[:, None]
    return logits.scatter(1, own, -math.inf).logsumexp(1) - logits.gather(1, own)[:, 0]


def _differentiated(model: nn.Module, images: Tensor, loss: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
    """Each image's loss ``(B,)`` and its gradient with respect to the image."""
    with torch.enable_grad():
        pixels = images.detach().requires_grad_()
        losses = loss(model(pixels))
        gradient = torch.autograd.grad(losses.sum(), pixels, allow_unused=True)[0] if losses.requires_grad else None
    if gradient is None:
        raise ValueError("the logits do not depend on the image, or not by operations with a gradient")
    return losses.detach(), gradient


def _check(images: Tensor, budget: float) -> None:
    if not budget >= 0:
        raise ValueError(f"budget must not be negative, and it is {budget}: 8/255 is eight grey levels")
    checks.check_images(images)
    if not bool(((images >= 0) & (images <= 1)).all()):
        raise ValueError("images must lie in [0, 1]: build the normalisation into the model, before its first layer")


def _operator_norms(model: nn.Module, image: Tensor) -> list[float]:
    """Largest singular value of each convolution and linear layer for an image ``(1, C, H, W)`` (Szegedy, Sec. 4.3).

    By power iteration on the layer itself; the paper takes convolutions to the Fourier domain, which assumes that they
    wrap around at the border.
    """
    layers = [module for module in model.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    inputs: list[Tensor] = []
    handles = [layer.register_forward_hook(lambda _, given, __: inputs.append(given[0])) for layer in layers]
    try:
        with torch.no_grad():
            model(image)
    finally:
        for handle in handles:
            handle.remove()
    norms, generator = [], torch.Generator().manual_seed(0)
    for layer, given in zip(layers, inputs, strict=True):
        v = torch.rand(given.shape, generator=generator).to(given)
        for _ in range(100):
            with torch.enable_grad():
                change = layer(v.requires_grad_()) - layer(torch.zeros_like(v))  # W v, without the bias
                (v,) = torch.autograd.grad(change.square().sum() / 2, v)  # W^T W v
            growth = v.norm()
            v = v / growth
        norms.append(float(growth.sqrt()))
    return norms


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """The claims' numbers on held-out images that the network gets right: scenes for fc-scenes, digits for LeNet.

    Random signs and Gaussian noise are as large as the adversarial change beside them.  Adversarial training goes on
    from the trained LeNet for eight epochs, and so does its control, with random signs in place of eta.
    """
    return (
        _one_step(seed, device)
        | _minimal("scenes", networks.load("fc-scenes", seed).to(device), *_right("fc-scenes", 12, seed, device))
        | _minimal("digits", networks.load("lenet-digits", seed).to(device), *_right("lenet-digits", 50, seed, device))
        | _between_networks(seed, device)
        | _between_halves(seed, device)
        | _adversarial_training(seed, device)
    )


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """Three scenes: as they are, what L-BFGS adds for another class, the sum, what one step adds, and that sum."""
    model = networks.load("fc-scenes", seed).to(device)
    images, classes = _right("fc-scenes", 3, seed, device)
    targets = (classes + 1 + torch.arange(3, device=device)) % 10
    rows = []
    made = {
        "L-BFGS": adversarial_examples(model, images, targets),
        "one step, 8/255": fgsm(model, images, classes, 8 / 255),
    }
    with torch.no_grad():
        seen = {name: model(found).softmax(1).max(1) for name, found in (made | {"": images}).items()}
    named = {
        name: [f"{scenes.CLASSES[c]}, {p:.0%}" for p, c in zip(*(each.tolist() for each in found), strict=True)]
        for name, found in seen.items()
    }
    for i in range(3):
        row = [figures.Panel(named[""][i], images[i])]
        for name, found in made.items():
            added = 0.5 + 10 * (found[i] - images[i])
            row += [figures.Panel(f"{name}: what is added, 10 times", added.clamp(0, 1))]
            row += [figures.Panel(named[name][i], found[i])]
        rows.append(row)
    return figures.panels(rows, "Adversarial examples: what the network sees in three scenes, and how sure it is")


def _one_step(seed: int, device: str) -> dict[str, float]:
    """How often one step fools the network, and how straight the logits are along it."""
    model = networks.load("fc-scenes", seed).to(device)
    images, classes = _right("fc-scenes", 150, seed, device)
    found = {}
    for grey in (2, 4, 8, 16):
        made = {"fgsm": fgsm(model, images, classes, grey / 255), "random": _random_step(images, grey / 255)}
        for name, each in made.items():
            found[f"{name}-{grey}-error"] = _error(model, each, classes)
        found[f"fgsm-minus-random-{grey}-error"] = found[f"fgsm-{grey}-error"] - found[f"random-{grey}-error"]
    with torch.no_grad():
        probabilities = model(fgsm(model, images, classes, 8 / 255)).softmax(1)
    surest, chosen = probabilities.max(1)
    found["fgsm-8-confidence"] = float(surest[chosen != classes].mean())

    images, classes = images[:50], classes[:50]
    for name, most, direction in (
        ("", 8, _sign(model, images, classes)),
        ("far-", 64, _sign(model, images, classes)),
        ("random-", 8, _random_signs(images)),
    ):
        epsilons = torch.linspace(0, most / 255, 9, device=device)
        with torch.no_grad():
            logits = torch.stack([model(images + epsilon * direction) for epsilon in epsilons])
        found[f"{name}straightness"] = _straightness(epsilons, logits)
        wrong = (logits.argmax(2) != classes).int()
        if name == "far-":
            found["stays-wrong"] = float((wrong.cummax(0).values == wrong).all(0)[wrong.any(0)].float().mean())
    return found


def _straightness(epsilons: Tensor, logits: Tensor) -> float:
    """Share of the logits' variance ``(E, B, K)`` along epsilon that straight lines explain, mean over the images."""
    x, y = epsilons - epsilons.mean(), logits - logits.mean(0)
    slopes = torch.einsum("e,ebk->bk", x, y) / x.square().sum()
    unexplained = (y - x[:, None, None] * slopes).square().sum((0, 2))
    return float((1 - unexplained / y.square().sum((0, 2))).mean())


def _minimal(data: str, model: nn.Module, images: Tensor, classes: Tensor) -> dict[str, float]:
    """Box-constrained L-BFGS towards another class, and what noise and one step of the same kind of size do."""
    targets = (classes + 1 + torch.arange(len(classes), device=classes.device) % 9) % 10
    found = adversarial_examples(model, images, targets)
    length = distortion(images, found)
    noise = _of_size(_gaussian(images), length)
    needed = torch.full_like(length, math.inf)
    for grey in range(64, 0, -1 if data == "scenes" else -2):
        step = fgsm(model, images, classes, grey / 255)
        with torch.no_grad():
            needed = torch.where(model(step).argmax(1) != classes, distortion(images, step), needed)
    quantities = {
        "reached": 1 - _error(model, found, targets),
        "rounded-error": _error(model, (found * 255).round() / 255, classes),
        "distortion": float(length.mean()),
        "noise-error": _error(model, (images + noise).clamp(0, 1), classes),
        "five-times-noise-error": _error(model, (images + 5 * noise).clamp(0, 1), classes),
        "fgsm-over-lbfgs": float((needed / length).median()),
    }
    if data == "digits":
        norms = _operator_norms(model, images[:1])
        with torch.no_grad():
            moved = (model(found) - model(images)).norm(dim=1) / (found - images).flatten(1).norm(dim=1)
        quantities |= {"smallest-norm": min(norms), "first-norm": norms[0], "bound": math.prod(norms)}
        quantities["stretch"] = float(moved.max())
    return {f"{data}-{name}": value for name, value in quantities.items()}


def _between_networks(seed: int, device: str) -> dict[str, float]:
    """What is made for one network, shown to one trained on other scenes and to others of another shape."""
    model = networks.load("fc-scenes", seed).to(device)
    images, classes = _right("fc-scenes", 150, seed, device)
    made, random = fgsm(model, images, classes, 16 / 255), _random_step(images, 16 / 255)
    with torch.no_grad():
        own = model(made).argmax(1)
    found: dict[str, float] = {}
    agree: list[Tensor] = []
    chance: list[Tensor] = []
    names = {name: (f"{name}-scenes", seed) for name in ("gap", "zf", "vgg", "residual")}
    for name, (network, number) in ({"same": ("fc-scenes", (seed + 1) % 3)} | names).items():
        other = networks.load(network, number).to(device)
        with torch.no_grad():
            its = other(made).argmax(1)
        found[f"{name}-transfer"] = float((its != classes).float().mean())
        found[f"{name}-random"] = _error(other, random, classes)
        found[f"{name}-transfer-minus-random"] = found[f"{name}-transfer"] - found[f"{name}-random"]
        both = (own != classes) & (its != classes)
        for shares, each in zip((agree, chance), _agreement(own[both], its[both]), strict=True):
            shares.append(each)
    found["other-shapes-transfer-minus-random"] = sum(found[f"{name}-transfer-minus-random"] for name in names) / 4
    found["agreement"] = float(torch.cat(agree).mean())
    found["agreement-minus-chance"] = found["agreement"] - float(torch.cat(chance).mean())
    return found


def _agreement(own: Tensor, its: Tensor) -> tuple[Tensor, Tensor]:
    """For each image whether two networks name one class, and how often the other does so on the other images."""
    pairs = (own[:, None] == its).float()
    count = len(pairs)
    if count < 2:  # no other image, and so no chance to compare with
        return pairs.new_zeros(0), pairs.new_zeros(0)
    same = pairs.diagonal()
    return same, (pairs.sum(1) - same) / (count - 1)


def _between_halves(seed: int, device: str) -> dict[str, float]:
    """Two LeNets that share no training image (Szegedy, Tables 3 and 4): made for one, shown to the other."""
    learned, classes = _digits(seed, device, held_out=False)
    one, two = (_trained(_lenet(which, device), learned[which::2], classes[which::2], epochs=12) for which in (0, 1))
    images, classes = _digits(seed, device, held_out=True)
    with torch.no_grad():
        right = (one(images).argmax(1) == classes) & (two(images).argmax(1) == classes)
    images, classes = images[right][:60], classes[right][:60]
    targets = (classes + 1 + torch.arange(len(classes), device=device) % 9) % 10
    r = adversarial_examples(one, images, targets) - images
    length = distortion(images, images + r)
    found = {}
    for name, size in (("", length), ("amplified-", torch.full_like(length, 0.1))):
        for what, change in (("transfer", r), ("noise", _gaussian(images))):
            found[f"halves-{name}{what}"] = _error(two, images + _of_size(change, size), classes)
        found[f"halves-{name}difference"] = found[f"halves-{name}transfer"] - found[f"halves-{name}noise"]
    return found


def _adversarial_training(seed: int, device: str, epsilon: float = 0.15) -> dict[str, float]:
    naive = networks.load("lenet-digits", seed).to(device)
    learned, labels = _digits(seed, device, held_out=False)
    adversarial = _trained(copy.deepcopy(naive), learned, labels, 8, lambda net, x, y: fgsm(net, x, y, epsilon))
    noisy = _trained(copy.deepcopy(naive), learned, labels, 8, lambda _, x, __: _random_step(x, epsilon))
    images, classes = _digits(seed, device, held_out=True)
    found = {}
    for name, model in (("naive", naive), ("adversarial", adversarial), ("noise", noisy)):
        found[f"{name}-trained-fgsm-error"] = _error(model, fgsm(model, images, classes, epsilon), classes)
        found[f"{name}-trained-error"] = _error(model, images, classes)
    for control in ("naive", "noise"):
        gain = found[f"{control}-trained-fgsm-error"] - found["adversarial-trained-fgsm-error"]
        found[f"{control}-minus-adversarial-trained-fgsm-error"] = gain
    found["naive-minus-adversarial-trained-error"] = found["naive-trained-error"] - found["adversarial-trained-error"]
    return found


def _trained(
    model: nn.Module,
    images: Tensor,
    classes: Tensor,
    epochs: int,
    disturbed: Callable[[nn.Module, Tensor, Tensor], Tensor] | None = None,
) -> nn.Module:
    """AdamW in steps of 64 images, its rate falling to zero; with J~ in place of J if there are disturbed images."""

    def loss(rows: Tensor) -> Tensor:
        x, y = images[rows], classes[rows]
        plain = _cross_entropy(model(x), y).mean()
        if not disturbed:
            return plain
        return plain / 2 + _cross_entropy(model(disturbed(model, x, y)), y).mean() / 2  # J~, alpha = 1/2

    order = torch.Generator().manual_seed(0)
    orders = [torch.randperm(len(images), generator=order) for _ in range(epochs)]
    batches = [rows for each in orders for rows in torch.split(each, 64)[: len(images) // 64]]
    return training.one_cycle(model, batches, loss).requires_grad_(False)


def _lenet(seed: int, device: str) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return networks.build("lenet-digits").to(device)


def _digits(seed: int, device: str, *, held_out: bool) -> tuple[Tensor, Tensor]:
    held = digits.load(500 if held_out else digits.TRAINING, seed, held_out=held_out)
    return networks.inputs(held.images, held.labels, device)


def _right(name: str, count: int, seed: int, device: str) -> tuple[Tensor, Tensor]:
    """The first so many held-out images that the network gets right, and their classes."""
    held = networks.data(name, 500 if name.endswith("digits") else 2000, seed)
    images, classes = networks.inputs(held.images[: 2 * count], held.labels[: 2 * count], device)
    with torch.no_grad():
        right = networks.load(name, seed).to(device)(images).argmax(1) == classes
    return images[right][:count], classes[right][:count]


@torch.no_grad()
def _error(model: nn.Module, images: Tensor, classes: Tensor) -> float:
    return float((model(images).argmax(1) != classes).float().mean())


def _random_signs(images: Tensor) -> Tensor:
    return (torch.randint(0, 2, images.shape, generator=torch.Generator().manual_seed(0)) * 2 - 1).to(images)


def _gaussian(images: Tensor) -> Tensor:
    return torch.randn(images.shape, generator=torch.Generator().manual_seed(0)).to(images)


def _of_size(change: Tensor, size: Tensor) -> Tensor:
    """Each change ``(B, C, H, W)`` made longer or shorter, to this distortion ``(B,)``."""
    own = distortion(torch.zeros_like(change), change).clamp_min(torch.finfo(change.dtype).tiny)
    return change * (size / own)[:, None, None, None]


def _random_step(images: Tensor, size: float) -> Tensor:
    return (images + size * _random_signs(images)).clamp(0, 1)
