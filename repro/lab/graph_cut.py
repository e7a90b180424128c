"""Objects cut out by colour, from a map that marks a few of their pixels: Simonyan et al. 2014, Sec. 3.2.

Two mixtures of Gaussians say which colours are the object's (of the pixels with the map's highest values) and which are
not (of those with the lowest).  The cut is then where the colours fit best and neighbours of one colour stay together,
which is a minimal cut of a graph (Boykov and Jolly 2001).  The paper names neither the number of Gaussians nor the
weight of the neighbours; here they are 3 and 8.
"""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order, maximum_flow
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from torch import Tensor

OBJECT, BACKGROUND = (
    0.95,
    0.3,
)  # quantiles of the map: above the one a pixel is surely object, below the other it is not
GAUSSIANS, TOGETHER = 3, 8.0
CERTAIN = 50.0  # the largest log likelihood ratio that counts
SCALE = 1000  # maximum_flow takes whole numbers

Bools = NDArray[np.bool_]
Doubles = NDArray[np.float64]


def foregrounds(images: Tensor, maps: Tensor) -> Bools:
    """Masks ``(B, H, W)`` of what is cut out of ``images (B, C, H, W)``, by maps ``(B, 1, H, W)``."""
    pictures, values = images.permute(0, 2, 3, 1).double().cpu().numpy(), maps[:, 0].double().cpu().numpy()
    return np.array([cut(colours, _ratio(colours, value)) for colours, value in zip(pictures, values, strict=True)])


def cut(colours: Doubles, ratio: Doubles, together: float = TOGETHER) -> Bools:
    """The mask ``(H, W)`` that maximises the sum of ``ratio (H, W)`` inside it minus what it cuts apart: for each two
    neighbours ``together * exp(-d / 2 mean d)``, d the squared distance of their ``colours (H, W, C)``.
    """
    pixels = np.arange(ratio.size).reshape(ratio.shape)
    first = np.concatenate([pixels[:, :-1].ravel(), pixels[:-1].ravel()])
    second = np.concatenate([pixels[:, 1:].ravel(), pixels[1:].ravel()])
    flat = colours.reshape(ratio.size, -1)
    distance = ((flat[first] - flat[second]) ** 2).sum(1)
    weight = together * np.exp(-distance / (2 * distance.mean() + 1e-12))
    source, sink, every = ratio.size, ratio.size + 1, pixels.ravel()
    starts = np.concatenate([first, second, np.full(ratio.size, source), every])
    ends = np.concatenate([second, first, every, np.full(ratio.size, sink)])
    capacity = np.concatenate([weight, weight, ratio.clip(0, CERTAIN).ravel(), (-ratio).clip(0, CERTAIN).ravel()])
    whole = (capacity * SCALE).round().astype(np.int32)
    graph = coo_array((whole, (starts, ends)), shape=(ratio.size + 2,) * 2).tocsr()
    left = graph - maximum_flow(graph, source, sink).flow
    left.eliminate_zeros()
    mask = np.zeros(ratio.size + 2, bool)
    mask[breadth_first_order(left, source, return_predecessors=False)] = True
    return mask[: ratio.size].reshape(ratio.shape)


def _ratio(colours: Doubles, values: Doubles) -> Doubles:
    """Of each pixel's colour, the log likelihood as object's minus that as background's."""
    certain = values > np.quantile(values, OBJECT), values <= np.quantile(values, BACKGROUND)
    if min(pixels.sum() for pixels in certain) < GAUSSIANS:
        return np.full(values.shape, -1.0)  # a flat map marks nothing
    likelihoods = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # flat backgrounds have fewer colours than Gaussians
        for pixels in certain:
            mixture = GaussianMixture(GAUSSIANS, reg_covar=1e-3, max_iter=20, random_state=0).fit(colours[pixels])
            likelihoods.append(mixture.score_samples(colours.reshape(-1, colours.shape[2])).reshape(values.shape))
    ratio: Doubles = likelihoods[0] - likelihoods[1]
    return ratio
