"""Photographs that scikit-image and scikit-learn bring along, so that none has to be downloaded.

Author and licence are as the libraries state them (the functions of ``skimage.data``, ``sklearn/datasets/images``).
What they say nothing about, such as the motorcycle and the moon, is not here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from repro.lab import images
from repro.lab.errors import PhotographError

Box = tuple[int, int, int, int]  # top, left, height, width in pixels


@dataclass(frozen=True)
class Photograph:
    """One photograph, or the square of it that is worth seeing, and what ImageNet would call what is in it."""

    package: str
    file: str  # in the package
    author: str
    licence: str
    square: Box
    classes: tuple[str, ...] = ()  # none where ImageNet has no name for it

    @property
    def path(self) -> Path:
        """Where the library keeps it; PhotographError if the library is not installed."""
        try:
            import skimage
            import sklearn
        except ImportError as error:
            raise PhotographError(f"{error.name} is not installed: make setup, or pip install -e '.[lab]'") from error
        library = skimage if self.package == SKIMAGE else sklearn
        return Path(str(library.__file__)).parent / self.file


SKIMAGE, SKLEARN = "skimage", "sklearn"
FREE, CC0, CC_BY = "public domain", "CC0", "CC BY 2.0"

PHOTOGRAPHS: Mapping[str, Photograph] = {
    "cat": Photograph(
        SKIMAGE,
        "data/chelsea.png",
        "Stefan van der Walt",
        CC0,
        (0, 75, 300, 300),
        ("Egyptian cat", "tiger cat", "tabby"),
    ),
    "coffee": Photograph(
        SKIMAGE,
        "data/coffee.png",
        "Rachel Michetti, Pikolo Espresso Bar",
        CC0,
        (0, 60, 400, 400),
        ("espresso", "cup"),
    ),
    "temple": Photograph(
        SKLEARN,
        "datasets/images/china.jpg",
        "danielbuechele",
        CC_BY,
        (0, 0, 427, 427),
        ("bell cote", "palace", "monastery"),
    ),
    "flower": Photograph(  # scikit-learn names the other picture's author, but the address is of this one's
        SKLEARN, "datasets/images/flower.jpg", "vultilion", CC_BY, (0, 100, 427, 427), ("daisy",)
    ),
    "photographer": Photograph(SKIMAGE, "data/camera.png", "Lav Varshney", CC0, (0, 0, 512, 512), ("tripod",)),
    "rocket": Photograph(SKIMAGE, "data/rocket.jpg", "SpaceX", FREE, (0, 106, 427, 427), ("missile",)),
    "astronaut": Photograph(SKIMAGE, "data/astronaut.png", "NASA", FREE, (0, 0, 512, 512), ("space shuttle",)),
    "coins": Photograph(
        SKIMAGE, "data/coins.png", "Brooklyn Museum", "no known copyright restrictions", (0, 0, 303, 303)
    ),
    "galaxies": Photograph(SKIMAGE, "data/hubble_deep_field.jpg", "NASA", FREE, (0, 64, 872, 872)),
    "retina": Photograph(SKIMAGE, "data/retina.jpg", "Mikael Häggström", CC0, (0, 0, 1411, 1411)),
}

# Two things in one picture, of which a classifier has to choose one: halves of 1 by 2, put side by side.
PAIRS: Mapping[str, tuple[tuple[str, Box], tuple[str, Box]]] = {
    "cat-and-coffee": (("cat", (0, 100, 300, 150)), ("coffee", (0, 170, 400, 200))),
    "temple-and-rocket": (("temple", (20, 120, 400, 200)), ("rocket", (100, 215, 320, 160))),
}
SIDE = 448  # of a pair


def load(name: str) -> Tensor:
    """A photograph's square ``(3, side, side)`` in [0, 1], or two halves side by side.

    Raises ValueError for a name that is neither in PHOTOGRAPHS nor in PAIRS.
    """
    if name in PAIRS:
        halves = [_cut(which, box)[None] for which, box in PAIRS[name]]
        sized = [functional.interpolate(each, (SIDE, SIDE // 2), mode="bicubic", antialias=True)[0] for each in halves]
        return torch.cat(sized, 2).clamp(0, 1)
    if name not in PHOTOGRAPHS:
        raise PhotographError(f"no photograph is called {name!r}: there are {', '.join([*PHOTOGRAPHS, *PAIRS])}")
    return _cut(name, PHOTOGRAPHS[name].square)


def _cut(name: str, box: Box) -> Tensor:
    top, left, height, width = box
    return images.load(PHOTOGRAPHS[name].path)[:, top : top + height, left : left + width]
