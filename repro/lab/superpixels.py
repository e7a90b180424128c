"""Superpixels that follow the image, for methods that hide parts of it: scikit-image's SLIC."""

from __future__ import annotations

import torch
from skimage import segmentation
from torch import Tensor


def slic(images: Tensor, count: int, compactness: float = 10.0) -> Tensor:
    """About ``count`` superpixels of each image ``(B, C, H, W)`` in [0, 1], as numbers ``(B, H, W)`` on its device.

    The less compact, the more they follow the colours.  No random number is drawn.
    """
    pixels = images.detach().float().cpu().permute(0, 2, 3, 1).numpy()
    found = [
        segmentation.slic(each, n_segments=count, compactness=compactness, start_label=0, channel_axis=-1)
        for each in pixels
    ]
    labels = torch.stack([torch.from_numpy(each) for each in found]) if found else torch.zeros(images[:, 0].shape)
    return labels.long().to(images.device)
