"""Guards of the keys: what a measurement really calls and opens must be among what its key holds.

The key follows names through the code without running it; a trace of the run shows whether it has missed something.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from sightglass.ledger.objects import PACKAGE

_IMPORTED = (".py", ".pyc")  # opened by imports: the key follows these by name


@dataclass
class Trace:
    """Functions and classes of ``repro/`` that were called (``module:name``), and files that were opened to be read."""

    called: set[str] = field(default_factory=set)
    opened: set[str] = field(default_factory=set)


_opened: set[str] | None = None  # where the hook notes files, while a trace is made
_hooked = False  # an audit hook stays for as long as the process


@contextmanager
def traced(root: Path) -> Iterator[Trace]:
    """A trace of what is called and opened inside; it costs some per cent of the time."""
    global _opened, _hooked
    trace, seen = Trace(), set[CodeType]()
    folder = f"{root.resolve() / PACKAGE}{os.sep}"

    def profile(frame: FrameType, event: str, argument: object) -> None:
        code = frame.f_code
        if event == "call" and code not in seen:
            if not code.co_filename.startswith(folder):
                seen.add(code)
            elif not _is_import(frame, folder):
                seen.add(code)
                module = Path(code.co_filename).relative_to(root.resolve()).with_suffix("")
                trace.called.add(f"{'.'.join(module.parts).removesuffix('.__init__')}:{code.co_qualname.split('.')[0]}")

    if not _hooked:
        sys.addaudithook(_hook)
        _hooked = True
    before, _opened = sys.getprofile(), trace.opened
    threading.setprofile(profile)
    sys.setprofile(profile)
    try:
        yield trace
    finally:
        sys.setprofile(before)
        threading.setprofile(before)
        _opened = None


def _is_import(frame: FrameType | None, folder: str) -> bool:
    """Whether this runs because a module is being imported: such code counts by its statements, not by its calls."""
    while frame is not None:
        if frame.f_code.co_name == "<module>" and frame.f_code.co_filename.startswith(folder):
            return True
        frame = frame.f_back
    return False


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and _opened is not None:
        path, _, flags = arguments
        if isinstance(path, str | bytes) and not (flags or 0) & (os.O_WRONLY | os.O_RDWR):
            _opened.add(os.fsdecode(path))


def outside(root: Path, traces: Iterable[Trace], objects: Mapping[str, str], files: Mapping[str, str]) -> set[str]:
    """What was called or opened although the key does not hold it.  Files outside the project's own do not count."""
    found: set[str] = set()
    for trace in traces:
        found |= {
            f"{name} was called" for name in trace.called - objects.keys() if not name.endswith(">")
        }  # a lambda has no name
        for path in trace.opened:
            inside = Path(path).resolve()
            if inside.is_relative_to(root.resolve()) and inside.is_file() and inside.suffix not in _IMPORTED:
                name = inside.relative_to(root.resolve()).as_posix()
                weights = f"{name.removesuffix('.json')}.safetensors"  # the .json beside them says how they came about
                installed = ".egg-info/" in name  # what pip wrote: any package may look for its plugins there
                if name not in files and weights not in files and not name.startswith(".") and not installed:
                    found.add(f"{name} was opened")
    return found
