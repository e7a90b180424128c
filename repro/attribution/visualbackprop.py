"""VisualBackProp: which pixels pass the strongest activations on to the deepest feature maps.

The feature maps after each ReLU are averaged over the channels.  Deep averages tell what matters, shallow ones where it
is: beginning at the deepest, each is enlarged to the size of the one below and multiplied with it, down to the image.

Paper: ``bojarski2018visualbackprop``, section "Visualization Method".  Its steps bear letters here.

The mask ``(B, 1, H, W)`` runs from 0 to 1 in each image; it is for no class.

Differences from the paper:
1. Pooling is enlarged as a convolution is, by its own kernel and stride.
2. Padding is taken off again, so that the mask lies where the image does; the authors' code ignores it.
3. Where paths meet (sums, concatenations) that with the most convolutions and poolings counts.
4. A mask is divided by its maximum after each product: a product of many averages would vanish.

What changes the maps' size in another way (a global pooling, an interpolation) ends the path.  Raises NoRuleError if no
ReLU can be followed from the image, or if a part is unseen; ImagesError for images that do not fit.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakTensorKeyDictionary

from repro.engine import chain, checks, watching
from repro.engine.errors import NoRuleError
from repro.engine.heatmaps import max_normalise, min_max_normalise
from repro.engine.results import Heatmap

Path: TypeAlias = tuple[chain.Window, ...]  # the convolutions and poolings from the image to some maps
Average: TypeAlias = tuple[Path, Tensor]  # of maps after a ReLU, (B, 1, h, w)


def visualbackprop(model: nn.Module, images: Tensor) -> Heatmap:
    """Mask ``(B, 1, H, W)`` of ``images (B, C, H, W)``."""
    return masks(averages(model, images))[-1]


def averages(model: nn.Module, images: Tensor) -> list[Average]:
    """The averages after the ReLUs on the longest path from the image, the first one first."""
    checks.check_images(images)
    # no gradient is taken: that a tensor needs one tells that it depends on the image, also by unseen operations
    with watching.observing(model), _Recorder(watching.pixels(images)) as recorder:
        model(recorder.images)
    longest = max((path for path, _ in recorder.averages), key=len, default=())
    if not longest:
        raise NoRuleError("no ReLU can be followed from the image")
    found = [each for each in recorder.averages if each[0] == longest[: len(each[0])]]
    return sorted(found, key=lambda each: len(each[0]))


def masks(found: list[Average]) -> list[Heatmap]:
    """The masks from the deepest average down to the image, one on each grid on the way."""
    *below, (path, mask) = found
    shown = []
    while path:
        mask, path = enlarged(mask, path[-1]), path[:-1]
        while below and below[-1][0] == path:
            mask = max_normalise(mask * below.pop()[1])  # Eq. (c)
        shown.append(mask)
    return [*shown[:-1], min_max_normalise(mask)]  # Eq. (d)


def enlarged(mask: Tensor, window: chain.Window) -> Tensor:
    """The mask on the grid below a convolution or pooling: a transposed convolution whose weights are all one."""
    ones, (top, left) = mask.new_ones(1, 1, *window.kernel), window.padding
    whole = functional.conv_transpose2d(mask, ones, stride=window.stride, dilation=window.dilation)  # Eq. (b)
    whole = whole[:, :, top:, left:]
    missing = [side - has for side, has in zip(window.below[:-3:-1], whole.shape[:-3:-1], strict=True)]
    return functional.pad(whole, (0, missing[0], 0, missing[1]))  # cut off or filled up with 0 at the end


class _Recorder(TorchFunctionMode):
    def __init__(self, images: Tensor) -> None:
        super().__init__()
        self.images = images.clone()  # the model may change it in place
        self.averages: list[Average] = []
        self._paths = WeakTensorKeyDictionary()
        self._paths[self.images] = ()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        given = _tensors((args, kwargs))
        if any(each not in self._paths and not each.is_leaf for each in given):
            raise NoRuleError(f"a part of the model cannot be followed: {watching.UNSCRIPTED}")
        source = max(given, key=self._length, default=None)
        if source is None or self._length(source) < 0:
            for each in _tensors(result := func(*args, **kwargs)):
                self._paths[each] = None
            return result
        path, size = self._paths[source], source.shape[-2:]
        step, result = chain.place_keeping(func, args, kwargs, source)
        for each in _tensors(result):
            same = each.dim() >= 4 and each.shape[-2:] == size
            self._paths[each] = (*path, step) if isinstance(step, chain.Window) else path if same else None
            if same and isinstance(step, chain.Rectification):
                self.averages.append((path, each.detach().mean(1, keepdim=True)))  # Eq. (a)
        return result

    def _length(self, tensor: Tensor) -> int:
        return -1 if self._paths.get(tensor) is None else len(self._paths[tensor])


def _tensors(values: Any) -> list[Tensor]:
    return [each for each in tree_leaves(values) if isinstance(each, Tensor)]
