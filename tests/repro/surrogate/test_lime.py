"""LIME against the paper's equations written out slowly, models that are linear in the superpixels, and the lime package."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from repro.engine.errors import OptionsError
from repro.engine.superpixels import Superpixels, grid
from repro.lab import networks, scenes
from repro.surrogate.lime import fit, lime, switches

CONTRACT = {"lime": {"samples": 40, "parts": 9}}
BENCHMARK = {
    "lime": {
        "floor": ("forward_versions", 20, 10),
        "ours": lambda s: lime(s.model, s.images, s.classes, samples=20, parts=49, batch=10),
        "peers": {"lime": ("lime_package", 20, 7)},
        "batches": (1,),  # twenty passes are long enough
    }
}


class Linear(nn.Module):
    """Logits that are linear in the pixels, with weights of either sign."""

    def __init__(self, size: int = 8) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.head = nn.Linear(3 * size * size, 4).double()

    def forward(self, images: Tensor) -> Tensor:
        return self.head(images.flatten(1))


def images_of(count: int, size: int = 8) -> Tensor:
    return torch.rand(count, 3, size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def slow_fit(on: Tensor, found: Tensor, width: float, penalty: float) -> list[float]:
    """Ribeiro et al. 2016, Sec. 3.4: the minimum of Eq. (2), with intercept and penalty, by its normal equations."""
    columns = on.shape[1]
    left, right = np.zeros((columns + 1, columns + 1)), np.zeros(columns + 1)
    for z, f in zip(on.tolist(), found.tolist(), strict=True):
        features = [1.0, *map(float, z)]
        length = math.sqrt(sum(z))
        cosine = sum(z) / (length * math.sqrt(columns)) if length else 0.0
        pi = math.exp(-((1 - cosine) ** 2) / width**2)
        for i, a in enumerate(features):
            right[i] += pi * a * f
            for j, b in enumerate(features):
                left[i, j] += pi * a * b
    for i in range(1, columns + 1):
        left[i, i] += penalty
    return np.linalg.solve(left, right).tolist()


@pytest.mark.parametrize(("width", "penalty"), [(0.25, 1.0), (0.5, 0.1), (2.0, 0.0)])
def test_the_fit_equals_the_normal_equations(width: float, penalty: float) -> None:
    """All on/off vectors of eight superpixels, none of which may be missing."""
    on = torch.tensor([[bool(number >> bit & 1) for bit in range(8)] for number in range(256)])
    found = torch.rand(256, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    intercept, *coefficients = slow_fit(on, found, width, penalty)
    model = fit(on, found, width, penalty)
    np.testing.assert_allclose(model.coefficients, coefficients, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(model.intercept, intercept, rtol=1e-9)


def test_a_model_linear_in_the_superpixels_is_recovered() -> None:
    """The weight of a superpixel is what showing it adds; K-Lasso finds those with the largest."""
    model, images, classes = Linear(), images_of(2), torch.tensor([2, 1])
    found = lime(model, images, classes, parts=16, samples=60, fill=0.25, of="logit", penalty=0.0)
    labels = grid(images, 16)
    for i, c in enumerate(classes.tolist()):
        share = (model.head.weight[c].detach().view(3, 8, 8) * (images[i] - 0.25)).sum(0)
        for part in range(16):
            torch.testing.assert_close(
                found[i, 0][labels[i] == part], share[labels[i] == part].sum().expand(4), rtol=1e-7, atol=1e-9
            )
    few = lime(model, images, classes, parts=16, samples=60, fill=0.25, of="logit", penalty=0.0, keep=3)
    assert [len(each[each != 0].unique()) for each in few] == [3, 3]


def test_numbers_and_order_of_the_superpixels_do_not_matter() -> None:
    model, images, classes = Linear(), images_of(1), torch.tensor([0])
    segments = grid(images, 4)
    others = torch.tensor([11, 12, 50, 99])[segments]
    assert torch.equal(
        lime(model, images, classes, segments, samples=30), lime(model, images, classes, others, samples=30)
    )


def test_samples_are_drawn_as_in_the_paper() -> None:
    """Sec. 3.3: how many are off is uniform, which ones too; the first sample is the image itself."""
    on = switches([10, 4], 20_000, seed=1)
    assert on.shape == (2, 20_000, 10)
    assert on[0, 0].all()
    assert on[1, 0].tolist() == [True] * 4 + [False] * 6
    counts = on[0, 1:].sum(1).bincount(minlength=11) / 19_999
    torch.testing.assert_close(counts, torch.tensor([0.1] * 10 + [0.0]), atol=0.01, rtol=0)
    torch.testing.assert_close(on[0, 1:].float().mean(0), torch.full((10,), 0.45), atol=0.015, rtol=0)
    assert torch.equal(
        on[1],
        switches([4], 20_000, seed=1)
        .expand(1, -1, -1)[0]
        .new_zeros(20_000, 10)
        .index_copy(1, torch.arange(4), switches([4], 20_000, seed=1)[0]),
    )
    assert not torch.equal(on[1], switches([10, 4], 20_000, seed=2)[1])


def test_a_superpixel_that_explains_nothing_has_no_weight() -> None:
    class Corner(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return torch.stack([images[:, :, :4, :4].mean((1, 2, 3)), images.new_zeros(len(images))], 1) * 5

    images = torch.ones(1, 3, 8, 8, dtype=torch.float64)
    found = lime(Corner(), images, torch.tensor([0]), parts=4, samples=50, keep=1, penalty=0.0)
    inside = found[0, 0, :4, :4]
    assert (inside > 0.06).all()  # from 5 / 2 to 5 in the logit, .924 to .993
    assert found.abs().sum() == inside.abs().sum()


@pytest.mark.parametrize(
    "options",
    [{"samples": 1}, {"keep": 0}, {"width": 0.0}, {"fill": "black"}, {"of": "loss"}, {"parts": 0}, {"batch": 0}],
)
def test_options_out_of_range_are_refused(options) -> None:
    with pytest.raises(OptionsError):
        lime(Linear(), images_of(1), torch.tensor([0]), **options)


# The package of the authors


def asked_of_the_package(seed: int = 0):
    """A scene with 16 superpixels, and the network as the package wants it."""
    network, one = networks.load("zf-scenes", 0).double(), scenes.one_object(3, seed)
    image = one.images[2].transpose(1, 2, 0) / 255.0

    def probabilities(images: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return network(torch.from_numpy(images).permute(0, 3, 1, 2)).softmax(1).numpy()

    return network, image, int(one.labels[2]), probabilities


@pytest.mark.parametrize("fill", [0.5, "mean"])
def test_equals_the_package_on_the_same_samples(fill, require_module) -> None:
    """The coefficients, the intercept and R squared, at its width of 0.25."""
    package = require_module("lime.lime_image", "pip install lime")
    network, image, label, probabilities = asked_of_the_package()
    images, segments = torch.from_numpy(image).permute(2, 0, 1)[None], grid(torch.zeros(1, 3, 64, 64), 16)
    seen: dict[str, np.ndarray] = {}
    explainer = package.LimeImageExplainer(random_state=0)
    kept = explainer.data_labels

    def watched(*given, **options):
        seen["on"], seen["found"] = kept(*given, **options)
        return seen["on"], seen["found"]

    explainer.data_labels = watched
    told = explainer.explain_instance(
        image, probabilities, labels=(label,), top_labels=None, hide_color=None if fill == "mean" else fill,
        num_samples=60, segmentation_fn=lambda _: segments[0].numpy(), random_seed=0,
    )  # fmt: skip  # one line for each argument hides the call
    on = torch.from_numpy(seen["on"]).bool()
    with torch.no_grad():  # what it asks the network is what we ask
        shown = Superpixels.of(images, segments, fill).shown(torch.zeros(60, dtype=torch.long), on)
        np.testing.assert_allclose(network(shown).softmax(1), seen["found"], atol=1e-12)
    ours = fit(on, torch.from_numpy(seen["found"][:, label]), 0.25 * math.sqrt(2), 1.0)
    np.testing.assert_allclose(ours.coefficients, [weight for _, weight in sorted(told.local_exp[label])], atol=1e-10)
    np.testing.assert_allclose(ours.intercept, told.intercept[label], atol=1e-10)
    np.testing.assert_allclose(ours.r_squared, told.score, atol=1e-10)
    assert ours.coefficients.abs().max() > 0.01


def test_the_package_never_hides_the_last_of_superpixels_numbered_from_one(require_module) -> None:
    """As scikit-image numbers them by default: what it takes for the weight of one belongs to the one before."""
    package = require_module("lime.lime_image", "pip install lime")
    image = asked_of_the_package()[1]
    segments = grid(torch.zeros(1, 3, 64, 64), 4)[0].numpy() + 1
    hidden = set()

    def watches(images: np.ndarray) -> np.ndarray:
        hidden.update(np.unique(segments[(images == 7).all(0).all(-1) | (images == 7).all(-1).any(0)]).tolist())
        return np.tile([0.3, 0.7], (len(images), 1))

    package.LimeImageExplainer(random_state=0).explain_instance(
        image, watches, labels=(1,), top_labels=None, hide_color=7, num_samples=50,
        segmentation_fn=lambda _: segments, random_seed=0,
    )  # fmt: skip  # one line for each argument hides the call
    assert hidden == {1, 2, 3}
