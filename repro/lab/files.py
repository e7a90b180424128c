"""Files: written whole or not at all, read so that it is known which, and cached where they can be made again."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import BinaryIO

_RECORD: ContextVar[set[Path] | None] = ContextVar("_RECORD", default=None)


@contextmanager
def recording() -> Iterator[set[Path]]:
    """The absolute paths of all files that ``read`` or ``note`` is given inside the block."""
    around, paths = _RECORD.get(), set[Path]()
    token = _RECORD.set(paths)
    try:
        yield paths
    finally:
        _RECORD.reset(token)
        if around is not None:
            around |= paths


def read(path: Path) -> bytes:
    """The content of a file that results depend on, such as weights."""
    note(path)
    return path.read_bytes()


def note(path: Path) -> None:
    """Record a file as read, for a loader that has its content already."""
    if (paths := _RECORD.get()) is not None:
        paths.add(path.absolute())


@contextmanager
def whole(path: Path) -> Iterator[BinaryIO]:
    """A file beside ``path`` to write to, which takes its place when all has gone well.  OSError names ``path``."""
    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".sightglass-") as folder:
            part = Path(folder) / path.name
            with part.open("wb") as file:
                yield file
            os.replace(part, path)
    except OSError as error:  # of the temporary folder nobody knows
        raise OSError(error.errno, error.strerror, str(path)) from error


def cache_folder() -> Path:
    """Where scenes and checkpoints are kept: $SIGHTGLASS_CACHE, or ``sightglass`` in the platform's cache folder."""
    if chosen := os.environ.get("SIGHTGLASS_CACHE"):
        return Path(chosen)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "sightglass"
