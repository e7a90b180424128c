"""Checked inputs come back as the methods use them."""

import torch

from repro.engine import checks


def test_class_indices_accept_lists_and_go_to_the_logits_device() -> None:
    found = checks.class_indices([1, 0], torch.zeros(2, 3))
    assert found.tolist() == [1, 0]
    assert found.dtype == torch.int64
