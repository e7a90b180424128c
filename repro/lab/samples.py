"""One picture of what the networks see: scenes of each class, what is known about them, their options, and digits.

``python -m repro.lab.samples`` draws it into results/laboratory.png, where the site finds it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from repro.lab import digits, figures, scenes

COLUMNS = 5
OUT = Path("results/laboratory.png")


def figure(seed: int = 0) -> Figure:
    """A scene of each class, the truth of the first five, two classes, colour tied to class, and a digit of each class.

    Red is an object of the class, with its box; blue a distractor.
    """
    one = scenes.load(400, seed)
    each = one.take(_one_of_each(one.labels, len(scenes.CLASSES)))
    two = scenes.load(400, seed, two_classes=True).take(np.arange(COLUMNS))
    tied = scenes.load(400, seed, colour_by_class=True)
    tied = tied.take(_one_of_each(tied.labels, COLUMNS))
    numbers = digits.load(400, seed)
    grey = numbers.images[_one_of_each(numbers.labels, len(digits.CLASSES))].repeat(3, axis=1)
    names = [scenes.CLASSES[label] for label in each.labels]
    pairs = [" and ".join(scenes.CLASSES[c] for c in classes[:2]) for classes in two.instance_classes]
    rows = [
        _row(names[:COLUMNS], each.images[:COLUMNS]),
        [_truth(each, i) for i in range(COLUMNS)],
        _row(names[COLUMNS:], each.images[COLUMNS:]),
        _row(pairs, two.images),
        _row([f"{name}, by colour" for name in names[:COLUMNS]], tied.images),
        _row(
            [f"{first} and {second}" for first, second in zip(digits.CLASSES, digits.CLASSES[COLUMNS:], strict=False)],
            np.concatenate([grey[:COLUMNS], grey[COLUMNS:]], axis=3),
        ),
    ]
    return figures.panels(rows)


def _one_of_each(labels: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """The first row of each of the first ``count`` classes."""
    return np.array([int(np.argmax(labels == label)) for label in range(count)])


def _row(titles: list[str], images: NDArray[np.uint8]) -> list[figures.Panel]:
    return [figures.Panel(title, _pixels(image)) for title, image in zip(titles, images, strict=True)]


def _truth(known: scenes.Scenes, i: int) -> figures.Panel:
    objects = torch.from_numpy(known.instance_masks[i].any(0)).float()
    distractors = torch.from_numpy(known.distractor_mask[i]).float()
    boxes = [(box, "white") for box, there in zip(known.boxes[i], known.instance_classes[i] >= 0, strict=True) if there]
    shown = figures.overlay(_pixels(known.images[i]), (objects - distractors)[None])
    return figures.Panel("what is known of it", torch.from_numpy(shown).permute(2, 0, 1), boxes=boxes)


def _pixels(image: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(image) / 255


if __name__ == "__main__":
    OUT.parent.mkdir(exist_ok=True)
    notes = {"Command": "python -m repro.lab.samples", "Data": f"version {scenes.DATA_VERSION}, seed 0"}
    figures.save(figure(), OUT, notes)
    print(OUT)
