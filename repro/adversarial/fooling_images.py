"""Fooling images: pictures that nobody recognises, and that a network takes for one of its classes with near certainty.

Paper: ``nguyen2015deep``; what its text leaves open follows its code, github.com/Evolving-AI-Lab/fooling.  Three
encodings of a picture are searched:

- ``gradient``: the pixels X themselves, along the gradient of the class's probability p, from the mean image M plus a
  little noise (Fig. 13; ``caffe/ascent/find_fooling_image.py``).  With the L2 decay theta, a step is

      X <- M + (1 - theta) (X + r g - M),   g = dp/dX,   r = min(0.03, 0.1 (1 - p)) / |g|^2

  then cut to [0, 1]: to first order p rises by 0.03, and by a tenth of what is missing when it is nearly there.
- ``direct``: the pixels, evolved (Fig. 4).  Each begins uniform in [0, 1]; in a child each changes with probability
  0.1, halved every 1000 generations, by the polynomial mutation with eta = 15 (``cppn.polynomial_steps``).
- ``cppn``: a compositional pattern producing network that draws the picture (Fig. 5), evolved: see ``engine.cppn``.

Evolution is MAP-Elites, one run for all classes: see ``engine.evolution``.  Images are in [0, 1], ``(B, C, H, W)``,
with C = 1 or 3; with three channels what evolves are hue, saturation and value.  Confidences are probabilities after
the softmax.

Differences from the paper:
1. In a gradient step p at most doubles.  Where a class begins at 1e-9, a step of 0.03 would leave the region in which
   the gradient says anything.
2. Children are not crossed.  The paper's code crosses half of the pairs of pixel genomes (SBX); its text only mutates.
3. A generation's best child is compared with the champion, not each in turn: the same archive, in one operation.
4. CPPNs have at most a dozen hidden nodes, and coordinates from -1 to 1 (``repro.engine.cppn``).

Raises ValueError for an unknown encoding, a shape that is not (1 or 3, H, W), counts and decays that cannot be, and
classes that do not fit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, cast

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn import functional

from repro.engine import checks, cppn, training, watching
from repro.engine.evolution import Encoding, Genomes, map_elites
from repro.lab import digits, figures, networks, scenes

ENCODINGS = ("gradient", "direct", "cppn")
Shape = tuple[int, int, int]
Report = Callable[[float], None]
_CLASSES = {1: digits.CLASSES, 3: scenes.CLASSES}  # of the laboratory's networks, by the channels of their images


class Found(NamedTuple):
    """Pictures and how sure of them the network was on the way."""

    images: Tensor  # (B, C, H, W)
    confidences: Tensor  # (generations + 1, B): of the picture's class; the first row is the start


def fooling_images(
    model: nn.Module,
    target_classes: Tensor,
    *,
    shape: Shape,
    encoding: str = "gradient",
    generations: int = 200,
    seed: int = 0,
    report: Report = lambda share: None,
) -> Tensor:
    """Pictures ``(B, *shape)`` that the model takes for the classes ``(B,)``; steps, for the gradient, are generations.

    ``ascend`` and ``evolve`` do the work, know further options, and say how the confidences rose.
    """
    if encoding not in ENCODINGS:
        raise ValueError(f"encoding must be one of {', '.join(ENCODINGS)}, not {encoding!r}")
    if encoding == "gradient":
        return ascend(model, target_classes, shape=shape, steps=generations, seed=seed, report=report).images
    classes = _classes(model, target_classes, shape)
    found = evolve(model, shape=shape, encoding=encoding, generations=generations, seed=seed, report=report)
    return found.images[classes]


def ascend(
    model: nn.Module,
    target_classes: Tensor,
    *,
    shape: Shape,
    steps: int = 200,
    decay: float = 0.0,
    mean: Tensor | float = 0.5,
    seed: int = 0,
    report: Report = lambda share: None,
) -> Found:
    """Gradient ascent from the mean image ``(C, H, W)`` plus noise, which is the same for every image of the batch.

    ``decay`` is theta: with it the picture keeps near the mean, and the confidence lower.
    """
    if steps < 0 or not 0 <= decay < 1:
        raise ValueError(f"steps are a count, and decay is 0 to less than 1: {steps} and {decay} cannot be")
    like, generator = _place(model, seed)
    noise = torch.randn(_checked(shape), dtype=like.dtype, device=like.device, generator=generator)
    with torch.inference_mode(False), torch.enable_grad(), watching.evaluating(model), watching.frozen(model):
        classes = _classes(model, target_classes, shape).clone()
        centre = torch.as_tensor(mean, dtype=like.dtype, device=like.device).expand(shape)
        images = (centre + noise / 255).expand(len(classes), *shape)
        confidences = []
        for step in range(steps + 1):
            images = images.clamp(0, 1).requires_grad_()
            log_p = model(images).log_softmax(1).gather(1, classes[:, None])[:, 0]
            confidences.append(log_p.detach().exp())
            if step < steps:
                (slope,) = torch.autograd.grad(log_p.sum(), images)
                images = centre + (1 - decay) * (images.detach() + _stride(log_p.detach(), slope) - centre)
                report((step + 1) / steps)
    return Found(images.detach(), torch.stack(confidences))


def _stride(log_p: Tensor, slope: Tensor) -> Tensor:
    """r g, written with the slope of log p, which is g / p, for p itself may be too small for a float."""
    p = log_p.exp()
    rise = torch.minimum((0.1 * (1 - p)).clamp(max=0.03) / p, torch.ones_like(p))  # of p, in units of p
    square = slope.square().sum((1, 2, 3)).clamp_min(torch.finfo(slope.dtype).tiny)
    return (rise / square).view(-1, 1, 1, 1) * slope


def evolve(
    model: nn.Module,
    *,
    shape: Shape,
    encoding: str = "direct",
    generations: int = 200,
    children: int = 200,
    seed: int = 0,
    report: Report = lambda share: None,
) -> Found:
    """MAP-Elites: a champion for each of the model's K classes, ``(K, *shape)``; ``children`` in each generation."""
    if encoding not in ENCODINGS[1:]:
        raise ValueError(f"what evolves is {' or '.join(ENCODINGS[1:])}, not {encoding!r}")
    like, generator = _place(model, seed)
    code = (_direct if encoding == "direct" else _cppn)(_checked(shape), generator, like.dtype)
    return Found(*map_elites(model, code, generations, children, generator, report))


def _direct(shape: Shape, generator: torch.Generator, dtype: torch.dtype) -> Encoding:
    def uniform(*size: int) -> Tensor:
        return torch.rand(size, dtype=dtype, device=generator.device, generator=generator)

    def mutate(parents: Genomes, generation: int) -> Genomes:
        (values,) = parents
        moved = (values + cppn.polynomial_steps(values, generator)).clamp(0, 1)
        return (torch.where(uniform(*values.shape) < 0.1 / 2 ** (generation // 1000), moved, values),)

    return Encoding(lambda count: (uniform(count, *shape),), mutate, lambda genomes: _coloured(genomes[0]))


def _cppn(shape: Shape, generator: torch.Generator, dtype: torch.dtype) -> Encoding:
    return Encoding(
        lambda count: cppn.start(count, shape[0], generator, dtype),
        lambda parents, _: cppn.mutate(cppn.Networks(*parents), generator),
        lambda genomes: _coloured(cppn.draw(cppn.Networks(*genomes), *shape[1:])),
    )


def _coloured(values: Tensor) -> Tensor:
    """One channel is grey; three are hue, saturation and value, each in [0, 1], and become red, green and blue."""
    if values.shape[1] == 1:
        return values
    hue, saturation, value = torch.split(values, 1, 1)
    shift = 5 - 2 * torch.arange(3, dtype=hue.dtype, device=hue.device)  # 5, 3, 1 for red, green, blue
    turn = (6 * hue + shift.view(1, 3, 1, 1)) % 6
    coloured: Tensor = value * (1 - saturation * torch.minimum(turn, 4 - turn).clamp(0, 1))
    return coloured


def _place(model: nn.Module, seed: int) -> tuple[Tensor, torch.Generator]:
    """A parameter of the model, for its type and device, and a generator there."""
    like = next((p for p in model.parameters() if p.is_floating_point()), torch.empty(0))
    return like, torch.Generator(like.device).manual_seed(seed)


def _classes(model: nn.Module, target_classes: Tensor, shape: Shape) -> Tensor:
    like, _ = _place(model, 0)
    with torch.no_grad(), watching.evaluating(model):
        logits = model(torch.full((len(target_classes), *_checked(shape)), 0.5, dtype=like.dtype, device=like.device))
    return checks.class_indices(target_classes, logits)


def _checked(shape: Shape) -> Shape:
    if len(shape) != 3 or shape[0] not in (1, 3) or min(shape) < 1:
        raise ValueError(f"shape must be (1 or 3, height, width), as the model takes it, not {tuple(shape)}")
    return shape


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """The claims' numbers, over all ten classes: LeNet on digits; gradient ascent and evolution on fc-scenes.

    A generation has 100 children, on scenes and after retraining 50.  "random" are as many images as evolution judged,
    drawn as it draws its first; "likeness" is the largest correlation, without its sign, with any digit learned, median
    over the images; "agree" is the share of five evolutions' champions that another network takes for the same class.
    """
    model = networks.load("lenet-digits", seed).to(device)
    data = digits.load(digits.TRAINING, seed, held_out=False)
    images, labels = networks.inputs(data.images, data.labels, device)
    held_out = digits.load(500, seed)
    held_images, _ = networks.inputs(held_out.images, held_out.labels, device)

    quantities: dict[str, float] = {}
    quantities["held-out-likeness"] = float(_likeness(held_images, images).median())
    generations = {"direct": 100, "cppn": 30}
    runs = {encoding: _digits(model, encoding, count, seed) for encoding, count in generations.items()}
    for name, found in runs.items():
        quantities |= _summary(name, found.confidences)
        chance = _at_random(model, name, 100 * len(found.confidences), seed)
        quantities[f"{name}-random-mean"] = float(chance.amax(1).mean())
        quantities[f"{name}-random-lowest"] = float(chance.amax(0).min())
        quantities[f"{name}-minus-random-lowest"] = quantities[f"{name}-lowest"] - quantities[f"{name}-random-lowest"]
        quantities[f"{name}-likeness"] = float(_likeness(found.images, images).median())
    mean, classes = images.mean(0), torch.arange(10, device=device)
    for name, decay in (("gradient", 0.0), ("decayed", 0.01)):
        climbed = ascend(model, classes, shape=(1, 28, 28), steps=300, mean=mean, decay=decay, seed=seed)
        quantities |= _summary(name, climbed.confidences)
        quantities[f"{name}-size"] = float((climbed.images - mean).square().mean().sqrt())
    others = {
        "same-kind": _trained(lambda: networks.build("lenet-digits"), images, labels, seed + 10),
        "other-kind": _trained(_flat_network, images, labels, seed + 10),
    }
    for name, found in runs.items():
        again = [_digits(model, name, generations[name], seed + 100 * run).images for run in range(1, 5)]
        champions = torch.cat([found.images, *again])
        for other, network in others.items():
            with torch.no_grad():
                agree = network(champions).argmax(1) == classes.repeat(5)
            quantities[f"{name}-{other}-agree"] = float(agree.double().mean())
        agree = [quantities[f"{name}-{kind}-kind-agree"] for kind in ("same", "other")]
        quantities[f"{name}-same-minus-other-agree"] = agree[0] - agree[1]
    return quantities | _immunised(model, images, labels, held_out, seed) | _on_scenes(seed, device)


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """Five classes of each: pixels and pattern producing networks on digits; on scenes both, and gradient ascent."""
    small, large = (networks.load(name, seed).to(device) for name in ("lenet-digits", "fc-scenes"))
    shape, classes = (3, scenes.SIZE, scenes.SIZE), torch.arange(5, device=device)
    options = {"shape": shape, "generations": 40, "children": 50, "seed": seed}
    rows = {
        "pixels evolved": _digits(small, "direct", 100, seed),
        "CPPN evolved": _digits(small, "cppn", 30, seed),
        "gradient": ascend(large, classes, shape=shape, steps=200, seed=seed),
        "CPPN, scenes": evolve(large, encoding="cppn", **options),  # type: ignore[arg-type]  # of mixed kinds
    }
    panels = [
        [
            figures.Panel(
                f"{name}: {_CLASSES[len(found.images[0])][i]}, {found.confidences[-1, i]:.4f}",
                found.images[i].expand(3, -1, -1),
            )
            for i in range(5)
        ]
        for name, found in rows.items()
    ]
    return figures.panels(
        panels, "Fooling images: how they were made, what the network takes them for, and its confidence"
    )


def _digits(model: nn.Module, encoding: str, generations: int, seed: int, children: int = 100) -> Found:
    shape = (1, digits.SIZE, digits.SIZE)
    return evolve(model, shape=shape, encoding=encoding, generations=generations, children=children, seed=seed)


def _summary(name: str, confidences: Tensor) -> dict[str, float]:
    """Over the classes, at the end; and in how many of the generations not all were above 99%."""
    last, all_above = confidences[-1], (confidences >= 0.99).all(1)
    return {
        f"{name}-median": float(last.median()),
        f"{name}-lowest": float(last.min()),
        f"{name}-share-99": float((last >= 0.99).double().mean()),
        f"{name}-generations": float((~all_above).sum()),
    }


@torch.no_grad()
def _at_random(model: nn.Module, encoding: str, count: int, seed: int) -> Tensor:
    """Probabilities ``(count, K)`` of images as evolution begins with them."""
    like, generator = _place(model, seed + 1000)
    code = (_direct if encoding == "direct" else _cppn)((1, digits.SIZE, digits.SIZE), generator, like.dtype)
    return torch.cat([model(code.images(code.start(100))).softmax(1) for _ in range(count // 100)])


def _likeness(images: Tensor, among: Tensor) -> Tensor:
    """Largest correlation of each image with any of the others, without its sign: a negative is as readable."""
    one, other = (each.flatten(1) - each.flatten(1).mean(1, keepdim=True) for each in (images, among))
    return (functional.normalize(one) @ functional.normalize(other).T).abs().amax(1)


def _immunised(
    model: nn.Module, images: Tensor, labels: Tensor, held_out: digits.Digits, seed: int
) -> dict[str, float]:
    """Three times, the first and last champions of two evolutions join an eleventh class, and a new network learns."""
    quantities: dict[str, float] = {}
    for round_ in range(4):
        runs = [_digits(model, "cppn", count, 10 * round_ + run + 1, 50) for run in range(2) for count in (0, 30)]
        digits_only = [found.confidences[:, :10] for found in runs[1::2]]
        quantities |= _summary(f"round-{round_}", torch.cat(digits_only, 1))
        if round_ == 3:
            quantities |= _summary("patient", _digits(model, "cppn", 100, seed).confidences[:, :10])
            break
        fooling = torch.cat([found.images[:10] for found in runs])
        images, labels = torch.cat([images, fooling]), torch.cat([labels, labels.new_full((len(fooling),), 10)])
        model = _trained(_with_fooling_class, images, labels, seed)
    with torch.no_grad():
        known = model(images[labels == 10]).argmax(1) == 10
    found = {"fooling-known": float(known.double().mean()), "immunised-accuracy": networks.accuracy(model, held_out)}
    return quantities | found | {"fooling-told-from-digits": min(found.values())}


def _on_scenes(seed: int, device: str) -> dict[str, float]:
    model = networks.load("fc-scenes", seed).to(device)
    mean = torch.from_numpy(scenes.load(400, seed).images).to(device).float().mean(0) / 255
    shape, classes = (3, scenes.SIZE, scenes.SIZE), torch.arange(10, device=device)
    quantities: dict[str, float] = {}
    climbed = ascend(model, classes, shape=shape, steps=200, mean=mean, seed=seed)
    quantities |= _summary("scenes-gradient", climbed.confidences)
    quantities["scenes-gradient-start"] = float(climbed.confidences[0].max())
    for encoding in ENCODINGS[1:]:
        evolved = evolve(model, shape=shape, encoding=encoding, generations=20, children=50, seed=seed)
        quantities |= _summary(f"scenes-{encoding}", evolved.confidences)
    difference = quantities["scenes-cppn-median"] - quantities["scenes-direct-median"]
    return quantities | {"scenes-cppn-minus-direct-median": difference}


def _flat_network() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(digits.SIZE**2, 128), nn.ReLU(), nn.Linear(128, 10))


def _with_fooling_class() -> nn.Module:
    model = networks.build("lenet-digits")
    cast(nn.Sequential, model.classifier)[-1] = nn.Linear(250, 11)
    return model


def _trained(build: Callable[[], nn.Module], images: Tensor, labels: Tensor, seed: int) -> nn.Module:
    """A network that learned these images, in six passes."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build().to(images.device)
    batches = [
        rows
        for epoch in range(6)
        for rows in torch.split(
            torch.randperm(len(images), generator=torch.Generator().manual_seed(100 * seed + epoch)), 64
        )
    ]
    return training.one_cycle(model, batches, lambda rows: functional.cross_entropy(model(images[rows]), labels[rows]))
