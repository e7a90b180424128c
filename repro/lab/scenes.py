"""Small scenes about which everything is known: what is where, of which shape, with which texture.

A scene is a 64x64 RGB image with one to three instances of one class (or of two classes), up to three distractors
that wear the same textures, and a background of value noise, gratings or one flat colour.  The ten classes need shape
*and* texture: a disk, a striped disk and a checked disk are three classes, and half a striped disk is none.  Colours
are drawn independently of the class, so that mean colours say nothing, unless ``colour_by_class`` ties them.

Every number in scene ``index`` of ``seed`` is a hash of (seed, index, position), never a draw from a shared stream: a
scene is the same in whatever batch and order it is made, and on every machine (but for single grey levels: processors
round sines differently).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from repro.lab import files

DATA_VERSION = 1  # to be raised with every change that alters a scene: weights and results name it
SIZE = 64
SLOTS = 3  # places for instances; as many again for distractors
HELD_OUT = 1_000_000  # training uses the indices below, every measurement those from here on
EXAMPLE = HELD_OUT + 45  # two checked squares, for pictures and first tries
TEXTURES = ("plain", "striped", "checked")
BACKGROUNDS = ("flat", "noise", "grating", "noisy grating")
DISTRACTORS = ("bar", "half-disk", "ellipse", "L")
_ANY = -1
# name, shape, texture
_CLASSES = (
    ("disk", "disk", 0),
    ("striped disk", "disk", 1),
    ("checked disk", "disk", 2),
    ("square", "square", 0),
    ("checked square", "square", 2),
    ("triangle", "triangle", 0),
    ("striped triangle", "triangle", 1),
    ("star", "star", _ANY),
    ("cross", "cross", _ANY),
    ("ring", "ring", _ANY),
)
CLASSES = tuple(name for name, _, _ in _CLASSES)
_SHAPES = ("disk", "square", "triangle", "star", "cross", "ring", *DISTRACTORS)

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Scenes:
    """N scenes with their ground truth.  An absent instance has class -1, an empty mask and a box of zeros."""

    images: NDArray[np.uint8]  # (N, 3, 64, 64), sRGB in 0..255
    labels: NDArray[np.int64]  # (N,), the class of the first instance
    instance_classes: NDArray[np.int64]  # (N, 3)
    instance_masks: NDArray[np.bool_]  # (N, 3, 64, 64), visible pixels
    boxes: NDArray[np.int64]  # (N, 3, 4), x0 y0 x1 y1 of the visible pixels, the ends exclusive
    distractor_mask: NDArray[np.bool_]  # (N, 64, 64)
    texture: NDArray[np.uint8]  # (N, 64, 64), 0 background, 1 + index in TEXTURES on instances and distractors
    backgrounds: NDArray[np.int64]  # (N,), index in BACKGROUNDS

    def __len__(self) -> int:
        return len(self.labels)

    def class_masks(self, classes: NDArray[np.int64] | None = None) -> NDArray[np.bool_]:
        """Pixels of all instances of one class per scene (the label unless given), ``(N, 64, 64)``."""
        wanted = self.labels if classes is None else classes
        of_class: NDArray[np.bool_] = self.instance_classes == wanted[:, None]
        masks: NDArray[np.bool_] = np.logical_or.reduce(self.instance_masks & of_class[..., None, None], axis=1)
        return masks

    def take(self, rows: NDArray[np.int64]) -> Scenes:
        """Only these scenes, in this order."""
        return Scenes(*(getattr(self, field.name)[rows] for field in fields(self)))


def render(
    indices: NDArray[np.int64], seed: int, *, two_classes: bool = False, colour_by_class: bool = False
) -> Scenes:
    """Make the scenes with these indices.

    ``two_classes``: exactly two instances, of different classes, the first of which is the label.
    ``colour_by_class``: an instance's main colour has the hue of its class (distractors keep random colours).
    """
    blocks = [
        _render_block(np.asarray(indices[i : i + 64], np.uint64), seed, two_classes, colour_by_class)
        for i in range(0, len(indices), 64)  # 64 scenes at a time stay in the processor's cache
    ]
    if not blocks:
        raise ValueError("no indices: ask for at least one scene")
    return Scenes(*(np.concatenate([getattr(b, f.name) for b in blocks]) for f in fields(Scenes)))


def load(count: int, seed: int, *, held_out: bool = True, **options: bool) -> Scenes:
    """The first ``count`` scenes of ``seed``, held out from training or for it; made once, then read from the cache.

    The caller may write on the arrays.  The cache is no data that results depend on (``files.recording``): this module
    decides what is in it.
    """
    name = "-".join(
        [f"{'held-out' if held_out else 'training'}-{seed}-{count}", *sorted(k for k in options if options[k])]
    )
    code = hashlib.sha256(Path(__file__).read_bytes().replace(b"\r\n", b"\n")).hexdigest()[:12]
    folder = files.cache_folder() / "scenes" / code
    path = folder / f"{name}.npz"
    if path.exists():
        return Scenes(*(values.copy() for values in vars(_read(path)).values()))
    first = HELD_OUT if held_out else 0
    scenes = render(np.arange(first, first + count), seed, **options)
    _write(path, scenes)
    return scenes


def one_object(count: int, seed: int) -> Scenes:
    """The first ``count`` (at most 500) held-out scenes of ``seed`` that show one object."""
    held_out = load(2000, seed)
    return held_out.take(np.flatnonzero((held_out.instance_classes >= 0).sum(1) == 1)[:count])


@lru_cache(maxsize=4)  # 2,000 scenes take 65 MB
def _read(path: Path) -> Scenes:
    with np.load(path, allow_pickle=False) as stored:
        arrays = dict(stored)
    for name in ("instance_masks", "distractor_mask"):  # eight pixels a byte on disk
        arrays[name] = np.unpackbits(arrays[name], axis=-1).view(bool)
    return Scenes(**arrays)


def _write(path: Path, scenes: Scenes) -> None:
    arrays: dict[str, Any] = {f.name: getattr(scenes, f.name) for f in fields(Scenes)}
    for name in ("instance_masks", "distractor_mask"):
        arrays[name] = np.packbits(arrays[name], axis=-1)
    path.parent.mkdir(parents=True, exist_ok=True)
    with files.whole(path) as file:
        np.savez(file, allow_pickle=False, **arrays)


# Random numbers: SplitMix64 (Steele, Lea and Flood, 2014) of a counter.


def _mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


class _Uniforms:
    """For each scene its own sequence of numbers in [0, 1)."""

    def __init__(self, indices: NDArray[np.uint64], seed: int) -> None:
        start = _mix(np.array([seed + 1], np.uint64) * np.uint64(0x9E3779B97F4A7C15))
        self.keys = _mix(indices + start)
        self.used = 0

    def draw(self, *shape: int) -> Floats:
        count = int(np.prod(shape, dtype=int))
        steps = np.arange(self.used + 1, self.used + count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        self.used += count
        bits = _mix(self.keys[:, None] + steps) >> np.uint64(40)  # 24 bits: exact in float32
        return (bits.astype(np.float32) * np.float32(2.0**-24)).reshape(-1, *shape)

    def below(self, limit: int, *shape: int) -> NDArray[np.int64]:
        return (self.draw(*shape) * limit).astype(np.int64)


# Drawing


def _render_block(indices: NDArray[np.uint64], seed: int, two_classes: bool, colour_by_class: bool) -> Scenes:
    uniforms = _Uniforms(indices, seed)
    n = len(indices)
    labels = uniforms.below(len(CLASSES))
    others = (labels + 1 + uniforms.below(len(CLASSES) - 1)) % len(CLASSES)
    counts = np.full(n, 2) if two_classes else 1 + uniforms.below(SLOTS)
    classes = np.where(np.arange(SLOTS) < counts[:, None], labels[:, None], -1)
    if two_classes:
        classes[:, 1] = others
    present = np.concatenate([classes >= 0, np.arange(SLOTS) < uniforms.below(SLOTS + 1)[:, None]], 1)
    shapes = np.concatenate(
        [np.array([_SHAPES.index(s) for _, s, _ in _CLASSES])[classes], 6 + uniforms.below(len(DISTRACTORS), SLOTS)], 1
    )
    fixed = np.concatenate([np.array([t for _, _, t in _CLASSES])[classes], np.full((n, SLOTS), _ANY)], 1)
    textures = np.where(fixed == _ANY, uniforms.below(len(TEXTURES), 2 * SLOTS), fixed)
    centres, radii = _places(uniforms, present)
    angles = uniforms.draw(2 * SLOTS) * np.float32(2 * np.pi)
    periods = 4 + 2.5 * uniforms.draw(2 * SLOTS)

    backgrounds, base, canvas = _background(uniforms)
    # each colour is at least a quarter away from the background's in every channel, and so are an object's two colours
    first = (base[:, None] + 0.25 + 0.5 * uniforms.draw(2 * SLOTS, 3)) % 1
    second = (first + 0.3 + 0.4 * uniforms.draw(2 * SLOTS, 3)) % 1
    if colour_by_class:
        first[:, :SLOTS] = _hue((classes / len(CLASSES)).astype(np.float32))

    masks = np.zeros((n, 2 * SLOTS, SIZE, SIZE), bool)
    texture = np.zeros((n, SIZE, SIZE), np.uint8)
    for slot in [*range(SLOTS, 2 * SLOTS), *range(SLOTS)]:  # distractors first: an instance hides them
        rows = np.flatnonzero(present[:, slot])
        if not len(rows):
            continue
        at = (rows, np.full(len(rows), slot))
        x, y = _object_grid(centres[at], angles[at])
        cover = np.clip(0.5 - _distance(x, y, radii[at], shapes[at]), 0, 1)  # about a pixel of smooth edge
        blend = _pattern(x, y, periods[at], textures[at])[:, None]
        colour = first[at][:, :, None, None] * blend + second[at][:, :, None, None] * (1 - blend)
        canvas[rows] += cover[:, None] * (colour - canvas[rows])
        inside = cover > 0.5
        masks[rows] &= ~inside[:, None]  # what lies below is no longer visible
        masks[at] = inside
        texture[rows] = np.where(inside, (textures[at] + 1).astype(np.uint8)[:, None, None], texture[rows])
    return Scenes(
        images=np.rint(np.clip(canvas, 0, 1) * 255).astype(np.uint8),
        labels=labels,
        instance_classes=classes,
        instance_masks=masks[:, :SLOTS],
        boxes=_boxes(masks[:, :SLOTS]),
        distractor_mask=np.logical_or.reduce(masks[:, SLOTS:], axis=1),
        texture=texture,
        backgrounds=backgrounds,
    )


def _places(uniforms: _Uniforms, present: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Centres (N, 6, 2) and radii (N, 6) in pixels: inside the image, clear of each other (shrunk if need be)."""
    n, slots = present.shape
    wanted = np.concatenate([9 + 8 * uniforms.draw(SLOTS), 6 + 4 * uniforms.draw(SLOTS)], 1)
    tries = uniforms.draw(slots, 16, 2)
    centres, radii = np.zeros((n, slots, 2), np.float32), np.zeros((n, slots), np.float32)
    for slot in range(slots):
        radius = wanted[:, slot]
        candidates = radius[:, None, None] + 1 + tries[:, slot] * (SIZE - 2 - 2 * radius[:, None, None])
        gaps = np.linalg.norm(candidates[:, :, None] - centres[:, None, :slot], axis=-1) - radii[:, None, :slot]
        room = np.where(present[:, None, :slot], gaps, np.inf).min(-1, initial=2 * SIZE) - radius[:, None] - 1
        best = np.argmax(np.minimum(room, 0), 1)  # the first that fits, else the roomiest
        centres[:, slot] = candidates[np.arange(n), best]
        radii[:, slot] = np.maximum(radius + np.minimum(room[np.arange(n), best], 0), 5)
    return centres, radii


def _object_grid(centres: Floats, angles: Floats) -> tuple[Floats, Floats]:
    """Each pixel's coordinates in the object's own turned frame, in pixels, ``(M, 64, 64)`` twice."""
    grid = np.arange(SIZE, dtype=np.float32) + 0.5
    dx, dy = (grid - centres[:, :1])[:, None, :], (grid - centres[:, 1:])[:, :, None]
    cos, sin = np.cos(angles)[:, None, None], np.sin(angles)[:, None, None]
    return cos * dx + sin * dy, cos * dy - sin * dx


def _distance(x: Floats, y: Floats, radii: Floats, shapes: NDArray[np.int64]) -> Floats:
    """Distance to the outline in pixels, negative inside; exact near straight edges, which is what drawing needs."""
    out = np.empty_like(x)
    for shape in np.unique(shapes):
        rows = np.flatnonzero(shapes == shape)
        out[rows] = _outline(_SHAPES[shape], x[rows], y[rows], radii[rows, None, None])
    return out


def _outline(shape: str, x: Floats, y: Floats, r: Floats) -> Floats:
    def rectangle(half_x: Any, half_y: Any, cx: Any = 0, cy: Any = 0) -> Floats:
        inside: Floats = np.maximum(np.abs(x - cx) - half_x, np.abs(y - cy) - half_y)
        return inside

    distance: Floats
    match shape:
        case "disk":
            distance = np.hypot(x, y) - r
        case "square":
            distance = rectangle(0.8 * r, 0.8 * r)
        case "triangle":  # equilateral: three half planes
            side = np.float32(np.sqrt(3) / 2)
            distance = np.maximum(np.maximum(y, side * x - y / 2), -side * x - y / 2) - 0.55 * r
        case "star":  # one tenth of it, folded: a line from the tip (r, 0) to the notch
            angle, rho, fifth = np.arctan2(y, x), np.hypot(x, y), np.float32(0.4 * np.pi)
            folded = np.abs(angle - np.rint(angle / fifth) * fifth)
            edge = 0.42 * np.exp(1j * np.pi / 5) - 1
            across, along = np.float32(edge.imag / abs(edge)), np.float32(-edge.real / abs(edge))
            distance = across * (rho * np.cos(folded) - r) + along * rho * np.sin(folded)
        case "cross":
            distance = np.minimum(rectangle(r, 0.3 * r), rectangle(0.3 * r, r))
        case "ring":
            distance = np.abs(np.hypot(x, y) - 0.78 * r) - 0.22 * r
        case "bar":
            distance = rectangle(r, 0.3 * r)
        case "half-disk":
            distance = np.maximum(np.hypot(x, y) - r, y)
        case "ellipse":
            distance = np.hypot(x / 2, y) - 0.5 * r
        case "L":
            distance = np.minimum(
                rectangle(0.8 * r, 0.25 * r, cy=-0.6 * r), rectangle(0.25 * r, 0.85 * r, cx=-0.55 * r)
            )
    return distance


def _pattern(x: Floats, y: Floats, periods: Floats, textures: NDArray[np.int64]) -> Floats:
    """How much of the first colour is at each pixel: all of it, stripes across x, or checks."""
    out = np.ones_like(x)
    rows = np.flatnonzero(textures > 0)
    if len(rows):
        turn = np.float32(2 * np.pi) / periods[rows, None, None]
        wave = np.sin(turn * x[rows])
        wave = np.where(textures[rows, None, None] == 2, wave * np.sin(turn * y[rows]), wave)
        out[rows] = np.clip(0.5 + 2.5 * wave, 0, 1)
    return out


def _background(uniforms: _Uniforms) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Kinds ``(N,)``, base colours ``(N, 3)`` and canvases ``(N, 3, 64, 64)``."""
    kinds = np.searchsorted([0.15, 0.6, 0.8], uniforms.draw(), side="right")
    base, amplitude = 0.15 + 0.7 * uniforms.draw(3), 0.15 + 0.2 * uniforms.draw()
    noise = sum(weight * _smooth(uniforms.draw(g, g)) for g, weight in ((5, 0.5), (9, 0.3), (17, 0.2)))
    angle, period = uniforms.draw() * np.float32(np.pi), 5 + 11 * uniforms.draw()
    grid = np.arange(SIZE, dtype=np.float32) / period[:, None] * np.float32(2 * np.pi)
    phase = np.cos(angle)[:, None, None] * grid[:, None, :] + np.sin(angle)[:, None, None] * grid[:, :, None]
    grating = 0.5 + 0.25 * np.sin(phase + (uniforms.draw() * np.float32(2 * np.pi))[:, None, None])
    weights = np.array([[0, 0], [1, 0], [0, 1], [0.6, 0.6]], np.float32)[kinds] * amplitude[:, None]
    field = weights[:, :1, None] * (noise - 0.5) * 2 + weights[:, 1:, None] * (grating - 0.5) * 2
    tint = 0.4 + 1.2 * uniforms.draw(3)  # the field moves the channels by different amounts
    canvas = base[:, :, None, None] + tint[:, :, None, None] * field[:, None]
    return kinds, base, np.clip(canvas, 0, 1).astype(np.float32)


def _smooth(lattice: Floats) -> Floats:
    """Value noise: a lattice of random values, smoothly interpolated to the image's size."""
    points = lattice.shape[-1]
    at = np.linspace(0, points - 1, SIZE, dtype=np.float32)
    left = np.minimum(at.astype(int), points - 2)
    t = at - left
    weights = np.zeros((SIZE, points), np.float32)
    weights[np.arange(SIZE), left + 1] = t * t * (3 - 2 * t)
    weights[np.arange(SIZE), left] = 1 - weights[np.arange(SIZE), left + 1]
    return (weights @ lattice @ weights.T).astype(np.float32)


def _hue(turn: Floats) -> Floats:
    """Saturated colours of these hues, ``(..., 3)``."""
    away = np.abs((turn[..., None] * 6 + np.array([0, 4, 2], np.float32)) % 6 - 3)
    colours: Floats = np.clip(away - 1, 0.05, 0.95).astype(np.float32)
    return colours


def _boxes(masks: NDArray[np.bool_]) -> NDArray[np.int64]:
    columns, rows = np.logical_or.reduce(masks, axis=-2), np.logical_or.reduce(masks, axis=-1)
    starts = np.stack([columns.argmax(-1), rows.argmax(-1)], -1)
    ends = SIZE - np.stack([columns[..., ::-1].argmax(-1), rows[..., ::-1].argmax(-1)], -1)
    empty = ~np.logical_or.reduce(columns, axis=-1)
    return np.where(empty[..., None], 0, np.concatenate([starts, ends], -1))
