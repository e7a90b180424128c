"""scikit-learn's handwritten digits, as large as MNIST's: 1797 grey images of ten classes, for networks like LeNet.

They are the test part of E. Alpaydin and C. Kaynak's "Optical recognition of handwritten digits" (UCI, 1998), 8 by 8
pixels with values from 0 to 16; here each pixel becomes 3 by 3 by interpolation, within a margin of 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

SIZE = 28
CLASSES = tuple("0123456789")
TRAINING = 1297  # of the 1797; the other 500 are held out


@dataclass(frozen=True)
class Digits:
    """N digits with their classes."""

    images: NDArray[np.uint8]  # (N, 1, 28, 28), white on black in 0..255
    labels: NDArray[np.int64]  # (N,)

    def __len__(self) -> int:
        return len(self.labels)


def load(count: int, seed: int, *, held_out: bool = True) -> Digits:
    """The first ``count`` digits of ``seed``, held out from training or for it: each seed divides all digits anew.

    Raises ValueError if there are not as many.
    """
    images, labels = _all()
    order = np.random.default_rng(seed).permutation(len(labels))
    rows = order[TRAINING:] if held_out else order[:TRAINING]
    if not 0 < count <= len(rows):
        raise ValueError(f"there are {len(rows)} digits {'held out' if held_out else 'to train on'}, not {count}")
    return Digits(images[rows[:count]], labels[rows[:count]])


@cache
def _all() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    from sklearn.datasets import load_digits  # here: it takes longer to import than all that is around it

    small, labels = load_digits(return_X_y=True)
    pixels = torch.from_numpy(small.reshape(-1, 1, 8, 8)) / 16
    large = functional.interpolate(pixels, scale_factor=3, mode="bilinear", align_corners=False)
    return (functional.pad(large, (2, 2, 2, 2)) * 255).round().byte().numpy(), labels.astype(np.int64)
