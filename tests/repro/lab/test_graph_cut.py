"""GraphCut against all masks of a small image, and on what it is made for."""

from itertools import product

import numpy as np
import torch

from repro.lab import graph_cut


def worth(mask: np.ndarray, colours: np.ndarray, ratio: np.ndarray) -> float:
    """What ``cut`` maximises, neighbour by neighbour."""
    height, width = ratio.shape
    pairs = [((y, x), (y, x + 1)) for y in range(height) for x in range(width - 1)]
    pairs += [((y, x), (y + 1, x)) for y in range(height - 1) for x in range(width)]
    distances = [((colours[a] - colours[b]) ** 2).sum() for a, b in pairs]
    cost = sum(
        graph_cut.TOGETHER * np.exp(-d / (2 * np.mean(distances)))
        for (a, b), d in zip(pairs, distances, strict=True)
        if mask[a] != mask[b]
    )
    return float(ratio[mask].sum() - cost)


def test_no_mask_is_worth_more() -> None:
    for seed in range(4):
        random = np.random.default_rng(seed)
        colours, ratio = random.random((3, 3, 3)), 8 * random.normal(size=(3, 3))
        found = graph_cut.cut(colours, ratio)
        best = max(worth(np.reshape(m, (3, 3)), colours, ratio) for m in product([False, True], repeat=9))
        assert worth(found, colours, ratio) > best - 0.02  # capacities are whole thousandths


def test_a_few_marks_are_enough_for_an_object_of_one_colour() -> None:
    images = torch.full((1, 3, 24, 24), 0.4)
    images[:, 0, 5:15, 8:20] = 0.9
    images += 0.02 * torch.rand(images.shape, generator=torch.Generator().manual_seed(0))
    marks = torch.zeros(1, 1, 24, 24)
    marks[:, :, 9:13, 10:17] = 1  # a quarter of it
    expected = np.zeros((24, 24), bool)
    expected[5:15, 8:20] = True
    assert np.array_equal(graph_cut.foregrounds(images, marks)[0], expected)


def test_a_flat_map_cuts_nothing_out() -> None:
    assert not graph_cut.foregrounds(torch.rand(1, 3, 8, 8), torch.zeros(1, 1, 8, 8)).any()
