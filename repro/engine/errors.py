"""Errors raised by the methods: one class for each kind of input that a method cannot use; and what they warn of."""


class MethodError(ValueError):
    """An input or option with which a method would give a wrong result."""


class ImagesError(MethodError):
    """Images of a shape, size or dtype that the method cannot use."""


class LogitsError(MethodError):
    """The network's output is no batch of logits."""


class ClassesError(MethodError):
    """Target classes that do not fit the batch or the network's logits."""


class LayerError(MethodError):
    """A target layer that is missing, was not run, or gives no feature maps."""


class UnitsError(MethodError):
    """Units (channels, neurons) that the layer does not have."""


class OptionsError(MethodError):
    """An option outside the range in which the method is defined."""


class TableError(MethodError):
    """Rows, or labels of rows, of a shape, type or value that the method cannot use."""


class NoRuleError(MethodError):
    """A module for which the method has no propagation rule."""


class GradientError(MethodError):
    """The target depends on the images or feature maps through no gradient."""


class CompletenessWarning(UserWarning):
    """Attributions that should add up to a difference of logits are off it by more than the paper allows."""
