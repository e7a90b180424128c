"""Errors of the package: one class for each kind of thing that it cannot use.

The message says in one line what, where, and what to do; the command line shows it as it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pydantic import ValidationError

if TYPE_CHECKING:
    from sightglass.catalogue.yaml_source import Problem


class SightglassError(ValueError):
    """Something that the package cannot use."""


class CatalogueError(SightglassError):
    """A catalogue that cannot be read; ``problems`` says where and why."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(problems)
        super().__init__("\n".join(map(str, self.problems)))


class FormError(SightglassError):
    """A catalogue file that cannot be brought into canonical form; ``place`` is the line and column of the reason."""

    def __init__(self, message: str, line: int = 1, column: int = 1) -> None:
        self.place = line, column
        super().__init__(message)


class ImportingError(SightglassError):
    """A source that cannot be turned into an entry."""


class AnswerError(ImportingError):
    """A server's answer that cannot be read, or is about something else."""


class BibtexError(ImportingError):
    """A BibTeX file that cannot be read; the message names the line."""


class StyleError(SightglassError):
    """A style of references that cannot be had."""


class StoredError(SightglassError):
    """A file under results/ that does not hold what it should; the message names the file."""


class ReadmeError(SightglassError):
    """A README that has no place for the table of methods."""


class NoExperimentError(SightglassError):
    """A method without a reproduction or without an experiment."""


class UnreadableError(SightglassError):
    """A module that cannot be followed: a syntax error, a star import, or a name that it does not have."""


class MeasurementError(SightglassError):
    """A measurement or a figure of a method that failed; the message names the method."""


class TutorialError(SightglassError):
    """A cell of a tutorial that failed; the message names the file and carries the cell's error."""


class HistoryError(SightglassError):
    """A commit that git does not know."""


class SettingError(SightglassError):
    """A setting that a method does not have, or a value that does not fit it."""


class ImageError(SightglassError):
    """An image, file or address, that cannot be used."""


class NotApplicableError(SightglassError):
    """A method that cannot be applied to this model, layer, unit or image."""


def first_fault(error: ValidationError) -> str:
    """Where the first fault of some data lies, and what it is: ``rows.0.model: Field required``."""
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc'])) or 'the whole'}: {first['msg']}"


class TranslationError(SightglassError):
    """A translation that does not fit what it translates."""
