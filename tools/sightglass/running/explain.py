"""One method on one image: the call that its function asks for, and the picture that its result makes.

This is the part of ``sightglass run`` that computes, and imports torch.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sightglass.errors import NotApplicableError
from sightglass.running import runnable
from sightglass.running.runnable import MAPS, Runnable
from torch import Tensor, nn

from repro.engine import watching
from repro.engine.errors import LayerError
from repro.engine.optimise import watched
from repro.lab import figures, models, superpixels

Report = Callable[[float], None]  # hears what share of the work is done
Preview = Callable[[Tensor], None]  # sees the image so far, (C, H, W) in [0, 1]


@dataclass(frozen=True)
class Call:
    """What is the same for all images of one run; ``network`` is on ``device``."""

    method: Runnable
    function: Callable[..., Any]
    network: models.LoadedModel
    model_name: str
    device: str
    layer: str | None = None
    target: str | None = None  # number or name of a class
    unit: int | None = None
    options: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Shown:
    """A result: facts for people and programs, the picture, and the result itself."""

    facts: dict[str, Any]
    figure: Figure
    result: NDArray[np.float32]  # without the batch: (h, w) for a map, (C, H, W) for what is like an image


@dataclass(frozen=True)
class Computed:
    """What a method returned for one image, before it is drawn."""

    start: Tensor  # (C, H, W), as the network sees the image; zeros where there is none
    result: Tensor  # without the batch
    predicted: _Prediction
    facts: dict[str, Any]

    @property
    def like_the_image(self) -> bool:
        """Whether the result has the image's shape and colours."""
        return self.result.shape == self.start.shape and len(self.result) == 3


def compute(
    call: Call,
    image: Tensor | None,
    report: Report = lambda share: None,
    preview: Preview = lambda image: None,
) -> Computed:
    """Run the method on one image ``(1 or 3, H, W)`` in [0, 1], or on none if it takes none.

    ``preview`` sees the image after each step of a method that makes one step by step.  If Ctrl-C stops that, the
    result is the image so far, and the facts say after what share of the steps.

    Raises ValueError, of a class that says which, if something given does not fit the model or the method.
    """
    method, see = call.method, call.network.preprocessing
    start = torch.zeros(see.channels, see.crop, see.crop) if image is None else see.view(image)
    batch = start[None].to(call.device)
    predicted = _predicted(call, batch)
    arguments, facts = _arguments(call, batch, predicted)
    so_far = _SoFar(report, preview, (start.shape[1], start.shape[2]))
    if method.takes("report"):
        arguments["report"] = so_far.report
    try:
        with watched(so_far.watch):
            returned = call.function(call.network.model, **arguments, **(call.options or {}))
    except KeyboardInterrupt:
        if so_far.images is None:
            raise
        returned, facts["stopped_at"] = so_far.images, _short(so_far.share)
    return Computed(start, _checked(call, returned, start), predicted, facts)


@dataclass
class _SoFar:
    """What there is of an image that is being made step by step."""

    then_report: Report
    preview: Preview
    size: tuple[int, int]  # that it will have
    images: Tensor | None = None  # (1, C, H, W)
    share: float = 0.0

    def report(self, share: float) -> None:
        self.share = share
        self.then_report(share)

    def watch(self, images: Tensor) -> None:
        whole = images[:1].float().cpu().clamp(0, 1)  # of several starts the first
        self.images = nn.functional.interpolate(whole, self.size, mode="bilinear")  # deep dream begins smaller
        self.preview(self.images[0])


def show(
    call: Call,
    image: Tensor | None,
    report: Report = lambda share: None,
    preview: Preview = lambda image: None,
) -> Shown:
    """``compute``, and draw the result."""
    method, found = call.method, compute(call, image, report, preview)
    view, result, facts = found.start if image is not None else None, found.result, found.facts
    facts |= {"shape": list(result.shape), "minimum": _short(result.min()), "maximum": _short(result.max())}
    if method.gives in (*MAPS, "reconstruction"):
        figure = _picture_of_map(call, found)
    elif method.gives == "filters":
        figure = _picture_of_filters(call, result)
    else:
        after = _predicted(call, result[None].to(call.device))
        facts |= {"becomes": after.name, "becomes_probability": _short(after.probability)}
        figure = _picture_of_image(call, view, result, found.predicted, after, facts)
    stored = result[0] if method.gives in MAPS and len(result) == 1 else result
    return Shown(facts, figure, stored.numpy())


# The call


@dataclass(frozen=True)
class _Prediction:
    """What a network says of one image."""

    logits: Tensor  # (K,)
    names: Mapping[int, str]

    def named(self, index: int) -> str:
        return self.names.get(index, f"class {index}")

    @property
    def name(self) -> str:
        return self.named(int(self.logits.argmax()))

    @property
    def probability(self) -> float:
        return float(self.logits.softmax(0).max())

    def __str__(self) -> str:
        return f"{self.name!r}, {self.probability:.2f}"


def _predicted(call: Call, batch: Tensor) -> _Prediction:
    with torch.no_grad():
        logits = call.network.model(batch)
    if not isinstance(logits, Tensor) or logits.dim() != 2:
        raise NotApplicableError(f"{call.model_name} returns no logits of shape (B, K): choose a classifier")
    return _Prediction(logits[0].float().cpu(), dict(enumerate(call.network.classes)))


def _arguments(call: Call, batch: Tensor, predicted: _Prediction) -> tuple[dict[str, Any], dict[str, Any]]:
    """Everything that the function takes by name but its options, and the facts about it."""
    method, model = call.method, call.network.model
    arguments: dict[str, Any] = {}
    facts: dict[str, Any] = {}
    if method.takes("images"):
        arguments["images"] = batch
        facts |= {"predicted": predicted.name, "predicted_probability": _short(predicted.probability)}
    if method.takes("segments"):
        count = (call.options or {}).get("parts", runnable.options(call.function)["parts"].default)
        arguments["segments"] = superpixels.slic(batch, count)
        facts["superpixels"] = len(arguments["segments"].unique())
    if method.takes("shape"):
        arguments["shape"] = tuple(batch.shape[1:])
    if method.takes("target_classes"):
        if not call.target and not method.takes("images"):
            raise NotApplicableError(f"{method.slug} makes an image for a class: say which with --class")
        count = len(predicted.logits)
        chosen = models.class_index(call.network.classes, call.target, count) if call.target else None
        rank = 1 if method.gives == "adversarial image" else 0  # it becomes another class, or shows the one it is
        index = int(predicted.logits.argsort(descending=True)[rank]) if chosen is None else chosen
        arguments["target_classes"] = torch.tensor([index], device=call.device)
        facts |= {"class": index, "class_name": predicted.named(index)}
        if method.takes("images"):
            facts["probability"] = _short(predicted.logits.softmax(0)[index])
            facts["logit"] = _short(predicted.logits[index])
    if method.takes("target_layer"):
        needed = not method.parameters["target_layer"] or method.takes("channels")
        name = call.layer or (models.last_maps_layer(model, batch) if needed else None)
        facts["layer"] = name or _last_maps(model, batch)
        if name:
            arguments["target_layer"] = models.layer(model, name)
    if method.takes("channels"):
        unit, value = _unit(model, arguments["target_layer"], batch, call.unit)
        arguments["channels"] = torch.tensor([unit], device=call.device)
        facts |= {"unit": unit, "activation": _short(value)}
    return arguments, facts


def _last_maps(model: nn.Module, batch: Tensor) -> str:
    """Where a method that is told no layer looks."""
    try:
        return models.last_maps_layer(model, batch)
    except LayerError:  # what is pooled there is no module's output
        return "found by itself"


def _unit(model: nn.Module, layer: nn.Module, batch: Tensor, unit: int | None) -> tuple[int, float]:
    """The unit that is asked for, else the one that answers most, and the value of its strongest place."""
    with torch.no_grad(), watching.activations(model, layer) as outputs:
        model(batch)
    if outputs[0].dim() not in (2, 4):
        shape = tuple(outputs[0].shape)
        raise NotApplicableError(f"the layer returns {shape} and has no units: choose one with feature maps")
    strongest = outputs[0][0].flatten(1).amax(1) if outputs[0].dim() == 4 else outputs[0][0]
    if unit is not None and not 0 <= unit < len(strongest):
        raise NotApplicableError(f"there is no unit {unit}: the layer has {len(strongest)}, 0 to {len(strongest) - 1}")
    found = int(strongest.argmax()) if unit is None else unit
    return found, float(strongest[found])


def _checked(call: Call, returned: Any, start: Tensor) -> Tensor:
    """The result without its batch, on the CPU; NotApplicableError if it is no picture of this image."""
    slug = call.method.slug
    if call.method.gives == "filters":
        return returned.weights.detach().float().cpu()  # type: ignore[no-any-return]  # it is a Filters
    if not isinstance(returned, Tensor) or returned.dim() != 4 or len(returned) != 1:
        raise NotApplicableError(f"{slug} returns no map and no image here: its page says how to use it in Python")
    result = returned[0].detach().float().cpu()
    if not result.isfinite().all():
        raise NotApplicableError(f"{slug} gives values that are no numbers for this image and model")
    if call.method.gives in MAPS and len(result) == 1:
        return result
    if result.shape != start.shape:
        raise NotApplicableError(f"{slug} returns {tuple(result.shape)} for an image of {tuple(start.shape)}")
    return result


# The picture


def _picture_of_map(call: Call, found: Computed) -> Figure:
    """The image; the map over it; the map alone.  What is like an image: its sign, and its own colours, as well."""
    method, view, result, facts, coloured = call.method, found.start, found.result, found.facts, found.like_the_image
    if method.gives == "reconstruction":
        title = f"{method.slug}: unit {facts['unit']} of {facts['layer']} (activation {facts['activation']:g})"
    else:
        title = method.slug
        if "class_name" in facts:
            title += f" for {facts['class_name']!r} (probability {facts['probability']:.2f})"
    flat = result
    if coloured:  # a few pixels hold the largest values; on their scale nothing else would be seen
        flat = result.abs().sum(0, keepdim=True)
        flat = flat.clamp(max=_almost_largest(flat))
    where = "where" if flat.any() else "zero everywhere: nothing to show"
    over = on_pixels(call, flat, view) if method.gives in MAPS and not coloured else flat
    row = [figures.Panel("what the network sees", view), figures.Panel(where, view, over)]
    if coloured:
        sign = figures.Panel("red for, blue against", _red_and_blue(result.sum(0, keepdim=True)))
        row += [sign] if method.gives in MAPS else []
        row += [figures.Panel("its colours; grey is zero", _around_grey(result, _almost_largest(result.abs())))]
    else:
        row += [figures.Panel(f"the map, {result.shape[1]} x {result.shape[2]}", heatmap=flat)]
    unit = "size, summed over colours" if coloured else "value of the map"
    return figures.panels([row], f"{title}, {call.model_name}", unit)


def on_pixels(call: Call, heatmap: Tensor, view: Tensor) -> Tensor:
    """If a heatmap's grid does not simply divide the image, its module has ``on_pixels``, which says where it lies."""
    places = getattr(inspect.getmodule(call.function), "on_pixels", None)
    if places is None:
        return heatmap
    takes = inspect.signature(places).parameters
    options = {name: value for name, value in (call.options or {}).items() if name in takes}
    placed: Tensor = places(heatmap[None], (view.shape[1], view.shape[2]), **options)[0]
    return placed


def _picture_of_filters(call: Call, weights: Tensor) -> Figure:
    """Filters ``(K, C, h, w)`` in the order of their channels, on one scale, which shows the weak ones, and each on its
    own.  Those of more or fewer channels than three are grey: their mean.
    """
    shown = weights if weights.shape[1] == 3 else weights.mean(1, keepdim=True).expand(-1, 3, -1, -1)
    columns = math.ceil(math.sqrt(len(shown)))
    together = figures.tiles(_around_grey(shown, float(shown.abs().max()) or 1.0), columns)
    row = [figures.Panel("on one scale", together), figures.Panel("each on its own", figures.filters(shown, columns))]
    return figures.panels([row], f"{call.method.slug}: {len(weights)} filters, grey is zero, {call.model_name}")


def _picture_of_image(
    call: Call,
    view: Tensor | None,
    result: Tensor,
    before: _Prediction,
    after: _Prediction,
    facts: Mapping[str, Any],
) -> Figure:
    """The image and the one that the method makes of it, each with what the network says, and what differs."""
    slug, gives = call.method.slug, call.method.gives
    towards = "towards" if gives == "adversarial image" else "for"
    about = f" {towards} {facts['class_name']!r}" if "class_name" in facts else ""
    about += f" for unit {facts['unit']}" if "unit" in facts else ""
    about += f" from {facts['layer']}" if "layer" in facts else ""
    title = f"{slug}{about}, {call.model_name}"
    made = figures.Panel(f"made: {after}", result)
    if view is None:
        return figures.panels([[made]], title)
    seen, change = figures.Panel(f"the image: {before}", view), result - view
    if gives == "adversarial image":
        largest = float(change.abs().max())
        told = f"the change, x {0.5 / largest:.2g}" if largest else "no change"
        return figures.panels([[seen, figures.Panel(told, _around_grey(change, largest or 1.0)), made]], title)
    difference = change.abs().mean(0, keepdim=True)
    row = [seen, made, figures.Panel("where they differ", heatmap=difference)]
    return figures.panels([row], title, "mean difference")


def _red_and_blue(signed: Tensor) -> Tensor:
    """A signed map ``(1, H, W)`` as an image: red above zero, blue below."""
    limit = _almost_largest(signed.abs())
    scale = figures.Scale.of([torch.tensor([limit, -limit])])
    return torch.from_numpy(scale.colours.to_rgba(signed[0].numpy())[..., :3]).permute(2, 0, 1)


def _around_grey(signed: Tensor, limit: float) -> Tensor:
    """A signed image in [0, 1]: grey is zero, what is beyond the limit black or full colour."""
    return (0.5 + signed / (2 * limit)).clamp(0, 1)


def _almost_largest(sizes: Tensor) -> float:
    """What 0.5% of the values exceed, or the largest if that is zero; never zero."""
    almost = float(np.quantile(sizes.numpy(), 0.995))
    return almost or float(sizes.max()) or 1.0


def _short(value: Any) -> float:
    return float(f"{float(value):.6g}")
