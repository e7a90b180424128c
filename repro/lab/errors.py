"""Errors of the laboratory: one class for each kind of thing that it cannot use.

What it shares with the methods (images, layers, classes) it refuses with their errors, ``repro.engine.errors``.
"""


class LaboratoryError(ValueError):
    """A name or a file with which the laboratory can do nothing."""


class ModelError(LaboratoryError):
    """A model that is not known, or that is named with weights it does not take."""


class WeightsError(LaboratoryError):
    """Weights that are not known, cannot be read, or do not fit the model."""


class ImageFileError(LaboratoryError):
    """A file that is missing or cannot be read as an image."""


class TooLargeError(ImageFileError):
    """An image of more pixels than are decoded."""


class PictureError(LaboratoryError):
    """A path that no picture can be written to."""


class CheckpointError(LaboratoryError):
    """A checkpoint of an interrupted training that cannot be read."""


class PhotographError(LaboratoryError):
    """A photograph that is not known, or that comes with a library that is not installed."""


class UnknownTableError(LaboratoryError):
    """A table that is not known."""
