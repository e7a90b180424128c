"""SLIC's superpixels follow a border, are about as many as asked for, and the same each time."""

import torch

from repro.lab.superpixels import slic


def test_superpixels_follow_a_border_between_colours() -> None:
    images = torch.zeros(2, 3, 32, 32)
    images[:, 0, :, 13:] = 1.0
    labels = slic(images, 16)
    assert labels.shape == (2, 32, 32)
    assert not set(labels[0, :, :13].flatten().tolist()) & set(labels[0, :, 13:].flatten().tolist())
    assert 8 <= len(labels[0].unique()) <= 24
    assert torch.equal(labels, slic(images, 16))


def test_grey_images_and_none_at_all() -> None:
    assert slic(torch.rand(1, 1, 16, 16), 4).shape == (1, 16, 16)
    assert slic(torch.rand(0, 3, 16, 16), 4).shape == (0, 16, 16)
