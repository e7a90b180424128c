"""Similarity decomposition against numbers worked out by hand, the cosine it must add up to, and every pair of positions."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from repro.attribution.similarity_decomposition import Pooling, decomposed, feature_maps, pairs, parts
from repro.attribution.similarity_decomposition import similarity_decomposition as decompose
from repro.engine.errors import ImagesError, OptionsError
from repro.lab import networks, scenes

CONTRACT = {"similarity_decomposition, max": {"pooling": "max"}}
POOLINGS: tuple[Pooling, ...] = ("average", "max")


def maps_of(seed: int, height: int, width: int) -> Tensor:
    """With negative values, and with many positions that tie for the maximum."""
    return torch.randint(-3, 4, (2, 5, height, width), generator=torch.Generator().manual_seed(seed)).double()


def slow(first: Tensor, second: Tensor, pooling: Pooling, centre: Tensor) -> Tensor:
    """Every position of the first image with every position of the second, one number at a time."""
    result = torch.zeros(len(first), 1, *first.shape[2:], dtype=first.dtype)
    for b in range(len(first)):
        embeddings, added = [], []
        for maps in (first[b] - centre[:, None, None], second[b] - centre[:, None, None]):
            columns = maps.flatten(1).T
            if pooling == "average":
                embeddings.append(torch.stack(list(columns)).mean(0))
                added.append([column / len(columns) for column in columns])
            else:
                top = torch.stack([max(column[k] for column in columns) for k in range(len(maps))])
                ties = [sum(1 for column in columns if column[k] == top[k]) for k in range(len(maps))]
                embeddings.append(top)
                shares = [[top[k] / ties[k] if c[k] == top[k] else 0 for k in range(len(maps))] for c in columns]
                added.append([torch.tensor(each, dtype=maps.dtype) for each in shares])
        lengths = embeddings[0].norm() * embeddings[1].norm()
        for p, one in enumerate(added[0]):
            for other in added[1]:
                result[b, 0].view(-1)[p] += (one * other).sum() / lengths
    return result


def test_numbers_worked_out_by_hand() -> None:
    first, second = torch.tensor([[[[6.0, 0.0]], [[0.0, 8.0]]]]), torch.tensor([[[[5.0, 5.0]], [[0.0, 0.0]]]])
    # embeddings (3, 4) and (5, 0): a cosine of 3/5, to which only the left position of the first image contributes
    assert decomposed(parts(first), parts(second)).flatten().tolist() == pytest.approx([0.6, 0.0])
    assert decomposed(parts(second), parts(first)).flatten().tolist() == pytest.approx([0.3, 0.3])
    # by the maximum (6, 8) and (5, 0): the two positions of the second tie
    assert decomposed(parts(first, "max"), parts(second, "max")).flatten().tolist() == pytest.approx([0.6, 0.0])
    assert decomposed(parts(second, "max"), parts(first, "max")).flatten().tolist() == pytest.approx([0.3, 0.3])


@pytest.mark.parametrize("pooling", POOLINGS)
def test_equals_the_sum_over_all_pairs_of_positions(pooling: Pooling) -> None:
    """Also of maps that are not square, or not of one size, where the authors' code fails."""
    first, second, centre = maps_of(0, 2, 5), maps_of(1, 4, 3), torch.linspace(-1, 1, 5).double()
    one, other = parts(first, pooling, centre), parts(second, pooling, centre)
    torch.testing.assert_close(decomposed(one, other), slow(first, second, pooling, centre))
    torch.testing.assert_close(pairs(one, other).sum((3, 4))[:, None], decomposed(one, other))
    torch.testing.assert_close(pairs(one, other).sum((1, 2))[:, None], decomposed(other, one))


@pytest.mark.parametrize(("network", "pooling"), [("gap-scenes", "average"), ("gmp-scenes", "max")])
def test_both_maps_add_up_to_the_cosine_of_what_the_network_pools(network: str, pooling: Pooling) -> None:
    model, images = networks.load(network, 0).double(), torch.from_numpy(scenes.load(6, 0).images).double() / 255
    with torch.no_grad():
        embeddings = model.get_submodule("pool")(model.get_submodule("features")((images - 0.5) / 0.25)).flatten(1)
    cosines = functional.cosine_similarity(embeddings[:3], embeddings[3:])
    maps = decompose(model, images[:3], images[3:], pooling=pooling)
    back = decompose(model, images[3:], images[:3], pooling=pooling)
    assert maps.std() > 1e-3  # some positions matter more
    for each in (maps, back):
        torch.testing.assert_close(each.sum((1, 2, 3)), cosines)
    other = POOLINGS[pooling == "average"]
    assert (decompose(model, images[:3], images[3:], pooling=other).sum((1, 2, 3)) - cosines).abs().min() > 1e-3


def test_an_image_without_another_is_compared_with_its_mirror_image() -> None:
    """Between an image and itself the similarity is 1."""
    model, images = networks.load("gap-scenes", 0), torch.from_numpy(scenes.load(2, 0).images) / 255
    torch.testing.assert_close(decompose(model, images), decompose(model, images, images.flip(3)))
    torch.testing.assert_close(decompose(model, images, images).sum((1, 2, 3)), torch.ones(2))
    assert decompose(model, images).sum((1, 2, 3)).max() < 0.999


def test_a_mean_embedding_of_its_own_leaves_nothing() -> None:
    """And nothing is zero, not a division by zero."""
    model, images = networks.load("gap-scenes", 0), torch.full((1, 3, 64, 64), 0.5)
    maps = feature_maps(model, images)
    constant = maps.mean((2, 3), keepdim=True).expand_as(maps)
    assert decomposed(parts(constant, centre=constant[0, :, 0, 0]), parts(maps)).abs().max() == 0


def test_an_image_for_each_other_is_asked_for() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with pytest.raises(ImagesError):
        decompose(model, torch.rand(2, 3, 8, 8), torch.rand(1, 3, 8, 8))


def test_other_poolings_are_refused() -> None:
    with pytest.raises(OptionsError):
        parts(torch.rand(1, 2, 3, 3), "min")  # type: ignore[arg-type]  # what is refused
