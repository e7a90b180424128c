"""What a layer returns for images, as one vector an image; nothing after the layer is computed."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from repro.engine.errors import GradientError, LayerError


class _Reached(Exception):  # noqa: N818  # it ends the forward pass, and is no error
    def __init__(self, output: Any) -> None:
        self.output = output


def representation(model: nn.Module, images: Tensor, layer: nn.Module) -> Tensor:
    """The layer's first output ``(B, d)``.

    Raises LayerError for a layer that is not one of the model's, did not run or returned no batch, and GradientError
    if its output has no gradient back to images that require one.
    """

    def stop(_: nn.Module, __: Any, output: Any) -> None:
        raise _Reached(output)

    if all(layer is not module for module in model.modules()):
        raise LayerError("target_layer is not a module of this model")
    handle = layer.register_forward_hook(stop)
    try:
        model(images)
    except _Reached as reached:
        output = reached.output
    else:
        raise LayerError(f"the target layer ({type(layer).__name__}) did not run")
    finally:
        handle.remove()
    if not isinstance(output, Tensor) or output.shape[:1] != images.shape[:1]:
        raise LayerError(f"the target layer ({type(layer).__name__}) returned no tensor with a row for each image")
    if images.requires_grad and not output.requires_grad:
        raise GradientError(f"the target layer ({type(layer).__name__}) has no gradient back to the image")
    return output.flatten(1)
