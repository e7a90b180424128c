"""Versions of images in batches: every one once, in order, whatever the batch size."""

import pytest
import torch
from torch import Tensor, nn

from repro.engine.errors import ClassesError, OptionsError
from repro.engine.variants import Squares, class_scores, mean_gradient, parts, scores


def shifted(images: Tensor, numbers: Tensor) -> Tensor:
    return images + numbers.to(images)[:, None, None, None]


def test_scores_are_those_of_each_version_alone_whatever_the_batch() -> None:
    images, weights = torch.rand(3, 2, 4, 4, dtype=torch.float64), torch.tensor([1.0, 10.0, 100.0], dtype=torch.float64)

    def score(versions: Tensor, rows: Tensor) -> Tensor:
        return torch.stack([versions.mean((1, 2, 3)) * weights[rows], versions.square().sum((1, 2, 3))], 1)

    expected = torch.stack(
        [
            torch.stack([score(image[None] + number, torch.tensor([row]))[0] for number in range(5)])
            for row, image in enumerate(images)
        ]
    )
    for batch in (1, 4, 7, 15, 64):
        shares: list[float] = []
        found = scores(images, 5, shifted, score, batch=batch, report=shares.append)
        assert found.shape == (3, 5, 2)
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)
        assert len(shares) == -(-15 // batch)
        assert shares == sorted(shares)
        assert shares[-1] == 1


def test_no_batch_is_larger_than_asked_for() -> None:
    seen: list[int] = []

    def score(versions: Tensor, rows: Tensor) -> Tensor:
        seen.append(len(versions))
        return rows

    scores(torch.rand(3, 1, 2, 2), 5, shifted, score, batch=4)
    assert seen == [4, 4, 4, 3]
    assert [(part.start, part.stop) for part in parts(0, 4)] == [(0, 0)]
    with pytest.raises(OptionsError):
        scores(torch.rand(1, 1, 2, 2), 5, shifted, score, batch=0)


def test_without_images_there_are_no_scores() -> None:
    found = scores(torch.rand(0, 1, 2, 2), 5, shifted, lambda versions, rows: versions.mean((2, 3)))
    assert found.shape == (0, 5, 1)


def test_nothing_is_waited_for(unwaiting) -> None:
    images = torch.rand(3, 1, 8, 8)
    squares = Squares.on(images, 4, 2, 0.5)
    scores(images, squares.count, squares.cover, lambda x, rows: x.mean((1, 2, 3)), batch=5, report=unwaiting)


class Cubes(nn.Module):
    """Logits sum x^3 and 2 sum x^3, whose gradients are 3 x^2 and 6 x^2."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[int] = []

    def forward(self, images: Tensor) -> Tensor:
        self.seen.append(len(images))
        cubes = images.pow(3).sum((1, 2, 3))
        return torch.stack([cubes, 2 * cubes], 1)


@pytest.mark.parametrize("batch", [1, 2, 4, 7, 64])
def test_the_mean_gradient_is_that_of_the_versions_one_by_one(batch: int) -> None:
    images, classes = torch.rand(3, 2, 4, 4, dtype=torch.float64), torch.tensor([0, 1, 0])
    weights, model, shares = torch.tensor([0.1, 0.2, 0.3, 0.15, 0.25]), Cubes(), list[float]()
    found = mean_gradient(
        model,
        images,
        classes,
        5,
        lambda rows, numbers: shifted(images[rows], numbers),
        weights=weights,
        batch=batch,
        report=shares.append,
    )
    of_class = torch.tensor([3.0, 6.0, 3.0])[:, None, None, None]
    expected = sum(weight * of_class * (images + number).square() for number, weight in enumerate(weights.double()))
    torch.testing.assert_close(found, expected, rtol=1e-7, atol=0)
    assert sum(model.seen) == 15
    assert max(model.seen) <= batch
    assert shares[-1] == 1


def test_each_gradient_is_changed_before_the_mean() -> None:
    images = torch.tensor([[[[1.0]]]])
    found = mean_gradient(
        Cubes(), images, torch.tensor([0]), 2, lambda rows, numbers: shifted(images[rows], numbers), each=torch.square
    )
    assert found.item() == (3.0**2 + 12.0**2) / 2


def test_half_precision_is_summed_in_single() -> None:
    """In half precision a sum of a thousand equal shares stops growing long before it is complete."""
    images = torch.ones(1, 1, 1, 1, dtype=torch.float16)
    found = mean_gradient(Cubes(), images, torch.tensor([0]), 5000, lambda rows, _: images[rows], batch=500)
    assert found.dtype == torch.float16
    assert found.item() == pytest.approx(3, rel=1e-3)


def test_a_mean_gradient_of_classes_that_do_not_fit_is_refused() -> None:
    images = torch.rand(3, 1, 2, 2)
    for classes in ([0], [0, 1, 2]):
        with pytest.raises(ClassesError):
            mean_gradient(Cubes(), images, torch.tensor(classes), 2, lambda rows, _: images[rows], batch=1)
    assert mean_gradient(Cubes(), images[:0], torch.tensor([]), 2, lambda rows, _: images[:0][rows]).shape[0] == 0


def test_squares_by_hand() -> None:
    images = torch.zeros(4, 1, 3, 5)
    squares = Squares.on(images, 2, 2, 1.0)
    assert (squares.grid, squares.count) == ((2, 3), 6)
    covered = squares.cover(images, torch.tensor([0, 2, 4, 5]))
    assert covered[0, 0].tolist() == [[1, 1, 0, 0, 0], [1, 1, 0, 0, 0], [0, 0, 0, 0, 0]]
    assert covered[1, 0].tolist() == [[0, 0, 0, 0, 1], [0, 0, 0, 0, 1], [0, 0, 0, 0, 0]]  # the rest is over the border
    assert covered[2, 0].tolist() == [[0, 0, 0, 0, 0], [0, 0, 0, 0, 0], [0, 0, 1, 1, 0]]
    assert covered[3, 0].tolist() == [[0, 0, 0, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 1]]


def test_class_scores_are_of_each_image_and_of_its_class_in_each_version() -> None:
    model, images, classes = (
        nn.Sequential(nn.Flatten(), nn.Linear(8, 3)).double(),
        torch.rand(2, 2, 2, 2).double(),
        [2, 0],
    )

    def version(rows: Tensor, numbers: Tensor) -> Tensor:
        return images[rows] * numbers[:, None, None, None]

    for of in ("logit", "probability"):
        whole, found = class_scores(model, images, torch.tensor(classes), 4, version, of=of, batch=3)
        for row, c in enumerate(classes):
            for number in range(4):
                logits = model(images[row : row + 1] * number)[0].detach()
                told = logits if of == "logit" else logits.exp() / logits.exp().sum()
                torch.testing.assert_close(found[row, number], told[c])
                if number == 1:
                    torch.testing.assert_close(whole[row], told)
    with pytest.raises(OptionsError):
        class_scores(model, images, torch.tensor(classes), 4, version, of="loss")
    with pytest.raises(ClassesError):
        class_scores(model, images, torch.tensor([0, 3]), 4, version)
